"""Job: one call of `stylize`, its latest event, its stop, and whether a client still listens."""

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
    """The page session or program that submitted a job, and its address; "" where unknown.

    Only a page `may_return` after its connection was lost.
    """

    session: str = ""
    address: str = ""
    may_return: bool = False


ANONYMOUS = Client()


class Job:
    """One call of `stylize` and its latest event.

    The id is unguessable: it allows to stop the job.
    """

    def __init__(
        self,
        events: Callable[[Callable[[], bool]], Events],
        settings: Settings,
        client: Client = ANONYMOUS,
        has_listener: Callable[[Client], bool] = lambda client: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin the work by `events`, unless the job is over by then. `has_listener` says whether a
        client still listens; `clock` returns seconds."""
        self.id = uuid4().hex
        self.events, self.settings, self.clock = events, settings, clock
        self.client, self.has_listener = client, has_listener
        self.context = copy_context()  # of the request, which ZeroGPU's package looks up
        self.latest: Event | None = None
        self.stopping = self.timed_out = self.abandoned = False
        self.priority = 0  # of the line; the lower, the sooner
        self.future: Future[None] = Future()
        self.changed = Condition()
        self.delivered = Signal()  # once the client has the last event
        self.last_polled = clock()  # the last time that somebody was there for it
        self.heard = False  # whether anybody ever was

    def execute(self, max_seconds: float, should_stop: Callable[["Job"], bool]) -> None:
        """Run to the end, to the first event after `stop`, for `max_seconds` or until
        `should_stop`."""
        begun = self.clock()
        with closing(self.events(lambda: self.over)) as events:
            for event in events:
                if self.stopping:
                    return
                self.latest = event
                self.timed_out = self.clock() - begun > max_seconds and isinstance(event, Progress)
                if self.timed_out:
                    self.stop()
                    return
                if should_stop(self):
                    self.abandon()
                    return
                self.announce()

    def stop(self) -> None:
        """Keep the latest picture. Returns at once; the thread stops at its next event."""
        self.stopping = True
        self.future.cancel()  # does something only while the run waits for its turn
        self.announce()

    def abandon(self) -> None:
        """Stop, since nobody is there. The picture so far is kept for a client that may return."""
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
        """Return the seconds since a client last listened."""
        return self.clock() - self.last_polled

    @property
    def result(self) -> Result | None:
        """Return the finished picture or the latest preview as a result; None before the first
        event."""
        return (
            Result.from_progress(self.latest) if isinstance(self.latest, Progress) else self.latest
        )

    def watch(self, every: float = 0.25) -> Iterator[Event | None]:
        """Yield the latest event at each change and at least every `every` seconds; None while
        queued.

        The `result` comes last, None if the job was stopped before its first event; an abandoned
        job whose client cannot return has none. If the run failed, its error is raised after the
        last good picture.
        """
        while not self.over:
            if self.has_listener(self.client):
                self.heard, self.last_polled = True, self.clock()
            previous = self.latest
            if not isinstance(previous, Result):  # which the end of the run follows
                yield previous
            with self.changed:
                self.changed.wait_for(partial(self.has_more_than, previous), every)
        if self.abandoned and not self.client.may_return:
            return
        if self.stopping:
            yield self.result
            return
        if self.result is not None:
            yield self.result
        self.future.result()

    def has_more_than(self, previous: Event | None) -> bool:
        return self.over or self.latest is not previous

    @property
    def outcome(self) -> str:
        """Return how the job ended: finished, stopped, left, late, refused or broken."""
        error = None if self.future.cancelled() else self.future.exception()
        if error is not None and not self.stopping:
            return "refused" if isinstance(error, StyletxError) else "broken"
        if self.timed_out:
            return "late"
        if not self.stopping:
            return "finished"
        return "stopped" if self.latest and not self.abandoned else "left"

    def log(self) -> None:
        """Count the outcome and write a line to the log."""
        latest = self.latest
        seconds = latest.seconds if latest else 0.0
        metrics.RUNS.labels(self.outcome).inc()
        metrics.SECONDS.inc(seconds)
        logger.info(
            "run %s %s: %d pixels, %d of %d steps, %.1f s",
            self.id[:8],  # which is not enough to fetch its picture
            self.outcome,
            self.settings.size,
            latest.step if latest else 0,
            latest.steps if latest else self.settings.steps,
            seconds,
        )
