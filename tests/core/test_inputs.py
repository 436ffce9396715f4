"""Every wish changes the picture, in the way that it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageStat

from styletx import PRESETS, Settings, Style, StyletxError, stylize
from styletx.core import inputs
from styletx.core.color import to_oklab
from styletx.core.tensors import to_tensor

CPU = torch.device("cpu")


def run(content, style, eye, init_image=None, **chosen):
    settings = Settings(**{"size": 96, "steps": 6, **chosen})
    return list(
        stylize(
            content, [Style(style)], settings, weights=eye, init_image=init_image, report_every=0
        )
    )


def paint(content, style, eye, init_image=None, **chosen):
    return run(content, style, eye, init_image, **chosen)[-1].picture


PAINTED = {}


@pytest.fixture
def painted(sunset, weave, eye):
    """The sunset in the manner of the weave, painted once for all who want it so."""

    def found(**chosen):
        wishes = tuple(chosen.items())
        if wishes not in PAINTED:
            PAINTED[wishes] = paint(sunset, weave, eye, **chosen)
        return PAINTED[wishes]

    return found


def apart(one, other):
    """Mean difference of two pictures, of 255."""
    return np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean()


def colors(picture):
    """Oklab's green to red and blue to yellow (2, H, W)."""
    return to_oklab(to_tensor(picture, picture.size, CPU))[0, 1:]


@pytest.mark.parametrize(
    "chosen",
    [
        {"style_weight": 3.0},
        {"style_weight": 0.5},
        {"style_scale": 2.0},
        {"style_scale": 0.5},
        {"colors": "photo"},
        {"colors": "luminance"},
        {"colors": "only"},
        {"content_weight": 4.0},
        {"detail": 8.0, "size": 256},
        {"smoothness": 5.0},
        {"init": "photo"},
        {"init": "noise"},
        {"init": "noise", "seed": 5},
        {"method": "gatys"},
        {"optimizer": "adam"},
        {"learning_rate": 0.01},
        {"style_layers": "relu1_1 relu2_1"},
        {"style_layers": "relu1_1=20 relu2_1 relu3_1 relu4_1 relu5_1"},
        {"content_layers": "relu2_1"},
        {"steps": 3},
    ],
    ids=str,
)
def test_no_control_does_nothing(sunset, weave, eye, painted, chosen):
    size = {"size": chosen.get("size", 96), "steps": 6}
    assert apart(paint(sunset, weave, eye, **{**size, **chosen}), painted(**size)) > 0.5


def test_a_strength_of_nothing_gives_the_photo_back(sunset, weave, eye):
    *_, result = run(sunset, weave, eye, style_weight=0.0, init="noise")
    assert result.picture.tobytes() == sunset.tobytes()
    assert (result.step, result.stopped) == (0, False)


def test_the_stronger_the_style_the_farther_from_the_photo(sunset, weave, eye):
    distances = [
        apart(paint(sunset, weave, eye, style_weight=strength, steps=8), sunset)
        for strength in (0.0, 0.25, 0.5, 1.0)
    ]
    assert distances == sorted(distances)
    assert distances[1] < distances[3] / 2


def test_at_full_strength_nothing_is_left_of_the_content(sunset, weave, eye):
    event, *_ = run(sunset, weave, eye, style_weight=10.0, steps=1)
    assert event.losses["content"] == 0


def test_with_the_photos_lightness_only_painted_its_colours_stay(sunset, weave, eye):
    painted = paint(sunset, weave, eye, colors="luminance")
    assert (colors(painted) - colors(sunset)).abs().mean() < 0.02
    lightness = [to_oklab(to_tensor(p, p.size, CPU))[0, 0] for p in (painted, sunset)]
    assert (lightness[0] - lightness[1]).abs().mean() > 0.005


def test_a_painting_in_the_photos_colours_leaves_their_mean_and_spread(sunset, weave, eye):
    recolored, plain = (
        ImageStat.Stat(paint(sunset, weave, eye, colors=c)) for c in ("photo", "painting")
    )
    photo = ImageStat.Stat(sunset)
    assert np.abs(np.subtract(recolored.mean, photo.mean)).max() < 12
    assert np.abs(np.subtract(plain.mean, photo.mean)).max() > 20
    strayed = [np.abs(np.subtract(s.stddev, photo.stddev)).max() for s in (recolored, plain)]
    assert strayed[0] < strayed[1]


