"""The container's recipe: what it says, and, carried out in a plain folder, what it makes."""

import json
import os
import re
import shlex
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from styletx.server.request import HEALTH
from tests.helpers.container import Container, context, copied, ignored, instructions
from tests.helpers.paths import ROOT

TOLD = instructions((ROOT / "Dockerfile").read_text())
PINS = (ROOT / "constraints.txt").read_text().splitlines()


def of(word):
    """Return what follows each instruction of that word."""
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


@pytest.mark.slow
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


@pytest.mark.slow  # git says which files there are
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
