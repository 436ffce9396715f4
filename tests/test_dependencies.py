"""The packages that the program is made of, whose licences are told."""

import re
from importlib.metadata import metadata

import pytest

from tests.helpers.paths import ROOT

REQUIRED = re.findall(r"^[\w-]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE)


@pytest.mark.parametrize("package", REQUIRED)
def test_the_readme_tells_the_licence_of_every_package_as_it_says_itself(package):
    row = rf"^\| {package} \| ([^|]+) \|$"
    (told,) = re.findall(row, (ROOT / "README.md").read_text(), re.MULTILINE)
    about = metadata(package)
    said = [about["License-Expression"], about["License"], *(about.get_all("Classifier") or [])]
    assert any(told in text for text in said if text)
