"""Arguments of the API: names, defaults, descriptions."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from styletx.core.regions import NO_PAINTING
from styletx.recipe import MASKS, SHARES, STYLES
from styletx.settings import Settings

Arguments = Mapping[str, Any]  # what there is by the names of `DEFAULTS`
DEFAULTS: Arguments = {
    "content": None,
    "style": None,
    **asdict(Settings()),
    "preset": "",
    **dict.fromkeys(STYLES[1:]),
    **dict.fromkeys(SHARES, 1.0),
    **dict.fromkeys(MASKS),
    "keep_mask": None,
    "init_image": None,
    "go_on": "",
    "precision": "",
}
NO_PHOTO = "Please choose a photo."
NEEDED = {"content": NO_PHOTO, "style": NO_PAINTING}
PICTURES = {  # what each picture is called in a sentence
    "content": "photo",
    **dict.fromkeys(STYLES, "painting"),
    **dict.fromkeys((*MASKS, "keep_mask"), "mask"),
    "init_image": "picture to go on with",
}
ARGUMENTS = {  # of the API, beside the settings
    "content": "The photo to repaint: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC.",
    "style": "The painting in whose manner.",
    "preset": "Settings to begin with, by name; fills in what is left at its default.",
    "share": "How much of painting {place} there is, beside the others: 0 to 1000.",
    "mask": "Where painting {place} alone paints: a picture of the photo's shape, white there.",
    "style_": "Painting {place}, to be mixed in.",
    "keep_mask": "What stays the photo: a picture of its shape, white there.",
    "init_image": "A picture to go on with instead of beginning anew.",
    "go_on": "The run_id of a finished run, whose picture is gone on with.",
    "precision": "What a recipe's picture was computed in, to repeat it exactly: float32 or "
    "bfloat16. The fastest where it is empty, or cannot be had here.",
    "run_id": "The run_id of a report.",
    "kind": "png, jpeg, webp, or film.",
    "painted": "A picture that was painted here.",
    "tool": "Repaint a photo in the manner of a painting; this takes from ten seconds to a minute. "
    "Returns the picture, made small, and the address of the full one.",
}


def argument(name: str) -> str:
    """Return the description of an API argument that is no setting."""
    stem, _, place = name.partition("_")
    known = ARGUMENTS.get(name) or ARGUMENTS[f"{stem}_" if f"{stem}_" in ARGUMENTS else stem]
    return known.format(place=place or 1)
