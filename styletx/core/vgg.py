"""VGG19 feature extractor: activations of its layers, by the names the papers give them."""

import time
from collections.abc import Collection, Mapping
from functools import cache
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d, conv_transpose2d, max_pool2d, pad

from styletx.layers import LAYERS

from .pyramid import MAX_UNTILED_PIXELS
from .tiling import TiledFeatures
from .weights import Weights, load, resolve_source

Features = Mapping[str, Tensor]
MIN_SPEEDUP = 1.3  # how much faster bfloat16 must be, so that a noisy measurement decides nothing


class FeatureExtractor(nn.Module):
    """VGG19's convolutions. It holds weights only, so all runs may share one.

    Convolutions and activations are in `precision`.
    """

    mean: Tensor
    std: Tensor
    relu1_1_kernel: Tensor

    def __init__(self, weights: Weights, precision: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.source = weights.source
        self.register_buffer("mean", torch.tensor(weights.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(weights.std).view(1, 3, 1, 1))
        names = [name for name in LAYERS if name.startswith("relu")]
        for name, (kernel, bias) in zip(names, weights.convolutions, strict=True):
            kernel = kernel.to(precision, memory_format=torch.channels_last)
            self.register_buffer(f"{name}_kernel", kernel)
            self.register_buffer(f"{name}_bias", bias.to(precision))

    @property
    def device(self) -> torch.device:
        return self.mean.device

    @property
    def precision(self) -> torch.dtype:
        return self.relu1_1_kernel.dtype

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
        if image.shape[2] * image.shape[3] <= MAX_UNTILED_PIXELS:
            return self.forward_untiled(image, wanted)
        layers = [name for name in LAYERS if name in wanted]
        return dict(
            zip(layers, TiledFeatures.apply(image, self.forward_untiled, layers), strict=True)
        )

    def forward_untiled(self, image: Tensor, wanted: Collection[str]) -> Features:
        """Return the same, computed for the whole picture at once."""
        found: dict[str, Tensor] = {}
        activation = ((image - self.mean) / self.std).to(
            self.precision, memory_format=torch.channels_last
        )
        for name in LAYERS:
            if len(found) == len(set(wanted)):
                break
            activation = self.apply_layer(name, activation)
            if name in wanted:
                found[name] = activation
        return found

    def apply_layer(self, name: str, activation: Tensor) -> Tensor:
        if name.startswith("pool"):
            return max_pool2d(activation, 2)
        kernel, bias = self.get_buffer(f"{name}_kernel"), self.get_buffer(f"{name}_bias")
        output: Tensor = ConvReLU.apply(activation, kernel, bias)
        return output


class ConvReLU(Function):
    """A convolution and its ReLU, with replicated borders.

    VGG was trained with zero padding. Style statistics see zeros as a dark frame and paint coloured
    fringes; replicated borders do not. The gradient is written out because autograd would keep
    three copies of every activation; one, which the next layer reads, is enough.
    """

    @staticmethod
    def forward(ctx: Any, activation: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        output = conv2d(pad(activation, (1, 1, 1, 1), mode="replicate"), kernel, bias).relu_()
        ctx.save_for_backward(output, kernel)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        output, kernel = ctx.saved_tensors
        gradient = conv_transpose2d(torch.ops.aten.threshold_backward(gradient, output, 0), kernel)
        for side in (-1, -2):  # the repeated border is the border
            gradient.select(side, 1).add_(gradient.select(side, 0))
            gradient.select(side, -2).add_(gradient.select(side, -1))
        return gradient[..., 1:-1, 1:-1], None, None


_loading = Lock()  # `cache` alone would load twice when two threads ask at once


def vgg19(
    device: torch.device, weights: str | Weights | None = None, precision: torch.dtype | None = None
) -> FeatureExtractor:
    """Return the network with these weights on this device, loaded once.

    `weights` are their source as in `weights.load`, by default STYLETX_WEIGHTS or the embedded
    copy; or the weights themselves, which are not cached. `precision` is by default the faster one.
    Raises `WeightsError`.
    """
    with _loading:
        precision = precision or fastest_precision(device)
        if isinstance(weights, Weights):
            return FeatureExtractor(weights, precision).to(device)
        return _vgg19(device, resolve_source(weights), precision)


@cache
def _vgg19(device: torch.device, source: str, precision: torch.dtype) -> FeatureExtractor:
    return FeatureExtractor(load(source), precision).to(device)


def is_loaded() -> bool:
    """Return whether a network has been loaded."""
    return _vgg19.cache_info().currsize > 0


def best_device() -> torch.device:
    """Return CUDA, MPS or the CPU. Call it when work starts: the answer may differ between
    processes."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


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


def time_convolution(device: torch.device, precision: torch.dtype) -> float:
    """Return the seconds of VGG19's commonest convolution at a modest size, the best of five."""
    activation, kernel = (
        torch.ones(*shape, device=device, dtype=precision).to(memory_format=torch.channels_last)
        for shape in ((1, 256, 64, 64), (256, 256, 3, 3))
    )

    def once() -> float:
        started = time.perf_counter()
        conv2d(activation, kernel, padding=1).sum().item()  # waits for the device to finish
        return time.perf_counter() - started

    return min(once() for _ in range(5))
