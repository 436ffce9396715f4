"""Colour statistics of a picture, and giving one picture the colours of another."""

import torch
from torch import Tensor

JUST_ABOVE_ZERO = 1e-5  # keeps the covariance of a grey or flat picture invertible


def mean_and_covariance(image: Tensor) -> tuple[Tensor, Tensor]:
    """(1, 3, H, W) -> the mean colour (3, 1) and how the channels vary together (3, 3)."""
    colors = in_double(image)
    mean = colors.mean(dim=1, keepdim=True)
    covariance = (colors - mean) @ (colors - mean).mT / colors.shape[1]
    return mean, covariance + JUST_ABOVE_ZERO * torch.eye(3).to(covariance)


def recolor(image: Tensor, like: Tensor) -> Tensor:
    """`image` (1, 3, H, W) with its colours moved to the mean and covariance of `like`.

    The map is the optimal transport between the two Gaussians, the linear one that changes colours
    least: T = A^-½ (A^½ B A^½)^½ A^-½. Values may leave [0, 1].
    """
    (mean, covariance), (new_mean, wanted) = mean_and_covariance(image), mean_and_covariance(like)
    root, inverse_root = power(covariance, 0.5), power(covariance, -0.5)
    transport = inverse_root @ power(root @ wanted @ root, 0.5) @ inverse_root
    moved = transport @ (in_double(image) - mean) + new_mean
    return moved.view(image.shape).to(image)


def in_double(image: Tensor) -> Tensor:
    """(1, 3, H, W) -> (3, H·W) on the CPU, since not every device knows double precision."""
    return image[0].flatten(1).cpu().double()


def power(symmetric: Tensor, exponent: float) -> Tensor:
    """A positive definite matrix (N, N) to a power, by its eigenvalues."""
    values, vectors = torch.linalg.eigh(symmetric)
    powered: Tensor = vectors * values.clamp(min=1e-12) ** exponent @ vectors.mT
    return powered
