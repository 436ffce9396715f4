import pytest
from PIL import Image
from test_runs import FACTS, progress, result

import styletx.__main__ as command_line
from styletx import ALLOWED, Settings, StyletxError


@pytest.fixture
def paint(files, monkeypatch):
    """Call the command line on photo.png and painting.png; `paint.events` says what happens."""

    def call(*options):
        arguments = [str(files / name) for name in ("photo.png", "painting.png")]
        return command_line.main([*arguments, "-o", str(files / "out.png"), *options])

    def scripted(content, styles, settings, **given):
        call.given = settings, given
        for event in call.events:
            if isinstance(event, BaseException):
                raise event
            yield event

    call.events = [progress(1), result()]
    monkeypatch.setattr(command_line, "stylize", scripted)
    return call


def test_every_setting_has_an_option_with_the_same_default():
    given = command_line.parser().parse_args(["a", "b"])
    assert {name: getattr(given, name) for name in ALLOWED} == {
        name: getattr(Settings(), name) for name in ALLOWED
    }


def test_the_result_is_written_with_the_settings_chosen(paint, files):
    assert paint("--size", "64", "--init", "noise", "--weights", "hub") == 0
    assert paint.given == (Settings(size=64, init="noise"), {"weights": "hub"})
    with Image.open(files / "out.png") as picture:
        assert picture.size == (40, 40)


def test_a_wrong_setting_is_explained_without_a_traceback(paint, capsys):
    assert paint("--size", "8") == 1
    assert capsys.readouterr().err == "size is 8, but must lie between 64 and 2048.\n"


def test_a_wrong_option_is_a_usage_error(paint, capsys):
    for options in (["--size", "large"], ["--init", "photo"], ["--colour", "red"]):
        with pytest.raises(SystemExit) as ended:
            paint(*options)
        assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_refused_before_the_work(paint, files, capsys):
    paint.events = [AssertionError("it painted all the same")]
    assert paint("-o", str(files / "out.txt")) == 1
    assert "must end in one of .png" in capsys.readouterr().err
    assert paint("-o", str(files / "no" / "out.png")) == 1
    assert "There is no folder" in capsys.readouterr().err


def test_a_missing_photo_is_explained(paint, files, capsys):
    (files / "photo.png").unlink()
    assert paint() == 1
    assert "There is no file" in capsys.readouterr().err


def test_the_last_good_picture_is_kept_when_painting_breaks(paint, files, capsys):
    paint.events = [progress(1), result(step=1), StyletxError("It broke.")]
    assert paint() == 1
    assert capsys.readouterr().err.endswith("It broke.\n")
    assert (files / "out.png").exists()


def test_interrupting_keeps_the_picture_so_far(paint, files, capsys):
    paint.events = [progress(1), KeyboardInterrupt()]
    assert paint() == 1
    told = f"Stopped after 1 of {FACTS['steps']} steps; {files / 'out.png'} holds the picture"
    assert told in capsys.readouterr().err
    assert (files / "out.png").exists()


def test_interrupting_before_the_first_picture_says_so(paint, files, capsys):
    paint.events = [KeyboardInterrupt()]
    assert paint() == 1
    assert "before anything was painted" in capsys.readouterr().err
    assert not (files / "out.png").exists()
