"""Distances between features, and between pixels. Pure functions of tensors."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import avg_pool2d

BLOCK_POSITIONS = 512  # summed in the features' own precision; the sums are added in float32
EPSILON = 1e-8  # a target of zeros, such as the variance of a flat colour, divides by this


def relative_error(found: Tensor, target: Tensor) -> Tensor:
    """Return ‖found − target‖² / ‖target‖²: 1 for zeros, whatever the layer's own scale.

    Gatys et al. (2016) take the plain squared error, so that every layer and every painting needs
    its own weight.
    """
    return squared_distance(found, target) / (squared_norm(target) + EPSILON)


def squared_distance(found: Tensor, target: Tensor) -> Tensor:
    """Return ‖found − target‖², in float32 at least."""
    distance: Tensor = SquaredDistance.apply(found, target)
    return distance


def squared_norm(tensor: Tensor) -> Tensor:
    precise = torch.promote_types(tensor.dtype, torch.float32)
    norm: Tensor = torch.linalg.vector_norm(tensor, dtype=precise)
    return norm.square()


class SquaredDistance(Function):
    """A squared distance with its gradient written out, so that halves are not copied in
    float32."""

    @staticmethod
    def forward(ctx: Any, found: Tensor, target: Tensor) -> Tensor:
        difference = found - target
        ctx.save_for_backward(difference)
        return squared_norm(difference)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return d/d(found) = 2 (found − target); the target is fixed."""
        (difference,) = ctx.saved_tensors
        return difference * (2 * gradient), None


def gram(features: Tensor, where: Tensor | None = None) -> Tensor:
    """Return the Gram matrix (C, C) of features (1, C, H, W): which channels fire together.

    It is F·Fᵀ divided by the number of positions, unlike in Gatys et al. (2016), so that pictures
    of different sizes can be compared. `where` as in `moments`.
    """
    mean, covariance = moments(features, where)
    return covariance + mean @ mean.mT


def moments(features: Tensor, where: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the channels' mean (C, 1) and covariance (C, C) of features (1, C, H, W), in float32
    at least; of a region only, if `where` (1, 1, H, W) says how much each position belongs to it,
    not negative.

    Halves are multiplied as halves, a block of positions at a time, and added up in float32: the
    blocks' roundings, of one part in 500 each, cancel out.

    Together they hold what the Gram matrix holds; compared one by one, the mean no longer drowns
    the covariance, which is where the brush strokes are.
    """
    positions = positions_of(features)
    counts = None if where is None else where.view(-1, 1).to(positions)
    mean, covariance = Moments.apply(positions, counts)
    return mean, covariance


def positions_of(features: Tensor) -> Tensor:
    """Return the features of each position (N, C) of a layer (1, C, H, W)."""
    return features.permute(0, 2, 3, 1).flatten(0, 2)


def mean_of(features: Tensor, where: Tensor | None = None) -> Tensor:
    """Return the mean of `moments` alone."""
    precise = torch.promote_types(features.dtype, torch.float32)
    if where is None:
        return features.mean(dim=(2, 3), dtype=precise).mT
    counts = where.to(features)
    total = (features * counts).sum(dim=(2, 3), dtype=precise)
    return total.mT / counts.sum(dtype=precise)


class Moments(Function):
    """Mean and covariance with their gradient written out.

    Left to autograd, a step at the finest level spends longer on copies of the features in float32
    than on the network.
    """

    @staticmethod
    def forward(ctx: Any, positions: Tensor, counts: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return (C, 1) and (C, C) of `positions` (N, C), each weighted by `counts` (N, 1) if
        given."""
        number, channels = positions.shape
        precise = torch.promote_types(positions.dtype, torch.float32)
        counted = positions if counts is None else positions * counts
        whole = 0 if positions.dtype == precise else number // BLOCK_POSITIONS * BLOCK_POSITIONS
        blocks, counted_blocks = (
            part[:whole].view(-1, BLOCK_POSITIONS, channels) for part in (positions, counted)
        )
        rest, counted_rest = (part[whole:].to(precise) for part in (positions, counted))
        total = counted_blocks.sum(dim=1).sum(dim=0, dtype=precise)[:, None]
        total += counted_rest.sum(dim=0)[:, None]
        products = torch.addmm(
            (blocks.mT @ counted_blocks).sum(dim=0, dtype=precise), rest.mT, counted_rest
        )
        count = torch.tensor(number) if counts is None else counts.sum(dtype=precise)
        mean = total / count
        ctx.save_for_backward(positions, mean, counts, count)
        return mean, products / count - mean @ mean.mT

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, mean_gradient: Tensor, covariance_gradient: Tensor
    ) -> tuple[Tensor, None]:
        """Return d/dF = ((F − μ) S + d/dμ) / N, with S = d/dΣ + (d/dΣ)ᵀ, times `counts`."""
        positions, mean, counts, count = ctx.saved_tensors
        symmetric = covariance_gradient + covariance_gradient.mT
        constant = (mean_gradient - symmetric @ mean).mT / count
        symmetric = symmetric / count
        gradient = torch.addmm(constant.to(positions), positions, symmetric.to(positions))
        return (gradient if counts is None else gradient.mul_(counts)), None


def total_variation(image: Tensor) -> Tensor:
    """Return the mean squared difference between neighbouring pixels (total variation, L2)."""
    across = (image[..., :, 1:] - image[..., :, :-1]).square().mean()
    down = (image[..., 1:, :] - image[..., :-1, :]).square().mean()
    return across + down


def downsampled(image: Tensor) -> Tensor:
    """Return (1, C, H, W) as (1, C, H/4, W/4): the picture seen from a distance."""
    return avg_pool2d(image, 4)
