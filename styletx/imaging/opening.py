"""Opening of picture files: which of Pillow's readers, and what is refused by its header."""

import io
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from PIL import Image, TiffImagePlugin, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from pillow_heif import HeifImageFile

from styletx.errors import ImageError
from styletx.text import count, display_name

from .guards import (
    MAX_HEADER_READS,
    MAX_READS,
    PILLOW_ERRORS,
    DecompressionBomb,
    MeteredFile,
    check_scans,
)
from .png import without_texts

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")
HEIC_ENDINGS = (".heic", ".heif", ".hif")
STARTS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
STARTS |= {b"II+\0": "TIFF", b"MM\0+": "TIFF"}  # larger than 4 GB
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
HEIC_BRANDS |= {b"mif1", b"msf1", b"mif2"}  # of any such codec
AVIF_BRANDS = {b"avif", b"avis"}
OTHER_STARTS = (b"GIF8", b"BM", b"RIFF")  # of the formats that Pillow tells apart
NOT_IN_BROWSERS = ("TIFF", "HEIC")
HEAD_BYTES = 512  # that tell the format
MAX_PIXELS = 40_000_000
JPEG_TIMES = 6  # as many pixels, of a JPEG: it is reduced while it is decoded
COEFFICIENT_BYTES = 10  # for each pixel of `MAX_PIXELS`, of a JPEG that is decoded from all of them
HUNGRY_FORMATS = ("WEBP", "AVIF", "HEIF")  # formats of which four copies are held while they decode
MIN_SIDE_PX = 16  # the least that the network can see: four poolings leave one row
ADDRESS = re.compile(r"(https?|ftp):/+(.*)", re.DOTALL)  # a path has one slash where it had two
NO_PICTURE = "{name} is not a picture that can be read here. Please use one of {formats}."
EMPTY = "{name} is empty."
SAVE_AS_JPEG = "Please save it as JPEG or PNG."
SAMPLES = {1: "", 2: ", signed", 3: ", floating point"}  # how a TIFF calls its numbers


def kind_of(head: bytes) -> str:
    """Return the format by a file's first bytes, where they say it: its name may be wrong."""
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[at : at + 4] for at in (8, *range(16, end, 4))}
        return "AVIF" if brands & AVIF_BRANDS else "HEIC" if brands & HEIC_BRANDS else ""
    return next((kind for start, kind in STARTS.items() if head.startswith(start)), "")


def is_shown_by_browsers(path: Path) -> bool:
    """Return whether browsers show a picture of this format."""
    with path.open("rb") as file:
        return kind_of(file.read(HEAD_BYTES)) not in NOT_IN_BROWSERS


@contextmanager
def open_checked(path: Path, max_pixels: float = MAX_PIXELS) -> Iterator[ImageFile]:
    """Yield a picture of acceptable size, not decoded yet. Whatever is wrong with it raises
    `ImageError`."""
    try:
        if path.stat().st_size == 0:
            raise ImageError(EMPTY.format(name=display_name(path.name)))
        with path.open("rb") as file:
            kind = kind_of(file.read(HEAD_BYTES))
            file.seek(0)
            whole = io.BytesIO(without_texts(file.read())) if kind == "PNG" else file
            meter = MeteredFile(whole, MAX_HEADER_READS)
            with reader(cast(IO[bytes], meter), kind) as picture:
                check_size(picture, path.name, most_pixels(picture, min(max_pixels, MAX_PIXELS)))
                check_scans(path, picture)
                meter.pieces = MAX_READS
                yield picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{display_name(path.name)} has far more pixels than the {MAX_PIXELS // 10**6} "
            "million that can be used. Please make it smaller first."
        ) from error
    except DecompressionBomb as error:
        raise ImageError(f"{display_name(path.name)} {error}") from error
    except PILLOW_ERRORS as error:
        raise ImageError(explain(path, error)) from error


def reader(file: IO[bytes], kind: str) -> ImageFile:
    """Return the picture in a file. Pillow would warn of a large JPEG, and refuse a huge one, which
    is decoded reduced here; and of those that show a picture twice it would open the pair."""
    if kind == "JPEG":
        return JpegImageFile(file)
    if kind == "HEIC":
        return HeifImageFile(file)  # type: ignore[no-untyped-call]
    return Image.open(file, formats=[kind for kind in FORMATS if kind != "HEIC"])


