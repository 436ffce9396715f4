"""Job queue: which job runs next, and who may submit one."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from heapq import heapreplace
from threading import Condition
from typing import Any

from styletx.config import ServerLimits
from styletx.core.timing import estimated_cost
from styletx.errors import Busy
from styletx.events import Events, Progress
from styletx.settings import Settings

from .base import Runner
from .job import ANONYMOUS, Client, Job
from .local import Local

# "content", "styles", … as `stylize` names them, for who says whether that is over meanwhile
Pictures = Callable[[Callable[[], bool]], Mapping[str, Any]]
ABANDON_AFTER_S = 30  # seconds without anybody there for it after which a run is given up
YIELD_AFTER_S = 1  # the same for one to which nobody listens, where others want its place
NO_ROOM = "There is no room for more pictures now; try again in a while."
POLL_S = 1  # between two looks at how many places there are
POLL_FAST_S = 0.05  # the same while there is a free one: who listens


class JobQueue:
    """Runs as many jobs at a time as its runner has slots; jobs never share one.

    Clients take turns by address, each in order of arrival. A job starts only while its client
    listens; a running job without a listener yields to one that has one.
    """

    def __init__(
        self,
        runner: Runner | None = None,
        allowance: ServerLimits = ServerLimits(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use `runner`, by default this process, within the limits of `allowance`. `clock` returns
        seconds."""
        runner = runner or Local()
        self.stylize: Callable[..., Events] = runner
        self.clock = clock
        self.places, self.device, self.allowance = runner.places, runner.device, allowance
        self.threads = ThreadPoolExecutor(runner.most, thread_name_prefix="painter")
        self.runs: dict[str, Job] = {}  # in order of arrival
        self.turn = 0  # of the run that began last
        self.turns: dict[str, int] = {}  # the same for each address, where it still matters
        self.is_disk_full: Callable[[], bool] = lambda: False  # as the server tells
        self.listeners: Counter[str] | None = None  # to what sessions are told, if counted
        self.lock, self.closing = Condition(), False

    def submit(self, settings: Settings, pictures: Pictures, visitor: Client = ANONYMOUS) -> Job:
        """Queue a job. `pictures` loads its images when its turn comes, so that queued jobs hold
        none in memory. Raises `Busy`."""
        if self.is_disk_full():  # before the lock: it may scan all files
            raise Busy(NO_ROOM)
        run = Job(
            lambda over: self.stylize(**pictures(over), settings=settings),
            settings,
            visitor,
            self.has_listener,
            self.clock,
        )
        run.future.add_done_callback(lambda _: self.forget(run))
        with self.lock:
            self.admit(visitor)
            last = [
                self.turns.get(visitor.address, -1),
                *(one.priority for one in self.jobs_from(visitor)),
            ]
            run.priority = max(self.turn, max(last) + 1)
            self.runs[run.id] = run
        with suppress(RuntimeError):  # for a moment after `close`, which stops the run
            self.threads.submit(self.run_next)
        return run

    def run_next(self) -> None:
        """Wait for a free slot, then run the next job that has a listener."""
        with self.lock:
            while (run := self.next_job()) is None and self.waiting():
                self.lock.wait(POLL_S if self.full() else POLL_FAST_S)
        if run is None:
            return
        try:
            run.context.run(run.execute, self.allowance.max_seconds, self.should_yield)
        except BaseException as error:  # noqa: BLE001
            run.future.set_exception(error)
            del run  # which the error holds, and which holds the error
        else:
            run.future.set_result(None)

    def next_job(self) -> Job | None:
        """Start and return the next job that has a listener, if a slot is free."""
        return None if self.full() else next(filter(self.try_start, self.waiting()), None)

    def waiting(self) -> list[Job]:
        """Return the queued jobs, the next one first."""
        return [run for run in self.line() if not (run.future.running() or run.future.done())]

    def full(self) -> bool:
        """Return whether all slots are taken."""
        return sum(run.future.running() for run in self.line()) >= self.places()

    def try_start(self, run: Job) -> bool:
        """Start a job if its client listens; abandon it if its client is gone."""
        if self.should_yield(run):
            run.abandon()
        begun = self.has_listener(run.visitor) and run.future.set_running_or_notify_cancel()
        if begun:
            self.turn = max(self.turn, run.priority)
            turns = {**self.turns, run.visitor.address: run.priority}
            self.turns = {address: turn for address, turn in turns.items() if turn >= self.turn}
        return begun

    def admit(self, visitor: Client) -> None:
        """Make room for a job of this client: abandoned jobs go and, if the queue is full, the job
        without a listener for longest. Raises `Busy`, and then removes none."""
        live = [run for run in self.line() if not run.over]
        staying = [run for run in live if run.idle_seconds <= ABANDON_AFTER_S]
        unheard = [
            run
            for run in staying
            if not self.has_listener(run.visitor) and run.idle_seconds > YIELD_AFTER_S
        ]
        if len(staying) == self.allowance.queue and unheard:
            staying.remove(max(unheard, key=lambda run: run.idle_seconds))
        self.check_admission(visitor, staying)
        for run in live:
            if run not in staying:
                run.abandon()

    def check_admission(self, visitor: Client, live: Sequence[Job]) -> None:
        """Raise `Busy` if the queue or this client has no room for another job beside `live`, and
        say when there may be."""
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

    def jobs_from(self, visitor: Client) -> list[Job]:
        """Return the unfinished jobs of the client's address."""
        runs = list(self.runs.values())
        return [run for run in runs if run.visitor.address == visitor.address and not run.over]

    def has_listener(self, visitor: Client) -> bool:
        """Return whether the client listens to its events, as far as that is known."""
        if self.listeners is None or not visitor.session:
            return True
        return visitor.session in self.listeners

    def should_yield(self, run: Job) -> bool:
        """Return whether a job should stop: its client is gone, or it has no listener and holds the
        place of one that has."""
        if run.idle_seconds > ABANDON_AFTER_S:
            return True
        if run.idle_seconds < YIELD_AFTER_S or self.has_listener(run.visitor):
            return False
        waiting = [other for other in self.waiting() if not other.over]
        return self.full() and any(self.has_listener(other.visitor) for other in waiting)

    def forget(self, run: Job) -> None:
        with self.lock:
            self.runs.pop(run.id, None)
            self.lock.notify_all()
        run.announce()
        run.log()

    def line(self) -> list[Job]:
        """Return the running jobs, then the queued ones, the next one first."""
        runs = list(self.runs.values())
        return sorted(
            runs,
            key=lambda run: (
                not run.future.running(),
                not self.has_listener(run.visitor),
                run.priority,
            ),
        )

    def ahead_of(self, run: Job) -> int:
        """Return how many jobs must end before this one starts."""
        return max(0, len(self.before(run)) + 1 - self.places())

    def estimated_wait(self, run: Job) -> float | None:
        """Return about how many seconds until a job starts; None if that is not known yet."""
        return self.wait_after(self.before(run))

    def before(self, run: Job) -> list[Job]:
        line = self.line()
        return line[: line.index(run)] if run in line else []

    def wait_after(self, line: Sequence[Job]) -> float | None:
        """Return the estimated seconds until a slot is free for a job after `line`; None if that is
        not known yet.

        Running jobs report their remaining time. Queued ones are estimated from their settings, at
        the same speed, each in the slot that is free first.
        """
        at_work = [run.latest for run in line if run.future.running()]
        known = [one for one in at_work if isinstance(one, Progress)]
        left = sorted(one.seconds_left for one in known if one.seconds_left is not None)
        if len(left) < max(len(at_work), self.places()):  # or there is a free place
            return None
        whole = sum(one.seconds for one in known) + sum(left)
        pace = whole / sum(estimated_cost(one.settings) for one in known)
        for other in line[len(left) :]:
            heapreplace(left, left[0] + pace * estimated_cost(other.settings))
        return left[0]

    def stop(self, run_id: str) -> bool:
        """Stop a job, queued or running; return False if the id is unknown."""
        run = self.runs.get(run_id)
        if run is not None:
            run.stop()
        return run is not None

    def close(self, patience: float = 0) -> bool:
        """Stop every job and accept no more. Return whether within `patience` seconds all pictures
        were delivered and nothing runs."""
        deadline = self.clock() + patience
        with self.lock:
            self.closing, runs = True, list(self.runs.values())
        self.threads.shutdown(wait=False)
        for run in runs:
            run.stop()
        told = [run.delivered.wait(max(0, deadline - self.clock())) for run in runs]
        with self.lock:
            ended = self.lock.wait_for(lambda: not self.runs, max(0, deadline - self.clock()))
        return all(told) and ended
