"""The container's recipe: what it says, and, carried out in a plain folder, what it makes."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from styletx.scopes import HEALTH
from tests.helpers.attacks import call, given, is_picture
from tests.helpers.container import Container, context, copied, ignored, instructions, run
from tests.helpers.paths import ROOT

TOLD = instructions((ROOT / "Dockerfile").read_text())
PINS = (ROOT / "constraints.txt").read_text().splitlines()


def of(word):
    """What follows each instruction of that word."""
    return [rest for known, rest in TOLD if known == word]


def variables():
    return dict(word.split("=", 1) for rest in of("ENV") for word in shlex.split(rest))


def test_it_ends_as_an_ordinary_user_with_a_number_to_whom_nothing_belongs_but_the_cache():
    (user,) = of("USER")
    assert re.fullmatch(r"([1-9]\d*):\1", user)
    words = [word for word, _ in TOLD]
    last = max(place for place, word in enumerate(words) if word in ("RUN", "COPY"))
    assert last < words.index("USER")
    assert not any("--chown" in rest for rest in of("COPY"))


def test_all_that_is_written_lies_in_its_volume():
    (volume,) = of("VOLUME")
    assert {variables()[name] for name in ("GRADIO_TEMP_DIR", "HOME", "TMPDIR")} == {volume}


def test_its_command_starts_the_app_without_a_shell():
    (command,) = of("CMD")
    *_, app = json.loads(command)
    assert (ROOT / app).is_file()


def test_it_listens_to_everybody_on_the_port_that_it_exposes():
    told = variables()
    assert [told["GRADIO_SERVER_PORT"]] == of("EXPOSE")
    assert told["GRADIO_SERVER_NAME"] == "0.0.0.0"


@pytest.mark.parametrize("status", [200, 503])
def test_its_check_says_what_the_server_says_whatever_proxy_there_is(status):
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    (check,) = of("HEALTHCHECK")
    python, *rest = json.loads(check.split(" CMD ")[1])
    assert python == "python"
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.handle_request, daemon=True).start()
        told = {"GRADIO_SERVER_PORT": str(server.server_port), "http_proxy": "http://127.0.0.1:9"}
        done = subprocess.run([sys.executable, *rest], env=os.environ | told, timeout=30)
    assert (done.returncode == 0) == (status == 200)
    assert asked == [HEALTH]


def test_nothing_is_fetched_but_by_apt_and_pip():
    assert not of("ADD")
    commands = [part.strip() for rest in of("RUN") for part in rest.split("&&")]
    started = [re.sub(r"^(\w+=\S+ )+", "", command).split()[0] for command in commands]
    assert {Path(program).name for program in started} == {
        "apt-get", "rm", "useradd", "install", "python3", "pip"
    }  # fmt: skip
    assert not any("://" in rest for _, rest in TOLD)


def test_every_file_of_the_app_is_copied_and_no_other():
    files = context(ROOT)
    places = {}
    for rest in of("COPY"):
        *names, target = rest.split()
        places |= copied(names, target, files)
    assert {Path(file).parts[0] for file in places} == {
        "LICENSE", "README.md", "app.py", "assets", "constraints.txt", "requirements.txt", "styletx"
    }  # fmt: skip
    assert all(Path(file) == Path(place) for file, place in places.items())
    assert set(places) == set(files)
    assert {f"styletx/{path.name}" for path in ROOT.glob("styletx/*.py")} <= set(files)


def test_what_is_there_by_chance_stays_out():
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    out = (".git/config", "tests/conftest.py", ".venv/bin/python", "styletx/__pycache__/page.pyc")
    assert all(ignored(path, rules) for path in out)
    assert not any(ignored(path, rules) for path in ("app.py", "styletx/page.py"))


def test_an_instruction_that_is_not_known_is_not_passed_over(tmp_path):
    (tmp_path / "Dockerfile").write_text("SHELL [] # first of all\n")
    with pytest.raises(ValueError, match="SHELL"):
        Container(tmp_path, tmp_path).build()


def test_a_copy_of_what_is_not_there_fails():
    with pytest.raises(ValueError, match="absent"):
        copied(["app.py", "absent"], "./", ["app.py"])


def test_each_package_is_pinned_once_and_to_what_everybody_can_have():
    names = [re.fullmatch(r"([\w.-]+)==\d[\w.]*", line)[1] for line in PINS]
    assert len({canonicalize_name(name) for name in names}) == len(names)


@pytest.mark.parametrize("line", (ROOT / "requirements.txt").read_text().splitlines())
def test_each_requirement_is_pinned_to_a_version_that_it_allows(line):
    wanted = Requirement(line.split("#")[0])
    pins = dict(pin.split("==") for pin in PINS)
    assert wanted.specifier.contains(pins[wanted.name])


@pytest.fixture(scope="module")
def container():
    """What the recipe makes; it takes 7 GB of disk until the end."""
    needed = ("debootstrap", "unshare", "chroot", "git")
    if os.geteuid() != 0 or not all(shutil.which(program) for program in needed):
        assert "CI" not in os.environ, "CI must be root and have debootstrap"
        pytest.skip("only root can make a container's folder, with debootstrap")
    folder = Path(tempfile.mkdtemp(prefix="styletx-container-"))
    folder.chmod(0o755)  # its user has to pass
    try:
        yield Container(ROOT, folder).build()
    finally:
        assert str(folder) not in Path("/proc/mounts").read_text()
        shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_packages_that_are_pinned_are_all_that_are_installed(container):
    command = container.inside(["pip", "freeze", "--all", "--exclude", "pip"])
    assert sorted(run(command).splitlines()) == sorted(PINS)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_its_user_can_change_nothing_of_what_it_runs(container):
    look = ["find", "/app", "/opt", "-not", "-type", "l", "-writable"]
    assert run(container.inside(look)) == ""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_it_becomes_healthy_paints_and_ends_with_its_root_read_only(container, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    log = tmp_path / "log"
    process = container.start(log, GRADIO_SERVER_PORT=port)
    try:
        deadline = time.monotonic() + 120
        while not container.healthy(GRADIO_SERVER_PORT=port):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert set(re.search(r"^Uid:(.*)", status, re.MULTILINE)[1].split()) == {"1000"}
        assert re.search(r"^CapEff:\s*0+$", status, re.MULTILINE)
        url = f"http://127.0.0.1:{port}/"
        assert is_picture(call(url, "stylize", given(url)))
        assert list(container.volumes.glob("styletx/runs/*/*.png"))
        process.terminate()
        assert process.wait(3) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert not re.search("Traceback|Warning|Read-only", log.read_text())
