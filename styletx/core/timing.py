"""Step times: seconds left, and the steps that a time budget allows. Arithmetic only."""

from collections.abc import Sequence
from dataclasses import replace

from styletx.errors import SettingsError
from styletx.settings import MIN_SIZE, Settings

from .pyramid import Level, plan

BUDGET_SHARE = 0.7  # of a budget that a size must fit into before it is recommended
TIMED_STEPS = 3  # steps that are timed before a run with a time to keep
MIN_STEP_S = 1e-6  # of a step, where the clock did not move
STEPS_TO_BEGIN = 3  # steps' worth of time for a level's targets and its first, slow step


class StepTimer:
    """Times the steps of a run over its levels. Times are seconds from the start of the run.

    With a `budget` in seconds, all levels get the same number of steps, as many as the measured
    speed allows.
    """

    def __init__(self, levels: Sequence[Level], budget: float = 0) -> None:
        self.levels, self.budget = levels, budget
        self.steps = [level.steps for level in levels]
        self.level_index = 0
        self.begun: tuple[int, float] | None = None  # the step and the time it is timed from
        self.speed: float | None = None  # seconds per unit of `Level.cost`

    def resume(self, at: int, step: int) -> int:
        """Convert a total step count from another worker into steps of level `at`. With a time
        budget the split is unknown; all are attributed to earlier levels, if there are any, and
        this level has a few more, which are timed."""
        if self.budget and at:
            self.steps[:at] = [step, *[0] * (at - 1)]
        own = step - sum(self.steps[:at])
        if self.budget:
            self.steps[at] = max(self.steps[at], own + TIMED_STEPS)
        return own

    def start_level(self, level: Level, now: float) -> None:
        """Start timing `level`; its first step comes next."""
        self.level_index, self.begun = self.levels.index(level), None
        self.reallocate(0, now)

    def observe(self, step: int, now: float) -> None:
        """Record that `step` steps of this level are taken. The first, which warms up, is not
        timed."""
        if step > 0 and self.begun is None:
            self.begun = step, now
        elif self.begun is not None and step > self.begun[0]:
            taken, since = step - self.begun[0], max(now - self.begun[1], MIN_STEP_S)
            self.speed = since / (taken * self.levels[self.level_index].cost)
        self.reallocate(step, now)

    def seconds_left(self, step: int) -> float | None:
        """Return the seconds to the end, at `step` of this level; None before anything was
        timed."""
        if self.speed is None:
            return None
        steps_left = self.steps[self.level_index] - step + (step == 0)  # the first is slow
        cost = steps_left * self.levels[self.level_index].cost
        for steps, level in zip(self.steps[self.level_index + 1 :], self.levels_left, strict=True):
            cost += (steps + STEPS_TO_BEGIN) * level.cost
        return cost * self.speed

    @property
    def levels_left(self) -> Sequence[Level]:
        """Return the levels after this one."""
        return self.levels[self.level_index + 1 :]

    def reallocate(self, step: int, now: float) -> None:
        """Give this level and the later ones n steps each, as many as the rest of the budget
        allows. This level has taken `step` of them; each later one needs time to begin."""
        if not self.budget or self.speed is None:
            return
        cost = self.levels[self.level_index].cost
        later = sum(level.cost for level in self.levels_left)
        affordable = (self.budget - now) / self.speed + step * cost - STEPS_TO_BEGIN * later
        steps = max(1, step, round(affordable / (cost + later)))
        self.steps[self.level_index :] = [steps] * (len(self.levels) - self.level_index)

    def check_budget(
        self,
        seconds: float,
        now: float,
        shape: tuple[int, int],
        settings: Settings,
        init_side: int = 0,
    ) -> None:
        """Raise `SettingsError` if the budget does not allow one step of each level, where one step
        of the first took `seconds`. The message names the largest size that fits a picture of
        (width, height) `shape`, started from one of `init_side` pixels."""
        self.speed = max(seconds, MIN_STEP_S) / self.levels[0].cost
        needed, affordable = one_pass(self.levels), (self.budget - now) / self.speed
        if needed <= affordable:
            return
        size = largest(shape, settings, init_side, BUDGET_SHARE * self.budget / self.speed)
        raise SettingsError(
            f"In {self.budget:g} s this machine cannot paint {settings.size} pixels even once; "
            f"that takes about {now + needed * self.speed:.1f} s. "
            + (f"Choose a size of {size}, or more time." if size else "Give it more time.")
        )


def estimated_cost(settings: Settings) -> float:
    """Return the cost of all steps of a square picture, to compare runs."""
    levels = plan((settings.size, settings.size), settings)
    return 1 + sum(level.steps * level.cost for level in levels)  # at least something


def one_pass(levels: Sequence[Level]) -> float:
    """Return the cost of one step at each level, with the time that it takes to begin."""
    return sum((1 + STEPS_TO_BEGIN) * level.cost for level in levels)


def largest(
    shape: tuple[int, int], settings: Settings, init_side: int, affordable: float
) -> int | None:
    """Return the largest size below that of the settings whose timing and one pass cost at most
    `affordable`; None if there is none."""
    for size in range(settings.size - 16, MIN_SIZE - 1, -16):
        try:
            levels = plan(shape, replace(settings, size=size), init_side)
        except SettingsError:  # too narrow, as are all that are smaller
            return None
        timing = (STEPS_TO_BEGIN + TIMED_STEPS) * levels[0].cost
        if timing + one_pass(levels) <= affordable:
            return size
    return None
