"""Conversion of any decoded picture to upright, 8-bit sRGB."""

import io
import logging

import numpy as np
from PIL import ExifTags, Image, ImageCms

from .guards import PILLOW_ERRORS

logger = logging.getLogger(__name__)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
OPAQUE = 255
EIGHT_OF_SIXTEEN = [round(level / 257) for level in range(65536)]
ORIENTATION = "orientation"  # in the `info` of a picture whose file is known no more
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def resizable(picture: Image.Image) -> Image.Image:
    """Return the picture with pixels that can be averaged. One that has to be converted is closed:
    memory has no room for both."""
    if picture.mode in ("1", "P", "PA", "L", "RGB") and picture.has_transparency_data:
        averaged = picture.convert("RGBA")
    elif picture.mode in ("1", "P", "PA"):
        averaged = picture.convert("RGB")
    elif picture.mode.startswith("I;16"):
        averaged = to_eight_bits(picture)
    else:
        return picture
    picture.close()
    return averaged


def orientation(picture: Image.Image) -> int:
    """Return how a picture was held, 1 to 8, as browsers do: by EXIF alone, and never in WebP;
    unreadable EXIF is ignored. A picture of no file has what was put there."""
    try:
        if picture.format == "TIFF":
            picture.load()  # by which Pillow may turn it
        if picture.format in ("TIFF", None):
            return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
        exif = Image.Exif()
        exif.load(picture.info.get("exif", b"") if picture.format != "WEBP" else b"")
        return int(exif.get(ExifTags.Base.Orientation, 1))
    except PILLOW_ERRORS as error:
        logger.info("EXIF ignored: %s", error)
        return 1


def turned(picture: Image.Image) -> Image.Image:
    """Return the picture upright, as its `info` or its file says."""
    way = TURNS.get(picture.info.get(ORIENTATION) or orientation(picture))
    return picture if way is None else picture.transpose(way)


def to_eight_bits(picture: Image.Image) -> Image.Image:
    """Scale 16- and 32-bit greys to 8 bits, where Pillow alone would clip them to white."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    if picture.mode.startswith("I;16"):
        grey = picture.convert("I").point(EIGHT_OF_SIXTEEN, "L")
        hidden = grey.info.pop("transparency", None)  # a level of the 65536
        if hidden is not None:
            grey.putalpha(
                Image.fromarray((np.asarray(picture) != hidden).astype(np.uint8) * OPAQUE)
            )
        return grey
    values = np.asarray(picture, dtype=np.float32)
    brightest = float(values.max(initial=0, where=np.isfinite(values)))
    white = next((white for white in (1, 255, 65535) if brightest <= white), brightest)
    scaled = np.nan_to_num(values / white).clip(0, 1) * 255
    grey = Image.fromarray(scaled.round().astype(np.uint8))
    grey.info = picture.info
    return grey


def to_srgb(picture: Image.Image) -> Image.Image:
    """Convert from the embedded profile to sRGB; without one, sRGB is assumed."""
    profile = picture.info.get("icc_profile")
    if picture.mode in ("P", "PA", "1"):  # Pillow warns where transparency is not kept at first
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    opaque = {"LA": "L", "RGBA": "RGB", "RGBX": "RGB"}
    picture = picture.convert(opaque.get(picture.mode, picture.mode))
    if profile and picture.mode in ("L", "RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() == "RGB":
                picture = picture.convert("RGB")  # also a grey one
            converted = ImageCms.profileToProfile(picture, source, SRGB, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            logger.info("colour profile ignored: %s", error)
    return picture.convert("RGB")
