"""What the painted picture is asked to satisfy: a list of weighted, named terms."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .features import FeatureExtractor, Features
from .losses import blurred, moments, relative_error, roughness

Measure = Callable[[Tensor, Features], Tensor]


class Term(NamedTuple):
    """One wish: its name for the reader, its weight for the user, its measure for the optimiser.

    The measure takes the picture (1, 3, H, W) and its features at `layers`, and gives a scalar.
    """

    name: str
    weight: float
    layers: tuple[str, ...]
    measure: Measure


def keep_content(content: Features, weight: float) -> Term:
    """Show what the photo shows: ‖F − P‖² / ‖P‖² at each layer of `content`."""
    targets = {layer: activation.float() for layer, activation in content.items()}

    def measure(_: Tensor, features: Features) -> Tensor:
        return mean(
            relative_error(features[layer].float(), target) for layer, target in targets.items()
        )

    return Term("content", weight, tuple(content), measure)


def follow_style(style: Features, weight: float) -> Term:
    """Have the painting's statistics: the mean and covariance of each layer of `style`."""
    targets = {layer: moments(activation) for layer, activation in style.items()}

    def measure(_: Tensor, features: Features) -> Tensor:
        return mean(
            torch.stack([*map(relative_error, moments(features[layer]), target)]).sum()
            for layer, target in targets.items()
        )

    return Term("style", weight, tuple(style), measure)


def keep_composition(coarse: Tensor, weight: float) -> Term:
    """Stay, seen from a distance, what the coarser level painted: `coarse` is (1, 3, H, W)."""
    target = blurred(coarse)

    def measure(image: Tensor, _: Features) -> Tensor:
        return (blurred(image) - target).square().mean()

    return Term("composition", weight, (), measure)


def stay_smooth(weight: float) -> Term:
    """Let neighbouring pixels differ little."""
    return Term("smoothness", weight, (), lambda image, _: roughness(image))


def evaluate(
    terms: Sequence[Term], image: Tensor, extractor: FeatureExtractor
) -> dict[str, Tensor]:
    """Each weighted loss by name, and their "total", from one pass through the network."""
    features = extractor(image, {layer for term in terms for layer in term.layers})
    losses: dict[str, Tensor] = {}
    for term in terms:
        loss = term.weight * term.measure(image, features)
        losses[term.name] = losses[term.name] + loss if term.name in losses else loss
    losses["total"] = torch.stack(list(losses.values())).sum()
    return losses


def mean(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).mean()
