import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageOps

from styletx import Settings, Style, StyletxError, stylize
from styletx.core.regions import build_regions
from tests.helpers.scripted import slow_steps

SETTINGS = Settings(size=96, steps=3)


def paint(content, styles, eye, settings=SETTINGS, **given):
    *_, result = stylize(content, styles, settings, weights=eye, **given)
    return result.picture


PAINTED = []


@pytest.fixture
def plain(sunset, weave, eye):
    """The sunset in the manner of the weave and no more, painted once for all who compare."""
    if not PAINTED:
        PAINTED.append(paint(sunset, [Style(weave)], eye))
    return PAINTED[0]


def half(size, side="left", soft=0):
    """A mask that is white on one side."""
    width, height = size
    ramp = np.arange(width) < width // 2
    if side == "right":
        ramp = ~ramp
    return Image.fromarray(np.tile(np.uint8(ramp) * (255 - soft), (height, 1)))


def left(picture):
    return np.asarray(picture)[:, :40].astype(float)


def right(picture):
    return np.asarray(picture)[:, 56:].astype(float)


def test_what_is_kept_stays_the_photo_and_the_rest_does_not(sunset, weave, eye):
    kept = paint(sunset, [Style(weave)], eye, keep_mask=half(sunset.size))
    assert (left(kept) == left(sunset)).all()
    assert np.abs(right(kept) - right(sunset)).mean() > 20


def test_a_painting_with_a_mask_leaves_the_rest_a_photo(sunset, weave, eye):
    painted = paint(sunset, [Style(weave, mask=half(sunset.size, "right"))], eye)
    assert (left(painted) == left(sunset)).all()
    assert np.abs(right(painted) - right(sunset)).mean() > 20


def test_grey_is_in_between(sunset, weave, eye, plain):
    half_kept = paint(sunset, [Style(weave)], eye, keep_mask=half(sunset.size, soft=127))
    distances = [np.abs(left(p) - left(sunset)).mean() for p in (half_kept, plain)]
    assert 0.2 * distances[1] < distances[0] < 0.8 * distances[1]


def test_each_painter_keeps_to_its_region(sunset, weave, eye, plain):
    """The green painting colours its own half, and only that."""
    green = Image.new("RGB", (64, 64), (20, 200, 60))
    green.paste((30, 190, 70), (0, 0, 64, 32))

    def greenness(part):
        red, green, blue = part.reshape(-1, 3).mean(axis=0)
        return green - (red + blue) / 2

    mask = half(sunset.size, "right")
    both = paint(sunset, [Style(weave), Style(green, mask=mask)], eye)
    assert greenness(right(both)) > greenness(right(plain)) + 40
    assert abs(greenness(left(both)) - greenness(left(plain))) < 12


def test_a_share_of_nothing_is_as_if_the_painting_were_not_there(sunset, weave, eye, plain):
    mask = half(sunset.size)
    two = [Style(weave), Style(sunset, 0.0, mask)]
    assert paint(sunset, two, eye).tobytes() == plain.tobytes()
    two = [Style(weave, 0.3), Style(sunset, 0.0)]
    assert paint(sunset, two, eye).tobytes() == plain.tobytes()


def test_a_mask_that_is_white_everywhere_is_no_mask(sunset, weave, eye, plain):
    masked = paint(sunset, [Style(weave, mask=Image.new("L", sunset.size, 255))], eye)
    assert np.abs(np.asarray(masked).astype(float) - np.asarray(plain)).mean() < 2


def test_regions_add_up_to_what_is_not_kept(sunset, weave):
    size = (96, 64)
    first, second = (Style(weave, mask=half(size, "right")) for _ in range(2))  # they overlap
    keep = Image.new("L", size)
    ImageDraw.Draw(keep).rectangle((0, 0, 95, 9), fill=255)
    regions = build_regions(
        [Style(weave, 2.0), Style(weave, 6.0), first, second], keep, sunset, size
    )
    whole = sum(region.where for region in regions)
    assert (whole[..., :10, :] == 0).all()
    assert torch.allclose(whole[..., 10:, :], torch.ones(54, 96))
    assert torch.equal(regions[0].where, regions[1].where)
    assert [[style.share for style in region.styles] for region in regions] == [
        [1],
        [1],
        [0.25, 0.75],
    ]


def test_transparency_stays_and_what_is_invisible_is_not_looked_at(sunset, weave, eye):
    ghost = sunset.copy()
    ghost.putalpha(half(sunset.size, "right"))
    painted = paint(ghost, [Style(weave)], eye)
    assert painted.mode == "RGBA"
    assert painted.getchannel("A").tobytes() == half(sunset.size, "right").tobytes()
    assert np.abs(right(painted)[..., :3] - right(sunset)).mean() > 20


