"""How fast a run goes: the seconds that are left, and the steps that a time allows. Arithmetic."""

from collections.abc import Sequence

from .errors import SettingsError
from .pyramid import Level
from .settings import SMALLEST


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
        self.begun = (0, 0.0)  # the step and the time from which this level is timed
        self.speed: float | None = None  # seconds per unit of `Level.cost`

    def begin(self, level: Level, now: float) -> None:
        """The targets of `level` are set, and its first step comes next."""
        self.at, self.begun = self.levels.index(level), (0, now)
        self.allow(0, now)

    def see(self, step: int, now: float) -> None:
        """So many steps of this level are taken."""
        taken, since = step - self.begun[0], now - self.begun[1]
        if taken > 0:
            self.speed = since / (taken * self.levels[self.at].cost)
        self.allow(step, now)

    def left(self, step: int) -> float | None:
        """Seconds from now to the end, at `step` of this level; None before anything was timed."""
        if self.speed is None:
            return None
        now, *later = zip(self.steps[self.at :], self.levels[self.at :], strict=True)
        cost = (now[0] - step) * now[1].cost
        cost += sum((steps + 1) * level.cost for steps, level in later)  # targets cost about a step
        return cost * self.speed

    def allow(self, step: int, now: float) -> None:
        """Give this level and those after it as many steps as fit into what is left of the budget:
        n each, with (n - step) of this level and (n + 1), for the targets, of each later one."""
        if not self.budget or self.speed is None:
            return
        cost, later = self.levels[self.at].cost, sum(x.cost for x in self.levels[self.at + 1 :])
        affordable = (self.budget - now) / self.speed
        steps = max(1, step, round((affordable + step * cost - later) / (cost + later)))
        self.steps[self.at :] = [steps] * (len(self.levels) - self.at)

    def check(self, seconds: float) -> None:
        """Before anything is painted: `seconds` were taken by one step of the first level.

        Raises `SettingsError` where the budget does not allow one step of each level.
        """
        self.speed = seconds / self.levels[0].cost
        needed = sum(2 * level.cost for level in self.levels) * self.speed
        if not self.budget or needed <= self.budget:
            return
        size = max(self.levels[-1].size)
        fits = int(size * (self.budget / needed) ** 0.5) // 16 * 16
        advice = f"Choose a size of {fits}" if fits >= SMALLEST else "Choose a smaller size"
        raise SettingsError(
            f"In {self.budget:g} seconds this machine cannot paint {size} pixels even once, which "
            f"takes about {needed:.0f}. {advice}, or more time."
        )
