"""The command line for one picture: what its options choose, and what it says."""

from dataclasses import replace

import pytest
from PIL import Image

import styletx.cli.paint as command_line
from styletx import FIELDS, PRESETS, Settings, StyletxError
from styletx.imaging.files import save
from styletx.recipe import fingerprint, input_fingerprints, read_recipe, to_json
from tests.helpers.scripted import FACTS, PICTURE, progress, result
from tests.helpers.settings import OTHER


def test_every_setting_has_an_option_with_the_same_default():
    options = {
        option for action in command_line.parser()._actions for option in action.option_strings
    }
    assert {"--" + name.replace("_", "-") for name in FIELDS} <= options
    told = " ".join(command_line.parser().format_help().split())
    assert all(f"default {getattr(Settings(), name)})" in told for name in FIELDS)


def test_the_result_is_written_with_the_settings_chosen(paint, files):
    assert paint("--size", "64", "--init", "noise", "--weights", "hub") == 0
    besides = {"weights": "hub", "keep_mask": None, "init_image": None, "precision": None}
    assert paint.given == (Settings(size=64, init="noise"), besides)
    with Image.open(files / "out.png") as picture:
        assert picture.size == (40, 40)


def test_every_setting_is_handed_on(paint):
    options = [
        word
        for name, value in OTHER.items()
        for word in ("--" + name.replace("_", "-"), str(value))
    ]
    assert paint(*options) == 0
    assert paint.given[0] == Settings(**OTHER)


def test_a_preset_is_what_the_options_change(paint):
    assert paint("--preset", "pure-texture", "--steps", "9", "--style-weight", "1") == 0
    assert paint.given[0] == replace(PRESETS["Pure texture"], steps=9, style_weight=1.0)


def test_paintings_have_their_shares_and_their_masks_and_some_of_the_photo_is_kept(paint, files):
    Image.new("L", (96, 64), 255).save(files / "mask.png")
    more = [str(files / "photo.png"), "--shares", "2", "0.5"]
    assert (
        paint(
            *more, "--masks", "-", str(files / "mask.png"), "--keep-mask", str(files / "mask.png")
        )
        == 0
    )
    first, second = paint.styles
    assert (first.picture.size, first.share, first.mask) == ((64, 64), 2.0, None)
    assert (second.picture.size, second.share, second.mask.size) == ((96, 64), 0.5, (96, 64))
    assert paint.given[1]["keep_mask"].size == (96, 64)


def test_a_picture_to_go_on_with_takes_the_place_of_a_start(paint, files):
    assert paint("--init", str(files / "painting.png")) == 0
    assert paint.given[0] == Settings()
    assert paint.given[1]["init_image"].size == (64, 64)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--masks", "-", "-"], "For 1 painting you gave 2 masks; give as many, or none."),
        (["--shares", "1", "2"], "For 1 painting you gave 2 shares; give as many, or none."),
        (["--shares", "-1"], "The share of painting 1 is -1.0, but must lie between 0 and 1000."),
        (["--init", "nowhere.png"], "There is no file nowhere.png."),
        (
            ["https://here.org/a.jpg?w=9"],
            "https://here.org/a.jpg?w=9 is an address, not a file. Please download the picture and",
        ),
        (["--recipe", "http://here/a.png"], "http://here/a.png is an address, not a file. Please"),
        (["--init", "nois"], "init is 'nois', but must be colors, photo or noise."),
        (["--preset", "Water"], "Unknown preset 'Water'. Available: Quick sketch, Oil"),
        (["--style-layers", "conv3_1"], "style_layers names 'conv3_1'; did you mean relu3_1?"),
        (["a.png", "b.png", "c.png", "d.png"], "There are 5 paintings, but at most 4"),
    ],
)
def test_what_does_not_go_together_is_explained(paint, capsys, options, sentence):
    assert paint(*options) == 1
    assert sentence in capsys.readouterr().err


def test_a_wrong_setting_is_explained_without_a_traceback(paint, capsys):
    assert paint("--size", "8") == 1
    assert capsys.readouterr().err == "size is 8, but must lie between 64 and 4096.\n"


def test_a_wrong_option_is_a_usage_error(paint, capsys):
    for options in (["--size", "large"], ["--method", "magic"], ["--shade", "red"]):
        with pytest.raises(SystemExit) as ended:
            paint(*options)
        assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_refused_before_the_work(paint, files, capsys):
    paint.events = [AssertionError("it painted all the same")]
    paint.out = files / "out.txt"
    assert paint() == 1
    assert "must end in one of .png" in capsys.readouterr().err
    paint.out = files / "no" / "out.png"
    assert paint() == 1
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


@pytest.fixture
def kept(files):
    """A picture that was painted of photo.png in the manner of painting.png."""
    paths = {"content": files / "photo.png", "style": files / "painting.png"}
    event = replace(result(), settings=Settings(size=300, detail=2.0), device="cpu, bfloat16")
    save(PICTURE, files / "kept.png", note=to_json(event, input_fingerprints(paths, {})))
    return files / "kept.png"


def test_the_result_carries_its_recipe(paint, files):
    assert paint("--keep-mask", str(files / "photo.png")) == 0
    recipe = read_recipe(paint.out)
    fingerprints = {name: fingerprint(files / f"{name}.png") for name in ("photo", "painting")}
    assert recipe.inputs == {
        "content": fingerprints["photo"],
        "style": fingerprints["painting"],
        "keep_mask": fingerprints["photo"],
    }


def test_a_recipe_is_followed_with_what_is_chosen_besides(paint, kept, capsys):
    assert paint("--recipe", str(kept), "--steps", "9") == 0
    assert paint.given[0] == Settings(size=300, detail=2.0, steps=9)
    assert paint.given[1]["precision"] == "bfloat16"
    assert "Note:" not in capsys.readouterr().err


def test_what_is_not_as_in_the_recipe_is_noted(paint, kept, files, capsys):
    Image.new("RGB", (64, 64)).save(files / "painting.png")
    assert paint("--recipe", str(kept), "--keep-mask", str(files / "photo.png")) == 0
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "Note: painting is not what kept.png was painted with.",
        "Note: what is to stay the photo is not what kept.png was painted with.",
    ]


def test_a_recipe_is_not_painted_over_nor_mixed_with_a_preset(paint, kept, capsys):
    assert paint("--recipe", str(kept), "--preset", "oil") == 1
    assert "Please give either a preset or a recipe, not both." in capsys.readouterr().err
    paint.out = kept
    assert paint("--recipe", str(kept)) == 1
    assert "would be written over itself" in capsys.readouterr().err


def test_a_picture_without_a_recipe_cannot_be_repeated(paint, files, capsys):
    assert paint("--recipe", str(files / "photo.png")) == 1
    assert "photo.png holds no recipe." in capsys.readouterr().err
