"""Terms of the loss at one level, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from styletx.layers import layer_names
from styletx.settings import MAX_STYLE_WEIGHT, Settings

from .inputs import LevelInputs
from .paintings import Painting
from .pyramid import Level
from .terms import (
    GATYS,
    RELATIVE,
    Comparison,
    Statistics,
    StyleStatisticsCache,
    Term,
    add_difference,
    composition_term,
    content_term,
    interpolate_statistics,
    mask_per_layer,
    smoothness_term,
    style_statistics,
    style_term,
)
from .vgg import FeatureExtractor, Features

CONTENT = 0.3  # α of a content weight of 1, on a level that does not refine
DETAIL = 0.05  # α of a content weight and a detail of 1, on a level that refines
COMPOSITION = 5.0  # weight of the composition term
SMOOTHNESS = 1.0  # weight of a smoothness of 1
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
    if level.refines:
        alpha *= DETAIL * settings.detail
    elif settings.method != "gatys":
        alpha *= CONTENT
    layers, seen = layer_names(level.style_layers), level_inputs.around(canvas)
    whole, wanted = extractor.whole, {*layer_names(level.content_layers)}
    if whole is extractor and toward < 1:
        wanted.update(layers)  # all in one pass
    own = photo = extractor(level_inputs.photo, wanted)
    if whole is not extractor and toward < 1:
        own = whole(level_inputs.photo, layers)
    terms = [content_term(photo, level.content_layers, alpha, compared)]
    if level.refines:
        terms.append(composition_term(seen, COMPOSITION))
    style = StyleTargets(own, seen, layers, compared, extractor, style_cache)
    for where, paintings in level_inputs.regions:
        targets = style.of_region(where, paintings, toward)
        area = 1.0 if where is None else where.mean().item()  # so that all pixels weigh the same
        terms.append(style_term(targets, level.style_layers, beta * area, where, compared))
    if settings.smoothness:
        classic = settings.method == "gatys"
        weight = CLASSIC_SMOOTHNESS * canvas.numel() if classic else SMOOTHNESS
        terms.append(smoothness_term(weight * settings.smoothness))
    return terms


@dataclass
class StyleTargets:
    """The statistics that a level's canvas should have, in the eyes of the extractor.

    A factored network sees all pictures off by much the same, if they are alike. So its target is
    what the whole network sees in the painting, less what that sees in the first canvas beyond the
    factored one: where both agree on a picture, its target is the painting itself.
    """

    photo: Features  # by the whole network, where `toward` is below 1
    canvas: Tensor
    layers: tuple[str, ...]
    compared: Comparison
    extractor: FeatureExtractor
    style_cache: StyleStatisticsCache | None

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
    alpha, strength = settings.content_weight, settings.style_weight
    if settings.method == "gatys":
        return alpha * CLASSIC_ALPHA, strength, 1.0
    fading = min(1.0, (MAX_STYLE_WEIGHT - strength) / (MAX_STYLE_WEIGHT - 1))
    return alpha * fading, max(1.0, strength), min(1.0, strength)
