"""Job queue: which job runs next, and who may submit one."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from heapq import heapreplace
from threading import Condition
from typing import Any

from styletx.core.timing import estimated_cost
from styletx.errors import Busy
from styletx.events import Events, Progress
from styletx.limits import ServerLimits
from styletx.settings import Settings

from .job import ANONYMOUS, Client, Job
from .local import Local
from .protocol import Runner

# Returns the images as arguments of `stylize`; takes a function that says whether the job is over
ImageLoader = Callable[[Callable[[], bool]], Mapping[str, Any]]
ABANDON_AFTER_S = 30  # seconds without a listener after which a program's run is given up
YIELD_AFTER_S = 1  # the same where others want its slot
NO_ROOM = "The server's storage is full; please try again later."
POLL_S = 1  # between two looks at how many slots there are
POLL_FAST_S = 0.05  # the same while there is a free one: who listens


class JobQueue:
    """Runs as many jobs at a time as its runner has slots; jobs never share one.

    Clients take turns by address, each in order of arrival. A job starts only while its client is
    there; a running job whose client is not there yields to one whose client is. A program is there
    while it listens, a page that has listened also for `ServerLimits.place_kept` seconds after.
    """

    def __init__(
        self,
        runner: Runner | None = None,
        limits: ServerLimits = ServerLimits(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use `runner`, by default this process, within the given limits. `clock` returns
        seconds."""
        runner = runner or Local()
        self.stylize: Callable[..., Events] = runner
        self.clock = clock
        self.slots, self.device, self.limits = runner.slots, runner.device, limits
        self.threads = ThreadPoolExecutor(runner.max_slots, thread_name_prefix="painter")
        self.jobs: dict[str, Job] = {}  # in order of arrival
        self.turn = 0  # of the run that began last
        self.turns: dict[str, int] = {}  # the same for each address, where it still matters
        self.is_disk_full: Callable[[], bool] = lambda: False  # as the server tells
        self.listeners: Counter[str] | None = None  # event streams by session, if counted
        self.lock, self.closing = Condition(), False

    def submit(
        self, settings: Settings, load_images: ImageLoader, client: Client = ANONYMOUS
    ) -> Job:
        """Queue a job. `load_images` loads its images when its turn comes, so that queued jobs hold
        none in memory. Raises `Busy`."""
        if self.is_disk_full():  # before the lock: it may scan all files
            raise Busy(NO_ROOM)
        job = Job(
            lambda over: self.stylize(**load_images(over), settings=settings),
            settings,
            client,
            self.has_listener,
            self.clock,
        )
        job.future.add_done_callback(lambda _: self.forget(job))
        with self.lock:
            self.admit(client)
            last = [
                self.turns.get(client.address, -1),
                *(one.priority for one in self.jobs_from(client)),
            ]
            job.priority = max(self.turn, max(last) + 1)
            self.jobs[job.id] = job
        with suppress(RuntimeError):  # for a moment after `close`, which stops the run
            self.threads.submit(self.run_next)
        return job

    def run_next(self) -> None:
        """Wait for a free slot, then run the next job whose client is there."""
        with self.lock:
            while (job := self.next_job()) is None and self.waiting():
                self.lock.wait(POLL_S if self.full() else POLL_FAST_S)
        if job is None:
            return
        try:
            job.context.run(job.execute, self.limits.max_seconds, self.should_yield)
        except BaseException as error:  # noqa: BLE001
            job.future.set_exception(error)
            del job  # which the error holds, and which holds the error
        else:
            job.future.set_result(None)

    def next_job(self) -> Job | None:
        """Start and return the next job whose client is there, if a slot is free."""
        return None if self.full() else next(filter(self.try_start, self.waiting()), None)

    def waiting(self) -> list[Job]:
        """Return the queued jobs, the next one first."""
        return [job for job in self.line() if not (job.future.running() or job.future.done())]

    def full(self) -> bool:
        """Return whether all slots are taken."""
        return sum(job.future.running() for job in self.line()) >= self.slots()

    def try_start(self, job: Job) -> bool:
        """Start a job if its client is there; abandon it if its client is gone for good."""
        if self.should_yield(job):
            job.abandon()
        begun = self.is_present(job) and job.future.set_running_or_notify_cancel()
        if begun:
            self.turn = max(self.turn, job.priority)
            turns = {**self.turns, job.client.address: job.priority}
            self.turns = {address: turn for address, turn in turns.items() if turn >= self.turn}
        return begun

    def admit(self, client: Client) -> None:
        """Make room for a job of this client: abandoned jobs go and, if the queue is full, the job
        without a listener for longest. Raises `Busy`, and then removes none."""
        live = [job for job in self.line() if not job.over]
        staying = [job for job in live if job.idle_seconds <= self.patience_s(job)]
        unheard = [
            job for job in staying if not self.is_present(job) and job.idle_seconds > YIELD_AFTER_S
        ]
        if len(staying) == self.limits.queue and unheard:
            staying.remove(max(unheard, key=lambda job: job.idle_seconds))
        self.check_admission(client, staying)
        for job in live:
            if job not in staying:
                job.abandon()

    def check_admission(self, client: Client, live: Sequence[Job]) -> None:
        """Raise `Busy` if the queue or this client has no room for another job beside `live`, and
        say when there may be."""
        if self.closing:
            raise Busy("This server is shutting down; please come back later.")
        if len(live) >= self.limits.queue:
            wait = self.wait_after(live)
            estimate = "" if wait is None else f", about {wait:.0f} s"
            raise Busy(
                f"The queue is full ({len(live)} pictures{estimate}). Please try again later."
            )
        own = [job for job in live if client.session and job.client.session == client.session]
        if len(own) >= self.limits.runs_per_visitor:
            raise Busy("A picture of yours is being painted already: wait for it, or stop it.")
        near = [job for job in live if job.client.address == client.address]
        if client.address and len(near) >= self.limits.runs_per_address:
            raise Busy(
                f"{len(near)} pictures from your address are being painted already: wait for one "
                "of them, or stop it."
            )

    def jobs_from(self, client: Client) -> list[Job]:
        """Return the unfinished jobs of the client's address."""
        runs = list(self.jobs.values())
        return [job for job in runs if job.client.address == client.address and not job.over]

    def has_listener(self, client: Client) -> bool:
        """Return whether the client listens to its events, as far as that is known."""
        if self.listeners is None or not client.session:
            return True
        return client.session in self.listeners

    def is_present(self, job: Job) -> bool:
        """Return whether the job's client listens, or is a page that did a short while ago."""
        is_page = job.client.may_return and job.heard
        return self.has_listener(job.client) or (
            is_page and job.idle_seconds <= self.limits.place_kept
        )

    def patience_s(self, job: Job) -> float:
        """Return the seconds without a listener after which a job ends although nobody waits."""
        if not (job.client.may_return and job.heard):
            return ABANDON_AFTER_S
        return math.inf if job.future.running() else self.limits.place_kept

    def should_yield(self, job: Job) -> bool:
        """Return whether a job should stop: its client is gone for good, or it holds the slot of
        one whose client is there, as its own is not."""
        if job.idle_seconds > self.patience_s(job):
            return True
        if job.idle_seconds < YIELD_AFTER_S or self.is_present(job):
            return False
        waiting = [other for other in self.waiting() if not other.over]
        return self.full() and any(map(self.is_present, waiting))

    def forget(self, job: Job) -> None:
        with self.lock:
            self.jobs.pop(job.id, None)
            self.lock.notify_all()
        job.announce()
        job.log()

    def line(self) -> list[Job]:
        """Return the running jobs, then the queued ones, the next one first."""
        runs = list(self.jobs.values())
        return sorted(
            runs,
            key=lambda job: (
                not job.future.running(),
                not self.is_present(job),
                job.priority,
            ),
        )

    def ahead_of(self, job: Job) -> int:
        """Return how many jobs must end before this one starts."""
        return max(0, len(self.before(job)) + 1 - self.slots())

    def estimated_wait(self, job: Job) -> float | None:
        """Return about how many seconds until a job starts; None if that is not known yet."""
        return self.wait_after(self.before(job))

    def before(self, job: Job) -> list[Job]:
        line = self.line()
        return line[: line.index(job)] if job in line else []

    def wait_after(self, line: Sequence[Job]) -> float | None:
        """Return the estimated seconds until a slot is free for a job after `line`; None if that is
        not known yet.

        Running jobs report their remaining time. Queued ones are estimated from their settings, at
        the same speed, each in the slot that is free first.
        """
        at_work = [job.latest for job in line if job.future.running()]
        known = [one for one in at_work if isinstance(one, Progress)]
        left = sorted(one.seconds_left for one in known if one.seconds_left is not None)
        if len(left) < max(len(at_work), self.slots()):  # or there is a free slot
            return None
        whole = sum(one.seconds for one in known) + sum(left)
        pace = whole / sum(estimated_cost(one.settings) for one in known)
        for other in line[len(left) :]:
            heapreplace(left, left[0] + pace * estimated_cost(other.settings))
        return left[0]

    def stop(self, run_id: str) -> bool:
        """Stop a job, queued or running; return False if the id is unknown."""
        job = self.jobs.get(run_id)
        if job is not None:
            job.stop()
        return job is not None

    def close(self, patience: float = 0) -> bool:
        """Stop every job and accept no more. Return whether within `patience` seconds all pictures
        were delivered and nothing runs."""
        deadline = self.clock() + patience
        with self.lock:
            self.closing, runs = True, list(self.jobs.values())
        self.threads.shutdown(wait=False)
        for job in runs:
            job.stop()
        delivered = [job.delivered.wait(max(0, deadline - self.clock())) for job in runs]
        with self.lock:
            ended = self.lock.wait_for(lambda: not self.jobs, max(0, deadline - self.clock()))
        return all(delivered) and ended