def test_with_colours_only_nothing_moves(sunset, weave, eye):
    events = run(sunset, weave, eye, colors="only")
    assert [event.step for event in events] == [0]
    edges = [
        np.abs(np.diff(np.asarray(p.convert("L"), dtype=float)))
        for p in (events[0].picture, sunset)
    ]
    assert np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1] > 0.7
    assert apart(events[0].picture, sunset) > 20


@pytest.mark.parametrize("way", ["painting", "photo", "luminance", "only"])
@pytest.mark.parametrize("grey", ["photo", "painting", "both", "flat"])
def test_grey_pictures_never_fail(sunset, weave, eye, way, grey):
    photo = sunset.convert("L") if grey in ("photo", "both") else sunset
    painting = weave.convert("L") if grey in ("painting", "both") else weave
    if grey == "flat":
        photo = Image.new("L", (96, 64), 0)
    picture = paint(photo, painting, eye, colors=way, steps=1)
    assert picture.size == (96, 64)
    if way == "luminance" and grey in ("photo", "both"):
        assert colors(picture).abs().max() < 0.02


def test_larger_brushes_show_the_network_a_larger_painting(sunset, weave, eye, monkeypatch):
    def sides(scale):
        seen = []
        monkeypatch.setattr(inputs, "to_tensor", lambda *a: seen.append(a[1]) or to_tensor(*a))
        run(sunset, weave, eye, style_scale=scale, steps=1, size=64)
        return {size for size in seen if size[0] == size[1]}

    assert (sides(1.0), sides(2.0), sides(0.5)) == ({(64, 64)}, {(128, 128)}, {(32, 32)})


def test_it_begins_with_what_was_begun_and_paints_no_coarser_size_again(sunset, weave, eye):
    begun = Image.new("RGB", (96, 64), (10, 200, 30))
    first, *_ = run(sunset, weave, eye, init_image=begun, steps=2)
    assert first.preview.tobytes() == begun.tobytes()
    assert (first.levels, first.level) == (1, 1)


def test_the_picture_that_was_begun_is_never_squeezed(sunset, weave, eye):
    tall = Image.new("RGB", (64, 128), (10, 200, 30))
    tall.paste((200, 0, 0), (0, 0, 64, 20))
    first, *_ = run(sunset, weave, eye, init_image=tall, steps=1)
    assert first.preview.getpixel((48, 32)) == (10, 200, 30)
    assert first.preview.getpixel((48, 2)) == (10, 200, 30)  # its top is cut off


def test_twice_the_size_adds_one_finer_level(sunset, weave, eye):
    small = paint(sunset, weave, eye, size=128)
    first, *_, result = run(sunset, weave, eye, init_image=small, size=256, steps=3)
    assert (result.levels, result.picture.size) == (1, (256, 171))
    assert "composition" in first.losses
    assert (
        apart(result.picture.resize(small.size), small)
        < apart(small, sunset.resize(small.size)) / 2
    )


def test_going_on_brings_the_style_closer(sunset, weave, eye):
    once = run(sunset, weave, eye)
    more = run(sunset, weave, eye, init_image=once[-1].picture)
    assert more[-1].losses["total"] < once[-1].losses["total"]


def test_going_on_where_only_lightness_is_painted_keeps_the_photos_colours(
    sunset, weave, eye, painted
):
    begun = painted(size=96, steps=3)
    more = paint(sunset, weave, eye, init_image=begun, colors="luminance", steps=2)
    assert (colors(more) - colors(sunset)).abs().mean() < 0.02


def test_what_was_begun_must_be_a_picture_with_something_to_see(sunset, weave, eye):
    with pytest.raises(StyletxError, match="The picture to go on with is 12x12 pixels"):
        run(sunset, weave, eye, init_image=Image.new("RGB", (12, 12)))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_paints(sunset, weave, eye, name):
    settings = replace(PRESETS[name], size=96, steps=2)
    *_, result = stylize(sunset, [Style(weave)], settings, weights=eye)
    assert result.step == 2
    assert apart(result.picture, sunset) > 1
