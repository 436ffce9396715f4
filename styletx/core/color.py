"""Colour statistics of a picture, and colour transfer between two."""

import torch
from torch import Tensor

COVARIANCE_EPSILON = 1e-5  # keeps the covariance of a grey or flat picture invertible
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
    least: T = A^-½ (A^½ B A^½)^½ A^-½. Values may leave [0, 1].
    """
    mean, covariance = mean_and_covariance(image, where)
    new_mean, wanted = mean_and_covariance(like, where_like)
    root, inverse_root = matrix_power(covariance, 0.5), matrix_power(covariance, -0.5)
    transport = inverse_root @ matrix_power(root @ wanted @ root, 0.5) @ inverse_root
    moved = transport @ (in_double(image) - mean) + new_mean
    return moved.view(image.shape).to(image)


def in_double(image: Tensor) -> Tensor:
    """Return (1, C, H, W) as (C, H·W) in double precision on the CPU, since not every device has
    it."""
    return image[0].flatten(1).cpu().double()


def matrix_power(symmetric: Tensor, exponent: float) -> Tensor:
    """Return a positive definite matrix (N, N) to a power, by its eigenvalues."""
    values, vectors = torch.linalg.eigh(symmetric)
    powered: Tensor = vectors * values.clamp(min=1e-12) ** exponent @ vectors.mT
    return powered


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
    image: Tensor, like: Tensor | None = None, where_like: Tensor | None = None
) -> Tensor:
    """Return `image` (1, 3, H, W) without its colours; with `like`, its lightness moved to the mean
    and standard deviation of that, or of its region `where_like`."""
    light = to_oklab(image)[:, :1]
    if like is not None:
        wanted = to_oklab(like)[:, :1]
        counts = torch.ones_like(wanted) if where_like is None else where_like
        mean = (wanted * counts).sum() / counts.sum()
        spread = ((wanted - mean).square() * counts).sum().div(counts.sum()).sqrt()
        light = (light - light.mean()) / (light.std() + COVARIANCE_EPSILON) * spread
        light = (light + mean).clamp(0, 1)
    return from_oklab(torch.cat([light, torch.zeros_like(light), torch.zeros_like(light)], dim=1))


def with_colors(painted: Tensor, colors: Tensor) -> Tensor:
    """Return the lightness of `painted` (1, 3, H, W) with Oklab's `colors` (1, 2, H, W)."""
    return from_oklab(torch.cat([to_oklab(painted)[:, :1], colors], dim=1))


def apply_matrix(image: Tensor, matrix: Tensor) -> Tensor:
    """Return each pixel's channels (1, 3, H, W) times `matrix` (3, 3)."""
    return torch.einsum("ij,njhw->nihw", matrix.to(image), image)
