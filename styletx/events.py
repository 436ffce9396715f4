"""What goes into `stylize` and what comes out of it, in plain values that can be pickled."""

from collections.abc import Generator
from dataclasses import dataclass, fields

from PIL import Image

from .fields import NumberField
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Style:
    """A picture to learn from, its share when there are several, and the mask of the part of the
    photo, white, that is its own; whoever has none paints what the masks leave."""

    picture: Image.Image
    share: float = 1.0
    mask: Image.Image | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far the work has come. Plain values only, so it can cross processes and machines.

    `level` of `levels` counts from 1, `step` of `steps` from 0, where nothing is painted yet.
    `losses` are the weighted values that are minimised, by name, with their "total". `weights` and
    `device` say what paints: the weights' source, and where and how precisely it is computed.
    `moved` counts how often the run had to go on somewhere else.
    """

    level: int
    levels: int
    step: int
    steps: int
    losses: dict[str, float]
    seconds: float
    settings: Settings
    weights: str
    device: str
    moved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Report):
    """The work so far. `preview` has the final size from the first report to the last."""

    preview: Image.Image
    seconds_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Report):
    """The picture and how it came about. The last event, and the only one of its kind."""

    picture: Image.Image

    @property
    def stopped(self) -> bool:
        """Whether it was kept before all its steps were taken."""
        return self.step < self.steps

    @classmethod
    def from_progress(cls, progress: Progress) -> "Result":
        """The work so far as a result, for who stops here."""
        facts = {field.name: getattr(progress, field.name) for field in fields(Report)}
        return cls(**facts, picture=progress.preview)


Event = Progress | Result
Events = Generator[Event, None, None]
MOST_PAINTINGS = 4
SHARE = NumberField(0, 1000, 0.05, "Share", "How much of a painting there is beside the others")
