"""A run beside the page: its latest state, its stop, and who is there for it."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from contextvars import copy_context
from functools import partial
from threading import Condition
from threading import Event as Signal
from typing import NamedTuple
from uuid import uuid4

from styletx import metrics
from styletx.errors import StyletxError
from styletx.events import Event, Events, Progress, Result
from styletx.settings import Settings

logger = logging.getLogger(__name__)


class Client(NamedTuple):
    """Who wants a run, as far as that is known: a page or a client, and its address."""

    session: str = ""
    address: str = ""


ANONYMOUS = Client()


class Job:
    """One call of `stylize` that somebody watches. Only its latest event is kept.

    The id is unguessable: who knows it may stop the run.
    """

    def __init__(
        self,
        events: Callable[[Callable[[], bool]], Events],
        settings: Settings,
        visitor: Client = ANONYMOUS,
        has_listener: Callable[[Client], bool] = lambda visitor: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`events` begins the work, unless the job is over by then. `has_listener` says whether a
        client still listens. `clock` tells the time in seconds."""
        self.id = uuid4().hex
        self.events, self.settings, self.visitor, self.has_listener = (
            events,
            settings,
            visitor,
            has_listener,
        )
        self.clock = clock
        self.context = copy_context()  # of the request, which ZeroGPU's package looks up
        self.latest: Event | None = None
        self.stopping = self.timed_out = self.abandoned = False
        self.priority = 0  # of the line; the lower, the sooner
        self.future: Future[None] = Future()
        self.changed, self.delivered = Condition(), Signal()  # all that is to be told of it
        self.last_polled = clock()  # the last time that somebody was there for it

    def execute(self, most: float, unwanted: Callable[["Job"], bool]) -> None:
        """Drive the generator to its end, to the first event after `stop`, for `most` seconds, or
        until it is `unwanted`."""
        begun = self.clock()
        with closing(self.events(lambda: self.over)) as events:
            for event in events:
                if self.stopping:
                    return
                self.latest = event
                self.timed_out = self.clock() - begun > most and isinstance(event, Progress)
                if self.timed_out:
                    self.stop()
                    return
                if unwanted(self):
                    self.abandon()
                    return
                self.announce()

    def stop(self) -> None:
        """Keep what there is. Returns at once; the thread follows at its next event."""
        self.stopping = True
        self.future.cancel()  # does something only while the run waits for its turn
        self.announce()

    def abandon(self) -> None:
        """Stop, and keep nothing: there is nobody to keep it for."""
        self.abandoned = True
        self.stop()

    def announce(self) -> None:
        with self.changed:
            self.changed.notify_all()

    @property
    def over(self) -> bool:
        return self.stopping or self.future.done()

    @property
    def idle_seconds(self) -> float:
        """Seconds since somebody was there for it."""
        return self.clock() - self.last_polled

    @property
    def result(self) -> Result | None:
        """The picture to keep: the finished one, or the latest; None if none was begun."""
        return (
            Result.from_progress(self.latest) if isinstance(self.latest, Progress) else self.latest
        )

    def watch(self, every: float = 0.25) -> Iterator[Event | None]:
        """The latest event at each change and at least once in `every` seconds: None while the
        run waits for its turn. The `result` comes last, None if it was stopped before it began;
        if the run failed, its error is raised, after the last good picture if there is one."""
        while not self.over:
            if self.has_listener(self.visitor):
                self.last_polled = self.clock()
            seen = self.latest
            if not isinstance(seen, Result):  # which the end of the run follows
                yield seen
            with self.changed:
                self.changed.wait_for(partial(self.has_more_than, seen), every)
        if self.abandoned:
            return
        if self.stopping:
            yield self.result
            return
        if self.result is not None:
            yield self.result
        self.future.result()

    def has_more_than(self, seen: Event | None) -> bool:
        return self.over or self.latest is not seen

    @property
    def outcome(self) -> str:
        """What became of it, once it has ended, in a word."""
        error = None if self.future.cancelled() else self.future.exception()
        if error is not None and not self.stopping:
            return "refused" if isinstance(error, StyletxError) else "broken"
        if self.timed_out:
            return "late"
        if not self.stopping:
            return "finished"
        return "stopped" if self.latest and not self.abandoned else "left"

    def log(self) -> None:
        """Count it, and write a line of it."""
        latest = self.latest
        seconds = latest.seconds if latest else 0.0
        metrics.increment("runs", outcome=self.outcome)
        metrics.increment("seconds", seconds)
        logger.info(
            "run %s %s: %d pixels, %d of %d steps, %.1f s",
            self.id[:8],  # which is not enough to fetch its picture
            self.outcome,
            self.settings.size,
            latest.step if latest else 0,
            latest.steps if latest else self.settings.steps,
            seconds,
        )
