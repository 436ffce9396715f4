"""Inputs of a run at each level: photo, paintings, regions, the initial canvas."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from PIL import Image, ImageOps
from torch import Tensor

from styletx.errors import ImageError
from styletx.events import Style
from styletx.imaging.files import (
    LEFT_OUT,
    drop_alpha,
    is_invisible,
    normalize,
    nothing_to_see,
)
from styletx.settings import MAX_STYLE_WEIGHT, Settings

from .color import recolor, to_grayscale, to_oklab, with_colors
from .guidance import LOOK_SIDE, Guide, guide
from .paintings import Painting, prepared_styles
from .pyramid import Level, fit, plan, style_image_size
from .regions import (
    Region,
    alpha_mask,
    build_regions,
    check_regions,
    intersect,
    resized,
)
from .tensors import resize_tensor, to_channel, to_picture, to_tensor

NOISE_GRAIN_PX = 8  # to each value of noise: finer, it would stay as speckle


class LevelInputs(NamedTuple):
    """Images at the size of one level: the photo (1, 3, H, W), the painted mask (1, 1, H, W) or
    None for all, each region with its paintings, and what guides them, if anything does."""

    photo: Tensor
    painted_mask: Tensor | None
    regions: Sequence[tuple[Tensor | None, Sequence[Painting]]]
    guide: Guide | None = None

    def around(self, canvas: Tensor) -> Tensor:
        """Return the canvas, with the photo where nothing is painted."""
        return canvas if self.painted_mask is None else self.photo.lerp(canvas, self.painted_mask)


@dataclass(frozen=True)
class RunInputs:
    """Inputs of a run: a normalized photo, the regions of a picture of (width, height) `size`, and
    the settings. `init_image` is the picture to start from, if any; `notes` say what was left
    out."""

    content: Image.Image
    regions: Sequence[Region]
    init_image: Image.Image | None
    settings: Settings
    size: tuple[int, int]
    notes: Sequence[str] = ()

    def at_level(self, level: Level, device: torch.device) -> LevelInputs:
        """Return the images at the size of this level."""
        photo = to_tensor(self.content, level.size, device)
        if self.settings.colors == "luminance":
            photo = to_grayscale(photo)
        regions = []
        for region in self.regions:
            part = intersect(region.where, self.visible_mask)
            where = None if part is None else resized(part, level.size, device)
            paintings = [self.style_image(style, level, photo, where) for style in region.styles]
            regions.append((where, paintings))
        mask = self.painted_mask
        painted = None if mask is None else resized(mask, level.size, device)
        guide = None if self.guide is None else self.guide.resized(level.size, device)
        return LevelInputs(photo, painted, regions, guide)

    def style_image(
        self, style: Style, level: Level, photo: Tensor, where: Tensor | None
    ) -> Painting:
        """Return the painting at the size that matches this level, recoloured if the settings ask
        for it."""
        size = style_image_size(style.picture.size, level, self.settings.style_scale)
        image, visible = to_tensor(style.picture.convert("RGB"), size, photo.device), None
        if style.picture.mode == "RGBA":
            visible = to_channel(style.picture.getchannel("A"), size, photo.device)
            if not visible.any():  # specks, too small to be seen here
                visible = None
        if self.settings.colors == "photo":
            image = recolor(image, photo, visible, where).clamp(0, 1)
        elif self.settings.colors == "luminance":
            image = to_grayscale(image, photo, visible, where)
        return Painting(image, visible, style.share)

    @cached_property
    def painted_mask(self) -> Tensor | None:
        """Return how much of each pixel is painted (1, 1, H, W); None if all are."""
        parts = [region.where for region in self.regions if region.where is not None]
        return torch.stack(parts).sum(dim=0) if parts else None

    @cached_property
    def guide(self) -> Guide | None:
        """Return where the photo guides the style, by as much as it counts at all; the same at
        every size of the picture."""
        settings = self.settings
        if settings.method == "gatys":
            return None
        seen = fit(self.content.size, min(LOOK_SIDE, max(self.content.size)))
        photo = to_tensor(self.content, seen, torch.device("cpu"))
        return guide(photo, settings.guidance * min(1.0, content_strength(settings)))

    @cached_property
    def visible_mask(self) -> Tensor | None:
        """Return 1 where the photo is not transparent (1, 1, H, W); None if all of it is opaque."""
        return alpha_mask(self.content, self.size)

    @cached_property
    def photo(self) -> Tensor:
        """Return the photo (1, 3, H, W) at the size of the result."""
        return to_tensor(self.content, self.size, torch.device("cpu"))

    @cached_property
    def colors(self) -> Tensor:
        """Return the photo's two Oklab colour channels (1, 2, H, W)."""
        return to_oklab(self.photo)[:, 1:]

    def render(self, canvas: Tensor) -> Image.Image:
        """Return a canvas of any level as a picture of the final size, with the kept parts of the
        photo: colours, unpainted regions, transparency."""
        image = resize_tensor(canvas, self.size)
        if self.settings.colors == "luminance":
            image = with_colors(image.cpu(), self.colors)
        if self.painted_mask is not None:
            image = self.photo.lerp(image.cpu(), self.painted_mask)
        picture = to_picture(image)
        if self.content.mode == "RGBA":
            picture.putalpha(self.content.getchannel("A").resize(self.size))
        return picture


