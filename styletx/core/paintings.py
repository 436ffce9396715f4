"""Paintings as the network sees them: what is invisible, or a frame, counts for nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from PIL import Image, ImageStat
from torch import Tensor

from styletx.errors import ImageError
from styletx.events import Style
from styletx.imaging.files import fill_transparent, normalize
from styletx.imaging.framing import painted_box

from .regions import check_styles

FLAT_LEVELS = 1.0  # of 255: standard deviation up to which a picture is of one colour


class Painting(NamedTuple):
    """A painting (1, 3, H, W) at the size of a level, how much of each pixel shows (1, 1, H, W),
    None for all of it, and its share."""

    image: Tensor
    visible: Tensor | None
    share: float


def prepared_styles(styles: Sequence[Style], frame: str) -> tuple[list[Style], list[str]]:
    """Return the styles with a share, their pictures normalized and cut to what counts of them, as
    the setting `frame` says; and a sentence for each frame that was left out. Raises
    `StyletxError`, also for a painting of one flat colour."""
    check_styles([(style.picture, style.share, style.mask) for style in styles])
    prepared, notes = [], []
    for place, style in enumerate(styles, start=1):
        if style.picture is None or not style.share:
            continue
        picture = visible_part(normalize(style.picture), f"Painting {place}")
        box = painted_box(picture) if frame == "crop" else (0, 0, *picture.size)
        painted = picture.crop(box)
        if painted.size != picture.size:
            whole, part = (f"{one.width}x{one.height}" for one in (picture, painted))
            notes.append(
                f"The frame of painting {place} is left out: {part} of {whole} pixels count."
            )
        prepared.append(replace(style, picture=painted))
    return prepared, notes


def visible_part(picture: Image.Image, name: str) -> Image.Image:
    """Return a normalized painting without transparent borders, and with colours from around where
    it is transparent. Raises `ImageError`, which calls it by `name`."""
    where = None
    if picture.mode == "RGBA":
        box = picture.getchannel("A").getbbox()
        if box is None:
            raise ImageError(f"{name} is transparent all over; choose one that shows something.")
        picture = normalize(picture.crop(box), f"What shows of {name.lower()}")
    if picture.mode == "RGBA":
        picture = fill_transparent(picture)
        alpha = picture.getchannel("A")
        least = ImageStat.Stat(alpha).extrema[0][1] / 2  # fainter edges may have any colour
        where = alpha.point(lambda value: 255 if value >= least else 0)
    colors = ImageStat.Stat(picture.convert("RGB"), where)
    if max(colors.stddev) <= FLAT_LEVELS:
        shown = "#" + "".join(f"{round(level):02x}" for level in colors.mean)
        ground = " What is transparent does not count: lay it on a ground of another colour first."
        raise ImageError(
            f"{name} is of one flat colour, {shown}, which holds no brush strokes."
            + (ground if where else " Choose one with more to see.")
        )
    return picture
