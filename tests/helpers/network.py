"""A VGG a thousandth of the size, for tests of all that is not about its weights."""

import torch

from styletx.core.weights import Weights
from styletx.layers import DEPTHS


def small_weights(seed: int = 0, channels: int = 8) -> Weights:
    """VGG19's shape with few channels: the same layer names, nothing to load."""
    generator = torch.Generator().manual_seed(seed)
    convolutions, width = [], 3
    for _ in range(sum(DEPTHS)):
        kernel = torch.randn(channels, width, 3, 3, generator=generator) * (2 / (9 * width)) ** 0.5
        convolutions.append((kernel, torch.randn(channels, generator=generator) * 0.1))
        width = channels
    return Weights(tuple(convolutions), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
