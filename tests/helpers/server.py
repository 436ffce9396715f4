"""`python app.py` as people start it, and its clients."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from gradio_client import Client, handle_file

from styletx import FIELDS, Settings

from .paths import ASSETS, ROOT

PHOTO = handle_file(str(ASSETS / "photos/temple.jpg"))
PAINTING = handle_file(str(ASSETS / "paintings/great_wave.jpg"))
QUICK = {"size": 128, "steps": 4}
ENDLESS = {"size": 256, "steps": 2000}
GENEROUS = {
    "STYLETX_PROXIES": "1",
    "STYLETX_RUNS_PER_ADDRESS": "60",
    "STYLETX_REQUESTS_PER_SECOND": "1000",
    "STYLETX_PLACE_KEPT": "3",  # seconds that a test waits for a run whose page it has closed
}


class Server:
    """`python app.py` in a process of its own, with a cache of its own."""

    def __init__(
        self,
        cache: Path,
        *options: str,
        app: Path = ROOT / "app.py",
        port: int = 0,
        **variables: str,
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = port or free.getsockname()[1]
        self.url, self.port, self.cache = f"http://127.0.0.1:{port}/", port, cache
        self.log = cache.parent / "server.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, app, "--port", str(port), *options],
                cwd=cache.parent,  # anywhere: the app must not depend on where it is started
                env=os.environ
                | {"GRADIO_TEMP_DIR": str(cache), "PYTHONUNBUFFERED": "1", **variables},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> "Server":
        """Until the page answers."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url, timeout=5):
                    return self
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()}")

    def client(self, folder: Path, **headers: str) -> Client:
        """A client that keeps what it is given in a folder."""
        return Client(self.url, verbose=False, download_files=str(folder), headers=headers)

    def close(self) -> int:
        """End it like a container does; return the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()


def paint(client, **chosen):
    """A job that paints a pair with what is chosen, and defaults."""
    given = {name: getattr(Settings(), name) for name in FIELDS} | chosen
    pictures = {"content": PHOTO, "style": PAINTING} | given
    return client.submit(**pictures, api_name="/stylize")


def first_report(job, wanted):
    """The first report of a job for which `wanted` holds."""
    for _, report in job:
        if wanted(report):
            return report
    raise AssertionError(f"it ended before that: {job.result()}")
