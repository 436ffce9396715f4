"""A command line that is wrong in every way: one sentence, and nothing is painted."""

import io
import re
import sys
from contextlib import redirect_stdout

import pytest

import app
from styletx import FIELDS, Settings
from styletx.cli.main import main as cli_main
from styletx.fields import NumberField
from tests.helpers.sample_size import sample_or_all

# One setting of each kind that there is: a whole number, a fraction, a choice, layers
OF_EACH_KIND = {
    (type(allowed), type(getattr(Settings(), name))): name for name, allowed in FIELDS.items()
}
NAMES = sample_or_all(list(OF_EACH_KIND.values()), list(FIELDS))
NUMBERS = [name for name in NAMES if isinstance(FIELDS[name], NumberField)]
LONG = "9" * 100_000
FEW = ["", "nan", "1e999", "--", "1\n2", "\x1b[31m", "\0", "relu1_1=" + LONG]
MANY = [
    "", " ", "x", "nan", "inf", "-inf", "1e999", "-1e999", "--", "1,5", "0x10", "None", "[]", "½",
    "1\n2", "\x1b[31m", "\u2028", "\0", "%s", "{}", "~", "relu9_9", LONG, "x" * 100_000,
    "relu1_1=" + LONG, "relu1_1=nan", "-" * 100_000, "nowhere.png", "/",
]  # fmt: skip
STRANGE = sample_or_all(FEW, MANY)
FORMS = sample_or_all([True], [True, False])


def option(name):
    return "--" + name.replace("_", "-")


@pytest.fixture
def told(paint, files, capsys):
    """Return the message for options that are wrong. No picture may come of them."""

    def call(*options):
        try:
            status = paint(*options)
        except SystemExit as ended:
            status = ended.code
        output, error = capsys.readouterr()
        assert status in (1, 2)
        assert output == ""
        sentence = error.splitlines()[-1]
        if status == 2:  # after how it is used
            assert error.startswith("usage: python -m styletx")
            assert sentence.startswith("python -m styletx: error: ")
        else:
            assert error == f"{sentence}\n"
        assert re.search(r"[.?…]$", sentence)
        assert len(sentence) < 500
        assert "Traceback" not in error
        assert {path.name for path in files.iterdir()} == {"photo.png", "painting.png"}
        return sentence

    paint.events = [AssertionError("it painted all the same")]
    return call


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("joined", FORMS, ids=lambda joined: "joined" if joined else "apart")
def test_a_setting_that_is_none_is_explained(told, name, joined):
    for value in STRANGE:
        told(*([f"{option(name)}={value}"] if joined else [option(name), value]))


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_beyond_its_limits_is_explained_with_these(told, name):
    limits = FIELDS[name]
    for value in (limits.low - 1, limits.high + 1, -(10**30), 10**30):
        number = int(value) if limits.high > 100 else value
        assert f"{name} is " in (sentence := told(f"{option(name)}={number}"))
        assert f"must lie between {limits.low:g} and {limits.high:.10g}" in sentence


@pytest.mark.parametrize(
    "name", [*map(option, NAMES), "--preset", "--recipe", "--weights", "--shares", "--masks", "-o"]
)
def test_an_option_without_its_value_is_explained(told, name):
    assert "expected" in told(name, "--size", "64")
    assert "expected" in told("--size", "64", name)


@pytest.mark.parametrize("value", STRANGE)
def test_what_is_no_option_no_preset_and_no_share_is_explained(told, value):
    told(f"--x{value}")
    told(f"--preset=x{value}")
    if value != "--":  # which argparse takes for the end of the options
        told(f"--shares={value}")
    told("--shares", value, value, value)
    told("--masks", "-", value)


def test_a_sentence_says_which_option_is_wrong(told):
    assert "--size" in told("--size", LONG)
    assert "--method" in told("--method", "x" * 100_000)
    assert "unrecognized arguments: --shade red." in told("--shade", "red")


@pytest.mark.skipif(sys.platform == "darwin", reason="it has no such names")
def test_a_name_that_is_no_text_is_written_to_all_the_same(paint, files, capsys):
    paint.out = files / "\udcff.png"
    assert paint() == 0
    assert paint.out.exists()
    assert "?.png: 40x40 pixels" in capsys.readouterr().out


def narrow():
    """An output that has few letters, as that of a Windows pipe."""
    return redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))


@pytest.mark.parametrize("command", [[], ["batch"], ["deploy"], ["push"], ["app.py"]])
def test_help_is_written_with_the_letters_that_there_are(monkeypatch, command):
    monkeypatch.setattr(app.signal, "signal", lambda *_: None)
    call, words = (app.main, []) if command == ["app.py"] else (cli_main, command)
    with narrow() as out, pytest.raises(SystemExit) as ended:
        call([*words, "--help"])
    assert ended.value.code == 0
    assert out.errors == "replace"  # also where all that is said is ASCII


def test_a_name_is_written_with_the_letters_that_there_are(paint, files):
    paint.out = files / "写真.png"
    with narrow() as out:
        assert paint() == 0
    assert paint.out.exists()
    out.flush()
    assert b"??.png: 40x40 pixels" in out.buffer.getvalue()


@pytest.mark.parametrize("value", ["x" * 100_000, "nowhere.pth", "hub:a", "/", "/dev/zero"])
@pytest.mark.parametrize("by_variable", [True, False])
def test_weights_that_are_none_are_explained(files, monkeypatch, capsys, value, by_variable):
    """By the option or by STYLETX_WEIGHTS, to all that would otherwise paint."""
    arguments = [str(files / name) for name in ("photo.png", "painting.png")]
    arguments += ["--size", "64", "--steps", "1", "-o", str(files / "out.png")]
    monkeypatch.setenv("STYLETX_WEIGHTS", value if by_variable else "torchvision")
    assert cli_main(arguments + ([] if by_variable else ["--weights", value])) == 1
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith("VGG19's weights could not be read from '")
    assert sentence.endswith("choose none to use the embedded copy.")
    assert len(sentence) < 700
    assert not (files / "out.png").exists()
