"""How large, and in which order: the plan from coarse to fine. Arithmetic only."""

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import SettingsError
from .settings import LARGEST, Settings

COARSEST = 128  # longest side of the first level, or up to twice that
NARROWEST = 16  # four poolings leave one row, the least that relu5_1 can see
FEWER = 0.75  # steps of a level, as a share of those of the level below it

ALL_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
FINE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
CONTENT_LAYER = "relu4_2"

# Thousands of multiplications per pixel of VGG19 up to a layer, all convolutions before it included
WORK = {"relu3_1": 112, "relu5_1": 361}


@dataclass(frozen=True, slots=True)
class Level:
    """One pass of the optimiser: at which (width, height), for how many steps, seeing what.

    `refines` marks the finest level above others: there the composition stands already, and only
    brush strokes are added.
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
    def cost(self) -> int:
        """Relative work of this level; the targets cost about one more step."""
        width, height = self.size
        return (self.steps + 1) * width * height * WORK[self.style_layers[-1]]


def plan(shape: tuple[int, int], settings: Settings) -> tuple[Level, ...]:
    """The levels for a picture of (width, height) `shape`, coarse first.

    Sizes halve from the final one down to `COARSEST`; each level gets its share of all the steps.
    With fewer steps than levels the coarsest are left out. Raises `SettingsError` where the short
    side would be too narrow for the network at the final size.
    """
    check_width(shape, settings.size)
    sizes = [settings.size]
    while len(sizes) < settings.steps and sizes[0] // 2 >= COARSEST:
        if min(fit(shape, sizes[0] // 2)) < NARROWEST:
            break
        sizes.insert(0, sizes[0] // 2)
    shares = share_out(settings.steps, len(sizes))
    return tuple(
        Level(fit(shape, size), steps, refines=size == settings.size and len(sizes) > 1)
        for size, steps in zip(sizes, shares, strict=True)
    )


def share_out(steps: int, levels: int) -> list[int]:
    """`steps` divided over `levels`, each at least one, falling by `FEWER`; the sum is exact."""
    weights = [FEWER**level for level in range(levels)]
    spare, passed, given = steps - levels, 0.0, 0
    shares = []
    for weight in weights:
        passed += weight
        until = round(spare * passed / sum(weights))
        shares.append(1 + until - given)
        given = until
    return shares


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


def share_done(levels: Sequence[Level], step: int) -> float:
    """The share (0–1) of all the work that is done when `step` of all the steps are taken."""
    done = 0.0
    for level in levels:
        taken = min(step, level.steps)
        step -= taken
        done += level.cost * (taken + 1) / (level.steps + 1)
        if step == 0 and taken < level.steps:
            break
    return done / sum(level.cost for level in levels)


def brush_size(shape: tuple[int, int], level: Level) -> tuple[int, int]:
    """At which (width, height) a painting is looked at: as large as the level, so that strokes
    keep their size relative to the picture, but never enlarged, which would teach blur."""
    wide_enough = 2 * NARROWEST * max(shape) / min(shape)
    return fit(shape, min(max(shape), round(max(*level.size, wide_enough))))
