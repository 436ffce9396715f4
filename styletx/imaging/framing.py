"""Frames of paintings: mats, walls and scanner beds around them, found and left out."""

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from .convert import OPAQUE
from .opening import MIN_SIDE_PX

LOOKED_AT_PX = 384  # pixels on the longer side at which borders are searched
RING = 0.01  # of the longer side: the narrowest border
MAX_BORDERS = 4  # one within the other, as a mat in a frame on a wall
MIN_SIDE = 0.12  # of the looked at: a smaller thing in the middle is no painting
MIN_INLIERS = 0.97  # of the ring that is of the border's colour
TOLERANCE = (5.0, 18.0)  # levels of 255 by which its pixels may differ from it, as it is noisy
SLACK = 0.025  # of the longer side: how far an edge may run askew
EMPTY = 0.03  # of a line: what dust and JPEG leave on a border
FILLED = 0.6  # of a line just within an edge that must not look like the border
LEAST_FILLED = 0.3  # the same for one edge, where a sky may look like the mat
FLAT_LEVELS = 2.0  # of 255: standard deviation up to which nothing is painted
Pixels = np.ndarray[Any, np.dtype[np.float64]]
Box = tuple[int, int, int, int]  # left, top, right, bottom


class Edge(NamedTuple):
    """An edge of what lies within a border: its place, and how much of it differs from that."""

    place: int
    filled: float


def shown_box(picture: Image.Image) -> Box:
    """Return what shows of a normalized picture, without transparent borders; all if nothing
    does."""
    shows = picture.getchannel("A").getbbox() if picture.mode == "RGBA" else None
    return shows or (0, 0, *picture.size)


def painted_box(picture: Image.Image) -> Box:
    """Return where the painting is in what shows of a normalized picture, without the borders
    around it.

    A border is nearly uniform, or changes slowly, and lies on all four sides of a rectangle. All
    that shows is returned where there is none, where nothing is painted within, and where some of
    it is transparent: then it is cut out already.
    """
    shown = shown_box(picture)
    part = picture.crop(shown)
    if part.mode == "RGBA" and part.getchannel("A").getextrema() != (OPAQUE, OPAQUE):
        return shown
    small = part.convert("RGB")
    small.thumbnail((LOOKED_AT_PX, LOOKED_AT_PX), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64)
    left, top, right, bottom = 0, 0, small.width, small.height
    for _ in range(MAX_BORDERS):
        inner = without_border(pixels[top:bottom, left:right], MIN_SIDE * max(small.size))
        if inner is None:
            break
        left, top, right, bottom = left + inner[0], top + inner[1], left + inner[2], top + inner[3]
    across, down = part.width / small.width, part.height / small.height
    left_px, right_px = (shown[0] + round(place * across) for place in (left, right))
    top_px, bottom_px = (shown[1] + round(place * down) for place in (top, bottom))
    flat = pixels[top:bottom, left:right].std(axis=(0, 1)).max() <= FLAT_LEVELS
    narrow = min(right_px - left_px, bottom_px - top_px) < MIN_SIDE_PX
    return shown if flat or narrow else (left_px, top_px, right_px, bottom_px)


def without_border(pixels: Pixels, least: float) -> Box | None:
    """Return where the rectangle within a border lies in `pixels` (H, W, 3), at least `least` on
    each side; None without a border."""
    height, width = pixels.shape[:2]
    ring = max(2, round(RING * max(height, width)))
    if min(height, width) < least + 2 * ring:
        return None
    differs = differing(pixels, ring)
    if differs is None:
        return None
    rows, columns = (np.flatnonzero(differs.mean(axis=axis) > EMPTY) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return None
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    if min(left, top, width - right, height - bottom) < ring:
        return None
    part = differs[top:bottom, left:right]
    slack = max(3, round(SLACK * max(height, width)))
    across, down = part.mean(axis=0), part.mean(axis=1)
    edges = [edge(lines, slack) for lines in (across, down, across[::-1], down[::-1])]
    inner = left + edges[0].place, top + edges[1].place
    outer = right - edges[2].place, bottom - edges[3].place
    least_filled, *others = sorted(one.filled for one in edges)
    straight = least_filled >= LEAST_FILLED and others[0] >= FILLED
    large = min(outer[0] - inner[0], outer[1] - inner[1]) >= least
    return (*inner, *outer) if straight and large else None


def differing(pixels: Pixels, ring: int) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
    """Return which pixels (H, W) differ from the border, whose outermost `ring` pixels are of one
    colour that may change slowly; None if they are not."""
    height, width = pixels.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    shape = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    rim = np.ones((height, width), dtype=bool)
    rim[ring:-ring, ring:-ring] = False
    color = np.linalg.lstsq(shape[rim], pixels[rim], rcond=None)[0]
    away = np.abs(pixels - shape @ color).max(axis=2)
    tolerance = float(np.clip(4 * np.median(away[rim]), *TOLERANCE))
    differs = away > tolerance
    return differs if (~differs[rim]).mean() >= MIN_INLIERS else None


def edge(filled: Pixels, slack: int) -> Edge:
    """Return the edge where lines of pixels are `filled` most, within the first `slack` of them,
    and one line further in, where none of the border is left."""
    near = filled[:slack]
    place = int(np.argmax(near >= min(0.95, near.max())))
    return Edge(place + 1, float(near[place]))
