"""Runs beside the page: each on the painter's thread, with its latest state and its stop."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from threading import Condition
from typing import Any
from uuid import uuid4

from .engine import stylize
from .events import Event, Events, Progress, Result
from .pace import effort
from .settings import Settings

Pictures = Callable[[], Mapping[str, Any]]  # "content", "styles", … as `stylize` names them


class Run:
    """One call of `stylize` that somebody watches. Only its latest event is kept.

    The id is unguessable: who knows it may stop the run.
    """

    def __init__(self, events: Callable[[], Events], settings: Settings) -> None:
        self.id = uuid4().hex
        self.events, self.settings = events, settings
        self.latest: Event | None = None
        self.stopping = False
        self.future: Future[None] = Future()
        self.changed = Condition()

    def paint(self) -> None:
        """Drive the generator to its end, or to the first event after `stop`."""
        with closing(self.events()) as events:
            for event in events:
                if self.stopping:
                    return
                self.latest = event
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
            seen = self.latest
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

    def __init__(self, stylize: Callable[..., Events] = stylize) -> None:
        """`stylize`, or what has its shape, does the work."""
        self.stylize = stylize
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="painter")
        self.runs: dict[str, Run] = {}

    def start(self, settings: Settings, pictures: Pictures) -> Run:
        """Put a run in line. `pictures` gives what there is to look at when its turn comes: those
        who wait hold none in memory."""
        run = Run(lambda: self.stylize(**pictures(), settings=settings), settings)
        self.runs[run.id] = run
        run.future = self.thread.submit(run.paint)
        run.future.add_done_callback(lambda _: self.forget(run))
        return run

    def forget(self, run: Run) -> None:
        self.runs.pop(run.id, None)
        run.announce()

    def ahead_of(self, run: Run) -> int:
        """How many runs must end before this one begins."""
        line = list(self.runs)
        return line.index(run.id) if run.id in line else 0

    def wait_of(self, run: Run) -> float | None:
        """About how many seconds until a run begins, if the one at work knows how long it will
        take: those between are reckoned by their settings to take as long for as much work."""
        line = list(self.runs.values())
        before = line[: line.index(run)] if run in line else []
        at_work = before[0].latest if before else None
        if not isinstance(at_work, Progress) or at_work.seconds_left is None:
            return None
        whole = at_work.seconds + at_work.seconds_left
        pace = whole / effort(at_work.settings)
        return at_work.seconds_left + sum(pace * effort(other.settings) for other in before[1:])

    def stop(self, run_id: str) -> bool:
        """Stop a run, waiting or at work; False if there is none of that id."""
        run = self.runs.get(run_id)
        if run is not None:
            run.stop()
        return run is not None

    def close(self) -> None:
        """Stop every run and take no more."""
        for run in list(self.runs.values()):
            run.stop()
        self.thread.shutdown(wait=False)
