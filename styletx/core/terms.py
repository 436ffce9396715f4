"""The objective: a list of weighted, named terms, each with its targets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from operator import mul
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from styletx.layers import LayerWeights, layer_names, stride

from .losses import (
    EPSILON,
    downsampled,
    gram,
    mean_of,
    moments,
    relative_error,
    squared_distance,
    squared_norm,
    total_variation,
)
from .paintings import Painting
from .vgg import FeatureExtractor, Features

GRAIN_REACH = 0.12  # of the longest side: wider changes of tone are no grain
Measure = Callable[[Tensor, Features], Tensor]
Statistics = Mapping[str, tuple[Tensor, ...]]  # of each layer


class Term(NamedTuple):
    """One term of the loss: name, weight, the layers it needs, and its measure. The measure maps
    the picture (1, 3, H, W) and its features at `layers` to a scalar."""

    name: str
    weight: float
    layers: tuple[str, ...]
    measure: Measure


class Comparison(NamedTuple):
    """How features are compared: an error of the features for content, of their statistics for
    style."""

    statistics: Callable[[Tensor, Tensor | None], tuple[Tensor, ...]]
    content_error: Callable[[Tensor, Tensor], Tensor]
    style_error: Callable[[Tensor, Tensor], Tensor]

    def per_layer(
        self, features: Features, region: Mapping[str, Tensor] = MappingProxyType({})
    ) -> Statistics:
        """Return the statistics of all layers; of a `region` only, if it is given by layer."""
        return {
            layer: self.statistics(activation, region.get(layer))
            for layer, activation in features.items()
        }


# Mean and covariance; each error relative to its target, so that one weight fits all
RELATIVE = Comparison(moments, relative_error, relative_error)
# Gatys et al. (2016), equations 1 and 4; `gram` is G / M already, so only 1 / 4N² is left here
GATYS = Comparison(
    lambda features, where: (gram(features, where),),
    lambda f, p: squared_distance(f, p) / 2,
    lambda g, a: squared_distance(g, a) / (4 * len(a) ** 2),
)


class StyleStatisticsCache:
    """Cache of the statistics of recent paintings, for runs that share paintings. It belongs to one
    network, and is emptied for another."""

    def __init__(self, max_entries: int = 32) -> None:
        """Hold at most `max_entries`, of up to 3 MB each."""
        self.max_entries = max_entries
        self.extractor: FeatureExtractor | None = None
        self.statistics: dict[tuple[bytes, tuple[str, ...], Comparison], Statistics] = {}

    def get(
        self,
        painting: Painting,
        layers: tuple[str, ...],
        compared: Comparison,
        extractor: FeatureExtractor,
    ) -> Statistics:
        """Return the statistics of a painting, from the cache if its pixels were seen before."""
        if extractor is not self.extractor:
            self.extractor, self.statistics = extractor, {}
        digest = blake2b(str(painting.image.shape).encode())
        for pixels in (painting.image, painting.visible):
            digest.update(b"" if pixels is None else pixels.cpu().numpy().tobytes())
        key = digest.digest(), layers, compared
        found = self.statistics.pop(key, None)
        found = found or style_statistics(painting, layers, compared, extractor)
        self.statistics[key] = found  # the latest last
        if len(self.statistics) > self.max_entries:
            del self.statistics[next(iter(self.statistics))]
        return found


def style_statistics(
    painting: Painting,
    layers: tuple[str, ...],
    compared: Comparison,
    extractor: FeatureExtractor,
    style_cache: StyleStatisticsCache | None = None,
) -> Statistics:
    """Return the statistics of what shows of a painting, cached if there is a cache."""
    if style_cache is not None:
        return style_cache.get(painting, layers, compared, extractor)
    features = extractor(painting.image, layers)
    return compared.per_layer(features, mask_per_layer(painting.visible, layers))


def content_term(
    content: Features,
    layers: LayerWeights,
    weight: float,
    compared: Comparison = RELATIVE,
    emphasis: Tensor | None = None,
) -> Term:
    """Return the content term: the error of the photo's features at the layers; at each pixel
    weighted by `emphasis` (1, 1, H, W), if given."""
    targets = {layer: content[layer] for layer in layer_names(layers)}
    roots = {name: one.sqrt() for name, one in mask_per_layer(emphasis, targets).items()}

    def error(features: Features, layer: str) -> Tensor:
        target = targets[layer]
        if layer not in roots:
            return compared.content_error(features[layer], target)
        root = roots[layer].to(target)
        distance = squared_distance(features[layer] * root, target * root)
        return distance / (squared_norm(target) + EPSILON)

    def measure(_: Tensor, features: Features) -> Tensor:
        return weighted_mean((error(features, layer), counts) for layer, counts in layers)

    return Term("content", weight, tuple(targets), measure)


def style_term(
    targets: Sequence[tuple[Statistics, float]],
    layers: LayerWeights,
    weight: float,
    where: Tensor | None = None,
    compared: Comparison = RELATIVE,
) -> Term:
    """Return the style term: the error of the statistics, a weighted mean over the layers and the
    paintings' shares; within the region `where` (1, 1, H, W), from 0 to 1, if given."""
    region = mask_per_layer(where, layer_names(layers))

    def measure(_: Tensor, features: Features) -> Tensor:
        found = compared.per_layer({name: features[name] for name in layer_names(layers)}, region)

        def error(target: Statistics, name: str) -> Tensor:
            return total_loss(map(compared.style_error, found[name], target[name]))

        return weighted_mean(
            (weighted_mean((error(target, name), counts) for name, counts in layers), share)
            for target, share in targets
        )

    return Term("style", weight, layer_names(layers), measure)


