"""Terms of the loss at one level, and their weights."""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from styletx.layers import layer_names
from styletx.settings import MAX_STYLE_WEIGHT, Settings

from .inputs import LevelInputs
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
    seen = level_inputs.around(canvas)
    photo = extractor(level_inputs.photo, layer_names(level.content_layers))
    terms = [content_term(photo, level.content_layers, alpha, compared)]
    if level.refines:
        terms.append(composition_term(seen, COMPOSITION))
    layers = layer_names(level.style_layers)
    style = StyleTargets(level_inputs.photo, seen, layers, compared, extractor, style_cache)
    for where, paintings in level_inputs.regions:
        targets = [(style.target(one, where, toward), share) for one, share in paintings]
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

    photo: Tensor
    canvas: Tensor
    layers: tuple[str, ...]
    compared: Comparison
    extractor: FeatureExtractor
    style_cache: StyleStatisticsCache | None

    def __post_init__(self) -> None:
        self.whole = self.extractor.whole or self.extractor

    def target(self, painting: Tensor, where: Tensor | None, toward: float) -> Statistics:
        """Return the target of a painting for the region `where`, so far from the photo's own
        statistics towards the painting's."""
        region = mask_per_layer(where, self.layers)
        target = style_statistics(
            painting, self.layers, self.compared, self.whole, self.style_cache
        )
        if toward < 1:
            own = self.compared.per_layer(self.photo_features, region)
            target = interpolate_statistics(own, target, toward)
        if self.whole is self.extractor:
            return target
        whole, factored = (self.compared.per_layer(f, region) for f in self.canvas_features)
        return add_difference(target, factored, whole)

    @cached_property
    def photo_features(self) -> Features:
        features: Features = self.whole(self.photo, self.layers)
        return features

    @cached_property
    def canvas_features(self) -> tuple[Features, Features]:
        """Features of the first canvas, by the whole network and the factored one."""
        return self.whole(self.canvas, self.layers), self.extractor(self.canvas, self.layers)


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
