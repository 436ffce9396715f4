"""How fast a run goes: the seconds that are left, and the steps that a time allows. Arithmetic."""

from collections.abc import Sequence
from dataclasses import replace

from styletx.errors import SettingsError
from styletx.settings import MIN_SIZE, Settings

from .pyramid import Level, plan

ROOM = 0.7  # of a budget that a size must fit into before it is recommended
TIMED_STEPS = 3  # steps that are timed before a run with a time to keep
INSTANT = 1e-6  # seconds: what a clock that did not move is taken for
BEGINNING = 2  # steps' worth of time for a level's targets, and for its first step being a slow one


class StepTimer:
    """The clock of one run over its levels, each of which takes its `steps`.

    Times are seconds from the start of the run. With a `budget` of seconds the steps are not those
    of the plan: all levels get the same number, as many as the speed seen so far allows.
    """

    def __init__(self, levels: Sequence[Level], budget: float = 0) -> None:
        self.levels, self.budget = levels, budget
        self.steps = [level.steps for level in levels]
        self.level_index = 0
        self.begun: tuple[int, float] | None = None  # the step and the time it is timed from
        self.speed: float | None = None  # seconds per unit of `Level.cost`

    def resume(self, at: int, step: int) -> int:
        """So many steps of all were taken somewhere else, the last of them at level `at`: how many
        of that level's. With a budget nobody knows, and those before are taken for all of them."""
        if self.budget and at:
            self.steps[:at] = [step, *[0] * (at - 1)]
        return step - sum(self.steps[:at])

    def start_level(self, level: Level, now: float) -> None:
        """The targets of `level` are set, and its first step comes next."""
        self.level_index, self.begun = self.levels.index(level), None
        self.reallocate(0, now)

    def observe(self, step: int, now: float) -> None:
        """So many steps of this level are taken. The first, in which the device gets used to the
        size, is not timed."""
        if step > 0 and self.begun is None:
            self.begun = step, now
        elif self.begun is not None and step > self.begun[0]:
            taken, since = step - self.begun[0], max(now - self.begun[1], INSTANT)
            self.speed = since / (taken * self.levels[self.level_index].cost)
        self.reallocate(step, now)

    def seconds_left(self, step: int) -> float | None:
        """Seconds from now to the end, at `step` of this level; None before anything was timed."""
        if self.speed is None:
            return None
        slow = BEGINNING - 1 if step == 0 else 0
        cost = (self.steps[self.level_index] - step + slow) * self.levels[self.level_index].cost
        for steps, level in zip(self.steps[self.level_index + 1 :], self.levels_left, strict=True):
            cost += (steps + BEGINNING) * level.cost
        return cost * self.speed

    @property
    def levels_left(self) -> Sequence[Level]:
        """The levels after this one."""
        return self.levels[self.level_index + 1 :]

    def reallocate(self, step: int, now: float) -> None:
        """Give this level and those after it as many steps as fit into what is left of the budget:
        n each, of which this level has `step` behind it, and each later one a beginning before."""
        if not self.budget or self.speed is None:
            return
        cost, later = (
            self.levels[self.level_index].cost,
            sum(level.cost for level in self.levels_left),
        )
        affordable = (self.budget - now) / self.speed + step * cost - BEGINNING * later
        steps = max(1, step, round(affordable / (cost + later)))
        self.steps[self.level_index :] = [steps] * (len(self.levels) - self.level_index)

    def check_budget(
        self, seconds: float, now: float, shape: tuple[int, int], settings: Settings, begun: int = 0
    ) -> None:
        """Before anything is painted: one step of the first level took so many `seconds`.

        Raises `SettingsError` where what is left of the budget does not allow one step of each
        level, with the largest size at which a picture of (width, height) `shape` can be painted,
        where one of `begun` pixels is gone on with.
        """
        self.speed = max(seconds, INSTANT) / self.levels[0].cost
        needed, affordable = one_pass(self.levels), (self.budget - now) / self.speed
        if needed <= affordable:
            return
        size = largest(shape, settings, begun, ROOM * self.budget / self.speed)
        raise SettingsError(
            f"In {self.budget:g} s this machine cannot paint {settings.size} pixels even once; "
            f"that takes about {now + needed * self.speed:.1f} s. "
            + (f"Choose a size of {size}, or more time." if size else "Give it more time.")
        )


def estimated_cost(settings: Settings) -> float:
    """The cost of all steps of a square picture, to compare runs of which no more is known."""
    levels = plan((settings.size, settings.size), settings)
    return 1 + sum(level.steps * level.cost for level in levels)  # at least something


def one_pass(levels: Sequence[Level]) -> float:
    """The cost of one step at each level."""
    return sum((1 + BEGINNING) * level.cost for level in levels)


def largest(
    shape: tuple[int, int], settings: Settings, begun: int, affordable: float
) -> int | None:
    """The largest size below that of the settings of which rehearsal and one pass cost no more."""
    for size in range(settings.size - 16, MIN_SIZE - 1, -16):
        try:
            levels = plan(shape, replace(settings, size=size), begun)
        except SettingsError:  # too narrow, as are all that are smaller
            return None
        rehearsal = (BEGINNING + TIMED_STEPS) * levels[0].cost
        if rehearsal + one_pass(levels) <= affordable:
            return size
    return None
