"""Files that were cut off: read, as by every viewer, where nearly all of the picture is there."""

import io
from typing import Any

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from .guards import SCAN_BEGINS

KINDS = ("JPEG", "PNG")  # of others, browsers show nothing
MAX_MISSING = 0.1  # of the picture
END = b"\xff\xd9"  # of a JPEG
NOISE = bytes(range(1, 255))  # which could be pixels of a JPEG, and is no marker
GREY = 128  # what is missing in a JPEG
LEAST_ROWS = 2  # of a block's 8, which the picture's last need not have
WEIGHT_OF_LAST_SCAN = 1 / 3  # of a progressive JPEG: half of its bytes, but fine detail only
Pixels = np.ndarray[Any, np.dtype[Any]]
LOOK_SCALE = 4  # at which the first detail beside the mean of each block is still seen
BITS_LEFT = 15  # of a scan's last byte: how many bits of its coefficients are for later scans


def reduce_jpeg(picture: Image.Image, scale: int) -> None:
    """Have a JPEG decoded at 1/`scale`: 1, 2, 4 or 8."""
    width, height = picture.size
    picture.draft(picture.mode, (max(1, width // scale), max(1, height // scale)))


def load_cut(picture: ImageFile, scale: int) -> tuple[ImageFile, float]:
    """Decode a picture, a JPEG at 1/`scale`; return it, and how much of it is missing, from 0 to 1,
    since its file ends too early.

    That is grey in a JPEG, else black or transparent. More than `MAX_MISSING` raises `OSError`.
    """
    reduce_jpeg(picture, scale)
    file = picture.fp
    try:
        picture.load()
    except OSError as error:
        if file is None or "truncated" not in str(error) or picture.format not in KINDS:
            raise
        file.seek(0)
        complete = complete_jpeg if isinstance(picture, JpegImageFile) else complete_png
        found, missing = complete(picture, file.read(), scale)
        if missing > MAX_MISSING:
            raise
        return found, missing
    return picture, 0.0


def complete_png(picture: ImageFile, content: bytes, _: int) -> tuple[ImageFile, float]:
    """Return the rows that were decoded, and how much is missing: where what was there before is
    still seen."""
    other = type(picture)(io.BytesIO(content))
    other.im = Image.new(other.mode, other.size, 255 if other.mode == "P" else "white").im
    try:
        other.load()
    except OSError:
        other.tile = []  # nothing more is to be decoded
    picture.tile = []
    differs = (last_column(picture) != last_column(other)).any(axis=1)
    return picture, float(differs.mean())


def complete_jpeg(picture: ImageFile, content: bytes, scale: int) -> tuple[ImageFile, float]:
    """Return the picture of a JPEG with an end, and how much is missing: the last rows, if they
    became grey, which one of them may be anyway."""
    found = decoded(content + END, scale)
    if picture.info.get("progressive"):
        return found, missing_of_progressive(content)
    picture.tile = []
    here = last_column(found)
    grey = (abs(here.astype(np.int16) - GREY) <= 1).all(axis=1, keepdims=True)
    became_grey = (grey & (here != last_column(picture))).any(axis=1)
    rows = int(became_grey[::-1].cumprod().sum())
    return found, rows / len(here) if rows > LEAST_ROWS // scale else 0.0


def missing_of_progressive(content: bytes) -> float:
    """Return how much a progressive JPEG lacks: where it would be another picture if its last scan
    went on with noise, of which little would be seen; all, if that is not among its last scans."""
    scan = content.rfind(SCAN_BEGINS)
    last = scan + 1 + int.from_bytes(content[scan + 2 : scan + 4], "big")
    if content[last] & BITS_LEFT:
        return 1.0
    noise = NOISE * (2 * len(content) // len(NOISE) + 1)
    looks = (decoded(content + rest + END, LOOK_SCALE) for rest in (b"", noise))
    one, other = (np.asarray(look.convert("RGB")) for look in looks)
    return float((one != other).any(axis=2).mean()) * WEIGHT_OF_LAST_SCAN


def decoded(content: bytes, scale: int) -> ImageFile:
    picture = JpegImageFile(io.BytesIO(content))
    reduce_jpeg(picture, scale)
    picture.load()
    return picture


def last_column(picture: ImageFile) -> Pixels:
    """Return the last pixel of each row (H, channels)."""
    width, height = picture.size
    return np.asarray(picture.crop((width - 1, 0, width, height))).reshape(height, -1)
