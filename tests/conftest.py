"""Pictures to paint, and a VGG a thousandth of the size to see them with."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import torch
from PIL import Image

from styletx import ALLOWED
from styletx.layers import DEPTHS
from styletx.settings import Limits, Options
from styletx.weights import Weights

ROOT = Path(__file__).parents[1]

# Two threads for so small a network only wait for each other.
torch.set_num_threads(1)


def another(allowed):
    """A value that is not the default."""
    if isinstance(allowed, Options):
        return list(allowed.words)[-1]
    return allowed.high if isinstance(allowed, Limits) else "relu3_2=2"


OTHER = {name: another(allowed) for name, allowed in ALLOWED.items()}


def small_weights(seed: int = 0, channels: int = 8) -> Weights:
    """VGG19's shape with few channels: the same layer names, nothing to load."""
    generator = torch.Generator().manual_seed(seed)
    convolutions, width = [], 3
    for _ in range(sum(DEPTHS)):
        kernel = torch.randn(channels, width, 3, 3, generator=generator) * (2 / (9 * width)) ** 0.5
        convolutions.append((kernel, torch.randn(channels, generator=generator) * 0.1))
        width = channels
    return Weights(tuple(convolutions), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


@pytest.fixture(scope="session")
def eye() -> Weights:
    return small_weights()


@pytest.fixture
def sunset() -> Image.Image:
    red = Image.linear_gradient("L").resize((96, 64))
    blue = Image.radial_gradient("L").resize((96, 64))
    return Image.merge("RGB", (red, blue, red.rotate(180)))


@pytest.fixture
def weave() -> Image.Image:
    """A deterministic texture: stripes in both directions, in two colours."""
    tile = Image.new("RGB", (8, 8), (200, 120, 40))
    tile.paste((30, 60, 140), (0, 0, 4, 4))
    tile.paste((240, 230, 200), (4, 4, 8, 8))
    cloth = Image.new("RGB", (64, 64))
    for x in range(0, 64, 8):
        for y in range(0, 64, 8):
            cloth.paste(tile, (x, y))
    return cloth


@pytest.fixture
def files(tmp_path, sunset, weave):
    """A folder with photo.png and painting.png."""
    sunset.save(tmp_path / "photo.png")
    weave.save(tmp_path / "painting.png")
    return tmp_path


class Server:
    """`python app.py` as people start it, in a process of its own, with a cache of its own."""

    def __init__(
        self, cache: Path, *options: str, app: Path = ROOT / "app.py", **variables: str
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.cache = f"http://127.0.0.1:{port}/", cache
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

    def close(self) -> int:
        """What a container does to end it; the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory):
    """What the tests need from npm."""
    if shutil.which("npm") is None:
        assert "CI" not in os.environ, "CI must have npm"
        pytest.skip("npm is not installed on this machine")
    folder = tmp_path_factory.mktemp("npm")
    shutil.copy(ROOT / "tests" / "package.json", folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    return folder / "node_modules"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("served") / "cache").wait()
    yield server
    server.close()
