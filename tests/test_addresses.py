"""Pictures named by an address: fetched from the public web alone, and never too much of it."""

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gradio as gr
import httpx
import pytest
from gradio import processing_utils

import styletx.addresses as addresses
from styletx.addresses import fetched, guard_fetches, is_public
from styletx.limits import MEGA, Allowance


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.100.100.200", "224.0.0.1", "255.255.255.255", "::1", "::",
        "fe80::1", "fe80::1%eth0",
        "fd00:ec2::254", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "2002:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_no_address_of_this_machine_its_network_or_its_cloud_is_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_of_the_web_are_public(address):
    assert is_public(address)


class Web(BaseHTTPRequestHandler):
    """A host of the web: gives a picture, too much, nothing, or leads on."""

    asked: list = []

    def do_GET(self):
        self.asked.append((self.path, self.headers["Host"]))
        assert self.headers["Accept-Encoding"] == "identity"
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[4:] or "/to/")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/none" else 200)
        if self.path == "/packed":
            self.send_header("Content-Encoding", "gzip")
        if self.path == "/half":
            self.send_header("Content-Length", "2000")
        self.end_headers()
        if self.path == "/slow":
            time.sleep(1)
        self.wfile.write(b"x" * (3 * MEGA if self.path == "/much" else 1000))

    def log_message(self, *_):
        pass


@pytest.fixture
def web(monkeypatch):
    """Its address, which is taken for a public one; `localhost` is not."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    Web.asked = []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetch(url, folder, **limits):
    return asyncio.run(fetched(url, folder, Allowance(**limits)))


def test_a_picture_is_fetched_into_a_folder_of_its_own_under_its_name(web, tmp_path):
    one, other = (fetch(f"{web}/a/my%20picture.jpg?x=1", tmp_path) for _ in range(2))
    assert one.name == other.name == "my_picture.jpg"
    assert one.parent != other.parent
    assert one.read_bytes() == b"x" * 1000
    assert Web.asked[0][1] == web.removeprefix("http://")


@pytest.mark.parametrize(
    "path", ["/..%2f..%2fetc%2fpasswd", "/.bashrc", "/%00", "/", "/" + "ä" * 99]
)
def test_its_name_leads_nowhere_else(web, tmp_path, path):
    found = fetch(web + path, tmp_path)
    assert found.resolve().parent.parent == tmp_path.resolve()
    assert not found.name.startswith(".")
    assert len(found.name.encode()) < 255


def test_too_much_is_not_fetched_and_leaves_nothing(web, tmp_path):
    with pytest.raises(ValueError, match="it is larger than 2 MB"):
        fetch(f"{web}/much", tmp_path, max_upload=2)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_packed_is_not_unpacked(web, tmp_path):
    with pytest.raises(ValueError, match="sent in a form that was not asked for"):
        fetch(f"{web}/packed", tmp_path)


def test_half_of_a_picture_is_not_kept(web, tmp_path):
    with pytest.raises(httpx.HTTPError):
        fetch(f"{web}/half", tmp_path)
    assert not list(tmp_path.iterdir())


def test_where_it_leads_on_is_looked_at_again(web, tmp_path):
    assert fetch(f"{web}/to//picture.png", tmp_path).name == "picture.png"
    port = web.rsplit(":", 1)[1]
    for elsewhere in (f"http://[::1]:{port}/x", "http://169.254.169.254/", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="public web|no address on the web"):
            fetch(f"{web}/to/{elsewhere}", tmp_path)
    with pytest.raises(ValueError, match="leads on more than 5 times"):
        fetch(f"{web}/to/", tmp_path)


def test_every_address_of_a_host_must_be_public(monkeypatch, tmp_path):
    class Loop:
        async def getaddrinfo(self, *_, **__):
            return [(2, 1, 6, "", (ip, 80)) for ip in ("1.1.1.1", "127.0.0.1")]

    monkeypatch.setattr(addresses.asyncio, "get_running_loop", lambda: Loop())
    coroutine = addresses.public_address("http://example.com/x.png")
    with pytest.raises(ValueError, match="does not lie on the public web"):
        coroutine.send(None)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/none", "could not be fetched: the answer was 404."),
        ("/slow", "could not be fetched: it took more than 0.2 s."),
        ("/much", "could not be fetched: it is larger than 2 MB."),
    ],
)
def test_gradio_fetches_so_and_says_what_is_wrong(web, tmp_path, monkeypatch, path, sentence):
    monkeypatch.setattr(addresses, "SECONDS", 0.2)
    monkeypatch.setattr(
        processing_utils,
        "async_ssrf_protected_download",
        processing_utils.async_ssrf_protected_download,
    )
    guard_fetches(Allowance(max_upload=2))
    with pytest.raises(gr.Error) as refused:
        processing_utils.save_url_to_cache(web + path, str(tmp_path))
    assert str(refused.value.message).endswith(sentence)


def test_nothing_is_fetched_where_there_is_no_room(web, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    (tmp_path / "much").write_bytes(bytes(2 * MEGA))
    monkeypatch.setattr(
        processing_utils,
        "async_ssrf_protected_download",
        processing_utils.async_ssrf_protected_download,
    )
    guard_fetches(Allowance(max_cache=1))
    with pytest.raises(gr.Error, match="could not be fetched: there is no room"):
        processing_utils.save_url_to_cache(f"{web}/a.png", str(tmp_path))
    assert not Web.asked


@pytest.mark.parametrize(
    "url", ["http://", "ftp://1.1.1.1/x", "http://nohost.invalid/", "http://[", "x"]
)
def test_what_is_no_address_is_a_sentence(tmp_path, monkeypatch, url):
    monkeypatch.setattr(
        processing_utils,
        "async_ssrf_protected_download",
        processing_utils.async_ssrf_protected_download,
    )
    guard_fetches(Allowance())
    with pytest.raises(gr.Error, match=r"could not be fetched: .*\."):
        processing_utils.save_url_to_cache(url, str(tmp_path))
