"""The app as a Space of the Hugging Face Hub: its front matter, and how it starts there."""

import os
import re

import gradio
import pytest
from gradio_client import Client, handle_file
from huggingface_hub import metadata_load
from PIL import Image

from tests.helpers.paths import ROOT
from tests.helpers.server import Server

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
    (bound,) = re.findall(r"^gradio>=(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert front["sdk_version"].startswith(bound)


def test_its_python_is_a_string_and_one_that_the_program_runs_on(front):
    assert isinstance(front["python_version"], str)  # 3.10 would be 3.1
    assert tuple(int(part) for part in front["python_version"].split(".")) >= (3, 10)


# Run by Python before the app: refuses to write anywhere but where it may, and tells
GUARD = """
import errno, os, sys
MAY = [os.path.realpath(path) for path in os.environ["MAY_WRITE"].split(os.pathsep)]
def look(event, given):
    if event not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"):
        return
    path, flags = given[event == "os.rename"], given[2] if event == "open" else os.O_WRONLY
    if not isinstance(path, (str, bytes, os.PathLike)) or not isinstance(flags, int):
        return
    place = os.path.realpath(os.fsdecode(path))
    if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not any(
        place == one or place.startswith(one + os.sep) for one in MAY
    ):
        os.write(2, f"WROTE {event} {place}\\n".encode())
        raise PermissionError(errno.EROFS, "read-only here", place)
sys.addaudithook(look)
os.write(2, b"ON GUARD\\n")
"""


@pytest.mark.slow
def test_it_starts_and_paints_as_on_a_space_and_writes_nowhere_but_in_its_cache(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    server = Server(
        cache,
        SYSTEM="spaces",
        SPACE_ID="someone/styletx",
        GRADIO_SERVER_NAME="0.0.0.0",
        PYTHONPATH=str(tmp_path / "guard"),
        PYTHONDONTWRITEBYTECODE="1",
        MAY_WRITE=os.pathsep.join([str(cache), "/dev"]),
        TMPDIR=str(cache),
        MPLCONFIGDIR=str(cache),  # of a package that Gradio imports where there is one
        HOME="/nonexistent",
    ).wait()
    try:
        client = Client(server.url, verbose=False, download_files=str(tmp_path))
        path, report = client.predict(
            content=handle_file(str(ROOT / "assets/photos/cat.jpg")),
            style=handle_file(str(ROOT / "assets/paintings/poppies.jpg")),
            size=128,
            steps=6,
            api_name="/stylize",
        )
        assert path.endswith("cat-poppies.png")
        assert client.predict(report["run_id"], "film", api_name="/export")
    finally:
        server.close()
    told = server.log.read_text()
    assert "ON GUARD" in told
    assert "WROTE" not in told
