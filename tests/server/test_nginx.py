"""Event streams behind the nginx of Debian, with its default settings and `proxy_pass` alone."""

import asyncio
import http.client
import socket
import subprocess
import threading
import zlib
from collections import Counter
from contextlib import closing, contextmanager

import pytest
import uvicorn

from styletx.limits import ServerLimits
from styletx.server.middleware import RequestGuard
from styletx.server.storage import DiskBudget
from tests.helpers.programs import needs
from tests.helpers.waiting import until

pytestmark = pytest.mark.slow

EVENTS = 3
HELD_BACK_S = 20  # seconds without a first event: it waits for the last, which is never made
CONFIGURATION = """
daemon off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off; {gzip}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{behind}; }} }}
}}
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answers(port):
    with closing(socket.socket()) as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(app, port):
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


@contextmanager
def nginx(folder, gzip, behind):
    """The port of an nginx in front of a port."""
    port, file = free_port(), folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, gzip=gzip, port=port, behind=behind))
    with subprocess.Popen(["nginx", "-e", "stderr", "-c", str(file)]) as process:
        try:
            until(lambda: answers(port))
            yield port
        finally:
            process.terminate()


@pytest.mark.parametrize("gzip", ["", "gzip on; gzip_types *;"])
def test_each_event_arrives_before_the_next_is_made(tmp_path, monkeypatch, gzip):
    needs("nginx")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    heard, behind = threading.Semaphore(0), free_port()

    async def stream(scope, receive, send):
        kind = (b"content-type", b"text/event-stream; charset=utf-8")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        for number in range(EVENTS):
            event = f"data: {number}\n\n".encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})
            if not await asyncio.to_thread(heard.acquire, timeout=2 * HELD_BACK_S):
                return
        await send({"type": "http.response.body", "body": b""})

    limits = ServerLimits()
    guard = RequestGuard(stream, limits, Counter(), DiskBudget(limits.max_cache))

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await guard({**scope, "app": None}, receive, send)

    with serving(app, behind), nginx(tmp_path, gzip, behind) as port:
        told = []
        for event in events(port):
            told.append(event)
            heard.release()
    assert told == [f"data: {number}\n\n" for number in range(EVENTS)]


def events(port):
    """Yield the pieces that arrive, as a browser reads them."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=HELD_BACK_S)
    with closing(asked):
        asked.request("GET", "/", headers={"Accept-Encoding": "gzip"})
        answer = asked.getresponse()
        packed = answer.headers.get("Content-Encoding") == "gzip"
        unpacking = zlib.decompressobj(wbits=31)
        while piece := answer.read1():
            if text := unpacking.decompress(piece) if packed else piece:
                yield text.decode()
