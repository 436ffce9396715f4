"""Many inputs: the tests that otherwise try a sample of them try them all."""

import os
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

TESTS = ["properties", "hostile_options", "hostile_pictures", "hostile_weights", "bands"]


@pytest.mark.release
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", TESTS)
def test_what_holds_for_a_sample_of_the_inputs_holds_for_all(name):
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", f"tests/test_{name}.py"]
    environment = os.environ | {"STYLETX_TESTS": "deep"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
