"""Local matching: each place of the picture follows the place of the painting most like it.

As in Kolkin et al. (2022), "Neural neighbor style transfer". Statistics are those of a whole
painting, and paint over what is small; a place of its own to follow leaves a face a face.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from .losses import positions_of

MOST_CANDIDATES = 2048  # places of a painting, evenly taken from it
WITHIN = 0.3  # of what a region has at most: less of it follows no place
BATCH = 1024  # places that are compared at a time


def followed(where: Tensor) -> Tensor:
    """Return how far each pixel of a region (1, 1, H, W) follows a place, from 0 to 1."""
    part = where / where.max().clamp(min=torch.finfo(where.dtype).tiny)
    return ((part - WITHIN) / (1 - WITHIN)).clamp(min=0)


def matched(
    features: Tensor, painting: Tensor, where: Tensor, visible: Tensor | None = None
) -> Tensor:
    """Return the features (1, C, H, W) of a layer, each position within `where` (1, 1, H, W)
    replaced by the one most like it of those of the painting that are `visible`, if not all are."""
    candidates = positions_of(painting)
    if visible is not None:
        candidates = candidates[visible.flatten() >= min(0.5, visible.max().item())]
    many = min(len(candidates), MOST_CANDIDATES)
    taken = torch.linspace(0, len(candidates) - 1, many).long().to(candidates.device)
    positions, chosen = positions_of(features).clone(), where.flatten() > 0
    positions[chosen] = nearest(positions[chosen], candidates[taken])
    height, width = features.shape[2:]
    return positions.view(1, height, width, -1).permute(0, 3, 1, 2)


def nearest(positions: Tensor, candidates: Tensor) -> Tensor:
    """Return for each of the positions (N, C) the candidate (M, C) that differs from the mean
    in the most similar direction."""
    directions = normalize(candidates - candidates.mean(dim=0), dim=1)
    beyond = positions - positions.mean(dim=0)
    found = [(part @ directions.mT).argmax(dim=1) for part in torch.split(beyond, BATCH)]
    return candidates[torch.cat(found)]