def matched_term(targets: Features, where: Tensor) -> Term:
    """Return the style term of matched places: the mean error of the features within `where`
    (1, 1, H, W), from 0 to 1, beside those of the places of the paintings that they follow."""
    roots = {name: one.sqrt() for name, one in mask_per_layer(where, targets).items()}
    wanted = {name: one * roots[name].to(one) for name, one in targets.items()}

    def measure(_: Tensor, features: Features) -> Tensor:
        found = {name: features[name] * roots[name].to(one) for name, one in wanted.items()}
        return weighted_mean((relative_error(found[name], wanted[name]), 1.0) for name in wanted)

    return Term("style", 1.0, tuple(wanted), measure)


def grain(
    sharp: Features, even: Features, visible: Tensor | None = None, part: float = 1
) -> Statistics:
    """Return the mean of a painting's features, and the covariance of what they are beyond those of
    the blurred, `even` painting, its grain; so large a part of it."""
    where = mask_per_layer(visible, even)
    found = {}
    for name, smooth in even.items():
        _, covariance = moments(sharp[name] - smooth, where.get(name))
        found[name] = mean_of(sharp[name], where.get(name)), part * covariance
    return found


def calm_term(
    ground: Features,
    grains: Sequence[tuple[Statistics, float]],
    layers: LayerWeights,
    weight: float,
    where: Tensor,
) -> Term:
    """Return the style term of calm ground, within `where` (1, 1, H, W): what the picture is beyond
    the `ground`'s features is to vary as the paintings' `grains` with their shares, and to be
    nothing on average."""
    regions = mask_per_layer(where, layer_names(layers))
    counts = {name: thinned(one, name).clamp(min=EPSILON) for name, one in regions.items()}
    bases = {name: thinned(ground[name], name) for name in counts}

    def measure(_: Tensor, features: Features) -> Tensor:
        errors = []
        for name, layer_counts in layers:
            beyond = thinned(features[name], name) - bases[name]
            mean, covariance = moments(beyond, counts[name].contiguous())
            for target, share in grains:
                typical, wanted = target[name]
                error = squared_norm(mean) / squared_norm(typical)
                error = error + relative_error(covariance, wanted)
                errors.append((error, share * layer_counts))
        return weighted_mean(errors)

    return Term("style", weight * where.mean().item(), layer_names(layers), measure)


def thinned(activation: Tensor, layer: str) -> Tensor:
    """Return every other row and column of a layer of blocks 1 to 3, which are large enough."""
    if stride(layer) >= stride("relu4_1"):
        return activation
    # Cut channels last, else the gradient comes in another layout than the activation
    return activation.permute(0, 2, 3, 1)[:, ::2, ::2].permute(0, 3, 1, 2)


def mask_per_layer(where: Tensor | None, layers: Iterable[str]) -> dict[str, Tensor]:
    """Return a region (1, 1, H, W) at the size of each layer; empty for None."""
    if where is None:
        return {}
    height, width = where.shape[2:]
    sizes = {layer: (height // stride(layer), width // stride(layer)) for layer in layers}
    return {layer: interpolate(where, size, mode="area") for layer, size in sizes.items()}


def interpolate_statistics(near: Statistics, far: Statistics, part: float) -> Statistics:
    """Return statistics between `near` and `far`, at `part` of the way."""
    return {
        layer: tuple(n.lerp(f, part) for n, f in zip(near[layer], far[layer], strict=True))
        for layer in near
    }


def add_difference(start: Statistics, found: Statistics, less: Statistics) -> Statistics:
    """Return start + found − less."""
    return {
        layer: tuple(
            s + f - n for s, f, n in zip(start[layer], found[layer], less[layer], strict=True)
        )
        for layer in start
    }


def composition_term(coarse: Tensor, weight: float, emphasis: Tensor | None = None) -> Term:
    """Return the term that keeps what the coarser level painted, seen from a distance; `coarse` is
    (1, 3, H, W), `emphasis` (1, 1, H, W) weights each pixel, if given."""
    target = downsampled(coarse)
    weights = None if emphasis is None else downsampled(emphasis)

    def measure(image: Tensor, _: Features) -> Tensor:
        distance = (downsampled(image) - target).square()
        return (distance if weights is None else distance * weights).mean()

    return Term("composition", weight, (), measure)


def smoothness_term(weight: float) -> Term:
    """Return the total variation term."""
    return Term("smoothness", weight, (), lambda image, _: total_variation(image))


def evaluate(
    terms: Sequence[Term], image: Tensor, extractor: FeatureExtractor
) -> dict[str, Tensor]:
    """Return each weighted loss by name, and their "total", from one pass through the network."""
    features = extractor(image, {layer for term in terms for layer in term.layers})
    losses: dict[str, Tensor] = {}
    for term in terms:
        loss = term.weight * term.measure(image, features)
        losses[term.name] = losses[term.name] + loss if term.name in losses else loss
    losses["total"] = total_loss(losses.values())
    return losses


def total_loss(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).sum()


def weighted_mean(losses: Iterable[tuple[Tensor, float]]) -> Tensor:
    """Return the mean of losses, each with the weight beside it."""
    values, counts = zip(*losses, strict=True)
    weighed: Tensor = total_loss(map(mul, counts, values)) / sum(counts)
    return weighed
