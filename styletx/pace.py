"""How fast a run goes: the seconds that are left, and the steps that a time allows. Arithmetic."""

from collections.abc import Sequence

from .errors import SettingsError
from .pyramid import Level
from .settings import SMALLEST

ROOM = 0.8  # of a budget that a size must fit into before it is recommended
BEGINNING = 2  # steps' worth of time for a level's targets, and for its first step being a slow one


class Pace:
    """The clock of one run over its levels, each of which takes its `steps`.

    Times are seconds on one clock, by default from the start of the run. With a `budget` of
    seconds the steps are not those of the plan: all levels get the same number, as many as the
    speed seen so far allows.
    """

    def __init__(self, levels: Sequence[Level], budget: float = 0) -> None:
        self.levels, self.budget = levels, budget
        self.steps = [level.steps for level in levels]
        self.at = 0
        self.begun: tuple[int, float] | None = None  # the step and the time it is timed from
        self.speed: float | None = None  # seconds per unit of `Level.cost`

    def begin(self, level: Level, now: float) -> None:
        """The targets of `level` are set, and its first step comes next."""
        self.at, self.begun = self.levels.index(level), None
        self.allow(0, now)

    def see(self, step: int, now: float) -> None:
        """So many steps of this level are taken. The first, in which the device gets used to the
        size, is not timed."""
        if step > 0 and self.begun is None:
            self.begun = step, now
        elif self.begun is not None:
            taken, since = step - self.begun[0], now - self.begun[1]
            self.speed = since / (taken * self.levels[self.at].cost)
        self.allow(step, now)

    def left(self, step: int) -> float | None:
        """Seconds from now to the end, at `step` of this level; None before anything was timed."""
        if self.speed is None:
            return None
        cost = (self.steps[self.at] - step) * self.levels[self.at].cost
        for steps, level in zip(self.steps[self.at + 1 :], self.later, strict=True):
            cost += (steps + BEGINNING) * level.cost
        return cost * self.speed

    @property
    def later(self) -> Sequence[Level]:
        """The levels after this one."""
        return self.levels[self.at + 1 :]

    def allow(self, step: int, now: float) -> None:
        """Give this level and those after it as many steps as fit into what is left of the budget:
        n each, of which this level has `step` behind it, and each later one a beginning before."""
        if not self.budget or self.speed is None:
            return
        cost, later = self.levels[self.at].cost, sum(level.cost for level in self.later)
        affordable = (self.budget - now) / self.speed + step * cost - BEGINNING * later
        steps = max(1, step, round(affordable / (cost + later)))
        self.steps[self.at :] = [steps] * (len(self.levels) - self.at)

    def check(self, seconds: float) -> None:
        """Before anything is painted: `seconds` were taken by one step of the first level.

        Raises `SettingsError` where the budget does not allow one step of each level.
        """
        self.speed = seconds / self.levels[0].cost
        needed = sum((1 + BEGINNING) * level.cost for level in self.levels) * self.speed
        if not self.budget or needed <= self.budget:
            return
        size = max(self.levels[-1].size)
        fits = int(size * (ROOM * self.budget / needed) ** 0.5) // 16 * 16
        advice = f"Choose a size of {fits}" if fits >= SMALLEST else "Choose a smaller size"
        raise SettingsError(
            f"In {self.budget:g} s this machine cannot paint {size} pixels even once; that takes "
            f"about {needed:.0f} s. {advice}, or more time."
        )
