"""Progress of a run, and when it is reported."""

import math
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from PIL import Image
from torch import Tensor

from styletx.events import Progress, Result
from styletx.settings import Settings

from .pyramid import Level
from .timing import StepTimer

PREVIEW_COST_FACTOR = 5  # reports are at least this many preview times apart


class ProgressTracker:
    """Progress of a run: its losses, its times, its reports."""

    def __init__(
        self,
        levels: Sequence[Level],
        settings: Settings,
        report_every: float,
        render: Callable[[Tensor], Image.Image],
    ) -> None:
        """Use `render` to show a canvas of any level as a picture of the final size."""
        self.levels, self.settings, self.report_every = levels, settings, report_every
        self.render = render
        self.timer = StepTimer(levels, settings.seconds)
        self.provenance: dict[str, str] = {}  # which weights paint, and on what device
        self.notes: tuple[str, ...] = ()  # about the pictures
        self.step = 0  # of this level
        self.levels_done = 0  # levels that were painted elsewhere
        self.first_step = 0  # steps of the next level that were
        self.restarts = 0  # times
        self.losses: dict[str, Tensor] = {}
        self.started, self.reported = monotonic(), -math.inf
        self.report_interval = report_every  # until the next report

    @property
    def seconds(self) -> float:
        """Return the seconds since the run began."""
        return monotonic() - self.started

    @property
    def report_due(self) -> bool:
        """Return whether it is time for a report."""
        return self.seconds - self.reported >= self.report_interval

    @property
    def steps(self) -> int:
        """Return how many steps this level is to take, as far as is known now."""
        return self.timer.steps[self.timer.level_index]

    def resume(self, after: Progress) -> None:
        """Continue from the last report of this run, which was interrupted elsewhere."""
        self.started -= after.seconds
        self.levels_done, self.restarts = after.level - 1, after.restarts + 1
        self.first_step = self.timer.resume(self.levels_done, after.step)

    def start_level(self, level: Level) -> None:
        self.step, self.first_step = self.first_step, 0
        self.timer.start_level(level, self.seconds)

    def record(self, step: int, losses: dict[str, Tensor]) -> None:
        """Record the losses after `step` steps of this level."""
        self.step, self.losses = step, losses
        self.timer.observe(step, self.seconds)

    def progress(self, canvas: Tensor) -> Progress:
        facts, begun = self.snapshot(), self.seconds
        preview = self.render(canvas)
        self.reported = self.seconds
        if self.report_every:  # a preview of a large print takes a while itself
            self.report_interval = max(
                self.report_every, PREVIEW_COST_FACTOR * (self.reported - begun)
            )
        return Progress(**facts, preview=preview, seconds_left=self.timer.seconds_left(self.step))

    def result(self, canvas: Tensor) -> Result:
        picture = self.render(canvas)
        return Result(**self.snapshot(), picture=picture)

    def snapshot(self) -> dict[str, Any]:
        at, steps = self.timer.level_index, self.timer.steps
        return {
            "level": at + 1,
            "levels": len(self.levels),
            "step": sum(steps[:at]) + self.step,
            "steps": sum(steps),
            "losses": {name: loss.item() for name, loss in self.losses.items()},
            "seconds": self.seconds,
            "settings": self.settings,
            "restarts": self.restarts,
            "notes": self.notes,
            **self.provenance,
        }
