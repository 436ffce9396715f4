"""Many inputs: the tests that otherwise try a sample of them try them all."""

import os
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

TESTS = [
    "test_properties",
    "cli/test_hostile_options",
    "imaging/test_hostile_files",
    "core/test_hostile_weights",
    "core/test_tiling",
]


@pytest.mark.release
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", TESTS)
def test_what_holds_for_a_sample_of_the_inputs_holds_for_all(name):
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", f"tests/{name}.py"]
    environment = os.environ | {"STYLETX_TESTS": "deep"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
