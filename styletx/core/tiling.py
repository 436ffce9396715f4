"""Features of large pictures, computed in bands: same values and gradients, less memory."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from styletx.layers import LAYERS, stride

from .pyramid import MAX_UNTILED_PIXELS

Forward = Callable[[Tensor, Collection[str]], Mapping[str, Tensor]]  # a picture's layers by name


class Band(NamedTuple):
    """A band of a picture: the rows from `top` to `bottom`, with all rows that their activations
    depend on, from `start` to `stop`."""

    top: int
    bottom: int
    start: int
    stop: int

    def crop_full(self, activation: Tensor, side: int) -> Tensor:
        """Return the band's own rows of a whole activation with a row per `side` rows of the
        picture."""
        return activation[:, :, self.top // side : self.bottom // side]

    def crop_own(self, activation: Tensor, side: int) -> Tensor:
        """Return the band's own rows of an activation of the band alone."""
        return activation[
            :, :, (self.top - self.start) // side : (self.bottom - self.start) // side
        ]


def bands(height: int, width: int, layer: str) -> list[Band]:
    """Return the bands in which a large picture is seen, as deep as `layer`."""
    before = LAYERS[: LAYERS.index(layer) + 1]
    side = stride(layer)
    reach = sum(stride(name) // (2 if name.startswith("pool") else 1) for name in before)
    reach = -(-reach // side) * side
    rows = max(1, MAX_UNTILED_PIXELS // 2 // width // side) * side
    return [
        Band(top, min(height, top + rows), max(0, top - reach), min(height, top + rows + reach))
        for top in range(0, height, rows)
    ]


class TiledFeatures(Function):
    """Features computed band by band, and again for their gradient: the same numbers in less memory
    and a third more time."""

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, forward: Forward, layers: Sequence[str]
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(image)
        ctx.forward, ctx.layers = forward, layers
        height, width = image.shape[2:]
        whole: dict[str, Tensor] = {}
        for band in bands(height, width, layers[-1]):
            activations = forward(image[:, :, band.start : band.stop], layers)
            for layer, activation in activations.items():
                side = stride(layer)
                if layer not in whole:
                    shape = (1, activation.shape[1], height // side, width // side)
                    whole[layer] = activation.new_empty(shape).to(memory_format=torch.channels_last)
                band.crop_full(whole[layer], side).copy_(band.crop_own(activation, side))
        return tuple(whole[layer] for layer in layers)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (image,) = ctx.saved_tensors
        of_image, (height, width) = torch.zeros_like(image), image.shape[2:]
        for band in bands(height, width, ctx.layers[-1]):
            part = image[:, :, band.start : band.stop].detach().requires_grad_()
            with torch.enable_grad():
                activations = ctx.forward(part, ctx.layers)
                own = [band.crop_own(activations[n], stride(n)) for n in ctx.layers]
            wanted = [
                band.crop_full(gradient, stride(n))
                for n, gradient in zip(ctx.layers, gradients, strict=True)
            ]
            of_image[:, :, band.start : band.stop] += torch.autograd.grad(own, part, wanted)[0]
        return of_image, None, None