def explain(path: Path, error: Exception) -> str:
    """Return in a sentence why a file cannot be read."""
    shown = display_name(path.name)
    if isinstance(error, PermissionError):
        return f"{shown} may not be read: permission denied."
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # also a name that no system would have
        return no_such_file(path)
    if stat.S_ISDIR(mode):
        return f"{display_name(str(path), 160)} is a folder, not a picture."
    with path.open("rb") as file:
        kind = kind_of(file.read(HEAD_BYTES))
    if kind == "HEIC":
        return f"{shown} is a HEIC picture that is damaged, or of an unusual kind. {SAVE_AS_JPEG}"
    if not isinstance(error, UnidentifiedImageError):
        return f"{shown} is damaged and cannot be read."
    if kind == "TIFF" and (unusual := unusual_tiff(path)):
        return f"{shown} is a TIFF of {unusual}, which cannot be read here. {SAVE_AS_JPEG}"
    if kind:
        return f"{shown} is damaged and cannot be read."
    return NO_PICTURE.format(name=shown, formats=", ".join(FORMATS))


def no_such_file(path: Path) -> str:
    """Return that there is no such file, and what to do if it was an address."""
    address = ADDRESS.match(path.as_posix())
    if not address:
        return f"There is no file {display_name(str(path), 160)}."
    shown = display_name("://".join(address.groups()), 160)
    return f"{shown} is an address, not a file. Please download the picture and name its file."


def unusual_tiff(path: Path) -> str:
    """Return what the pixels of a TIFF are, "" where it does not say."""
    try:
        with path.open("rb") as file:
            tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
            file.seek(tags.next)
            tags.load(file)
        bits, numbers = (tags.get(tag, (1,)) for tag in (258, 339))
        size = "/".join(str(int(each)) for each in dict.fromkeys(bits))
        channels = count(int(tags.get(277, 1)), "channel")
        return f"{channels} with {size} bits{SAMPLES.get(numbers[0], '')}"
    except (*PILLOW_ERRORS, DecompressionBomb):
        return ""


def most_pixels(picture: ImageFile, max_pixels: float) -> float:
    """Return how many pixels a file may have, which would be `max_pixels` if it held them only."""
    if picture.format in HUNGRY_FORMATS:
        return max_pixels * 3 // 4
    if not isinstance(picture, JpegImageFile):
        return max_pixels
    if holds_coefficients(picture):
        return max_pixels * COEFFICIENT_BYTES // coefficient_bytes(picture)
    return max_pixels * JPEG_TIMES


def check_size(picture: Image.Image, name: str, most: float = MAX_PIXELS) -> None:
    """Raise `ImageError` for a picture with too few pixels, or with more than `most`."""
    width, height = picture.size
    shown = display_name(name)
    if min(width, height) < MIN_SIDE_PX:
        raise ImageError(
            f"{shown} is {width}x{height} pixels; each side needs at least {MIN_SIDE_PX}."
        )
    if width * height > most:
        raise ImageError(
            f"{shown} has {width}x{height} pixels, {width * height / 1e6:.0f} million; at most "
            f"{most / 1e6:g} million can be used. Please make it smaller first."
        )


def holds_coefficients(picture: JpegImageFile) -> bool:
    """Return whether a JPEG just opened is decoded from all its coefficients: it is progressive, or
    its first scan, of which Pillow has read the header, has not all channels."""
    header, file = 6 + 2 * picture.layers, cast(IO[bytes], picture.fp)
    begins = file.seek(-header, io.SEEK_CUR)
    length = int.from_bytes(file.read(2), "big")
    file.seek(begins + header)
    return "progressive" in picture.info or length != header


def coefficient_bytes(picture: JpegImageFile) -> float:
    """Return what a JPEG's coefficients take for each of its pixels."""
    samples = [across * down for _, across, down, *_ in picture.layer]
    return 2 * sum(samples) / max(samples)
