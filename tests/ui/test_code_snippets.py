"""A run as code says all that was chosen, and nothing that was not."""

import ast
import os
import shlex
import subprocess

import pytest

import styletx.cli.paint as command_line
from styletx import FIELDS
from styletx.api.schema import DEFAULTS
from styletx.ui.code_snippets import LANGUAGES, python
from tests.helpers.settings import OTHER

URL = "http://127.0.0.1:7860/"


def file(name):
    return {"path": f"/tmp/cache/8f/{name}", "orig_name": name}


GIVEN = {**DEFAULTS, "content": file("my cat.jpg"), "style": file("it's.png")}
ALL = {
    **GIVEN,
    **OTHER,
    "style_3": file("three.png"),
    "share_3": 0.25,
    "mask_3": file("mask.png"),
    "keep_mask": file("keep.png"),
    "init_image": file("begun.png"),
    "go_on": "ab" * 16,
}


def arguments_of(code):
    """Return the arguments of `client.predict` in Python code, files by their names."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "predict"
    )
    return {
        word.arg: ast.literal_eval(
            word.value.args[0] if isinstance(word.value, ast.Call) else word.value
        )
        for word in call.keywords
    }


def parsed(line):
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "styletx"]
    return command_line.parser().parse_args(words[3:])


def test_what_is_at_its_default_is_left_out():
    assert arguments_of(python(GIVEN, URL)) == {
        "content": "my cat.jpg",
        "style": "it's.png",
        "api_name": "/stylize",
    }
    given = parsed(LANGUAGES["command-line"](GIVEN, URL))
    assert not [name for name in vars(given) if name in FIELDS]
    assert [str(path) for path in (given.photo, *given.paintings)] == ["my cat.jpg", "it's.png"]


def test_everything_that_was_chosen_is_there():
    told = arguments_of(python(ALL, URL))
    assert {name: told[name] for name in OTHER} == OTHER
    assert (told["style_3"], told["share_3"], told["mask_3"]) == ("three.png", 0.25, "mask.png")
    assert (told["keep_mask"], told["init_image"]) == ("keep.png", "begun.png")
    given = parsed(LANGUAGES["command-line"](ALL, URL))
    assert {name: getattr(given, name) for name in OTHER if name != "init"} == {
        name: value for name, value in OTHER.items() if name != "init"
    }
    assert given.init == "begun.png"  # which decides instead
    assert [str(path) for path in given.paintings] == ["it's.png", "three.png"]
    assert (given.shares, [str(mask) for mask in given.masks]) == (
        [1.0, 0.25],
        ["None", "mask.png"],
    )
    assert str(given.keep_mask) == "keep.png"


@pytest.mark.parametrize("write", LANGUAGES.values(), ids=LANGUAGES)
def test_no_paths_of_the_server_are_told_and_what_is_missing_has_a_name(write):
    assert "/tmp" not in write(ALL, URL)
    assert "ab" * 16 not in write(ALL, URL)
    assert "photo.jpg" in write(dict(DEFAULTS), URL)


ODD = 'it\'s a "cat"; $(touch hacked) `touch hacked`\\.jpg'
WITH_ODD = {**GIVEN, "content": file(ODD), "style_layers": "relu1_1'; touch hacked; '"}


def test_whatever_files_and_settings_are_called_they_are_words_of_their_own():
    assert arguments_of(python(WITH_ODD, URL))["content"] == ODD
    given = parsed(LANGUAGES["command-line"](WITH_ODD, URL))
    assert (str(given.photo), given.style_layers) == (ODD, WITH_ODD["style_layers"])


@pytest.mark.slow
def test_whatever_files_and_settings_are_called_nothing_else_is_run(tmp_path):
    """The shell finds a program of ours instead, which writes down what it is given."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python").write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" >> "{tmp_path}/python.txt"\n')
    (tools / "python").chmod(0o755)
    code = LANGUAGES["command-line"](WITH_ODD, URL)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", code], cwd=tmp_path, env=environment, check=False)
    assert not (tmp_path / "hacked").exists()
    told = (tmp_path / "python.txt").read_text().split("\0")
    assert ODD in told
    assert WITH_ODD["style_layers"] in told


def test_the_address_is_that_of_the_page():
    assert 'Client("https://me-styletx.hf.space/")' in python(GIVEN, "https://me-styletx.hf.space/")
