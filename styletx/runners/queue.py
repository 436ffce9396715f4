"""The painter: who is painted next, and where."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from heapq import heapreplace
from threading import Condition
from typing import Any

from styletx.config import Allowance
from styletx.core.timing import effort
from styletx.errors import Busy
from styletx.events import Events, Progress
from styletx.settings import Settings

from .base import Runner
from .job import NOBODY, Run, Visitor
from .local import Local

# "content", "styles", … as `stylize` names them, for who says whether that is over meanwhile
Pictures = Callable[[Callable[[], bool]], Mapping[str, Any]]
PATIENCE = 30  # seconds without anybody there for it after which a run is given up
MANNERS = 1  # the same for one to which nobody listens, where others want its place
LOOK, SOON = 1, 0.05  # seconds between two looks at how many places there are, and who listens


class Painter:
    """Paints as many runs at a time as its runner has places, here one: no place is ever shared,
    whatever becomes of those who watch.

    Addresses take turns, each in order of arrival, so that who asks for much waits behind who asks
    for little. Nothing is begun to which nobody listens yet; and what is at work when nobody does
    any more gives way to who does.
    """

    def __init__(
        self,
        runner: Runner | None = None,
        allowance: Allowance = Allowance(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The runner does the work, by default in this process; visitors have their `allowance`.
        `clock` tells the time in seconds."""
        runner = runner or Local()
        self.stylize: Callable[..., Events] = runner
        self.clock = clock
        self.places, self.device, self.allowance = runner.places, runner.device, allowance
        self.threads = ThreadPoolExecutor(runner.most, thread_name_prefix="painter")
        self.runs: dict[str, Run] = {}  # in order of arrival
        self.turn = 0  # of the run that began last
        self.turns: dict[str, int] = {}  # the same for each address, where it still matters
        self.listeners: Counter[str] | None = None  # to what sessions are told, if counted
        self.door, self.closing = Condition(), False

    def start(self, settings: Settings, pictures: Pictures, visitor: Visitor = NOBODY) -> Run:
        """Put a run in line. `pictures` gives what there is to look at when its turn comes: those
        who wait hold none in memory. Raises `Busy`."""
        run = Run(
            lambda over: self.stylize(**pictures(over), settings=settings),
            settings,
            visitor,
            self.hears,
            self.clock,
        )
        run.future.add_done_callback(lambda _: self.forget(run))
        with self.door:
            self.admit(visitor)
            last = [self.turns.get(visitor.address, -1), *(one.turn for one in self.near(visitor))]
            run.turn = max(self.turn, max(last) + 1)
            self.runs[run.id] = run
        with suppress(RuntimeError):  # for a moment after `close`, which stops the run
            self.threads.submit(self.paint)
        return run

    def paint(self) -> None:
        """Paint the next of those who wait, once there is a place and somebody listens, unless none
        is left."""
        with self.door:
            while (run := self.next_run()) is None and self.waiting():
                self.door.wait(LOOK if self.full() else SOON)
        if run is None:
            return
        try:
            run.context.run(run.paint, self.allowance.max_seconds, self.unwanted)
        except BaseException as error:  # noqa: BLE001
            run.future.set_exception(error)
            del run  # which the error holds, and which holds the error
        else:
            run.future.set_result(None)

    def next_run(self) -> Run | None:
        """The run that is begun with now, if there is a place for one to which somebody listens."""
        return None if self.full() else next(filter(self.begins, self.waiting()), None)

    def waiting(self) -> list[Run]:
        """The runs that have not begun, the next one first."""
        return [run for run in self.line() if not (run.future.running() or run.future.done())]

    def full(self) -> bool:
        """Whether a run is at work in every place that there is now."""
        return sum(run.future.running() for run in self.line()) >= self.places()

    def begins(self, run: Run) -> bool:
        """Begin with a run, unless nobody wants it yet, or any more."""
        if self.unwanted(run):
            run.leave()
        begun = self.hears(run.visitor) and run.future.set_running_or_notify_cancel()
        if begun:
            self.turn = max(self.turn, run.turn)
            turns = {**self.turns, run.visitor.address: run.turn}
            self.turns = {address: turn for address, turn in turns.items() if turn >= self.turn}
        return begun

    def admit(self, visitor: Visitor) -> None:
        """Make room for a run of this visitor: runs that are given up go, and of a full line the
        one to which nobody listens for longest. Raises `Busy`, and then none of them goes."""
        live = [run for run in self.line() if not run.over]
        staying = [run for run in live if run.silence <= PATIENCE]
        unheard = [run for run in staying if not self.hears(run.visitor) and run.silence > MANNERS]
        if len(staying) == self.allowance.queue and unheard:
            staying.remove(max(unheard, key=lambda run: run.silence))
        self.check_admission(visitor, staying)
        for run in live:
            if run not in staying:
                run.leave()

    def check_admission(self, visitor: Visitor, live: Sequence[Run]) -> None:
        """Raises `Busy` where beside these runs there is no room for one of this visitor, and says
        when there may be."""
        if self.closing:
            raise Busy("This server is being shut down; please come back in a while.")
        if len(live) >= self.allowance.queue:
            wait = self.wait_after(live)
            told = "" if wait is None else f"; they take about {wait:.0f} s"
            raise Busy(f"{len(live)} pictures are in line already, the most there may be{told}.")
        own = [run for run in live if visitor.session and run.visitor.session == visitor.session]
        if len(own) >= self.allowance.runs_per_visitor:
            raise Busy("A picture of yours is being painted already: wait for it, or stop it.")
        near = [run for run in live if run.visitor.address == visitor.address]
        if visitor.address and len(near) >= self.allowance.runs_per_address:
            raise Busy(
                f"{len(near)} pictures are being painted for your address already, the most there "
                "may be: wait for one of them, or stop it."
            )

    def near(self, visitor: Visitor) -> list[Run]:
        """What is to be painted for the visitor's address."""
        runs = list(self.runs.values())
        return [run for run in runs if run.visitor.address == visitor.address and not run.over]

    def hears(self, visitor: Visitor) -> bool:
        """Whether somebody listens to what this visitor is told, as far as that is known."""
        if self.listeners is None or not visitor.session:
            return True
        return visitor.session in self.listeners

    def unwanted(self, run: Run) -> bool:
        """Whether it is time that a run to which nobody listens gives way."""
        if run.silence > PATIENCE:
            return True
        if run.silence < MANNERS or self.hears(run.visitor):
            return False
        waiting = [other for other in self.waiting() if not other.over]
        return self.full() and any(self.hears(other.visitor) for other in waiting)

    def forget(self, run: Run) -> None:
        with self.door:
            self.runs.pop(run.id, None)
            self.door.notify_all()
        run.announce()
        run.log()

    def line(self) -> list[Run]:
        """The runs at work, then those that wait, the next one first."""
        runs = list(self.runs.values())
        return sorted(
            runs,
            key=lambda run: (not run.future.running(), not self.hears(run.visitor), run.turn),
        )

    def ahead_of(self, run: Run) -> int:
        """How many runs must end before this one begins."""
        return max(0, len(self.before(run)) + 1 - self.places())

    def wait_of(self, run: Run) -> float | None:
        """About how many seconds until a run begins, if those at work know how long they will
        take."""
        return self.wait_after(self.before(run))

    def before(self, run: Run) -> list[Run]:
        line = self.line()
        return line[: line.index(run)] if run in line else []

    def wait_after(self, line: Sequence[Run]) -> float | None:
        """The same after these runs, of which the first are at work: the others are reckoned by
        their settings to take as long for as much work, each in the place that is free first."""
        at_work = [run.latest for run in line if run.future.running()]
        known = [one for one in at_work if isinstance(one, Progress)]
        left = sorted(one.seconds_left for one in known if one.seconds_left is not None)
        if len(left) < max(len(at_work), self.places()):  # or there is a free place
            return None
        whole = sum(one.seconds for one in known) + sum(left)
        pace = whole / sum(effort(one.settings) for one in known)
        for other in line[len(left) :]:
            heapreplace(left, left[0] + pace * effort(other.settings))
        return left[0]

    def stop(self, run_id: str) -> bool:
        """Stop a run, waiting or at work; False if there is none of that id."""
        run = self.runs.get(run_id)
        if run is not None:
            run.stop()
        return run is not None

    def close(self, patience: float = 0) -> bool:
        """Stop every run and take no more. Within `patience` seconds, wait until those who watch
        have their pictures, and nothing is at work: whether that was so."""
        deadline = self.clock() + patience
        with self.door:
            self.closing, runs = True, list(self.runs.values())
        self.threads.shutdown(wait=False)
        for run in runs:
            run.stop()
        told = [run.told.wait(max(0, deadline - self.clock())) for run in runs]
        with self.door:
            ended = self.door.wait_for(lambda: not self.runs, max(0, deadline - self.clock()))
        return all(told) and ended
