"""VGG19 feature extractor: activations of its layers, by the names the papers give them."""

import math
import time
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from threading import Lock
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d, conv_transpose2d, linear, max_pool2d, pad

from styletx.events import FACTORED
from styletx.layers import LAYERS

from .factors import Factor, load_factors
from .pyramid import MAX_UNTILED_PIXELS
from .tiling import TiledFeatures
from .weights import DEFAULT, Weights, load, resolve_source

Features = Mapping[str, Tensor]
MAX_SLOWDOWN = 3  # how much slower bfloat16 may be where a recipe asks for it
MIN_SPEEDUP = 1.3  # how much faster bfloat16 must be, so that a noisy measurement decides nothing


class FeatureExtractor(nn.Module):
    """VGG19's convolutions. It holds weights only, so all runs may share one.

    Convolutions and activations are in `precision`.
    """

    mean: Tensor
    std: Tensor
    original: "FeatureExtractor | None"  # that the factored convolutions are taken from

    def __init__(
        self,
        weights: Weights,
        precision: torch.dtype = torch.float32,
        factors: Mapping[str, Factor] = MappingProxyType({}),
    ) -> None:
        """Convolutions with `factors` are replaced by two that take less time."""
        super().__init__()
        self.original = FeatureExtractor(weights, precision) if factors else None
        self.source = weights.source + FACTORED if factors else weights.source
        self.precision, self.factored = precision, frozenset(factors)
        self.register_buffer("mean", torch.tensor(weights.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(weights.std).view(1, 3, 1, 1))
        names = [name for name in LAYERS if name.startswith("relu")]
        for name, (kernel, bias) in zip(names, weights.convolutions, strict=True):
            if name in factors:
                reduce, reduce_bias, expand, expand_bias = factors[name]
                kernel = torch.einsum("rc,cixy->rixy", reduce, kernel)
                bias = reduce @ bias + reduce_bias
                self.register_buffer(f"{name}_expand", expand.to(precision))
                self.register_buffer(f"{name}_expand_bias", expand_bias.to(precision))
            kernel = kernel.to(precision, memory_format=torch.channels_last)
            self.register_buffer(f"{name}_kernel", kernel)
            self.register_buffer(f"{name}_bias", bias.to(precision))

    @property
    def whole(self) -> "FeatureExtractor":
        """Return the same network with no convolution factored."""
        return self.original or self

    @property
    def device(self) -> torch.device:
        return self.mean.device

    @property
    def provenance(self) -> dict[str, str]:
        """Return weight source, and device with dtype, as strings for the report."""
        precision = str(self.precision).removeprefix("torch.")
        return {"weights": self.source, "device": f"{self.device.type}, {precision}"}

    def forward(self, image: Tensor, wanted: Collection[str]) -> Features:
        """Return the `wanted` layers of an image (1, 3, H, W) in [0, 1]; compute none deeper."""
        unknown = set(wanted) - set(LAYERS)
        if unknown:
            raise KeyError(f"no layer {sorted(unknown)}; there are {', '.join(LAYERS)}")
        layers = tuple(name for name in LAYERS if name in wanted)
        if image.shape[2] * image.shape[3] <= MAX_UNTILED_PIXELS:
            return self.forward_untiled(image, layers)
        return dict(
            zip(layers, TiledFeatures.apply(image, self.forward_untiled, layers), strict=True)
        )

    def forward_untiled(self, image: Tensor, layers: Sequence[str]) -> Features:
        """Return the same, computed for the whole picture at once."""
        scaled = ((image - self.mean) / self.std).to(
            self.precision, memory_format=torch.channels_last
        )
        return dict(zip(layers, ForwardPass.apply(scaled, self, layers), strict=True))

    def convolve(self, name: str, activation: Tensor) -> Tensor:
        """Return a layer's convolution, before its ReLU, with replicated borders.

        VGG was trained with zero padding. Style statistics see zeros as a dark frame and paint
        coloured fringes; replicated borders do not.
        """
        activation = pad(activation, (1, 1, 1, 1), mode="replicate")
        kernel, bias = self.get_buffer(f"{name}_kernel"), self.get_buffer(f"{name}_bias")
        activation = conv2d(activation, kernel, bias)
        if name not in self.factored:
            return activation
        expand, bias = self.get_buffer(f"{name}_expand"), self.get_buffer(f"{name}_expand_bias")
        return linear(activation.permute(0, 2, 3, 1), expand, bias).permute(0, 3, 1, 2)

    def expand_backward(self, name: str, gradient: Tensor) -> Tensor:
        """Return the gradient before the second convolution of a layer, if it is factored."""
        if name not in self.factored:
            return gradient
        expand = self.get_buffer(f"{name}_expand")
        return (gradient.permute(0, 2, 3, 1) @ expand).permute(0, 3, 1, 2)

    def kernel_backward(self, name: str, gradient: Tensor) -> Tensor:
        """Return the gradient before a layer's kernel: of the activation that `convolve` is
        given."""
        gradient = conv_transpose2d(gradient, self.get_buffer(f"{name}_kernel"))
        for side in (-1, -2):  # the repeated border is the border
            gradient.select(side, 1).add_(gradient.select(side, 0))
            gradient.select(side, -2).add_(gradient.select(side, -1))
        return gradient[..., 1:-1, 1:-1]


class ForwardPass(Function):
    """A pass through the network, with its gradient written out.

    Autograd would keep three copies of every activation; one, which the next layer reads, is
    enough, until the gradient has passed it: so there is one gradient of each pass. A ReLU before a
    pooling is applied after it, to a quarter of the numbers: the largest of four stays the largest.
    """

    @staticmethod
    def forward(
        ctx: Any, activation: Tensor, extractor: FeatureExtractor, layers: Sequence[str]
    ) -> tuple[Tensor, ...]:
        """Return the `layers`, in the network's order, of a scaled image (1, 3, H, W)."""
        found: list[Tensor] = []
        shapes: list[torch.Size] = []  # that each layer is given
        saved: list[tuple[Tensor | None, ...]] = []  # of each its output, if rectified, and maxima
        depth = LAYERS.index(layers[-1]) + 1
        for name, following in zip(LAYERS[:depth], (*LAYERS[1:depth], ""), strict=True):
            shapes.append(activation.shape)
            maxima = None
            if name.startswith("pool"):
                activation, maxima = max_pool2d(activation, 2, return_indices=True)
            else:
                activation = extractor.convolve(name, activation)
            rectified = name in layers or not following.startswith("pool")
            if rectified:
                activation = activation.relu_()
            if name in layers:
                found.append(activation)
            if ctx.needs_input_grad[0]:
                # Detached, since what is returned will refer to `ctx`
                saved.append((activation.detach() if rectified else None, maxima))
        ctx.extractor, ctx.layers, ctx.shapes, ctx.saved = extractor, layers, shapes, saved
        return tuple(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None]:
        of_layer = dict(zip(ctx.layers, gradients, strict=True))
        gradient: Any = None
        for name, shape in reversed(list(zip(LAYERS, ctx.shapes, strict=False))):
            output, maxima = ctx.saved.pop()
            if name in of_layer:
                own = of_layer[name]
                gradient = own if gradient is None else gradient.add_(own)
            if output is not None:
                gradient = torch.ops.aten.threshold_backward(gradient, output, 0)
            if maxima is not None:
                gradient = pool_backward(gradient, maxima, shape)
            else:  # in two lines, after the first of which what it was given is freed
                gradient = ctx.extractor.expand_backward(name, gradient)
                gradient = ctx.extractor.kernel_backward(name, gradient)
        return gradient, None, None


def pool_backward(gradient: Tensor, maxima: Tensor, shape: torch.Size) -> Tensor:
    """Return the gradient of a 2x2 max pooling with respect to what it was given, of this shape."""
    like = torch.empty(
        shape, dtype=gradient.dtype, device=gradient.device, memory_format=torch.channels_last
    )
    pooled: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
        gradient, like, [2, 2], [2, 2], [0, 0], [1, 1], False, maxima
    )
    return pooled


