"""Low-rank factors of VGG19's convolutions, with which a step takes about half the time.

The outputs y = W x + b of a convolution lie nearly in few directions, so y ≈ E (R y + c) + m with
a matrix R of few rows (Zhang et al., 2015, "Accelerating Very Deep Convolutional Networks", section
3): one 3x3 convolution to few channels, R W, and one 1x1 convolution E back to all of them. `python
-m assets.fit_factors` makes the file of R and E; it belongs to the embedded weights.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from safetensors.torch import load
from torch import Tensor

from styletx.errors import WeightsError
from styletx.settings import Settings

FILE = Path(__file__).with_name("vgg19_factors.safetensors")
SHA256 = "df32d2c139bd2b8ad141799d405cf1559e6993884f1938163a42df9af175ac98"


class Factor(NamedTuple):
    """Factors of a convolution with C outputs, of rank r: R (r, C), c (r), E (C, r), m (C)."""

    reduce: Tensor
    reduce_bias: Tensor
    expand: Tensor
    expand_bias: Tensor


def suit(settings: Settings) -> bool:
    """Return whether the factors were made for these settings: those that compare the layers that
    are compared by default, by their moments."""
    default = Settings()
    layers = (settings.style_layers, settings.content_layers)
    same = layers == (default.style_layers, default.content_layers)
    return same and settings.method == default.method


@cache
def load_factors() -> Mapping[str, Factor]:
    """Return the factors by the name of their layer. Raises `WeightsError` if the file is not the
    one of this version."""
    content = FILE.read_bytes() if FILE.is_file() else b""
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise WeightsError(f"{FILE} is damaged or missing. Install styletx again.")
    tensors = load(content)
    names = dict.fromkeys(key.split(".")[0] for key in tensors)
    return {
        name: Factor(*(tensors[f"{name}.{part}"].float() for part in Factor._fields))
        for name in names
    }
