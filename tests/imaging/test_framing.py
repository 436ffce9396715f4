"""Frames: what lies around a painting is found, and nothing of a painting is taken for it."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps, ImageStat

from styletx.imaging.files import read_image
from styletx.imaging.framing import painted_box
from tests.helpers.paths import ASSETS

BROWN, CREAM, BLACK = (96, 62, 35), (238, 232, 220), (6, 6, 8)


def jpeg(picture):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return Image.open(file).convert("RGB")


def turned(picture, degrees, ground):
    return picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=ground)


def on_a_wall(picture):
    """It is lit from one side, and grainy."""
    lit = np.linspace(190, 230, picture.width + 300)[:, None] - np.array([0, 4, 14])
    noise = np.random.default_rng(0).normal(0, 2, (picture.height + 250, len(lit), 3))
    wall = Image.fromarray((lit + noise).round().astype(np.uint8))
    wall.paste(picture, (120, 90))
    return wall


def small_on_black(picture):
    ground = Image.new("RGB", picture.size)
    third = picture.resize((picture.width // 3, picture.height // 3))
    ground.paste(third, (picture.width // 5, picture.height // 3))
    return ground


FRAMED = {
    "white mat": lambda p: ImageOps.expand(p, 250, "white"),
    "white mat, JPEG": lambda p: jpeg(ImageOps.expand(p, 250, "white")),
    "frame": lambda p: ImageOps.expand(p, 60, BROWN),
    "frame and mat": lambda p: ImageOps.expand(ImageOps.expand(p, 90, CREAM), 50, BROWN),
    "frame on a wall": lambda p: on_a_wall(ImageOps.expand(p, 30, BROWN)),
    "small on black": small_on_black,
    "white rim on black, JPEG": lambda p: jpeg(
        ImageOps.expand(ImageOps.expand(p, 25, CREAM), 150, BLACK)
    ),
    "askew on white": lambda p: ImageOps.expand(turned(p, 1, "white"), 100, "white"),
    "askew on black": lambda p: ImageOps.expand(turned(p, -0.5, BLACK), 90, BLACK),
}


def light(picture):
    return ImageStat.Stat(picture.convert("L")).mean[0]


@pytest.mark.parametrize("kind", FRAMED)
@pytest.mark.parametrize("name", ["great_wave", "poppies"])
def test_what_lies_around_a_painting_is_found(kind, name):
    painting = read_image(ASSETS / f"paintings/{name}.jpg", 500)
    framed = FRAMED[kind](painting)
    assert abs(light(framed.crop(painted_box(framed))) - light(painting)) < 5


@pytest.mark.parametrize("path", sorted(ASSETS.glob("p*/*.jpg")), ids=lambda path: path.stem)
def test_nothing_of_a_picture_without_a_frame_is_taken_for_one(path):
    picture = read_image(path, 500)
    assert painted_box(picture) == (0, 0, *picture.size)


def squares(*colors):
    picture = Image.new("RGB", (300, 300), colors[0])
    for place, color in enumerate(colors[1:], start=1):
        picture.paste(color, (50 * place, 50 * place, 300 - 50 * place, 300 - 50 * place))
    return picture


def disc():
    """A thing of its own shape on a plain ground, as in a picture for a catalogue."""
    picture = Image.new("RGB", (300, 300), "white")
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((60, 50, 250, 240), fill=255)
    picture.paste(Image.radial_gradient("L").resize((300, 300)).convert("RGB"), mask=mask)
    return picture


def sky_and_ground():
    picture = Image.new("RGB", (300, 200), "skyblue")
    picture.paste("olive", (0, 120, 300, 200))
    picture.paste("brown", (100, 60, 200, 160))
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        squares("white", "black"),
        squares("gold", "orange", "red"),
        Image.new("RGB", (300, 200), "teal"),
        disc(),
        sky_and_ground(),
        Image.merge("RGB", [Image.effect_noise((300, 300), 30)] * 3),
    ],
    ids=["black square", "nested squares", "flat", "disc", "sky and ground", "noise"],
)
def test_a_painting_that_looks_like_frames_is_left_whole(picture):
    assert painted_box(picture) == (0, 0, *picture.size)
