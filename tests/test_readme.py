"""The READMEs tell the truth."""

import re
import shlex

import styletx.cli.paint as command_line
from assets.write_readme import between, tables
from styletx.cli.batch import command as batch
from styletx.cli.batch.find_images import find_images
from styletx.settings import FIELDS
from tests.helpers import write_promises
from tests.helpers.paths import ROOT
from tests.helpers.readme import DOCUMENTS, README, blocks


def test_the_tables_of_settings_and_presets_are_what_their_script_writes():
    for document, name, table in tables():
        assert between(name, table) in document.read_text()
    assert all(f"| `{name}` | " in README for name in FIELDS)


def test_the_figures_of_the_comparison_are_those_that_its_script_wrote():
    written = (ROOT / "tests" / "benchmarks" / "compare.md").read_text()
    assert written.startswith("| program |")
    assert written in (ROOT / "tests" / "benchmarks" / "README.md").read_text()
    means, *_ = written.split("\n\n")
    assert means in README


def test_the_promises_are_listed_as_the_tests_are_called():
    assert write_promises.README.read_text() == write_promises.written()


def test_every_link_to_a_file_leads_to_one():
    for document in DOCUMENTS:
        for link in re.findall(r"\]\((?!http)([^)]+)\)", document.read_text()):
            assert (document.parent / link).is_file(), (document, link)


def test_ci_runs_the_test_command_of_the_readme():
    (command,) = (block for block in blocks("sh") if "pytest" in block)
    install, paint = command.strip().split(" && ")
    assert paint in (ROOT / ".ci/run").read_text()
    assert install.removeprefix("pip ") in (ROOT / ".ci/run").read_text().replace("--quiet ", "")


def test_the_command_line_takes_what_the_readme_gives_it():
    (block,) = (block for block in blocks("sh") if "-m styletx" in block)
    one, many = (shlex.split(line)[3:] for line in block.splitlines())
    assert (ROOT / command_line.parser().parse_args(one).photo).is_file()
    assert many[0] == "batch"
    given = batch.parser().parse_args(many[1:])
    found = [
        find_images([str(ROOT / word) for word in w], ROOT) for w in (given.photos, given.style)
    ]
    assert all(one.pictures for one in found)
