"""Metadata of a finished picture, as each file format holds it."""

from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

NOTE = "styletx"  # the name of the text in a PNG that says how it was made
ASCII = b"ASCII\0\0\0"  # how such a text begins where it is EXIF's user comment


def metadata_for(note: str, ending: str) -> dict[str, Any]:
    """Return Pillow's options that write a note: a text chunk in PNG, a description in TIFF, else
    EXIF's user comment, which no gallery shows as a caption."""
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