def faint(picture, alpha=128):
    ghost = picture.copy()
    ghost.putalpha(alpha)
    return ghost


def test_half_transparent_colours_are_painted_as_if_they_were_opaque(sunset, weave, eye, plain):
    """Their alpha counts once, where the result is laid on something, and not here as well."""
    painted = paint(faint(sunset), [Style(weave)], eye)
    assert painted.getchannel("A").getextrema() == (128, 128)
    assert np.abs(np.asarray(painted)[..., :3].astype(float) - np.asarray(plain)).mean() < 1


def test_a_transparent_photo_comes_back_unchanged_at_no_strength(sunset, weave, eye):
    nothing = Settings(size=96, style_weight=0.0)
    given = faint(sunset)
    given.paste((0, 0, 0, 0), (0, 0, 20, 64))
    painted = np.asarray(paint(given, [Style(weave)], eye, nothing))
    shows = np.asarray(given)[..., 3] > 0
    assert (painted[shows] == np.asarray(given)[shows]).all()
    assert (painted[..., 3] == np.asarray(given)[..., 3]).all()


def test_going_on_from_a_transparent_picture_whitens_nothing(sunset, weave, eye):
    first = paint(faint(sunset), [Style(weave)], eye)
    *_, result = stylize(
        faint(sunset),
        [Style(weave)],
        Settings(size=96, steps=1, learning_rate=0.001),
        weights=eye,
        init_image=first,
    )
    assert np.abs(np.asarray(result.picture).astype(float) - np.asarray(first)).mean() < 1


@pytest.mark.parametrize("colors", ["photo", "luminance"])
@pytest.mark.parametrize("hidden", ["masked", "transparent"])
def test_only_what_is_painted_decides_on_the_photos_colours(weave, eye, colors, hidden):
    """A dark photo, two thirds of which are bright but not to be painted, or invisible."""
    dark = Image.new("RGB", (96, 64), (30, 40, 60))
    dark.paste((50, 40, 30), (0, 0, 96, 30))
    bright = dark.copy()
    bright.paste((250, 250, 240), (32, 0, 96, 64))
    mask = Image.new("L", dark.size)
    mask.paste(255, (0, 0, 32, 64))
    settings = Settings(size=96, steps=3, colors=colors)
    if hidden == "masked":
        painted = paint(bright, [Style(weave, mask=mask)], eye, settings)
    else:
        bright.putalpha(mask)
        painted = paint(bright, [Style(weave)], eye, settings)
    alone = paint(dark, [Style(weave)], eye, settings)
    found, wanted = (np.asarray(p)[:, 4:24, :3].astype(float).mean() for p in (painted, alone))
    assert abs(found - wanted) < 15


