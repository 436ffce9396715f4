"""Regions of the picture: which paintings each follows, and what stays the photo."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from styletx.errors import StyletxError
from styletx.events import MAX_PAINTINGS, SHARE, Style
from styletx.imaging.files import flatten_alpha, normalize

from .tensors import to_channel

NO_PAINTING = "Please choose at least one painting."
MIN_REGION_AREA = 1e-4  # of the picture: less than this is no region
MAX_ASPECT_ERROR = 0.02  # how far two shapes that count as the same may differ
CPU = torch.device("cpu")


class Region(NamedTuple):
    """A region and its styles, with shares that add up to 1. `where` (1, 1, H, W) is how much of
    each pixel, from 0 to 1, belongs to it; None: all."""

    where: Tensor | None
    styles: Sequence[Style]


def check_styles(given: Sequence[tuple[object, object, object]]) -> None:
    """Raise `StyletxError` if pictures, shares and masks of the paintings do not go together."""
    if not given or all(picture is None and mask is None for picture, _, mask in given):
        raise StyletxError(NO_PAINTING)
    if len(given) > MAX_PAINTINGS:
        raise StyletxError(
            f"There are {len(given)} paintings, but at most {MAX_PAINTINGS} can be mixed."
        )
    for place, (picture, share, mask) in enumerate(given, start=1):
        if picture is None and mask is not None:
            raise StyletxError(
                f"Painting {place} has a mask, but no picture: add one, or take its part away."
            )
        if picture is not None:
            SHARE.check(f"The share of painting {place}", share, float)
    if not any(share for picture, share, _ in given if picture is not None):
        raise StyletxError("Every painting has a share of 0; please raise at least one.")


def build_regions(
    styles: Sequence[Style],
    keep_mask: Image.Image | None,
    photo: Image.Image,
    size: tuple[int, int],
) -> list[Region]:
    """Return the regions of a picture of (width, height) `size`: one for each painting with a mask,
    and one that the others share.

    Overlapping masks share evenly; grey is in between. White in `keep_mask` belongs to no region.
    Raises `StyletxError` for a mask of another shape than the photo's.
    """
    own = [style for style in styles if style.mask is not None]
    shared = [style for style in styles if style.mask is None]
    if keep_mask is None and not own:
        return [Region(None, normalized_shares(shared))]
    free = torch.ones(1, 1, *size[::-1])
    if keep_mask is not None:
        free = 1 - mask_tensor(keep_mask, photo.size, size)
    masks = [mask_tensor(style.mask, photo.size, size) for style in own if style.mask is not None]
    claimed = sum(masks, torch.zeros_like(free))
    regions = [
        Region(free * mask / claimed.clamp(min=1), normalized_shares([style]))
        for style, mask in zip(own, masks, strict=True)
    ]
    if shared:
        regions.append(Region(free * (1 - claimed).clamp(min=0), normalized_shares(shared)))
    return regions


def check_regions(regions: Sequence[Region], visible: Tensor | None) -> None:
    """Raise `StyletxError` if a region is empty, or wholly transparent."""
    parts = [intersect(region.where, visible) for region in regions]
    if any(part is not None and part.mean() < MIN_REGION_AREA for part in parts):
        raise StyletxError(
            "Nothing is left to do for one of the paintings: a mask must be white somewhere, and "
            "neither what is kept as a photo nor what is transparent in it may cover all of it."
        )


def intersect(where: Tensor | None, visible: Tensor | None) -> Tensor | None:
    """Return the visible part of a region; None stands for everything."""
    if where is None or visible is None:
        return visible if where is None else where
    return where * visible


def alpha_mask(photo: Image.Image, size: tuple[int, int]) -> Tensor | None:
    """Return 1 for each pixel (1, 1, H, W) that shows, however faintly, else 0; None if all do."""
    if photo.mode == "RGB":
        return None
    return to_channel(photo.getchannel("A"), size, CPU).gt(0).float()


def normalized_shares(styles: Sequence[Style]) -> list[Style]:
    """Return the styles with shares that add up to 1."""
    whole = sum(style.share for style in styles)
    return [replace(style, share=style.share / whole) for style in styles]


def mask_tensor(mask: Image.Image, shape: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Return a mask (1, 1, H, W) at (width, height) `size`: 0 black or transparent, 1 white."""
    normalized = normalize(mask, "The mask")
    (width, height), (mask_width, mask_height) = shape, normalized.size
    if abs(mask_width * height - width * mask_height) > MAX_ASPECT_ERROR * mask_width * height:
        raise StyletxError(
            f"A mask is {mask_width}x{mask_height} pixels, the photo {width}x{height}: they need "
            "the same shape."
        )
    return to_channel(flatten_alpha(normalized, behind="black").convert("L"), size, CPU)


def resized(where: Tensor, size: tuple[int, int], device: torch.device) -> Tensor:
    """Return a region at a level of (width, height) `size`."""
    return interpolate(where, size[::-1], mode="area").to(device)
