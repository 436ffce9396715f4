"""What the README says is so."""

import os
import re
import shlex
import subprocess
import sys

import pytest

import styletx.__main__ as command_line
from assets.write_readme import between, tables
from styletx import ALLOWED, Settings, batch
from styletx.gather import gather
from tests.helpers.paths import ROOT

README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_tables_of_settings_and_presets_are_what_their_script_writes():
    for name, table in tables():
        assert between(name, table) in README
    assert all(f"| `{name}` | " in README for name in ALLOWED)


def test_the_figures_of_the_comparison_are_those_that_its_script_wrote():
    written = (ROOT / "tests" / "benchmarks" / "compare.md").read_text()
    assert written.splitlines()[0].startswith("| program |")
    assert written in README


def test_every_link_to_a_file_leads_to_one():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    assert links
    assert all((ROOT / link).is_file() for link in links)


def test_ci_runs_the_test_command_of_the_readme():
    install, paint = blocks("sh")[1].strip().split(" && ")
    assert paint in (ROOT / ".ci/run").read_text()
    assert install.removeprefix("pip ") in (ROOT / ".ci/run").read_text().replace("--quiet ", "")


def test_the_command_line_takes_what_the_readme_gives_it():
    (block,) = (block for block in blocks("sh") if "-m styletx" in block)
    one, many = (shlex.split(line)[3:] for line in block.splitlines())
    assert (ROOT / command_line.parser().parse_args(one).photo).is_file()
    assert many[0] == "batch"
    given = batch.parser().parse_args(many[1:])
    found = [gather([str(ROOT / word) for word in w], ROOT) for w in (given.photos, given.style)]
    assert all(one.pictures for one in found)


@pytest.mark.slow
def test_the_api_in_ten_lines_works_as_written(server, tmp_path):
    code = blocks("python")[0]
    assert len(code.split("client = ")[1].strip().splitlines()) <= 10
    told = run(code.replace("http://127.0.0.1:7860/", server.url), tmp_path)
    steps = Settings().steps
    assert re.search(rf"^\d+ of {steps} .*\.jpg$", told, re.MULTILINE)
    assert re.search(rf"^{steps} of {steps} .*/cat-poppies\.png$", told, re.MULTILINE)


@pytest.mark.slow
def test_stopping_the_film_and_the_recipe_work_as_written(server, tmp_path):
    told = run(blocks("python")[1].replace("http://127.0.0.1:7860/", server.url), tmp_path)
    assert re.search(r"^True .*/cat-poppies-film\.webp 48$", told, re.MULTILINE)


@pytest.mark.slow
def test_curl_works_as_written(server, tmp_path):
    code = blocks("bash")[0].replace("http://127.0.0.1:7860/", server.url)
    told = run(code, tmp_path, "bash", "-ec")
    assert told.rstrip().splitlines()[-2] == "event: complete"
    assert re.search(r'"url": ?"http://[^"]*/cat-poppies\.png"', told)


@pytest.mark.slow
def test_javascript_works_as_written(server, node_modules):
    script = node_modules.parent / "readme.mjs"
    script.write_text(blocks("js")[0].replace("http://127.0.0.1:7860/", server.url))
    told = run(str(script), node_modules.parent, "node")
    assert re.search(r"^\d+ of 48 http://.*\.jpg$", told, re.MULTILINE)
    assert re.search(r"^48 of 48 http://.*\.png$", told, re.MULTILINE)


@pytest.mark.slow
def test_the_loop_without_a_server_works_as_written(tmp_path):
    told = run(blocks("python")[2], tmp_path)
    assert told.splitlines()[0].startswith("0 ")
    assert (tmp_path / "painted.png").is_file()


def run(code, folder, *interpreter):
    """Run as a reader would, with the clone's files at hand; the output."""
    (folder / "assets").symlink_to(ROOT / "assets")
    done = subprocess.run(
        [*(interpreter or (sys.executable, "-c")), code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert not done.returncode, done.stderr
    return done.stdout