@pytest.mark.parametrize(
    "chosen",
    [
        {"colors": "luminance"},
        {"colors": "photo"},
        {"colors": "only"},
        {"method": "gatys"},
        {"optimizer": "adam"},
        {"style_weight": 0.5},
        {"style_weight": 0.0},
        {"init": "noise"},
        {"seconds": 0.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("go_on", [False, True])
def test_everything_goes_together(sunset, weave, eye, monkeypatch, chosen, go_on):
    """A transparent photo, a painting with a mask, something kept, and every kind of wish."""
    slow_steps(monkeypatch, 0.05)
    content = faint(sunset, 200)
    keep = Image.new("L", sunset.size)
    keep.paste(255, (0, 0, 96, 16))
    styles = [Style(weave), Style(sunset.rotate(180), mask=half(sunset.size, "right"))]
    begun = sunset if go_on else None
    settings = Settings(**{"size": 96, "steps": 2, **chosen})
    picture = paint(content, styles, eye, settings, keep_mask=keep, init_image=begun)
    assert (picture.size, picture.mode) == ((96, 64), "RGBA")
    kept = np.asarray(picture)[:14, :, :3].astype(float) - np.asarray(sunset)[:14]
    assert np.abs(kept).max() <= (60 if chosen.get("colors") == "luminance" else 1)


@pytest.mark.parametrize("mode", ["RGBA", "I;16", "1", "P"])
def test_masks_may_be_of_any_kind(sunset, weave, eye, mode):
    mask = half(sunset.size)
    if mode == "RGBA":  # drawn in black on nothing: what is not there does not count
        mask = Image.merge("RGBA", [mask, mask, mask, mask])
    elif mode == "I;16":
        mask = Image.fromarray(np.asarray(mask).astype(np.uint16) * 257)
    else:
        mask = mask.convert(mode)
    kept = paint(sunset, [Style(weave)], eye, keep_mask=mask)
    assert (left(kept) == left(sunset)).all()
    assert np.abs(right(kept) - right(sunset)).mean() > 20


@pytest.mark.parametrize("chosen", [{}, {"colors": "photo"}, {"colors": "luminance"}], ids=str)
def test_what_is_invisible_of_a_painting_counts_for_nothing(sunset, weave, eye, chosen):
    """A hole, whatever its colour, changes little, and a transparent border nothing."""
    settings = Settings(size=96, steps=3, **chosen)
    plain = paint(sunset, [Style(weave)], eye, settings)
    shows = Image.new("L", weave.size, 255)
    shows.paste(0, (12, 12, 52, 52))
    pictures = []
    for hidden in ("white", "red"):
        holed = Image.composite(weave, Image.new("RGB", weave.size, hidden), shows)
        holed.putalpha(shows)
        pictures.append(paint(sunset, [Style(holed)], eye, settings))
    assert pictures[0].tobytes() == pictures[1].tobytes()
    means = [np.asarray(picture).mean(axis=(0, 1)) for picture in (plain, pictures[0])]
    assert np.abs(means[0] - means[1]).max() < 8
    bordered = Image.new("RGBA", (100, 80), (255, 0, 0, 0))
    bordered.paste(weave, (20, 8))
    assert paint(sunset, [Style(bordered)], eye, settings).tobytes() == plain.tobytes()


def test_a_frame_is_left_out_unless_it_is_kept(sunset, weave, eye):
    framed = Style(ImageOps.expand(weave.resize((200, 200)), 60, "white"))
    found = {}
    for frame in ("crop", "keep"):
        settings = Settings(size=96, steps=2, frame=frame)
        *_, found[frame] = stylize(sunset, [framed], settings, weights=eye)
    whole = paint(sunset, [Style(weave)], eye, replace(SETTINGS, steps=2))
    light = {name: np.asarray(result.picture).mean() for name, result in found.items()}
    assert abs(light["crop"] - np.asarray(whole).mean()) < 8
    assert light["keep"] > light["crop"] + 20
    (note,) = found["crop"].notes
    assert re.fullmatch(
        r"The frame of painting 1 is left out: 1\d\dx1\d\d of 320x320 pixels count\.", note
    )
    assert found["keep"].notes == ()


def drawing(color, ground):
    picture = Image.new("RGBA", (64, 64), ground)
    for place in range(0, 64, 8):
        ImageDraw.Draw(picture).line((place, 0, 63 - place, 63), color, 2)
    return picture


@pytest.mark.parametrize(
    ("painting", "sentence"),
    [
        (
            Image.new("RGB", (975, 1865), "teal"),
            "Painting 2 is of one flat colour, #008080, which ",
        ),
        (Image.new("L", (64, 64), 255), "#ffffff, which holds no brush strokes. Choose one with"),
        (drawing("white", (0, 0, 0, 0)), "lay it on a ground of another colour first."),
        (drawing("white", "white"), "Choose one with more to see."),
        (
            Image.new("RGBA", (64, 64), (9, 9, 9, 0)),
            "Painting 2 is fully transparent: there is nothing",
        ),
    ],
)
def test_a_painting_of_one_flat_colour_gets_a_sentence(sunset, weave, eye, painting, sentence):
    with pytest.raises(StyletxError) as refused:
        paint(sunset, [Style(weave), Style(painting)], eye)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("masks", "keep_mask", "sentence"),
    [
        (["black"], None, "a mask must be white somewhere"),
        ([None], "white", "neither what is kept as a photo nor what is transparent"),
        ([None, "white"], None, "Nothing is left to do for one of the paintings"),
        (["square"], None, "A mask is 64x64 pixels, the photo 96x64: they need the same shape."),
        ([None], "square", "A mask is 64x64 pixels, the photo 96x64: they need the same shape."),
        (["tiny"], None, "The mask is 30x10 pixels; each side needs at least 16."),
    ],
)
def test_impossible_masks_are_explained(sunset, weave, eye, masks, keep_mask, sentence):
    made = {
        "black": Image.new("L", sunset.size),
        "white": Image.new("L", sunset.size, 255),
        "square": Image.new("L", (64, 64), 255),
        "tiny": Image.new("L", (30, 10), 255),
        None: None,
    }
    styles = [Style(weave, mask=made[mask]) for mask in masks]
    with pytest.raises(StyletxError) as refused:
        paint(sunset, styles, eye, keep_mask=made[keep_mask])
    assert sentence in str(refused.value)


def test_a_mask_without_a_picture_is_explained(sunset, weave, eye):
    with pytest.raises(StyletxError, match="Painting 2 has a mask, but no picture"):
        paint(sunset, [Style(weave), Style(None, mask=half(sunset.size))], eye)
