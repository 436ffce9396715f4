"""Inputs and events of `stylize`, in plain values that can be pickled."""

from collections.abc import Generator
from dataclasses import dataclass, fields

from PIL import Image

from .fields import NumberField
from .settings import Settings

MAX_PAINTINGS = 4
FACTORED = ", factored"  # ends the name of weights whose convolutions are factored
SHARE = NumberField(0, 1000, 0.05, "Share", "How much of a painting there is beside the others")


@dataclass(frozen=True, slots=True)
class Style:
    """A painting, its share among several, and a mask of the photo's shape, white where it paints
    alone; where masks overlap, they share evenly. Styles without a mask share the rest; if there
    are none, the rest stays the photo."""

    picture: Image.Image
    share: float = 1.0
    mask: Image.Image | None = None


def precision_of(device: str) -> str:
    """Return the dtype's name in a report's or recipe's `device`, as in "cpu, bfloat16"."""
    return device.rpartition(", ")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Progress of a run, in plain values that can cross processes and machines.

    `level` of `levels` counts from 1; `step` of `steps` from 0, where nothing is painted yet.
    `losses` are the weighted terms by name, with their "total". `weights` and `device` name the
    weight source, and device and dtype. `restarts` counts how often another worker had to resume.
    `notes` are sentences about the pictures, as that a frame is left out.
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
    restarts: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Report):
    """Work in progress. `preview` has the final size from the first report on."""

    preview: Image.Image
    seconds_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Report):
    """The finished picture. The last event, and the only one of its kind."""

    picture: Image.Image

    @property
    def stopped(self) -> bool:
        """Return whether it was stopped before its last step."""
        return self.step < self.steps

    @classmethod
    def from_progress(cls, progress: Progress) -> "Result":
        """Return the latest preview as a result, for a run that is stopped."""
        facts = {field.name: getattr(progress, field.name) for field in fields(Report)}
        return cls(**facts, picture=progress.preview)


Event = Progress | Result
Events = Generator[Event, None, None]
