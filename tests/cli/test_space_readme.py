"""The app as a Space of the Hugging Face Hub: its front matter, and how it starts there."""

import re

import gradio
import pytest
from huggingface_hub import metadata_load
from PIL import Image

from tests.helpers.paths import ROOT

# Of the Hub's reference of what may stand at the top of a Space's README
DOCUMENTED = {
    "title", "emoji", "colorFrom", "colorTo", "sdk", "python_version", "sdk_version",
    "suggested_hardware", "suggested_storage", "app_file", "app_build_command", "app_port",
    "base_path", "fullWidth", "header", "short_description", "models", "datasets", "tags",
    "thumbnail", "pinned", "license", "hf_oauth", "hf_oauth_expiration_minutes", "hf_oauth_scopes",
    "hf_oauth_authorized_org", "disable_embedding", "startup_duration_timeout", "custom_headers",
    "preload_from_hub",
}  # fmt: skip
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture(scope="module")
def front():
    return metadata_load(ROOT / "README.md")


def test_the_front_matter_says_what_the_hub_knows_and_needs(front):
    assert set(front) <= DOCUMENTED
    assert {"title", "sdk", "sdk_version", "app_file", "python_version", "license"} <= set(front)
    assert front["sdk"] == "gradio"
    assert {front["colorFrom"], front["colorTo"]} <= COLORS
    assert len(front["short_description"]) <= 60
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+", model) for model in front["models"])
    assert front["license"] == "mit"
    assert "MIT License" in (ROOT / "LICENSE").read_text()


def test_the_files_that_it_names_are_there(front):
    assert (ROOT / front["app_file"]).is_file()
    owner, path = re.fullmatch(
        r"https://huggingface.co/spaces/([\w-]+/styletx)/resolve/main/(.+)", front["thumbnail"]
    ).groups()
    with Image.open(ROOT / path) as picture:
        assert owner
        assert picture.width > 1000


def test_its_gradio_is_the_one_that_is_tested(front):
    """The Hub installs that one, whatever the requirements say."""
    assert front["sdk_version"] == gradio.__version__


def test_its_python_is_a_string_and_one_that_the_program_runs_on(front):
    assert isinstance(front["python_version"], str)  # 3.10 would be 3.1
    assert tuple(int(part) for part in front["python_version"].split(".")) >= (3, 10)
