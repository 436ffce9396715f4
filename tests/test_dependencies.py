"""The packages that the program is made of, whose licences are told."""

import re
from importlib.metadata import metadata, version

import pytest

from tests.helpers.paths import ROOT

REQUIRED = re.findall(r"^[\w-]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE)


@pytest.mark.parametrize("package", REQUIRED)
def test_the_credits_tell_the_licence_of_every_package_as_it_says_itself(package):
    row = rf"^\| {package} \| ([^|]+) \|$"
    (told,) = re.findall(row, (ROOT / "assets" / "CREDITS.md").read_text(), re.MULTILINE)
    about = metadata(package)
    said = [about["License-Expression"], about["License"], *(about.get_all("Classifier") or [])]
    assert any(told in text for text in said if text)


def test_gradio_is_the_one_that_is_patched_wherever_it_is_named():
    """Another minor version may have mended, or moved, what is patched."""
    (required,) = re.findall(r"^gradio~=([\d.]+)", (ROOT / "requirements.txt").read_text(), re.M)
    (constrained,) = re.findall(r"^gradio==([\d.]+)", (ROOT / "constraints.txt").read_text(), re.M)
    (on_a_space,) = re.findall(r"^sdk_version: (.+)", (ROOT / "README.md").read_text(), re.M)
    (for_agents,) = re.findall(r"gradio\[mcp\]~=([\d.]+)", (ROOT / "pyproject.toml").read_text())
    assert {constrained, on_a_space, for_agents} == {required}
    assert required.split(".")[:2] == version("gradio").split(".")[:2]
