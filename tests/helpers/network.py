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


def assert_slope(features, image, apart=1e-6):
    """Compare the gradient of random sums of an image's features, in float64, with what they become
    where each number of the image is a little larger and smaller. `gradcheck` would go back through
    one pass several times."""

    def sum_of(image):
        numbers = torch.Generator().manual_seed(7)
        return sum(
            (found * torch.rand(found.shape, generator=numbers).to(found)).sum()
            for found in features(image).values()
        )

    given = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sum_of(given), given)
    steps = apart * torch.eye(image.numel(), dtype=image.dtype).view(-1, *image.shape)
    slopes = [(sum_of(image + step) - sum_of(image - step)) / (2 * apart) for step in steps]
    torch.testing.assert_close(gradient.flatten(), torch.stack(slopes))
