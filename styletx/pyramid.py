"""How large, and in which order: the plan from coarse to fine. Arithmetic only."""

from dataclasses import dataclass

from .errors import SettingsError
from .settings import LARGEST, Settings

COARSEST = 128  # longest side of the first level, or up to twice that
DEEPEST = 640  # longest side up to which levels are seen with all layers: beyond, they see no more
NARROWEST = 16  # four poolings leave one row, the least that relu5_1 can see

ALL_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
FINE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
CONTENT_LAYER = "relu4_2"

# Time of a step per pixel, up to the deepest layer seen, and the pixels' worth of time that a step
# takes however small it is: as measured on two cores
SECONDS = {"relu3_1": 0.4, "relu5_1": 1.0}
LEAST_WORK = 4000


@dataclass(frozen=True, slots=True)
class Level:
    """One pass of the optimiser: at which (width, height), for how many steps, seeing what.

    `refines` marks the finest level above others, and all that are large: there the composition
    stands already, and only brush strokes are added.
    """

    size: tuple[int, int]
    steps: int
    refines: bool

    @property
    def style_layers(self) -> tuple[str, ...]:
        return FINE_LAYERS if self.refines else ALL_LAYERS

    @property
    def content_layer(self) -> str:
        return FINE_LAYERS[-1] if self.refines else CONTENT_LAYER

    @property
    def cost(self) -> float:
        """Relative time of one step."""
        width, height = self.size
        return (width * height + LEAST_WORK) * SECONDS[self.style_layers[-1]]


def plan(shape: tuple[int, int], settings: Settings) -> tuple[Level, ...]:
    """The levels for a picture of (width, height) `shape`, coarse first.

    Sizes halve from the final one down to `COARSEST`; all levels get the same number of steps.
    With fewer steps than levels the coarsest are left out, unless `seconds` decide how many steps
    there will be. Raises `SettingsError` where the short
    side would be too narrow for the network at the final size.
    """
    check_width(shape, settings.size)
    sizes = [settings.size]
    most = settings.size if settings.seconds else settings.steps  # as many levels as there can be
    while len(sizes) < most and sizes[0] // 2 >= COARSEST:
        if min(fit(shape, sizes[0] // 2)) < NARROWEST:
            break
        sizes.insert(0, sizes[0] // 2)
    each, more = divmod(max(settings.steps, len(sizes)), len(sizes))
    return tuple(
        Level(
            fit(shape, size),
            steps=each + (place < more),
            refines=place > 0 and (size == settings.size or size > DEEPEST),
        )
        for place, size in enumerate(sizes)
    )


def fit(shape: tuple[int, int], longest: int) -> tuple[int, int]:
    """The same shape with its longest side at `longest`."""
    width, height = (max(1, round(side * longest / max(shape))) for side in shape)
    return width, height


def check_width(shape: tuple[int, int], size: int) -> None:
    short = min(fit(shape, size))
    if short >= NARROWEST:
        return
    needed = -(-NARROWEST * max(shape) // min(shape))
    advice = (
        f"Choose a size of at least {needed}."
        if needed <= LARGEST
        else "Cut it to a less extreme shape."
    )
    raise SettingsError(
        f"At size {size} this picture of {shape[0]}x{shape[1]} pixels would be {short} pixels "
        f"wide on its short side, and the network needs {NARROWEST}. {advice}"
    )


def brush_size(shape: tuple[int, int], level: Level) -> tuple[int, int]:
    """At which (width, height) a painting is looked at: as large as the level, so that strokes
    keep their size relative to the picture, but never enlarged, which would teach blur."""
    wide_enough = 2 * NARROWEST * max(shape) / min(shape)
    return fit(shape, min(max(shape), round(max(*level.size, wide_enough))))
