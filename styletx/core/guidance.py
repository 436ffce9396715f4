"""Guidance by the photo itself: calm ground stays calm, small things on it stay sharp.

As in Gatys et al. (2017), "Controlling perceptual factors in neural style transfer", section 4,
parts of the photo get the statistics of parts of the painting; here soft maps of local contrast say
which. Calm ground follows the painting's calm parts, all else its other parts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d, pad

from .paintings import Painting
from .regions import MIN_REGION_AREA

LOOK_SIDE = 512  # pixels: contrast is looked at in pictures of no more than this longest side
REACH = 0.02  # of the longest side: how far around a place its contrast is taken
FINE_REACH = 0.008  # of the longest side: the same for small things
WIDE_REACH = 0.06  # of the longest side: how far around a place its ground may change
NEAR = 0.12  # of the longest side: how near a small thing calm ground must be
# From the first value of each pair a map begins to rise, at the second it is full
CALM = 0.03, 0.012  # standard deviation of lightness (0 to 1) of a calm place
BARE = 0.04, 0.026  # how far colours change over bare ground; over a blurred background more
FINE = 0.04, 0.1  # standard deviation of lightness of a small thing
GROUND = 0.08, 0.3  # calm share of what is near a small thing
AROUND = 0.03, 0.15  # the same once the photo has a guide: inside things as well
OPEN = 0.3, 0.6  # share of the calm that reaches the border: less is no ground behind things
SHARE = 0.45, 0.5  # share of the photo that is calm or a small thing: less needs no guide
BUSY = 0.05, 0.035  # standard deviation of lightness of a painting's calmest parts
CALMEST = 0.1  # share of a painting that these are
LOCAL = 0.8  # guidance from which on what is not calm follows places of the painting in full
LEAST = 1e-4  # that a part is divided by
MOST = 0.95  # that the whole painting's statistics give up of a place: some of it must be left


class Guide(NamedTuple):
    """How calm each pixel of the photo is, and how much it belongs to a small thing on calm ground,
    both (1, 1, H, W); and how far the rest follows places of the painting; all from 0 to 1."""

    calm: Tensor
    fine: Tensor
    local: float

    def resized(self, size: tuple[int, int], device: torch.device) -> "Guide":
        """Return the same at (width, height) `size`."""
        calm, fine = (fitted(one, size[::-1]).to(device) for one in self[:2])
        return Guide(calm, fine, self.local)


def guide(photo: Tensor, amount: float) -> Guide | None:
    """Return the guide of a photo (1, 3, H, W), by so much of it, from 0 to 1; None if it has no
    calm ground, or is not asked for."""
    if not amount:
        return None
    seen = seen_small(photo)
    calm, close = (contrast(seen, reach) for reach in (REACH, FINE_REACH))
    calm, even = ramp(calm, *CALM), ramp(close, *CALM)
    calm = calm * ramp(changes(seen, calm), *BARE)
    near = blurred(even, NEAR)
    share = calm.mean() + (ramp(near, *GROUND) * ramp(close, *FINE)).mean()
    amount *= ramp(share, *SHARE).item()
    ground = (amount * open_ground(calm)).clamp(max=MOST)
    fine = amount * ramp(near, *AROUND) * (1 - even)
    return Guide(ground, fine, min(1.0, amount / LOCAL)) if amount else None


def open_ground(calm: Tensor) -> Tensor:
    """Return the map of calm without what things enclose, such as a cheek or the side of a vase:
    only what reaches the border. Where that is but a little of it, as in a frame, all of it."""
    less = fitted(calm, [max(1, side // 4) for side in calm.shape[2:]])
    border = pad(torch.zeros_like(less)[..., 1:-1, 1:-1], (1, 1, 1, 1), value=1.0)
    reached = torch.minimum(less, border)
    for _ in range(sum(less.shape[2:])):  # as long as a way may be that does not wind
        before = reached
        reached = torch.minimum(max_pool2d(before, 3, stride=1, padding=1), less)
        if reached.equal(before):
            break
    ground = fitted(max_pool2d(reached, 3, stride=1, padding=1), calm.shape[2:])
    part = ramp(reached.mean() / less.mean().clamp(min=LEAST), *OPEN)
    return calm.lerp(torch.minimum(calm, ground), part.item())


class CalmGround(NamedTuple):
    """Calm ground of a region (1, 1, H, W), and the calm parts of its paintings; how far the rest
    of the region follows places of the paintings; from 0 to 1."""

    where: Tensor
    paintings: Sequence[Painting]
    local: float


def without_calm(
    where: Tensor | None, paintings: Sequence[Painting], guide: Guide | None
) -> tuple[Tensor | None, Sequence[Painting], CalmGround | None]:
    """Return a region and its paintings without calm ground and calm parts, and these; None if
    there are none. A painting that has no calm part covers calm ground as well."""
    if guide is None:
        return where, paintings, None
    parts = [calm_and_busy(one) for one in paintings]
    quiet = sum(one.share * calmness for one, _, calmness in parts)
    calm = guide.calm * quiet
    calm = calm if where is None else where * calm
    if calm.mean() < MIN_REGION_AREA:
        return where, paintings, None
    rest = 1 - calm if where is None else where - calm
    ground = CalmGround(calm, [one for one, *_ in parts], guide.local * quiet)
    return rest, [busy for _, busy, _ in parts], ground


def calm_and_busy(painting: Painting) -> tuple[Painting, Painting, float]:
    """Return the painting with only its calm parts visible and with only the others, and whether
    the former are calm at all, from 0 to 1."""
    seen = contrast(seen_small(painting.image), REACH)
    least = torch.quantile(seen.flatten(), CALMEST)
    start, full = CALM
    calm = ramp(seen, max(start, 1.5 * least.item()), max(full, least.item()))
    calm = fitted(calm, painting.image.shape[2:])
    return part_of(painting, calm), part_of(painting, 1 - calm), ramp(least, *BUSY).item()


def part_of(painting: Painting, where: Tensor) -> Painting:
    """Return the painting with only this part visible; the painting if that is next to none."""
    visible = where if painting.visible is None else where * painting.visible
    return painting._replace(visible=visible) if visible.mean() > MIN_REGION_AREA else painting


def contrast(image: Tensor, reach: float) -> Tensor:
    """Return the standard deviation of lightness around each pixel (1, 1, H, W)."""
    grey = image.mean(dim=1, keepdim=True)
    mean = blurred(grey, reach)
    return (blurred(grey.square(), reach) - mean.square()).clamp(min=0).sqrt()


def changes(image: Tensor, ground: Tensor) -> Tensor:
    """Return how far the colours of the `ground` around each pixel are apart (1, 1, H, W): their
    standard deviation, whatever stands on it."""
    share = blurred(ground, WIDE_REACH).clamp(min=LEAST)
    mean, square = (blurred(one * ground, WIDE_REACH) / share for one in (image, image.square()))
    return (square - mean.square()).clamp(min=0).mean(dim=1, keepdim=True).sqrt()


def blurred(image: Tensor, reach: float) -> Tensor:
    """Return the image, blurred by two boxes: nearly a tent, as wide as `reach` of the longest side
    to each side."""
    radius = max(1, round(reach * max(image.shape[2:]) / 2))
    down, across = (tent(length, radius).to(image) for length in image.shape[2:])
    return down @ image @ across.mT


def tent(length: int, radius: int) -> Tensor:
    """Return the matrix (length, length) of two blurs in a row by boxes of this radius, beyond the
    ends of which the last value goes on. Wide boxes would take longer one by one."""
    box = torch.arange(length)[:, None] + torch.arange(-radius, radius + 1)
    shares = torch.full(box.shape, 1 / box.shape[1])
    blur = torch.zeros(length, length).scatter_add_(1, box.clamp(0, length - 1), shares)
    return blur @ blur


def ramp(values: Tensor, start: float, full: float) -> Tensor:
    """Return 0 up to `start`, 1 from `full` on, and smoothly between; `full` may be below."""
    part = ((values - start) / (full - start)).clamp(0, 1)
    return part.square() * (3 - 2 * part)


def seen_small(image: Tensor) -> Tensor:
    """Return an image with a longest side of at most `LOOK_SIDE`."""
    height, width = image.shape[2:]
    less = min(1.0, LOOK_SIDE / max(height, width))
    return fitted(image, (max(1, round(less * height)), max(1, round(less * width))))


def fitted(image: Tensor, shape: Sequence[int]) -> Tensor:
    """Return an image at another (height, width): means of areas if smaller, else interpolated."""
    smaller = shape[0] < image.shape[2]
    mode = {"mode": "area"} if smaller else {"mode": "bilinear", "align_corners": False}
    return image if image.shape[2:] == tuple(shape) else interpolate(image, tuple(shape), **mode)
