"""How far a run has come, and when that is reported."""

import math
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from PIL import Image
from torch import Tensor

from styletx.events import Progress, Result
from styletx.settings import Settings

from .pyramid import Level
from .timing import Pace

PAINTING = 5  # times as long as showing what is painted


class Log:
    """Where a run stands, when that is reported, and how."""

    def __init__(
        self,
        levels: Sequence[Level],
        settings: Settings,
        report_every: float,
        show: Callable[[Tensor], Image.Image],
    ) -> None:
        """`show` makes a picture of the final size of a canvas of any level."""
        self.levels, self.settings, self.report_every = levels, settings, report_every
        self.show = show
        self.pace = Pace(levels, settings.seconds)
        self.means: dict[str, str] = {}  # which weights paint, and on what device
        self.step = 0  # of this level
        self.done = self.first = 0  # levels, and steps of the next one, that were painted elsewhere
        self.moved = 0  # times
        self.losses: dict[str, Tensor] = {}
        self.started, self.reported = monotonic(), -math.inf
        self.pause = report_every  # until the next report

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return monotonic() - self.started

    @property
    def due(self) -> bool:
        """Whether it is time for a report."""
        return self.seconds - self.reported >= self.pause

    @property
    def steps(self) -> int:
        """How many steps this level is to take, as far as is known now."""
        return self.pace.steps[self.pace.at]

    def go_on(self, after: Progress) -> None:
        """Count on from the last report of this run, which broke off somewhere else."""
        self.started -= after.seconds
        self.done, self.moved = after.level - 1, after.moved + 1
        self.first = self.pace.go_on(self.done, after.step)

    def begin(self, level: Level) -> None:
        self.step, self.first = self.first, 0
        self.pace.begin(level, self.seconds)

    def note(self, step: int, losses: dict[str, Tensor]) -> None:
        """After `step` steps of this level: what the canvas is worth."""
        self.step, self.losses = step, losses
        self.pace.see(step, self.seconds)

    def progress(self, canvas: Tensor) -> Progress:
        facts, begun = self.facts(), self.seconds
        preview = self.show(canvas)
        self.reported = self.seconds
        if self.report_every:  # a preview of a large print takes a while itself
            self.pause = max(self.report_every, PAINTING * (self.reported - begun))
        return Progress(**facts, preview=preview, seconds_left=self.pace.left(self.step))

    def result(self, canvas: Tensor) -> Result:
        picture = self.show(canvas)
        return Result(**self.facts(), picture=picture)

    def facts(self) -> dict[str, Any]:
        at, steps = self.pace.at, self.pace.steps
        return {
            "level": at + 1,
            "levels": len(self.levels),
            "step": sum(steps[:at]) + self.step,
            "steps": sum(steps),
            "losses": {name: loss.item() for name, loss in self.losses.items()},
            "seconds": self.seconds,
            "settings": self.settings,
            "moved": self.moved,
            **self.means,
        }
