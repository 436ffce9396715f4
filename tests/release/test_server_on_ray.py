"""The app whose runs a Ray cluster paints: all that tests/e2e/test_server.py promises of it."""

import os
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.ray_cluster import cluster, variables

pytestmark = [pytest.mark.release, pytest.mark.timeout(3600)]


def test_the_app_is_the_same_where_a_cluster_paints():
    command = [sys.executable, "-m", "pytest", "-n", "0", "tests/e2e/test_server.py", "-q"]
    with cluster() as nodes:
        on_ray = os.environ | variables(nodes)
        done = subprocess.run(command, cwd=ROOT, env=on_ray, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
