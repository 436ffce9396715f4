"""Which device paints: the one that is chosen, or the best that works."""

import logging

import pytest
import torch

import app
from styletx.cli.main import main as cli_main
from styletx.core import device
from styletx.core.device import best_device
from styletx.errors import SettingsError

TOO_OLD = "no kernel image is available for execution on the device"


@pytest.fixture
def machine(monkeypatch):
    """A machine on which torch sees cards, of which those that are `broken` fail."""
    monkeypatch.setenv("STYLETX_DEVICE", "")
    monkeypatch.setattr(device, "first_that_works", device.first_that_works.__wrapped__)

    def describe(*cards, broken=()):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in cards)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in cards)
        monkeypatch.setattr(device, "defect", lambda one: TOO_OLD if one.type in broken else "")

    return describe


@pytest.mark.parametrize("chosen", ["cuda", "mps", "cpu"])
def test_the_best_device_there_is_paints(machine, chosen):
    machine(chosen)
    assert best_device() == torch.device(chosen)


@pytest.mark.parametrize(("cards", "instead"), [(["cuda"], "cpu"), (["cuda", "mps"], "mps")])
def test_a_card_that_fails_is_left_alone_and_the_log_says_why(machine, caplog, cards, instead):
    machine(*cards, broken=["cuda"])
    assert best_device().type == instead
    (line,) = (record.message for record in caplog.records if record.levelno == logging.WARNING)
    assert line == f"the card cuda cannot be used, another device paints: {TOO_OLD}"


def test_a_small_computation_shows_whether_a_device_works(monkeypatch):
    def fail(*_):
        raise RuntimeError(f"{TOO_OLD}\nCUDA kernel errors might be reported late.")

    assert device.defect.__wrapped__(torch.device("cpu")) == ""
    monkeypatch.setattr(device, "conv2d", fail)
    assert device.defect.__wrapped__(torch.device("cpu")) == TOO_OLD


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps", "auto"])
def test_what_is_chosen_paints(machine, monkeypatch, name):
    machine("cuda")
    monkeypatch.setenv("STYLETX_DEVICE", name)
    assert best_device() == torch.device("cuda" if name == "auto" else name)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "0", "cuda:99999"])
def test_a_device_that_there_is_not_is_a_sentence(machine, monkeypatch, name):
    machine()
    monkeypatch.setenv("STYLETX_DEVICE", name)
    with pytest.raises(SettingsError, match=f"The device is '{name}', but must be auto, cpu"):
        best_device()


def test_who_chose_a_device_that_fails_is_told_and_gets_no_other(machine, monkeypatch):
    machine("cuda", broken=["cuda"])
    monkeypatch.setenv("STYLETX_DEVICE", "cuda:1")
    with pytest.raises(SettingsError, match=f"cuda:1 cannot be used here: {TOO_OLD}. Choose"):
        best_device()


def test_every_front_takes_a_device(machine, files, monkeypatch, capsys):
    machine()
    monkeypatch.setattr(app.signal, "signal", lambda *_: None)
    photo, painting = (str(files / name) for name in ("photo.png", "painting.png"))
    here = ["-o", str(files / "out.png"), "--device", "card"]
    assert cli_main([photo, painting, *here]) == 1
    assert cli_main(["batch", photo, "--style", painting, *here]) == 1
    with pytest.raises(SystemExit):
        app.main(["--device", "card"])
    assert capsys.readouterr().err.count("The device is 'card', but must be") == 3
