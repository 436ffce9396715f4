"""The recipe in a picture: how it was painted, and nothing else."""

import hashlib
import json
from dataclasses import replace

import pytest
from PIL import Image

from styletx import Settings, StyletxError
from styletx._version import VERSION
from styletx.errors import ImageError
from styletx.imaging.files import ENDINGS, read_metadata, save
from styletx.recipe import differing_inputs, fingerprint, input_fingerprints, read_recipe, to_json
from tests.helpers.scripted import PICTURE, result
from tests.helpers.settings import OTHER

INPUTS = {"content": "ab" * 32, "style": "cd" * 32, "share_2": 0.5}


def painted(folder, ending=".png", **chosen):
    path = folder / f"painted{ending}"
    save(PICTURE, path, note=to_json(replace(result(), settings=Settings(**chosen)), INPUTS))
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_picture_tells_how_it_was_painted_in_every_format(tmp_path, ending):
    recipe = read_recipe(painted(tmp_path, ending, **OTHER))
    assert recipe.settings == Settings(**OTHER)
    assert recipe.inputs == INPUTS
    assert (recipe.version, recipe.weights, recipe.device) == (VERSION, "embedded", "cpu, float32")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_recipe_changes_no_pixel_and_leaves_the_profile(tmp_path, ending):
    save(PICTURE, tmp_path / f"plain{ending}")
    with (
        Image.open(painted(tmp_path, ending)) as one,
        Image.open(tmp_path / f"plain{ending}") as two,
    ):
        assert one.tobytes() == two.tobytes()
        assert one.info["icc_profile"] == two.info["icc_profile"]


def test_a_recipe_holds_settings_fingerprints_and_what_painted_but_no_names_and_no_paths(tmp_path):
    path = tmp_path / "secret photo.png"
    PICTURE.save(path)
    inputs = input_fingerprints({"content": path, "style": None}, {"share": 1.0, "share_2": 0.25})
    assert inputs == {"content": hashlib.sha256(path.read_bytes()).hexdigest(), "share_2": 0.25}
    note = to_json(result(), inputs)
    assert set(json.loads(note)) == {
        "styletx",
        "settings",
        "step",
        "steps",
        "weights",
        "device",
        "inputs",
    }
    assert "secret" not in note
    assert str(tmp_path) not in note
    assert note.isascii()


def test_a_fingerprint_is_the_one_that_sha256sum_prints(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert fingerprint(tmp_path / "file") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_picture_without_a_recipe_says_so(tmp_path):
    PICTURE.save(tmp_path / "plain.png")
    with pytest.raises(StyletxError, match="plain.png holds no recipe. Only unmodified"):
        read_recipe(tmp_path / "plain.png")
    (tmp_path / "page.png").write_text("<html>")
    with pytest.raises(ImageError, match="page.png is not a picture that can be read"):
        read_recipe(tmp_path / "page.png")


@pytest.mark.parametrize(
    "note",
    [
        "{",
        "[]",
        "7",
        '{"settings": 1, "inputs": {}}',
        '{"settings": {}}',
        "[" * 15_000,
        '{"settings": {}, "inputs": {}}' + " " * 20_000,
    ],
)
@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_a_recipe_that_is_damaged_says_so(tmp_path, note, ending):
    save(PICTURE, tmp_path / f"odd{ending}", note=note)
    with pytest.raises(StyletxError, match=f"The recipe in odd{ending} is damaged"):
        read_recipe(tmp_path / f"odd{ending}")


def test_a_recipe_with_impossible_settings_is_refused(tmp_path):
    save(PICTURE, tmp_path / "odd.png", note='{"settings": {"size": 9}, "inputs": {}}')
    with pytest.raises(
        StyletxError, match=r"The recipe in odd.png has settings that are not valid here."
    ):
        read_recipe(tmp_path / "odd.png")


def test_a_recipe_of_a_version_that_knows_more_says_which(tmp_path):
    note = {"styletx": "9.1", "settings": {"glaze": 2}, "inputs": {}}
    save(PICTURE, tmp_path / "new.png", note=json.dumps(note))
    with pytest.raises(
        StyletxError, match=r"painted by styletx 9.1, which knows the setting glaze;"
    ):
        read_recipe(tmp_path / "new.png")


HOSTILE = "<img src=//a.cd>"


@pytest.mark.parametrize(
    "settings",
    [{}, {HOSTILE: 1}, {"colors": HOSTILE}, {"style_layers": HOSTILE}, {"seed": HOSTILE}],
)
def test_what_somebody_else_wrote_into_a_recipe_is_shown_to_nobody(tmp_path, settings):
    facts = dict.fromkeys(("styletx", "weights", "device"), HOSTILE)
    inputs = {
        HOSTILE: 1,
        "content": HOSTILE,
        "share_2": HOSTILE,
        "share_3": 1e9,
        "style": "ab" * 32,
    }
    note = json.dumps({**facts, "settings": settings, "inputs": inputs})
    save(PICTURE, tmp_path / "odd.png", note=note)
    if settings:
        with pytest.raises(StyletxError) as refused:
            read_recipe(tmp_path / "odd.png")
        assert "<" not in str(refused.value)
    else:
        recipe = read_recipe(tmp_path / "odd.png")
        assert (recipe.version, recipe.weights, recipe.device) == ("unknown",) * 3
        assert recipe.inputs == {"style": "ab" * 32}


def test_a_recipe_of_before_a_setting_leaves_it_at_its_default(tmp_path):
    save(PICTURE, tmp_path / "old.png", note='{"settings": {"size": 300}, "inputs": {}}')
    assert read_recipe(tmp_path / "old.png").settings == Settings(size=300)


@pytest.mark.parametrize(
    ("told", "finished"),
    [({"step": 3, "steps": 3}, True), ({"step": 2, "steps": 3}, False), ({}, False)],
)
def test_a_recipe_says_whether_all_steps_were_taken(tmp_path, told, finished):
    note = json.dumps({"settings": {}, "inputs": {}, **told})
    save(PICTURE, tmp_path / "painted.png", note=note)
    assert read_recipe(tmp_path / "painted.png").finished is finished


def test_a_comment_that_is_not_ours_is_no_recipe(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0hello"
    PICTURE.save(tmp_path / "other.jpg", exif=exif)
    assert read_metadata(tmp_path / "other.jpg") == ""


def test_what_is_not_the_same_is_named(tmp_path):
    recipe = read_recipe(painted(tmp_path))
    assert differing_inputs(recipe, INPUTS) == []
    other = {"content": INPUTS["content"], "style": "ee" * 32, "keep_mask": "ff" * 32}
    assert differing_inputs(recipe, other) == ["style", "share_2", "keep_mask"]