_loading = Lock()  # `cache` alone would load twice when two threads ask at once


def vgg19(
    device: torch.device,
    weights: str | Weights | None = None,
    precision: torch.dtype | str | None = None,
    factored: bool = False,
) -> FeatureExtractor:
    """Return the network with these weights on this device, loaded once.

    `weights` are their source as in `weights.load`, by default STYLETX_WEIGHTS or the embedded
    copy; or the weights themselves, which are not cached. `precision` is by default the faster one,
    also where it is the name of one that this device cannot compute in. With `factored`, the
    embedded weights are factored on a CPU; on a graphics card, where nobody has measured it, and
    with other weights the network stays whole. Raises `WeightsError`.
    """
    with _loading:
        if isinstance(precision, str):
            precision = named_precision(device, precision)
        precision = precision or fastest_precision(device)
        if isinstance(weights, Weights):
            return FeatureExtractor(weights, precision).to(device)
        found = _vgg19(device, resolve_source(weights), precision)
        return found if factored else found.whole


@cache
def _vgg19(device: torch.device, source: str, precision: torch.dtype) -> FeatureExtractor:
    """Return the network, factored where there are factors for it."""
    factors = load_factors() if source == DEFAULT and device.type == "cpu" else {}
    return FeatureExtractor(load(source), precision, factors).to(device)


def is_loaded() -> bool:
    """Return whether a network has been loaded."""
    return _vgg19.cache_info().currsize > 0


@cache
def fastest_precision(device: torch.device) -> torch.dtype:
    """Return bfloat16 if convolutions are clearly faster in it, else float32, by measuring both; on
    Apple's graphics cards float32, since not all know bfloat16."""
    if device.type == "mps":
        return torch.float32
    seconds = {
        precision: time_convolution(device, precision)
        for precision in (torch.float32, torch.bfloat16)
    }
    worth_it = seconds[torch.float32] > MIN_SPEEDUP * seconds[torch.bfloat16]
    return torch.bfloat16 if worth_it else torch.float32


@cache
def named_precision(device: torch.device, name: str) -> torch.dtype | None:
    """Return the precision that a recipe names, or None where this device cannot compute in it, or
    only far more slowly."""
    if name == "float32":
        return torch.float32
    if name != "bfloat16" or device.type == "mps":
        return None
    rough, exact = (time_convolution(device, one) for one in (torch.bfloat16, torch.float32))
    return torch.bfloat16 if rough < MAX_SLOWDOWN * exact else None


def time_convolution(device: torch.device, precision: torch.dtype) -> float:
    """Return the seconds of VGG19's commonest convolution at a small size, the best of five;
    infinity where the device cannot compute so, as old graphics cards cannot in bfloat16."""
    activation, kernel = (
        torch.ones(*shape, device=device, dtype=precision).to(memory_format=torch.channels_last)
        for shape in ((1, 256, 24, 24), (256, 256, 3, 3))
    )

    def once() -> float:
        started = time.perf_counter()
        conv2d(activation, kernel, padding=1).sum().item()  # waits for the device to finish
        return time.perf_counter() - started

    try:
        return min(once() for _ in range(5))
    except RuntimeError:
        return math.inf
