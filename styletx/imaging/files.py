"""Picture files: open, check, normalize, save."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from PIL import ExifTags, Image, UnidentifiedImageError

from styletx.errors import ImageError, Unwritable
from styletx.text import display_name

from .convert import SRGB, resizable, to_eight_bits, to_srgb, turned
from .guards import (
    MAX_HEADER_READS,
    MAX_READS,
    PILLOW_ERRORS,
    DecompressionBomb,
    MeteredFile,
    check_scans,
)
from .metadata import ASCII, NOTE, metadata_for

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
MAX_PIXELS = 40_000_000
ADDRESS = re.compile(r"(https?|ftp):/+(.*)", re.DOTALL)  # a path has one slash where it had two
OPAQUE = 255
LARGE_PIXELS = 4096**2  # from here on, each further copy costs more memory than it may
HUNGRY_FORMATS = ("WEBP", "AVIF")  # formats of which Pillow holds four copies while it decodes them
MIN_SIDE_PX = 32  # less holds nothing to show and no brush stroke to learn
PROFILE_DATE = slice(24, 36)  # when a profile was made: now, so that no two files would be the same


def read_image(path: Path | str, longest: int | None = None) -> Image.Image:
    """Return the first picture in a file, as `normalize` leaves it, reduced to `longest` pixels on
    the longer side if it is larger. Raises `ImageError`."""
    with open_checked(Path(path)) as picture:
        if longest:
            picture.draft(picture.mode, (longest, longest))  # a JPEG need not be decoded in full
        picture.load()
        large = longest and picture.width * picture.height > LARGE_PIXELS
        if large:  # before its colours, for which there would be no room
            picture = limit_size(resizable(picture), longest)
        return limit_size(normalize(picture, Path(path).name), longest)


def limit_size(picture: Image.Image, longest: int | None) -> Image.Image:
    """Return the picture, reduced to `longest` pixels unless it would become too narrow."""
    if longest:
        short, long = sorted(picture.size)
        side = max(longest, -(-MIN_SIDE_PX * long // short))  # a panorama stays wide enough
        picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return picture


def check_header(path: Path, max_pixels: float = MAX_PIXELS) -> None:
    """Look at a file's header only. Raises `ImageError` where `read_image` is sure to, or where
    there are more than `max_pixels`."""
    with open_checked(path) as picture:
        check_size(picture, path.name, min(max_pixels, MAX_PIXELS))


@contextmanager
def open_checked(path: Path) -> Iterator[Image.Image]:
    """Yield a picture of acceptable size, not decoded yet. Whatever is wrong with it raises
    `ImageError`."""
    try:
        if path.stat().st_size == 0:
            raise ImageError(f"{display_name(path.name)} is empty.")
        with path.open("rb") as file:
            meter = MeteredFile(file, MAX_HEADER_READS)
            with Image.open(cast(IO[bytes], meter), formats=FORMATS) as picture:
                check_size(picture, path.name)
                check_scans(path, picture)
                meter.pieces = MAX_READS
                yield picture
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{display_name(path.name)} is not a picture that can be read here. Please use one of "
            f"{', '.join(FORMATS)}."
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{display_name(path.name)} has far more pixels than the {MAX_PIXELS // 10**6} "
            "million that can be used. Please make it smaller first."
        ) from error
    except DecompressionBomb as error:
        raise ImageError(f"{display_name(path.name)} {error}") from error
    except PILLOW_ERRORS as error:
        raise ImageError(explain(path, error)) from error


def explain(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"{display_name(path.name)} may not be read: permission denied."
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError):  # also a name that no system would have
        return missing(path)
    if stat.S_ISDIR(kind):
        return f"{display_name(str(path), 160)} is a folder, not a picture."
    return f"{display_name(path.name)} is damaged and cannot be read."


def missing(path: Path) -> str:
    """Return that there is no such file, and what to do if it was an address."""
    address = ADDRESS.match(path.as_posix())
    if not address:
        return f"There is no file {display_name(str(path), 160)}."
    shown = display_name("://".join(address.groups()), 160)
    return f"{shown} is an address, not a file. Please download the picture and name its file."


def check_size(picture: Image.Image, name: str, max_pixels: float = MAX_PIXELS) -> None:
    width, height = picture.size
    max_pixels = max_pixels * 3 // 4 if picture.format in HUNGRY_FORMATS else max_pixels
    shown = display_name(name)
    if min(width, height) < MIN_SIDE_PX:
        raise ImageError(
            f"{shown} is {width}x{height} pixels; each side needs at least {MIN_SIDE_PX}."
        )
    if width * height > max_pixels:
        raise ImageError(
            f"{shown} has {width}x{height} pixels, {width * height / 1e6:.0f} million; "
            f"at most {max_pixels / 1e6:g} million can be used. Please make it smaller first."
        )


def normalize(picture: Image.Image, name: str = "This picture") -> Image.Image:
    """Return upright 8-bit sRGB, with alpha only where something is transparent. Raises
    `ImageError`, which calls the picture by `name`."""
    check_size(picture, name)
    upright = turned(picture)
    if upright.mode in ("La", "RGBa"):  # alpha multiplied in, which nothing else converts
        upright = upright.convert({"La": "LA", "RGBa": "RGBA"}[upright.mode])
    alpha = None
    if upright.has_transparency_data:
        alpha = upright.convert("RGBA").getchannel("A")
    colors = to_srgb(to_eight_bits(upright))
    colors.info.clear()  # what it said is done, and not to be done again
    if alpha is not None and alpha.getextrema() != (OPAQUE, OPAQUE):
        colors.putalpha(alpha)
    return colors


def flatten_alpha(picture: Image.Image, behind: str = "white") -> Image.Image:
    """Return a normalized picture as RGB, with `behind` where it is transparent."""
    if picture.mode == "RGB":
        return picture
    return Image.composite(
        picture.convert("RGB"), Image.new("RGB", picture.size, behind), picture.getchannel("A")
    )


def drop_alpha(picture: Image.Image) -> Image.Image:
    """Return a normalized picture as RGB in its own colours, white where it is fully
    transparent."""
    if picture.mode == "RGB":
        return picture
    shows = picture.getchannel("A").point(lambda alpha: OPAQUE if alpha else 0)
    return Image.composite(picture.convert("RGB"), Image.new("RGB", picture.size, "white"), shows)


def check_can_save(path: Path, instead_of: Sequence[Path] = ()) -> None:
    """Raise `ImageError` if `save` could not write there, or would overwrite a picture that is to
    be read. Call it before the work."""
    if path.suffix.lower() not in ENDINGS:
        raise ImageError(f"{path} must end in one of {', '.join(ENDINGS)}.")
    if not path.parent.is_dir():
        raise ImageError(f"There is no folder {path.parent}.")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ImageError(f"{path} may not be written.")
    if path.exists() and any(given.exists() and path.samefile(given) for given in instead_of):
        raise ImageError(f"{path} would be written over itself; choose another name.")


def save(picture: Image.Image, path: Path | str, quality: int = 95, note: str = "") -> None:
    """Write a picture with the sRGB profile, in the format that the name's ending says; on white
    where that format knows no transparency. An ASCII `note` goes with it, for `read_metadata`."""
    try:
        if Path(path).suffix.lower() in (".jpg", ".jpeg"):
            picture = flatten_alpha(picture)
        profile = bytearray(SRGB.tobytes())
        profile[PROFILE_DATE] = bytes(12)
        about = metadata_for(note, Path(path).suffix.lower()) if note else {}
        picture.save(path, icc_profile=bytes(profile), quality=quality, **about)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Unwritable(f"{path} cannot be written: {reason}.") from error


def read_metadata(path: Path) -> str:
    """Return the note that `save` wrote with the picture, or "". Raises `ImageError` if the file is
    no picture."""
    with open_checked(path) as picture:
        text = picture.info.get(NOTE)
        if isinstance(text, str):
            return text
        exif = picture.getexif()
        comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if exif.get(ExifTags.Base.Software) != NOTE:
        return ""
    if isinstance(comment, bytes) and comment.startswith(ASCII):
        return comment[len(ASCII) :].decode("ascii", "replace")
    return str(exif.get(ExifTags.Base.ImageDescription, ""))
