"""The layers of VGG19, by the names the papers give them."""

from collections.abc import Iterable
from difflib import get_close_matches

from .errors import SettingsError
from .text import quote

DEPTHS = (2, 2, 4, 4, 4)  # convolutions per block of VGG19
LAYERS = tuple(
    name
    for block, depth in enumerate(DEPTHS, start=1)
    for name in (*(f"relu{block}_{n}" for n in range(1, depth + 1)), f"pool{block}")
)
FINE_BLOCKS = 3  # those that see brush strokes rather than shapes
CHOICES = LAYERS[:-1]  # those that may be chosen: pool5 needs larger pictures than all others
LayerWeights = tuple[tuple[str, float], ...]  # layers and what each counts for


def block(layer: str) -> int:
    """Return 1 for relu1_2, 5 for pool5."""
    return int(layer.removeprefix("relu").removeprefix("pool")[0])


def stride(layer: str) -> int:
    """Return how many pixels of the picture, along a side, one activation stands for."""
    return 1 << (block(layer) - (1 if layer.startswith("relu") else 0))


def shallow_layers(layers: LayerWeights) -> LayerWeights:
    """Return those of the layers that see brush strokes."""
    return tuple((layer, weight) for layer, weight in layers if block(layer) <= FINE_BLOCKS)


def deeper_layers(layers: LayerWeights) -> LayerWeights:
    """Return those of the layers beyond the first block, which costs as much as all others; all if
    there are none."""
    return tuple((layer, weight) for layer, weight in layers if block(layer) > 1) or layers


def layer_names(layers: LayerWeights) -> tuple[str, ...]:
    """Return the layers without their weights."""
    return tuple(name for name, _ in layers)


def deepest(layers: Iterable[str]) -> str:
    return max(layers, key=LAYERS.index)


def parse_layers(name: str, text: str) -> LayerWeights:
    """Return the layers of a text such as "relu1_1 relu3_1=0.5" with their weights, 1 unless
    given, in the network's order.

    Raises `SettingsError`, with the closest name there is, in words about the setting `name`.
    """
    found: dict[str, float] = {}
    for word in text.replace(",", " ").split():
        layer, _, weight = word.partition("=")
        if layer not in CHOICES:
            close = get_close_matches(layer.replace("conv", "relu"), CHOICES, n=1)
            advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(CHOICES)}."
            raise SettingsError(f"{name} names {quote(layer)}; {advice}")
        try:
            found[layer] = float(weight or 1)
        except ValueError as error:
            raise SettingsError(
                f"{name} gives {layer} the weight {quote(weight)}, but it must be a number."
            ) from error
        if not 0.001 <= found[layer] <= 1000:
            raise SettingsError(
                f"{name} gives {layer} the weight {found[layer]:g}, but it must lie "
                "between 0.001 and 1000."
            )
    if not found:
        raise SettingsError(f"{name} names no layer; write for example relu4_2.")
    return tuple(sorted(found.items(), key=lambda item: LAYERS.index(item[0])))


def format_layers(layers: LayerWeights) -> str:
    """Return the layers as text that `parse_layers` reads."""
    return " ".join(f"{name}={weight:g}".removesuffix("=1") for name, weight in layers)
