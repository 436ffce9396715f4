"""Ray runner: sends runs to a Ray Serve application by HTTP, and resumes where one is lost."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import Any

import httpx
from PIL import Image

from styletx import errors
from styletx.errors import StyletxError
from styletx.events import Event, Events, Progress, Result, Style
from styletx.settings import Settings

from .options import TOKEN_VARIABLE, URL_VARIABLE, RayOptions
from .wire import BUG, END, ERROR, GONE, decode, encode, unframe

logger = logging.getLogger(__name__)
MAX_RESUMES = 2  # times that a run is taken up by another worker
COUNT_INTERVAL_S = 1  # seconds for which a count of slots counts
PATIENCE_S = 45  # seconds for which a cluster that answered is tried again: Ray restarts its proxy
RETRY_S = 0.5  # seconds between two such tries
# A run tells a sign of life each second, and only its pictures take long to be sent
TIMEOUT = httpx.Timeout(10, write=120)


class WorkerLost(Exception):
    """A worker was lost during a run."""


class ClusterUnavailable(StyletxError):
    """The cluster cannot paint at all."""

    @classmethod
    def because(cls, reason: str) -> "ClusterUnavailable":
        """Return the error with this reason."""
        return cls(
            f"The Ray cluster is unavailable: {reason.rstrip('.')}. Try again later, or "
            "ask its operator."
        )


class Cluster:
    """Paints on as many workers as the cluster has room for, each with the network in memory. It
    has the signature of `stylize`."""

    max_slots = 64  # runs at a time, however large the cluster

    def __init__(
        self, url: str, token: str, options: RayOptions, here: Callable[..., Events]
    ) -> None:
        """Use `here`, with the signature of `stylize`, one run at a time, when the cluster is gone
        and the options allow it."""
        self.url = url
        self.http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=None),
        )
        self.instead, self.here = here if options.fallback else None, Lock()
        self.device = "cuda" if options.gpus else "cpu"
        self.counted, self.count_at = 1, 0.0  # slots, and when they are to be counted again
        self.why_gone: ClusterUnavailable | None = None
        self.answered = -math.inf  # when the cluster was last heard of
        self.logged = False  # in the log

    def __call__(
        self,
        content: Image.Image,
        styles: Sequence[Style],
        settings: Settings = Settings(),
        *,
        resume_from: Progress | None = None,
        **more: Any,
    ) -> Events:
        """Yield events as `stylize` does; when a worker is lost, another resumes from the last
        report."""
        given = {"content": content, "styles": styles, "settings": settings, **more}
        for moves in range(MAX_RESUMES + 1):
            last: Event | None = None
            try:
                for last in self.painted({**given, "resume_from": resume_from}):
                    resume_from = last if isinstance(last, Progress) else resume_from
                    yield last
                return
            except WorkerLost as lost:
                if isinstance(last, Result):  # all that was wanted
                    return
                if moves == MAX_RESUMES:
                    raise StyletxError(
                        f"The workers that painted this were lost {MAX_RESUMES + 1} times "
                        f"({lost}); please try again."
                    ) from lost
            except ClusterUnavailable:
                if self.instead is None:
                    raise
                with self.here:
                    yield from self.instead(**given, resume_from=resume_from)
                return

    def painted(self, given: dict[str, Any]) -> Events:
        """Yield the events of a run on one worker. Raises `WorkerLost`, `ClusterUnavailable` where
        there has been no answer for `PATIENCE_S`, and what the work raised."""
        job, deadline = encode(given), time.monotonic() + PATIENCE_S
        while True:
            try:
                yield from self.answers(job)
                return
            except httpx.HTTPError as error:  # nothing has begun
                if self.is_gone() or time.monotonic() > deadline:
                    raise self.unavailable() from error
            time.sleep(RETRY_S)

    def answers(self, job: bytes) -> Events:
        """Yield the events of a run. Raises errors of `httpx` where it has not begun."""
        with self.http.stream("POST", self.url, content=job) as answer:
            self.check_status(answer)
            try:
                for message in filter(None, unframe(answer.iter_raw())):
                    ((kind, value),) = decode(message).items()
                    if kind == END:
                        return
                    check(kind, value)
                    yield value
            except httpx.HTTPError as error:
                raise WorkerLost(f"the connection broke: {error}") from error
        raise WorkerLost("its answer ended early")

    def check_status(self, answer: httpx.Response) -> None:
        """Note that the cluster is there, or raise what it means that the application is not."""
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise ClusterUnavailable.because(f"it has another {TOKEN_VARIABLE}")
        if answer.status_code != httpx.codes.OK:
            raise httpx.ConnectError(f"only Ray's proxy is there, with {answer.status_code}")
        self.answered = time.monotonic()

    def is_gone(self) -> bool:
        """Return whether the cluster has not answered for so long that it will not soon."""
        return time.monotonic() - self.answered > PATIENCE_S

    def unavailable(self) -> ClusterUnavailable:
        where = f"{self.url}, which {URL_VARIABLE} names"
        return ClusterUnavailable.because(f"there is no answer from {where}")

    def slots(self) -> int:
        """Return how many runs can be painted at once, as counted a moment ago; at least one, whose
        run will say what is wrong. A thread counts again meanwhile."""
        if time.monotonic() > self.count_at:
            self.count_at = float("inf")
            Thread(target=self.count, name="slots", daemon=True).start()
        return min(self.max_slots, max(1, self.counted))

    def count(self) -> None:
        """Count the slots now."""
        self.why_gone = None
        try:
            answer = self.http.get(self.url)
            self.check_status(answer)
            self.tell(int(answer.text), "no node has room for a run")
        except ClusterUnavailable as error:
            self.why_gone = error
        except (httpx.HTTPError, RuntimeError):  # the latter where this runner was closed meanwhile
            self.why_gone = self.unavailable() if self.is_gone() else None
        if self.why_gone:
            self.tell(0, str(self.why_gone))
        self.count_at = time.monotonic() + COUNT_INTERVAL_S

    def tell(self, slots: int, why_none: str) -> None:
        """Log a change of the cluster, for the operator."""
        if slots != self.counted or not self.logged:
            more = "; this machine paints instead" if self.instead and not slots else ""
            logger.info("cluster: %d slots%s", slots, "" if slots else f" ({why_none}){more}")
        self.counted, self.logged = slots, True

    def ready(self) -> bool:
        """Return whether any slot, or this machine, can paint."""
        self.slots()  # which has it counted
        return self.counted > 0 or self.instead is not None

    def warm_up(self) -> None:
        """Wait for a cluster that begins with this page. Raises `ClusterUnavailable` if it does not
        let this page in, or does not come, and this machine may not paint instead."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.count()
            if self.why_gone is None or self.instead:
                return
            if time.monotonic() > deadline:
                raise self.why_gone
            time.sleep(RETRY_S)

    def close(self) -> None:
        """Let go of the cluster."""
        self.http.close()


def check(kind: str, message: Any) -> None:
    """Raise the error that a worker's message carries, if it carries one."""
    if kind == GONE:
        raise ClusterUnavailable.because(message)
    if kind == ERROR:
        name, sentence = message
        raise getattr(errors, name, StyletxError)(sentence)
    if kind == BUG:
        raise RuntimeError(f"on a worker:\n{message}")
