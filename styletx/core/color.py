"""Colour statistics of a picture, and colour transfer between two."""

from collections.abc import Callable

import torch
from torch import Tensor

COVARIANCE_EPSILON = 1e-5  # keeps the covariance of a grey or flat picture invertible
NO_SIGNAL = 2 / 255  # standard deviation of noise, mottles and rounding, up to which none is seen
SIGNAL = 3 / 255  # the same from which a direction of colour counts in full
MAX_GRAIN_GAIN = 3  # how many times stronger fine grain may become
UNSEEN_GRAIN = 2 / 255  # standard deviation that grain may have besides
# Oklab: from linear sRGB to the eye's cones, and from their cube roots to lightness and colour
CONES = torch.tensor(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OPPONENTS = torch.tensor(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def mean_and_covariance(image: Tensor, where: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the mean colour (3, 1) and the channels' covariance (3, 3) of `image` (1, 3, H, W);
    of a region only, if `where` (1, 1, H, W) says how much each pixel belongs to it, not
    negative."""
    colors = in_double(image)
    if where is None:
        mean = colors.mean(dim=1, keepdim=True)
        covariance = (colors - mean) @ (colors - mean).mT / colors.shape[1]
    else:
        counts = in_double(where)
        mean = (colors * counts).sum(dim=1, keepdim=True) / counts.sum()
        covariance = ((colors - mean) * counts) @ (colors - mean).mT / counts.sum()
    return mean, covariance + COVARIANCE_EPSILON * torch.eye(3).to(covariance)


def recolor(
    image: Tensor, like: Tensor, where: Tensor | None = None, where_like: Tensor | None = None
) -> Tensor:
    """Return `image` (1, 3, H, W) with its colours moved to the mean and covariance of `like`.

    With `where` and `where_like` (1, 1, H, W), the statistics are those of these regions.

    The map is the optimal transport between the two Gaussians, the linear one that changes colours
    least: T = A^-½ (A^½ B A^½)^½ A^-½. Directions in which `image` hardly varies are not stretched:
    their noise would become coloured grain. Values may leave [0, 1].
    """
    mean, covariance = mean_and_covariance(image, where)
    new_mean, wanted = mean_and_covariance(like, where_like)
    root, inverse_root = matrix_power(covariance, 0.5), matrix_power(covariance, -0.5)
    transport = inverse_root @ matrix_power(root @ wanted @ root, 0.5) @ inverse_root
    offsets = in_double(image) - mean
    signal = signal_projection(covariance, transport, image, where) @ offsets
    moved = transport @ signal + at_most_one(transport) @ (offsets - signal) + new_mean
    return moved.view(image.shape).to(image)


def signal_projection(
    covariance: Tensor, transport: Tensor, image: Tensor, where: Tensor | None
) -> Tensor:
    """Return the matrix (3, 3) that keeps of a colour the directions that `transport` (3, 3) may
    stretch: there is a signal, by the `covariance` (3, 3), and the grain of the `image` stays
    bearable. A direction is kept in part in between."""
    values, vectors = torch.linalg.eigh(covariance)
    share = signal_share((values - COVARIANCE_EPSILON).clamp(min=0).sqrt())
    gains = (vectors.mT @ transport @ vectors).diagonal()
    grain = torch.stack([fine_grain(image, vector, where) for vector in vectors.T])
    allowed = MAX_GRAIN_GAIN - 1 + UNSEEN_GRAIN / (grain + COVARIANCE_EPSILON)
    share = share.minimum(allowed / (gains - 1).clamp(min=COVARIANCE_EPSILON)).clamp(max=1)
    projection: Tensor = vectors * share @ vectors.mT
    return projection


def fine_grain(image: Tensor, direction: Tensor, where: Tensor | None) -> Tensor:
    """Return the standard deviation of the noise from pixel to pixel of `image` (1, 3, H, W) in a
    `direction` (3) of colour; of a region only, if `where` (1, 1, H, W) is given.

    As in Immerkær (1996), from a difference of two Laplacians, which sees no edges; the median,
    unlike his mean, sees no texture that covers less than half of the picture.
    """
    differences = torch.einsum("c,chw->hw", direction.to(image), image[0])
    for _ in range(2):  # along both sides
        differences = differences[:-2] - 2 * differences[1:-1] + differences[2:]
        differences = differences.T
    if where is not None:
        differences = differences[where[0, 0, 1:-1, 1:-1] > 0]
    grain = differences.abs().flatten().median() / (6 * 0.6745)
    return grain.cpu().double().nan_to_num()  # of nothing there is none


def at_most_one(symmetric: Tensor) -> Tensor:
    """Return a matrix (N, N) that stretches nothing, and else does what `symmetric` does."""
    return with_eigenvalues(symmetric, lambda values: values.clamp(max=1))


def signal_share(spread: Tensor) -> Tensor:
    """Return from 0 to 1 how far a standard deviation tells a signal, and not noise."""
    part = ((spread - NO_SIGNAL) / (SIGNAL - NO_SIGNAL)).clamp(0, 1)
    return part * part * (3 - 2 * part)


def in_double(image: Tensor) -> Tensor:
    """Return (1, C, H, W) as (C, H·W) in double precision on the CPU, since not every device has
    it."""
    return image[0].flatten(1).cpu().double()


def matrix_power(symmetric: Tensor, exponent: float) -> Tensor:
    """Return a positive definite matrix (N, N) to a power."""
    return with_eigenvalues(symmetric, lambda values: values.clamp(min=1e-12) ** exponent)


def with_eigenvalues(symmetric: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Return a matrix (N, N) with its eigenvalues (N) changed."""
    values, vectors = torch.linalg.eigh(symmetric)
    changed: Tensor = vectors * change(values) @ vectors.mT
    return changed


def to_oklab(image: Tensor) -> Tensor:
    """Return sRGB (1, 3, H, W) in [0, 1] as lightness in [0, 1], green to red, blue to yellow.

    This is Ottosson's Oklab (2020): equal distances look equal, and the lightness alone looks
    right.
    """
    linear = torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    return apply_matrix(apply_matrix(linear, CONES).clamp(min=0) ** (1 / 3), OPPONENTS)


def from_oklab(lab: Tensor) -> Tensor:
    """Return Oklab (1, 3, H, W) as sRGB; colours that no screen can show are clamped."""
    linear = apply_matrix(apply_matrix(lab, OPPONENTS.inverse()) ** 3, CONES.inverse()).clamp(0, 1)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def to_grayscale(
    image: Tensor,
    like: Tensor | None = None,
    where: Tensor | None = None,
    where_like: Tensor | None = None,
) -> Tensor:
    """Return `image` (1, 3, H, W) without its colours; with `like`, its lightness moved to the mean
    and standard deviation of that. `where` and `where_like` as in `recolor`."""
    light = to_oklab(image)[:, :1]
    if like is not None:
        mean, spread = mean_and_spread(light, where)
        new_mean, wanted = mean_and_spread(to_oklab(like)[:, :1], where_like)
        gain = wanted / (spread + COVARIANCE_EPSILON)
        gain = gain.clamp(max=1).lerp(gain, signal_share(spread))
        light = ((light - mean) * gain + new_mean).clamp(0, 1)
    return from_oklab(torch.cat([light, torch.zeros_like(light), torch.zeros_like(light)], dim=1))


def mean_and_spread(light: Tensor, where: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation of a channel (1, 1, H, W), within a region."""
    counts = torch.ones_like(light) if where is None else where
    mean = (light * counts).sum() / counts.sum()
    return mean, ((light - mean).square() * counts).sum().div(counts.sum()).sqrt()


def with_colors(painted: Tensor, colors: Tensor) -> Tensor:
    """Return the lightness of `painted` (1, 3, H, W) with Oklab's `colors` (1, 2, H, W)."""
    return from_oklab(torch.cat([to_oklab(painted)[:, :1], colors], dim=1))


def apply_matrix(image: Tensor, matrix: Tensor) -> Tensor:
    """Return each pixel's channels (1, 3, H, W) times `matrix` (3, 3)."""
    return torch.einsum("ij,njhw->nihw", matrix.to(image), image)
