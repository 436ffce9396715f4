"""Animation of the making, from the photo to the picture."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from styletx.errors import Unwritable

from .files import flatten_alpha, read_image

MAX_SIDE_PX = 512  # pixels on the longer side
FRAME_MS = 150  # milliseconds that a frame is shown
FIRST_MS = 800  # the first, which is the photo
LAST_MS = 2500  # the last, which is the picture
QUALITY = 75  # of WebP, of 100
EFFORT = 0  # of WebP: more saves a sixth of the bytes and takes twice as long


def save_animation(photo: Path, previews: Sequence[Path], picture: Path, film: Path) -> None:
    """Write an animated WebP of the result's shape. Raises `ImageError`."""
    last = frame(picture)
    frames = [frame(path).resize(last.size) for path in (photo, *previews)]
    durations = [FIRST_MS, *[FRAME_MS] * len(previews), LAST_MS]
    try:
        frames[0].save(
            film,
            save_all=True,
            append_images=[*frames[1:], last],
            duration=durations,
            loop=0,
            quality=QUALITY,
            method=EFFORT,
        )
    except OSError as error:
        raise Unwritable(f"The film cannot be written: {error}.") from error


def frame(path: Path) -> Image.Image:
    """Return a picture at the film's size."""
    picture = flatten_alpha(read_image(path, MAX_SIDE_PX))
    side = min(MAX_SIDE_PX, max(picture.size))
    return ImageOps.contain(picture, (side, side))