def prepare_inputs(
    content: Image.Image,
    styles: Sequence[Style],
    settings: Settings,
    keep_mask: Image.Image | None,
    init_image: Image.Image | None,
) -> tuple[Sequence[Level], RunInputs]:
    """Return the levels and the inputs of a run. Raises `StyletxError` if they do not go
    together."""
    given = content, *(style.picture for style in styles), init_image
    cut = [picture.info[LEFT_OUT] for picture in given if picture and LEFT_OUT in picture.info]
    content = normalize(content)
    if is_invisible(content):
        raise ImageError(nothing_to_see("The photo"))
    styles, notes = prepared_styles(styles, settings.frame)
    if init_image is not None:
        init_image = drop_alpha(normalize(init_image, "The picture to go on with"))
    levels = plan(content.size, settings, longest_side(init_image))
    size = levels[-1].size
    regions = build_regions(styles, keep_mask, content, size)
    inputs = RunInputs(content, regions, init_image, settings, size, [*cut, *notes])
    check_regions(inputs.regions, inputs.visible_mask)
    return levels, inputs


def content_strength(settings: Settings) -> float:
    """Return the content weight; above a style weight of 1 it fades until, at 10, it is 0."""
    fading = min(1.0, (MAX_STYLE_WEIGHT - settings.style_weight) / (MAX_STYLE_WEIGHT - 1))
    return settings.content_weight * fading


def longest_side(init_image: Image.Image | None) -> int:
    """Return the longest side of the picture to start from, 0 without one."""
    return 0 if init_image is None else max(init_image.size)


def initial_canvas(level: Level, level_inputs: LevelInputs, inputs: RunInputs) -> Tensor:
    """Return the first canvas (1, 3, H, W).

    It is the picture to start from, if any; else the photo as it is, or noise for the method of
    Gatys et al.; else the photo, or coarse noise, in the paintings' colours, by as much as the
    style weight is below 1.
    """
    settings, first = inputs.settings, level_inputs.photo
    if settings.paints and inputs.init_image is not None:
        fitted = ImageOps.fit(inputs.init_image, level.size, Image.Resampling.LANCZOS)
        init_image = to_tensor(fitted, level.size, first.device)
        return to_grayscale(init_image) if settings.colors == "luminance" else init_image
    if settings.paints and settings.init == "photo":
        return first.clone()
    if settings.paints and settings.init == "noise":
        if settings.method == "gatys":
            return noise(first, settings.seed, grain=1)
        first = noise(first, settings.seed, NOISE_GRAIN_PX)
    return recolored(first, level_inputs, settings)


def recolored(image: Tensor, level_inputs: LevelInputs, settings: Settings) -> Tensor:
    """Return `image` (1, 3, H, W) on its way to the colours of the paintings, as far as the style
    weight goes."""
    return image.lerp(
        recolor_by_region(image, level_inputs), min(1.0, settings.style_weight)
    ).clamp(0, 1)


def recolor_by_region(image: Tensor, level_inputs: LevelInputs) -> Tensor:
    """Return `image` (1, 3, H, W) in the colours of each region's paintings. Values may leave [0,
    1]."""
    recolored, claimed = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for where, paintings in level_inputs.regions:
        mixed = torch.zeros_like(image)
        for painting in paintings:
            mixed += painting.share * recolor(image, painting.image, where, painting.visible)
        if where is None:
            return mixed
        recolored, claimed = recolored + where * mixed, claimed + where
    return torch.where(claimed > 0, recolored / claimed, image)


def noise(like: Tensor, seed: int, grain: int) -> Tensor:
    """Return noise in the shape of `like`, with `grain` pixels to each value."""
    generator, (height, width) = torch.Generator().manual_seed(seed), like.shape[2:]
    grains = torch.rand(1, 3, -(-height // grain), -(-width // grain), generator=generator)
    return resize_tensor(grains, (width, height)).to(like)
