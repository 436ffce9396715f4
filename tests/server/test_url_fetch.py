"""Pictures named by an address: fetched from the public web alone, and never too much of it."""

import asyncio
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gradio as gr
import httpx
import pytest
from gradio import processing_utils

from styletx.limits import MEGA, ServerLimits
from styletx.server import gradio_patches, url_fetch
from styletx.server.gradio_patches import patch_url_download
from styletx.server.storage import DiskBudget
from styletx.server.url_fetch import download, is_public


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


async def answered(request):
    """A host of the web: gives a picture, too much, nothing, or leads on."""
    path = request.url.raw_path.decode()
    assert request.headers["Accept-Encoding"] == "identity"
    if path.startswith("/to/"):
        return httpx.Response(302, headers={"Location": path[4:] or "/to/"})
    if path == "/slow":
        await asyncio.Event().wait()  # which never comes
    headers = {"Content-Encoding": "gzip"} if path == "/packed" else {}
    content = b"x" * (3 * MEGA if path == "/much" else 1000)
    named = re.fullmatch(r"styletx/[\d.]+ \(\+https://\S+\)", request.headers["User-Agent"])
    status = {"/none": 404, "/mine": 403}.get(path, 200 if named else 403)
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


class Web:
    """The web, without a connection: what it was asked, and where it lies."""

    url = "http://127.0.0.1:8080"  # which is taken for a public one; `localhost` is not

    def __init__(self):
        self.asked = []

    async def handle(self, _, request):
        self.asked.append((request.url.host, request.headers["Host"]))
        return await answered(request)


@pytest.fixture
def web(monkeypatch):
    web = Web()
    monkeypatch.setattr(
        httpx.AsyncHTTPTransport, "handle_async_request", lambda *asked: web.handle(*asked)
    )
    monkeypatch.setattr(url_fetch, "is_public", lambda address: address == "127.0.0.1")
    return web


def fetch(url, folder, **limits):
    return asyncio.run(download(url, folder, ServerLimits(**limits)))


def test_a_picture_is_fetched_by_a_named_agent_into_a_folder_of_its_own_under_its_name(
    web, tmp_path
):
    one, other = (fetch(f"{web.url}/a/my%20picture.jpg?x=1", tmp_path) for _ in range(2))
    assert one.name == other.name == "my_picture.jpg"
    assert one.parent != other.parent
    assert one.read_bytes() == b"x" * 1000
    assert web.asked[0] == ("127.0.0.1", web.url.removeprefix("http://"))


def test_a_host_is_asked_at_the_address_that_was_found_public(web, tmp_path, monkeypatch):
    async def found(_):
        return "127.0.0.1"

    monkeypatch.setattr(url_fetch, "public_address", found)
    fetch("http://example.com/a.png", tmp_path)
    assert web.asked == [("127.0.0.1", "example.com")]


@pytest.mark.parametrize(
    "path", ["/..%2f..%2fetc%2fpasswd", "/.bashrc", "/%00", "/", "/" + "ä" * 99]
)
def test_its_name_leads_nowhere_else(web, tmp_path, path):
    found = fetch(web.url + path, tmp_path)
    assert found.resolve().parent.parent == tmp_path.resolve()
    assert not found.name.startswith(".")
    assert len(found.name.encode()) < 255


def test_too_much_is_not_fetched_and_leaves_nothing(web, tmp_path):
    with pytest.raises(ValueError, match="it is larger than 2 MB"):
        fetch(f"{web.url}/much", tmp_path, max_upload=2)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_packed_is_not_unpacked(web, tmp_path):
    with pytest.raises(ValueError, match="compressed, which was not asked for"):
        fetch(f"{web.url}/packed", tmp_path)


def test_where_it_leads_on_is_looked_at_again(web, tmp_path):
    assert fetch(f"{web.url}/to//picture.png", tmp_path).name == "picture.png"
    for elsewhere in ("http://[::1]:8080/x", "http://169.254.169.254/", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="public web|web address"):
            fetch(f"{web.url}/to/{elsewhere}", tmp_path)
    with pytest.raises(httpx.TooManyRedirects):
        fetch(f"{web.url}/to/", tmp_path)


def test_every_address_of_a_host_must_be_public(monkeypatch, tmp_path):
    class Loop:
        async def getaddrinfo(self, *_, **__):
            return [(2, 1, 6, "", (ip, 80)) for ip in ("1.1.1.1", "127.0.0.1")]

    monkeypatch.setattr(url_fetch.asyncio, "get_running_loop", lambda: Loop())
    coroutine = url_fetch.public_address(httpx.URL("http://example.com/x.png"))
    with pytest.raises(ValueError, match="is not on the public web"):
        coroutine.send(None)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/none", "could not be fetched: the answer was 404."),
        (
            "/mine",
            "(status 403). Please download the picture in your browser, and upload the file.",
        ),
        ("/slow", "could not be fetched: it took more than 0.05 s."),
        ("/much", "could not be fetched: it is larger than 2 MB."),
    ],
)
def test_gradio_fetches_so_and_says_what_is_wrong(web, tmp_path, monkeypatch, path, sentence):
    if path == "/slow":
        monkeypatch.setattr(gradio_patches, "TIMEOUT_S", 0.05)
    monkeypatch.setattr(
        processing_utils,
        "async_ssrf_protected_download",
        processing_utils.async_ssrf_protected_download,
    )
    patch_url_download(ServerLimits(max_upload=2), DiskBudget(4000))
    with pytest.raises(gr.Error) as refused:
        processing_utils.save_url_to_cache(web.url + path, str(tmp_path))
    assert str(refused.value.message).endswith(sentence)


def test_nothing_is_fetched_where_there_is_no_room(web, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    (tmp_path / "much").write_bytes(bytes(2 * MEGA))
    monkeypatch.setattr(
        processing_utils,
        "async_ssrf_protected_download",
        processing_utils.async_ssrf_protected_download,
    )
    patch_url_download(ServerLimits(), DiskBudget(1))
    with pytest.raises(gr.Error, match="could not be fetched: the server's storage"):
        processing_utils.save_url_to_cache(f"{web.url}/a.png", str(tmp_path))
    assert not web.asked


@pytest.mark.parametrize(
    "url", ["http://", "ftp://1.1.1.1/x", "http://nohost.invalid/", "http://[", "x"]
)
def test_what_is_no_address_is_a_sentence(tmp_path, monkeypatch, url):
    monkeypatch.setattr(
        processing_utils,
        "async_ssrf_protected_download",
        processing_utils.async_ssrf_protected_download,
    )
    patch_url_download(ServerLimits(), DiskBudget(4000))
    with pytest.raises(gr.Error, match=r"could not be fetched: .*\."):
        processing_utils.save_url_to_cache(url, str(tmp_path))


class Host(BaseHTTPRequestHandler):
    """A host of the web on this machine, which ends too early when it is asked to."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2000" if self.path == "/half" else "1000")
        self.end_headers()
        self.wfile.write(b"x" * 1000)

    def log_message(self, *_):
        pass


@pytest.mark.slow
def test_over_a_connection_a_picture_is_fetched_whole_or_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(url_fetch, "is_public", lambda address: address == "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(httpx.HTTPError):
            fetch(f"{url}/half", tmp_path)
        assert not list(tmp_path.iterdir())
        assert fetch(f"{url}/whole", tmp_path).read_bytes() == b"x" * 1000
        server.shutdown()
