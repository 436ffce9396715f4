"""The tool for agents, with the package that speaks their protocol, in a process of its own."""

import json
import os
import re
import subprocess
import sys
import urllib.request

import gradio
import pytest
from PIL import Image

from tests.helpers.paths import ROOT
from tests.helpers.server import PAINTING, PHOTO, Server

pytestmark = pytest.mark.release


@pytest.fixture
def with_agents(tmp_path):
    """Environment with that package and what it needs in a folder of their own, since it wants
    other versions than the rest."""
    folder = tmp_path / "packages"
    (extra,) = re.findall(r'^mcp = \["(.+)~=', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    wanted = f"{extra}=={gradio.__version__}"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, wanted]
    done = subprocess.run(install, capture_output=True, text=True, timeout=600)
    if done.returncode:
        pytest.skip(f"{wanted} could not be installed: {done.stderr}")
    return {"PYTHONPATH": str(folder)}


def test_the_tool_for_agents_paints_tells_and_refuses_in_sentences(with_agents, tmp_path):
    server = Server(tmp_path / "cache", "--mcp", **with_agents).wait()
    try:
        url = f"{server.url}gradio_api/mcp/"
        program = ROOT / "tests" / "helpers" / "mcp_client.py"
        asked = [sys.executable, program, url, PHOTO["path"], PAINTING["path"]]
        done = subprocess.run(
            asked, env=os.environ | with_agents, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        full = told["words"].split()[-1]
        with urllib.request.urlopen(full, timeout=60) as file, Image.open(file) as picture:
            assert picture.size == (512, 342)
    finally:
        server.close()
    assert told["tools"] == ["paint"]
    assert list(told["arguments"]) == ["content", "style", "preset", "size", "style_weight"]
    assert all(told["arguments"].values())
    assert told["picture"] == ["JPEG", 512, 342]
    assert re.search(r"^Done: 48 steps in \d+ s\. In full, 512x342: http", told["words"])
    assert any("step" in message for message in told["progress"])
    assert told["refusal"] == "size is 9999, but must lie between 64 and 4096."
