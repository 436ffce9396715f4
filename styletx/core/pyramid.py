"""The plan of levels from coarse to fine: sizes, steps, layers. Arithmetic only."""

from dataclasses import dataclass

from styletx.errors import SettingsError
from styletx.imaging.opening import MIN_SIDE_PX
from styletx.layers import LayerWeights, block, deepest, layer_names, parse_layers, shallow_layers
from styletx.settings import MAX_SIZE, Settings

COARSEST_SIDE = 128  # the first level's longest side: from this to just below its double
MAX_DEEP_SIDE = 640  # beyond this longest side, a level that has a composition refines it
MIN_READ_SIDE = 2048  # from this longest side on, rounding hardly changes the shape
COST_PER_PIXEL = (0.3, 0.45, 0.45, 0.75, 1.0)  # of a step, by the block of its deepest layer
LEAST_WORK = 8000  # fixed cost of any step, in pixels; both as measured on two cores
MAX_UNTILED_PIXELS = 3_000_000  # larger pictures are seen in bands of half as many pixels
TILING_COST = 1.3  # features are computed once more for the gradient


@dataclass(frozen=True, slots=True)
class Level:
    """One level: (width, height), steps, layers. `refines` marks a level whose composition is fixed
    by the levels below: it adds brush strokes only."""

    size: tuple[int, int]
    steps: int
    refines: bool
    style_layers: LayerWeights
    content_layers: LayerWeights

    @property
    def cost(self) -> float:
        """Return the relative time of one step."""
        width, height = self.size
        layer = deepest(layer_names(self.style_layers + self.content_layers))
        tiling = TILING_COST if width * height > MAX_UNTILED_PIXELS else 1
        return (width * height + LEAST_WORK) * COST_PER_PIXEL[block(layer) - 1] * tiling


def plan(shape: tuple[int, int], settings: Settings, init_side: int = 0) -> tuple[Level, ...]:
    """Return the levels for a picture of (width, height) `shape`, coarse first.

    Sizes halve from the final one down to `COARSEST_SIDE`, with the same number of steps each. With
    fewer steps than levels the coarsest are left out, unless `seconds` decide the steps. From a
    picture of `init_side` pixels on its longest side, only larger levels follow, or the final one
    alone. The method of Gatys et al. knows one size. Without steps there is one level without any.
    Raises `SettingsError` if the short side is too narrow for the network.
    """
    check_width(shape, settings.size)
    sizes = sizes_for(shape, settings, init_side)
    each, more = divmod(max(settings.steps, len(sizes)) if settings.paints else 0, len(sizes))
    return tuple(
        level_of(
            fit(shape, size),
            each + (place < more),
            settings,
            has_composition=place > 0 or (init_side > 0 and size > min(init_side, MAX_DEEP_SIDE)),
        )
        for place, size in enumerate(sizes)
    )


def sizes_for(shape: tuple[int, int], settings: Settings, init_side: int) -> list[int]:
    """Return the longest sides of the levels."""
    sizes = [settings.size]
    most = settings.size if settings.seconds else settings.steps  # as many levels as there can be
    if settings.method == "gatys" or not settings.paints:
        most = 1
    while len(sizes) < most and sizes[0] // 2 >= max(COARSEST_SIDE, init_side + 1):
        if min(fit(shape, sizes[0] // 2)) < MIN_SIDE_PX:
            break
        sizes.insert(0, sizes[0] // 2)
    return sizes


def level_of(size: tuple[int, int], steps: int, settings: Settings, has_composition: bool) -> Level:
    """Return a level of (width, height) `size`.

    If it `has_composition` from a level below, and is the final one or beyond `MAX_DEEP_SIDE`, it
    refines: it uses the layers of blocks 1 to 3, and for the content the deepest of these.
    """
    style, content = (
        parse_layers("", text) for text in (settings.style_layers, settings.content_layers)
    )
    large = max(size) > MAX_DEEP_SIDE or max(size) == settings.size
    refines = has_composition and large and settings.method != "gatys"
    if refines:
        # Edges only, by a layer that is computed for the style anyway
        content = shallow_layers(content) or shallow_layers(style)[-1:] or content
        style = shallow_layers(style) or style
    return Level(size, steps, refines, style, content)


def fit(shape: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return the same shape with its longest side at `longest`."""
    width, height = (max(1, round(side * longest / max(shape))) for side in shape)
    return width, height


def check_width(shape: tuple[int, int], size: int) -> None:
    short = min(fit(shape, size))
    if short >= MIN_SIDE_PX:
        return
    needed = -(-MIN_SIDE_PX * max(shape) // min(shape))
    advice = (
        f"Choose a size of at least {needed}."
        if needed <= MAX_SIZE
        else "Cut it to a less extreme shape."
    )
    raise SettingsError(
        f"At size {size} this picture of {shape[0]}x{shape[1]} pixels would be {short} pixels "
        f"wide on its short side, and the network needs {MIN_SIDE_PX}. {advice}"
    )


def max_useful_side(settings: Settings) -> int:
    """Return the longest side at which a picture need be read: twice what the network sees, and not
    so small that the shape would be rounded."""
    wanted = round(2 * settings.size * max(1, settings.style_scale))
    return min(MAX_SIZE, max(MIN_READ_SIDE, wanted))


def style_image_size(shape: tuple[int, int], level: Level, scale: float = 1) -> tuple[int, int]:
    """Return the (width, height) of a painting at a level: as large as the level, so that strokes
    keep their size relative to the picture, but not enlarged, which would teach blur; that times
    `scale`, and wide enough for the network."""
    wide_enough = 2 * MIN_SIDE_PX * max(shape) / min(shape)
    longest = max(shape)
    side = min(longest, max(*level.size, wide_enough)) * scale
    return fit(shape, round(min(max(side, wide_enough), max(longest, MAX_SIZE))))
