"""Paintings as the network sees them: what is invisible, or a frame, counts for nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from PIL import Image, ImageStat
from torch import Tensor

from styletx.errors import ImageError
from styletx.events import Style
from styletx.imaging.files import (
    fill_transparent,
    is_invisible,
    normalize,
    nothing_to_see,
)
from styletx.imaging.framing import painted_box, shown_box

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
        picture = normalize(style.picture)
        shown = shown_box(picture)
        box = painted_box(picture) if frame == "crop" else shown
        if box != shown:
            whole, part = (f"{x1 - x0}x{y1 - y0}" for x0, y0, x1, y1 in (shown, box))
            notes.append(
                f"The frame of painting {place} is left out: {part} of {whole} pixels count."
            )
        painted = visible_part(picture.crop(box), f"Painting {place}")
        prepared.append(replace(style, picture=painted))
    return prepared, notes


def visible_part(picture: Image.Image, name: str) -> Image.Image:
    """Return what shows of a normalized painting, with colours from around where it is
    transparent. Raises `ImageError`, which calls it by `name`."""
    if is_invisible(picture):
        raise ImageError(nothing_to_see(name))
    picture, where = normalize(picture, f"What shows of {name.lower()}"), None
    if picture.mode == "RGBA":
        picture = fill_transparent(picture)
        alpha = picture.getchannel("A")
        least = ImageStat.Stat(alpha).extrema[0][1] / 2  # fainter edges may have any colour
        where = alpha.point(lambda value: 255 if value >= least else 0)
    colors = ImageStat.Stat(picture.convert("RGB"), where)
    if max(colors.var) <= FLAT_LEVELS**2:  # rounding makes some a little less than 0
        shown = "#" + "".join(f"{round(level):02x}" for level in colors.mean)
        ground = " What is transparent does not count: lay it on a ground of another colour first."
        raise ImageError(
            f"{name} is of one flat colour, {shown}, which holds no brush strokes."
            + (ground if where else " Choose one with more to see.")
        )
    return picture
