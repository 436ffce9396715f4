"""The border between pictures (PIL, what people have) and tensors (what the network needs)."""

import io
import logging
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import interpolate

from .errors import ImageError

logger = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
MOST_PIXELS = 40_000_000
OPAQUE = 255
SMALLEST_SIDE = 32  # less holds nothing to show and no brush stroke to learn
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, TypeError, struct.error)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
DATED = slice(24, 36)  # when a profile was made: now, so that no two files would be the same
NOTE = "styletx"  # the name of the text in a PNG that says how it was made
ASCII = b"ASCII\0\0\0"  # how such a text begins where it is EXIF's user comment


def read(path: Path | str, longest: int | None = None) -> Image.Image:
    """The first picture in a file, `tidy`; larger ones are reduced to `longest` pixels on their
    longer side. Raises `ImageError`."""
    with opened(Path(path)) as picture:
        if longest:
            picture.draft(picture.mode, (longest, longest))  # a JPEG need not be decoded in full
        picture.load()
        ready = tidy(picture, Path(path).name)
        if longest:
            short, long = sorted(ready.size)
            side = max(longest, -(-SMALLEST_SIDE * long // short))  # a panorama stays wide enough
            ready.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return ready


def check(path: Path) -> None:
    """Look at a file's header only. Raises `ImageError` where `read` is sure to."""
    with opened(path):
        pass


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """A picture of acceptable size, not decoded yet. What goes wrong with it is an `ImageError`."""
    try:
        if path.stat().st_size == 0:
            raise ImageError(f"{path.name} is empty.")
        with Image.open(path, formats=FORMATS) as picture:
            check_size(picture, path.name)
            yield picture
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{path.name} is not a picture that can be read here. Please use one of "
            f"{', '.join(FORMATS)}."
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{path.name} has far more pixels than the {MOST_PIXELS // 10**6} million that can be "
            "used. Please make it smaller first."
        ) from error
    except DAMAGED as error:
        raise ImageError(explain(path, error)) from error


def explain(path: Path, error: Exception) -> str:
    if path.is_dir():
        return f"{path} is a folder, not a picture."
    if not path.is_file():
        return f"There is no file {path}."
    if isinstance(error, PermissionError):
        return f"{path.name} may not be read: permission denied."
    return f"{path.name} is damaged and cannot be read."


def check_size(picture: Image.Image, name: str) -> None:
    width, height = picture.size
    if min(width, height) < SMALLEST_SIDE:
        raise ImageError(
            f"{name} is {width}x{height} pixels; each side needs at least {SMALLEST_SIDE}."
        )
    if width * height > MOST_PIXELS:
        raise ImageError(
            f"{name} has {width}x{height} pixels, {width * height / 1e6:.0f} million; "
            f"at most {MOST_PIXELS // 10**6} million can be used. Please make it smaller first."
        )


def tidy(picture: Image.Image, name: str = "This picture") -> Image.Image:
    """Upright 8-bit sRGB, with an alpha channel only where something shows through: what every
    later step may rely on. Raises `ImageError`, which calls the picture by its name."""
    check_size(picture, name)
    upright = ImageOps.exif_transpose(picture)
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


def opaque(picture: Image.Image, behind: str = "white") -> Image.Image:
    """A tidy picture as RGB, with `behind` where it is transparent."""
    if picture.mode == "RGB":
        return picture
    return Image.composite(
        picture.convert("RGB"), Image.new("RGB", picture.size, behind), picture.getchannel("A")
    )


def solid(picture: Image.Image) -> Image.Image:
    """A tidy picture as RGB in its own colours, however little they show; white where they show
    nothing."""
    if picture.mode == "RGB":
        return picture
    shows = picture.getchannel("A").point(lambda alpha: OPAQUE if alpha else 0)
    return Image.composite(picture.convert("RGB"), Image.new("RGB", picture.size, "white"), shows)


def to_eight_bits(picture: Image.Image) -> Image.Image:
    """16- and 32-bit greys scaled to 8 bits, where Pillow alone would clip them to white."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture, dtype=np.float32)
    brightest = float(values.max(initial=0, where=np.isfinite(values)))
    whites = (65535,) if picture.mode.startswith("I;16") else (1, 255, 65535)
    white = next((white for white in whites if brightest <= white), brightest)
    scaled = np.nan_to_num(values / white).clip(0, 1) * 255
    grey = Image.fromarray(scaled.round().astype(np.uint8))
    grey.info = picture.info
    return grey


def to_srgb(picture: Image.Image) -> Image.Image:
    """RGB in the colours that the embedded profile means; without one, sRGB is assumed."""
    profile = picture.info.get("icc_profile")
    if picture.mode in ("P", "PA", "1"):
        picture = picture.convert("RGB")
    opaque = {"LA": "L", "RGBA": "RGB", "RGBX": "RGB"}
    picture = picture.convert(opaque.get(picture.mode, picture.mode))
    if profile and picture.mode in ("L", "RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, SRGB, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            logger.info("colour profile ignored: %s", error)
    return picture.convert("RGB")


def check_can_save(path: Path, instead_of: Sequence[Path] = ()) -> None:
    """Before the work, not after it: raises `ImageError` if it is plain that `save` could not write
    there, or would write over one of the pictures that are to be read."""
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
    where that format knows no transparency. An ASCII `note` goes with it, as `note_in` finds it."""
    try:
        if Path(path).suffix.lower() in (".jpg", ".jpeg"):
            picture = opaque(picture)
        profile = bytearray(SRGB.tobytes())
        profile[DATED] = bytes(12)
        about = noted(note, Path(path).suffix.lower()) if note else {}
        picture.save(path, icc_profile=bytes(profile), quality=quality, **about)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path} cannot be written: {reason}.") from error


def noted(note: str, ending: str) -> dict[str, Any]:
    """What has Pillow write a note into a file of that format: a text of its own in a PNG, a
    description in a TIFF, in the others EXIF's comment, which no gallery takes for a caption."""
    text, exif = PngImagePlugin.PngInfo(), Image.Exif()
    if ending == ".png":
        text.add_text(NOTE, note)
        return {"pnginfo": text}
    exif[ExifTags.Base.Software] = NOTE
    if ending in (".tif", ".tiff"):  # of which Pillow writes no further directory
        exif[ExifTags.Base.ImageDescription] = note
    else:
        comments = exif.get_ifd(ExifTags.IFD.Exif)
        comments[ExifTags.Base.UserComment] = ASCII + note.encode("ascii")
    return {"exif": exif}


def note_in(path: Path) -> str:
    """What `save` wrote beside the picture in a file; nothing if there is no such note. Raises
    `ImageError` if it is no picture."""
    with opened(path) as picture:
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


def to_tensor(picture: Image.Image, size: tuple[int, int], device: torch.device) -> Tensor:
    """(1, 3, height, width) in [0, 1]; what is transparent, as `solid`."""
    resized = solid(picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    pixels = np.asarray(resized, dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device)


def to_picture(image: Tensor) -> Image.Image:
    """The picture on the CPU, cut off from the graph: safe to keep, to show and to pickle."""
    pixels = image.detach().clamp(0, 1).mul(255).round().byte()
    return Image.fromarray(pixels[0].permute(1, 2, 0).cpu().numpy())


def enlarge(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, 3, H, W) in [0, 1] at another (width, height), by bicubic interpolation."""
    width, height = size
    if image.shape[2:] == (height, width):
        return image.detach()
    return interpolate(image.detach(), (height, width), mode="bicubic").clamp(0, 1)
