"""The code in the READMEs, run as a reader would, at a small size and for few steps."""

import os
import re
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.programs import needs
from tests.helpers.readme import blocks

pytestmark = pytest.mark.slow

API = "styletx/api/README.md"


def changed(code, *changes):
    """The code with some of its words replaced, all of which must be there."""
    for old, new in changes:
        assert old in code, f"the README no longer says {old!r}"
        code = code.replace(old, new)
    return code


@pytest.fixture
def here(server):
    """The server's address in the README, and here."""
    return "http://127.0.0.1:7860/", server.url


def test_the_api_in_ten_lines_works_as_written(here, tmp_path):
    code = blocks("python")[0]
    assert len(code.split("client = ")[1].strip().splitlines()) <= 10
    told = run(changed(code, here, ("size=256", "size=64, steps=6")), tmp_path)
    assert re.search(r"^\d+ of 6 .*\.jpg$", told, re.MULTILINE)
    assert re.search(r"^6 of 6 .*/cat-poppies\.png$", told, re.MULTILINE)


def test_stopping_the_film_and_the_recipe_work_as_written(here, tmp_path):
    long = 'api_name="/stylize"', 'steps=2000, api_name="/stylize"'
    told = run(changed(blocks("python", API)[0], here, long, (">= 20", ">= 2")), tmp_path)
    assert re.search(r"^True .*/cat-poppies-film\.webp 2000$", told, re.MULTILINE)


def test_curl_works_as_written(here, tmp_path):
    needs("curl")
    code = changed(blocks("bash", API)[0], here, ('"size": 256', '"size": 64, "steps": 6'))
    told = run(code, tmp_path, "bash", "-ec")
    assert told.rstrip().splitlines()[-2] == "event: complete"
    assert re.search(r'"url": ?"http://[^"]*/cat-poppies\.png"', told)


def test_javascript_works_as_written(here, node_modules):
    script = node_modules.parent / "readme.mjs"
    script.write_text(changed(blocks("js", API)[0], here, ("size: 256", "size: 64, steps: 6")))
    told = run(str(script), node_modules.parent, "node")
    assert re.search(r"^\d+ of 6 http://.*\.jpg$", told, re.MULTILINE)
    assert re.search(r"^6 of 6 http://.*\.png$", told, re.MULTILINE)


def test_the_loop_without_a_server_works_as_written(tmp_path):
    told = run(changed(blocks("python")[1], ("size=256, steps=60", "size=64, steps=4")), tmp_path)
    assert told.splitlines()[0].startswith("0 ")
    assert (tmp_path / "painted.png").is_file()


def run(code, folder, *interpreter):
    """Run with the clone's files at hand; the output."""
    (folder / "assets").symlink_to(ROOT / "assets")
    done = subprocess.run(
        [*(interpreter or (sys.executable, "-c")), code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not done.returncode, done.stderr
    return done.stdout
