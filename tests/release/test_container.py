"""The container's recipe, carried out in a plain folder: what it makes."""

import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from tests.helpers.attacks import call, given, is_picture
from tests.helpers.container import Container, run
from tests.helpers.paths import ROOT
from tests.helpers.programs import needs
from tests.helpers.waiting import until

pytestmark = [pytest.mark.release, pytest.mark.timeout(3600)]
PINS = (ROOT / "constraints.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def container():
    """The container that the recipe makes; it takes 7 GB of disk until the end."""
    needs("debootstrap", "unshare", "chroot", "git")
    if os.geteuid() != 0:
        pytest.skip("only root can make a container's folder")
    folder = Path(tempfile.mkdtemp(prefix="styletx-container-"))
    folder.chmod(0o755)  # its user has to pass
    try:
        yield Container(ROOT, folder).build()
    finally:
        assert str(folder) not in Path("/proc/mounts").read_text()
        shutil.rmtree(folder)


def test_the_packages_that_are_pinned_are_all_that_are_installed(container):
    command = container.inside(["pip", "freeze", "--all", "--exclude", "pip"])
    assert sorted(run(command).splitlines()) == sorted(PINS)


def test_its_user_can_change_nothing_of_what_it_runs(container):
    look = ["find", "/app", "/opt", "-not", "-type", "l", "-writable"]
    assert run(container.inside(look)) == ""


def test_it_becomes_healthy_paints_and_ends_with_its_root_read_only(container, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    log = tmp_path / "log"
    process = container.start(log, GRADIO_SERVER_PORT=port)
    try:
        until(lambda: process.poll() or container.healthy(GRADIO_SERVER_PORT=port), 300)
        assert process.poll() is None, log.read_text()
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert set(re.search(r"^Uid:(.*)", status, re.MULTILINE)[1].split()) == {"1000"}
        assert re.search(r"^CapEff:\s*0+$", status, re.MULTILINE)
        url = f"http://127.0.0.1:{port}/"
        assert is_picture(call(url, "stylize", given(url)))
        assert list(container.volumes.glob("styletx/runs/*/*.png"))
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert not re.search("Traceback|Warning|Read-only", log.read_text())
