"""Runs beside the page: each on the painter's thread, with its latest state and its stop."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from threading import Condition, Lock
from threading import Event as Signal
from typing import Any, NamedTuple
from uuid import uuid4

from . import figures
from .engine import stylize
from .errors import Busy, StyletxError
from .events import Event, Events, Progress, Result
from .limits import Allowance
from .pace import effort
from .settings import Settings

logger = logging.getLogger(__name__)

Pictures = Callable[[], Mapping[str, Any]]  # "content", "styles", … as `stylize` names them

PATIENCE = 15  # seconds without anybody watching after which a run is given up


class Visitor(NamedTuple):
    """Who wants a run, as far as that is known: a page or a client, and its address."""

    session: str = ""
    address: str = ""


NOBODY = Visitor()


class Run:
    """One call of `stylize` that somebody watches. Only its latest event is kept.

    The id is unguessable: who knows it may stop the run.
    """

    def __init__(
        self, events: Callable[[], Events], settings: Settings, visitor: Visitor = NOBODY
    ) -> None:
        self.id = uuid4().hex
        self.events, self.settings, self.visitor = events, settings, visitor
        self.latest: Event | None = None
        self.stopping = self.late = False
        self.future: Future[None] = Future()
        self.changed, self.told = Condition(), Signal()  # all that is to be told of it
        self.watched = time.monotonic()

    def paint(self, most: float) -> None:
        """Drive the generator to its end, to the first event after `stop`, or for `most` seconds.
        Where nobody has watched for long, whoever wanted it was lost before they could say so."""
        begun = time.monotonic()
        with closing(self.events()) as events:
            for event in events:
                if self.stopping:
                    return
                self.latest = event
                self.late = time.monotonic() - begun > most and isinstance(event, Progress)
                if self.late or time.monotonic() - self.watched > PATIENCE:
                    self.stop()
                    return
                self.announce()

    def stop(self) -> None:
        """Keep what there is. Returns at once; the thread follows at its next event."""
        self.stopping = True
        self.future.cancel()  # does something only while the run waits for its turn
        self.announce()

    def announce(self) -> None:
        with self.changed:
            self.changed.notify_all()

    @property
    def over(self) -> bool:
        return self.stopping or self.future.done()

    @property
    def result(self) -> Result | None:
        """The picture to keep: the finished one, or the latest; None if none was begun."""
        return Result.kept(self.latest) if isinstance(self.latest, Progress) else self.latest

    def watch(self, every: float = 0.25) -> Iterator[Event | None]:
        """The latest event at each change and at least once in `every` seconds: None while the
        run waits for its turn. The `result` comes last, None if it was stopped before it began;
        if the run failed, its error is raised, after the last good picture if there is one."""
        while not self.over:
            self.watched, seen = time.monotonic(), self.latest
            if not isinstance(seen, Result):  # which the end of the run follows
                yield seen
            with self.changed:
                self.changed.wait_for(partial(self.has_more_than, seen), every)
        if self.stopping:
            yield self.result
            return
        if self.result is not None:
            yield self.result
        self.future.result()

    def has_more_than(self, seen: Event | None) -> bool:
        return self.over or self.latest is not seen


class Painter:
    """Paints one run at a time, in order of arrival.

    One thread for all runs: the device is never shared, whatever becomes of those who watch.
    """

    def __init__(
        self, stylize: Callable[..., Events] = stylize, allowance: Allowance = Allowance()
    ) -> None:
        """`stylize`, or what has its shape, does the work, of which visitors have their
        `allowance`."""
        self.stylize, self.allowance = stylize, allowance
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="painter")
        self.runs: dict[str, Run] = {}
        self.door, self.closing = Lock(), False

    def start(self, settings: Settings, pictures: Pictures, visitor: Visitor = NOBODY) -> Run:
        """Put a run in line. `pictures` gives what there is to look at when its turn comes: those
        who wait hold none in memory. Raises `Busy`."""
        run = Run(lambda: self.stylize(**pictures(), settings=settings), settings, visitor)
        with self.door:
            self.admit(visitor)
            self.runs[run.id] = run
            run.future = self.thread.submit(run.paint, self.allowance.max_seconds)
        run.future.add_done_callback(lambda _: self.forget(run))
        return run

    def admit(self, visitor: Visitor) -> None:
        """Raises `Busy` where there is no room for a run of this visitor, and says when there may
        be."""
        if self.closing:
            raise Busy("This server is being shut down; please come back in a while.")
        live = [run for run in list(self.runs.values()) if not run.over]
        if len(live) >= self.allowance.queue:
            wait = self.wait_after(live)
            told = "" if wait is None else f"; they take about {wait:.0f} s"
            raise Busy(f"{len(live)} pictures are in line already, the most there may be{told}.")
        own = [run for run in live if visitor.session and run.visitor.session == visitor.session]
        if len(own) >= self.allowance.runs_per_visitor:
            raise Busy("A picture of yours is being painted already: wait for it, or stop it.")
        near = [run for run in live if visitor.address and run.visitor.address == visitor.address]
        if len(near) >= self.allowance.runs_per_address:
            raise Busy(
                f"{len(near)} pictures are being painted for your address already, the most there "
                "may be: wait for one of them, or stop it."
            )

    def forget(self, run: Run) -> None:
        self.runs.pop(run.id, None)
        run.announce()
        told, latest = outcome(run), run.latest
        seconds = latest.seconds if latest else 0.0
        figures.count("runs", outcome=told)
        figures.count("seconds", seconds)
        logger.info(
            "run %s %s: %d pixels, %d of %d steps, %.1f s",
            run.id[:8],  # which is not enough to fetch its picture
            told,
            run.settings.size,
            latest.step if latest else 0,
            latest.steps if latest else run.settings.steps,
            seconds,
        )

    def ahead_of(self, run: Run) -> int:
        """How many runs must end before this one begins."""
        line = list(self.runs)
        return line.index(run.id) if run.id in line else 0

    def wait_of(self, run: Run) -> float | None:
        """About how many seconds until a run begins, if the one at work knows how long it will
        take."""
        line = list(self.runs.values())
        return self.wait_after(line[: line.index(run)] if run in line else [])

    def wait_after(self, line: Sequence[Run]) -> float | None:
        """The same after these runs, of which the first is at work: the others are reckoned by
        their settings to take as long for as much work."""
        at_work = line[0].latest if line else None
        if not isinstance(at_work, Progress) or at_work.seconds_left is None:
            return None
        whole = at_work.seconds + at_work.seconds_left
        pace = whole / effort(at_work.settings)
        return at_work.seconds_left + sum(pace * effort(other.settings) for other in line[1:])

    def stop(self, run_id: str) -> bool:
        """Stop a run, waiting or at work; False if there is none of that id."""
        run = self.runs.get(run_id)
        if run is not None:
            run.stop()
        return run is not None

    def close(self, patience: float = 0) -> bool:
        """Stop every run and take no more. Within `patience` seconds, wait until those who watch
        have their pictures, and the thread has ended: whether that was so."""
        deadline = time.monotonic() + patience
        with self.door:
            self.closing, runs = True, list(self.runs.values())
        self.thread.shutdown(wait=False)
        for run in runs:
            run.stop()
        told = [run.told.wait(max(0, deadline - time.monotonic())) for run in runs]
        while self.runs and time.monotonic() < deadline:
            time.sleep(0.01)
        return all(told) and not self.runs


def outcome(run: Run) -> str:
    """What became of a run that has ended, in a word."""
    error = None if run.future.cancelled() else run.future.exception()
    if error is not None:
        return "refused" if isinstance(error, StyletxError) else "broken"
    if run.late:
        return "late"
    if not run.stopping:
        return "finished"
    return "stopped" if run.latest else "left"
