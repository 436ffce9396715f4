"""Picture files: open, check, normalize, save."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import ExifTags, Image

from styletx.errors import ImageError, Unwritable
from styletx.text import display_name

from .convert import (
    OPAQUE,
    ORIENTATION,
    SRGB,
    orientation,
    resizable,
    to_eight_bits,
    to_srgb,
    turned,
)
from .cut import load_cut
from .metadata import ASCII, NOTE, metadata_for
from .opening import MAX_PIXELS, MIN_SIDE_PX, check_size, open_checked
from .profiles import color_profile

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
LARGE_PIXELS = 4096**2  # from here on, each further copy costs more memory than it may
LEFT_OUT = "left_out"  # in the `info` of a picture: what of its file is missing, in a sentence
LITTLE = 0.005  # of a picture
FINE_QUALITY = 90  # of a JPEG: from here on, its colours are as fine as its brightness
PROFILE_DATE = slice(24, 36)  # when a profile was made: now, so that no two files would be the same


def read_image(
    path: Path | str, longest: int | None = None, max_pixels: float = MAX_PIXELS
) -> Image.Image:
    """Return the first picture in a file, as `normalize` leaves it, reduced to `longest` pixels on
    the longer side if it is larger. `info[LEFT_OUT]` says what is missing, if anything is. Raises
    `ImageError`."""
    path = Path(path)
    with open_checked(path, max_pixels) as opened:
        profile = color_profile(opened, path)
        picture: Image.Image
        picture, missing = load_cut(opened, jpeg_scale(opened, longest))
        picture.info |= {"icc_profile": profile, ORIENTATION: orientation(picture)}
        large = longest and picture.width * picture.height > LARGE_PIXELS
        if large:  # before its colours, for which there would be no room
            picture = limit_size(resizable(picture), longest)
        found = limit_size(normalize(picture, path.name), longest)
    if missing:
        found.info[LEFT_OUT] = f"{display_name(path.name)} {left_out(missing)}"
    return found


def left_out(missing: float) -> str:
    """Return how much of a picture is missing, in words."""
    part = f"about {missing:.0%} of the picture is" if missing >= LITTLE else "hardly anything is"
    return f"was cut off: {part} missing."


def jpeg_scale(picture: Image.Image, longest: int | None) -> int:
    """Return by how much a JPEG can be reduced as it is decoded: to no less than `longest` pixels,
    and to what there is memory for."""
    width, height = picture.size
    most = min(
        max(width, height) // (longest or max(width, height)), min(width, height) // MIN_SIDE_PX
    )
    needed = math.sqrt(width * height / MAX_PIXELS)
    return next((scale for scale in (1, 2, 4, 8) if 2 * scale > most and scale >= needed), 8)


def limit_size(picture: Image.Image, longest: int | None) -> Image.Image:
    """Return the picture, reduced to `longest` pixels unless it would become too narrow."""
    if longest:
        short, long = sorted(picture.size)
        side = max(longest, -(-MIN_SIDE_PX * long // short))  # a panorama stays wide enough
        picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return picture


def normalize(picture: Image.Image, name: str = "This picture") -> Image.Image:
    """Return upright 8-bit sRGB, with alpha only where something is transparent. Raises
    `ImageError`, which calls the picture by `name`."""
    check_size(picture, name)
    upright = to_eight_bits(turned(picture))
    if upright.mode in ("La", "RGBa"):  # alpha multiplied in, which nothing else converts
        upright = upright.convert({"La": "LA", "RGBa": "RGBA"}[upright.mode])
    alpha = None
    if upright.has_transparency_data:
        alpha = upright.convert("RGBA").getchannel("A")
    colors = to_srgb(upright)
    colors.info.clear()  # what it said is done, and not to be done again
    if alpha is not None and alpha.getextrema() != (OPAQUE, OPAQUE):
        colors.putalpha(alpha)
    return colors


def is_invisible(picture: Image.Image) -> bool:
    """Return whether nothing shows of a normalized picture."""
    return picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (0, 0)


def nothing_to_see(name: str) -> str:
    return f"{display_name(name)} is fully transparent: there is nothing to see in it."


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


def fill_transparent(picture: Image.Image) -> Image.Image:
    """Return a normalized picture with alpha, and colours from around where it is fully
    transparent: an edge there would count as one of the picture's own."""
    width, height = picture.size
    ground = Image.new("RGB", (1, 1))
    for halvings in reversed(range(max(width, height).bit_length())):  # from the mean to each pixel
        size = max(1, width >> halvings), max(1, height >> halvings)
        near = picture.resize(size, Image.Resampling.BOX)  # which weighs colours by their alpha
        shows = near.getchannel("A").point(lambda alpha: OPAQUE if alpha else 0)
        further = ground.resize(size, Image.Resampling.BILINEAR)
        ground = Image.composite(near.convert("RGB"), further, shows)
    ground.putalpha(picture.getchannel("A"))
    return ground


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
    ending = Path(path).suffix.lower()
    try:
        about = metadata_for(note, ending) if note else {}
        if ending in (".jpg", ".jpeg"):
            picture = flatten_alpha(picture)
            about["subsampling"] = "4:4:4" if quality >= FINE_QUALITY else "4:2:0"
        profile = bytearray(SRGB.tobytes())
        profile[PROFILE_DATE] = bytes(12)
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
