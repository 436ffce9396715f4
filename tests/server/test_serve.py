"""Starts that fail: each with a sentence and an exit status."""

import subprocess
import sys

import pytest

import app
from styletx.api.mcp import NEEDS
from styletx.runners.local import Local
from styletx.server import serve
from tests.helpers.paths import ROOT

WARM_UP = Local.warm_up


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Start with these options and variables, and see it refused; what it says."""
    monkeypatch.setattr(app.signal, "signal", lambda *_: None)
    monkeypatch.setattr(Local, "warm_up", lambda _: None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))

    def start(*options, status, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            app.main(list(options))
        assert ended.value.code == status
        return capsys.readouterr().err

    return start


def test_a_server_ends_in_three_seconds_of_which_pictures_have_the_most():
    assert serve.DELIVERY_S + serve.FETCH_S <= 3


def test_a_password_without_a_name_is_a_sentence(refused):
    assert "--auth is written NAME:PASSWORD" in refused("--auth", "ann", status=2)


def test_where_the_package_for_agents_is_missing_it_is_named(refused, monkeypatch):
    monkeypatch.setattr(app, "can_serve", lambda: False)
    assert NEEDS in refused("--mcp", status=2)


def test_weights_that_cannot_be_read_are_a_sentence(refused, monkeypatch):
    monkeypatch.setattr(Local, "warm_up", WARM_UP)
    told = refused(status=1, STYLETX_WEIGHTS="nowhere.pth")
    assert "VGG19's weights could not be read from" in told


def test_an_interrupt_while_the_network_is_loaded_is_a_word(refused, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Local, "warm_up", interrupted)
    assert refused(status=1) == "Stopped.\n"


IMPORTING = """
import runpy, sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == "torch":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
sys.argv[1:] = ["a.png", "b.png"]
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "start", ['runpy.run_module("styletx", run_name="__main__")', 'runpy.run_path("app.py")']
)
def test_an_interrupt_while_packages_are_imported_is_a_word(start):
    command = [sys.executable, "-c", IMPORTING + start]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (1, "Stopped.\n")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("STYLETX_RUNNER", "spark", "STYLETX_RUNNER is 'spark', but must be local, zerogpu"),
        ("STYLETX_DEVICE", "gpu", "The device is 'gpu', but must be auto, cpu, cuda, mps,"),
        ("STYLETX_FRAME_ANCESTORS", "a; x", "STYLETX_FRAME_ANCESTORS names 'a;', but must name"),
        ("STYLETX_QUEUE", "many", "STYLETX_QUEUE is 'many', but must be a whole number"),
    ],
)
def test_a_variable_that_cannot_be_is_a_sentence(refused, variable, value, sentence):
    assert sentence in refused(status=1, **{variable: value})


@pytest.mark.slow
def test_a_port_that_there_is_not_is_a_sentence(refused):
    told = refused("--port", "99999", status=1)
    assert "The server could not start. bind(): port must be 0-65535." in told


def test_where_nothing_can_be_kept_it_says_why(refused, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    assert "Pictures cannot be kept in" in refused(status=1)
