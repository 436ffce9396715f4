"""Terms of the loss at one level, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from styletx.layers import LayerWeights, deeper_layers, layer_names
from styletx.settings import Settings

from .guidance import CalmGround, Guide, blurred, without_calm
from .inputs import LevelInputs, content_strength, recolored
from .matching import followed, matched
from .paintings import Painting
from .pyramid import Level
from .terms import (
    GATYS,
    GRAIN_REACH,
    RELATIVE,
    Comparison,
    Statistics,
    StyleStatisticsCache,
    Term,
    add_difference,
    calm_term,
    composition_term,
    content_term,
    grain,
    interpolate_statistics,
    mask_per_layer,
    matched_term,
    smoothness_term,
    style_statistics,
    style_term,
)
from .vgg import FeatureExtractor, Features

CONTENT = 0.3  # α of a content weight of 1, on a level that does not refine
DETAIL = 0.05  # α of a content weight and a detail of 1, on a level that refines
COMPOSITION = 5.0  # weight of the composition term
SMOOTHNESS = 1.0  # weight of a smoothness of 1
SMALL_CONTENT = 3.0  # by how much more the content of a small thing on calm ground counts
SMALL_DETAIL = 8.0  # the same on a level that refines
SMALL_COMPOSITION = 0.8  # by how much less its composition counts, which the level below blurs
MATCHED = "relu3_1", "relu4_1"  # layers at which places are matched
STATISTICS = 0.2  # how much statistics still count where places are matched
CLASSIC_ALPHA = 1e-3  # α of a content weight of 1, in the method of Gatys et al.
CLASSIC_SMOOTHNESS = 1e3  # weight of a smoothness of 1 for each number of the canvas, there


def build_terms(  # noqa: PLR0913
    canvas: Tensor,
    level: Level,
    level_inputs: LevelInputs,
    settings: Settings,
    extractor: FeatureExtractor,
    style_cache: StyleStatisticsCache | None = None,
) -> list[Term]:
    """Return the terms of L = α·L_content + β·L_style at this level, with all targets computed
    once. A level that refines also keeps the composition of the level below, its first canvas."""
    alpha, beta, toward = term_weights(settings)
    compared = GATYS if settings.method == "gatys" else RELATIVE
    alpha *= content_unit(level, settings)
    layers, seen = layer_names(level.style_layers), level_inputs.around(canvas)
    whole, wanted = extractor.whole, {*layer_names(level.content_layers)}
    if whole is extractor and toward < 1:
        wanted.update(layers)  # all in one pass
    own = photo = extractor(level_inputs.photo, wanted)
    if whole is not extractor and toward < 1:
        own = whole(level_inputs.photo, layers)
    emphasis, held = guided_weights(level_inputs.guide, level)
    terms = [content_term(photo, level.content_layers, alpha, compared, emphasis)]
    if level.refines:
        terms.append(composition_term(seen, COMPOSITION, held))
    style = StyleTargets(own, seen, level.style_layers, compared, extractor, style_cache)
    for where, paintings in level_inputs.regions:
        where, paintings, calm = without_calm(where, paintings, level_inputs.guide)
        targets, counts = style.of_region(where, paintings, toward), level.style_layers
        weight = beta if where is None else beta * where.mean().item()  # all pixels weigh the same
        if where is not None and calm is not None:
            ground = recolored(level_inputs.photo, level_inputs, settings)
            terms.append(style.term_of_calm(calm, ground, beta, toward))
            first = ground if settings.init == "noise" and not level.refines else seen
            follows = style.term_of_places(first, where, paintings, level_inputs.photo, toward)
            terms.append(follows._replace(weight=weight * calm.local))
            weight, counts = weight * (1 - (1 - STATISTICS) * calm.local), deeper_layers(counts)
        terms.append(style_term(targets, counts, weight, where, compared))
    if settings.smoothness:
        terms.append(smoothness_term(smoothness_unit(canvas, settings) * settings.smoothness))
    return terms


def content_unit(level: Level, settings: Settings) -> float:
    """Return the weight of a content weight of 1."""
    if level.refines:
        return DETAIL * settings.detail
    return 1.0 if settings.method == "gatys" else CONTENT


def smoothness_unit(canvas: Tensor, settings: Settings) -> float:
    """Return the weight of a smoothness of 1."""
    return CLASSIC_SMOOTHNESS * canvas.numel() if settings.method == "gatys" else SMOOTHNESS


def guided_weights(guide: Guide | None, level: Level) -> tuple[Tensor | None, Tensor | None]:
    """Return the weights of content and of composition at each pixel (1, 1, H, W), if not 1."""
    if guide is None:
        return None, None
    more = SMALL_DETAIL if level.refines else SMALL_CONTENT
    return 1 + more * guide.fine, 1 - SMALL_COMPOSITION * guide.fine


@dataclass
class StyleTargets:
    """The statistics that a level's canvas should have, in the eyes of the extractor.

    A factored network sees all pictures off by much the same, if they are alike. So its target is
    what the whole network sees in the painting, less what that sees in the first canvas beyond the
    factored one: where both agree on a picture, its target is the painting itself.
    """

    photo: Features  # by the whole network, where `toward` is below 1
    canvas: Tensor
    counts: LayerWeights
    compared: Comparison
    extractor: FeatureExtractor
    style_cache: StyleStatisticsCache | None
    seen: dict[int, Features] = field(default_factory=dict)  # of paintings, by their ids

    def of_region(
        self, where: Tensor | None, paintings: Sequence[Painting], toward: float
    ) -> list[tuple[Statistics, float]]:
        """Return the target of each painting, with its share, for the region `where`, so far from
        the photo's own statistics towards the painting's."""
        region, whole = mask_per_layer(where, self.layers), self.extractor.whole
        given = self.layers, self.compared, whole, self.style_cache
        targets = [(style_statistics(one, *given), one.share) for one in paintings]
        if toward < 1:
            photo = {layer: self.photo[layer] for layer in self.layers}
            own = self.compared.per_layer(photo, region)
            targets = [
                (interpolate_statistics(own, target, toward), share) for target, share in targets
            ]
        if whole is not self.extractor:
            seen, found = (self.compared.per_layer(f, region) for f in self.canvas_features)
            targets = [(add_difference(target, found, seen), share) for target, share in targets]
        return targets

    def term_of_calm(self, calm: CalmGround, ground: Tensor, beta: float, toward: float) -> Term:
        """Return the term of calm ground, which is to be as `ground`, with the paintings' grain."""
        grains = []
        for image, visible, share in calm.paintings:
            even = self.extractor(blurred(image, GRAIN_REACH), self.deeper)
            grains.append((grain(self.features(image), even, visible, toward), share))
        base = self.extractor(ground, self.deeper)
        return calm_term(base, grains, deeper_layers(self.counts), beta, calm.where)

    def term_of_places(
        self,
        first: Tensor,
        where: Tensor,
        paintings: Sequence[Painting],
        photo: Tensor,
        toward: float,
    ) -> Term:
        """Return the term of the places of the paintings that those of the `first` picture within
        `where` follow, so far from the photo's own; of weight 1."""
        layers = tuple(layer for layer in MATCHED if layer in self.deeper) or self.deeper[-1:]
        seen_already = first is self.canvas and self.extractor.whole is not self.extractor
        canvas = self.canvas_features[1] if seen_already else self.extractor(first, layers)
        found = dict.fromkeys(layers, torch.zeros(()).to(where.device))
        within = followed(where)
        region = mask_per_layer(within, layers)
        for image, visible, share in paintings:
            painting, shown = self.features(image), mask_per_layer(visible, layers)
            for layer in layers:
                places = matched(canvas[layer], painting[layer], region[layer], shown.get(layer))
                found[layer] = found[layer] + share * places
        self.seen.clear()
        if toward < 1:
            own = self.extractor(photo, layers)
            found = {layer: own[layer].lerp(one, toward) for layer, one in found.items()}
        return matched_term(found, within)

    def features(self, image: Tensor) -> Features:
        """Return what the extractor sees in a painting, which two terms ask for."""
        if id(image) not in self.seen:
            self.seen[id(image)] = self.extractor(image, self.deeper)
        return self.seen[id(image)]

    @property
    def layers(self) -> tuple[str, ...]:
        return layer_names(self.counts)

    @property
    def deeper(self) -> tuple[str, ...]:
        return layer_names(deeper_layers(self.counts))

    @cached_property
    def canvas_features(self) -> tuple[Features, Features]:
        """Features of the first canvas, by the whole network and by the factored one."""
        whole, factored = self.extractor.whole, self.extractor
        return whole(self.canvas, self.layers), factored(self.canvas, self.layers)


def term_weights(settings: Settings) -> tuple[float, float, float]:
    """Return α, β, and how far the target style lies from the photo's own towards the paintings'.

    A strength below 1 moves the target; a smaller β instead would paint the network's grid. Above 1
    α fades until, at 10, it is 0. In the method of Gatys et al. α and β are what was asked for.
    """
    strength = settings.style_weight
    if settings.method == "gatys":
        return settings.content_weight * CLASSIC_ALPHA, strength, 1.0
    return content_strength(settings), max(1.0, strength), min(1.0, strength)
