"""Ray runner: sends runs to workers, and resumes on another when one is lost."""

import logging
import pickle
import time
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import Any

from PIL import Image

from styletx.errors import StyletxError
from styletx.events import Event, Events, Progress, Result, Style
from styletx.runners.ray.options import RayOptions
from styletx.settings import Settings

from .actor import BUG, END, ERROR, GONE, LOST
from .client import RETRY_AFTER_S, ClusterUnavailable, DriverProcess

logger = logging.getLogger(__name__)
MAX_RESUMES = 2  # times that a run is taken up by another worker
COUNT_INTERVAL_S = 1  # seconds for which a count of slots counts


class WorkerLost(Exception):
    """A worker was lost during a run."""


class Cluster:
    """Paints on as many workers as the cluster has room for, each with the network in memory. It
    has the signature of `stylize`."""

    max_slots = 64  # runs at a time, however large the cluster

    def __init__(self, options: RayOptions, here: Callable[..., Events]) -> None:
        """Use `here`, with the signature of `stylize`, one run at a time, when the cluster is gone
        and the options allow it."""
        self.driver = DriverProcess(str(options.cpus), str(options.gpus))
        self.instead, self.here = here if options.fallback else None, Lock()
        self.device = "cuda" if options.gpus else "cpu"
        self.counted, self.count_at = 1, 0.0  # slots, and when they are to be counted again
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
        """Yield the events of a run on one worker. Raises `WorkerLost`, `ClusterUnavailable`, and
        what the work raised."""
        with self.driver.connect() as connection:
            try:
                connection.send_bytes(pickle.dumps(given))
                while True:
                    kind, message = pickle.loads(connection.recv_bytes())
                    if kind == END:
                        return
                    check(kind, message)
                    yield message
            except (OSError, EOFError) as error:
                raise WorkerLost("the connection broke") from error

    def slots(self) -> int:
        """Return how many runs can be painted at once, as counted a moment ago; at least one, whose
        run will say what is wrong. A thread counts again meanwhile."""
        if time.monotonic() > self.count_at:
            self.count_at = float("inf")
            Thread(target=self.count, name="slots", daemon=True).start()
        return min(self.max_slots, max(1, self.counted))

    def count(self) -> None:
        """Count the slots now; without a cluster, look for one again after a while."""
        try:
            with self.driver.connect() as connection:
                connection.send_bytes(b"")
                self.tell(int(connection.recv()), "no node has room for a run")
            self.count_at = time.monotonic() + COUNT_INTERVAL_S
        except (OSError, EOFError, ClusterUnavailable) as error:
            self.tell(0, str(error))
            self.count_at = time.monotonic() + RETRY_AFTER_S

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
        """Connect to the cluster. Raises `ClusterUnavailable` if this machine may not paint
        instead."""
        try:
            self.driver.connect().close()
        except ClusterUnavailable:
            if self.instead is None:
                raise
        self.count()

    def close(self) -> None:
        """Disconnect; a cluster of this machine's own ends."""
        self.driver.close()


def check(kind: str, message: Any) -> None:
    """Raise the error that a worker's message carries, if it carries one."""
    if kind == LOST:
        raise WorkerLost(message)
    if kind == GONE:
        raise ClusterUnavailable.because(message)
    if kind == ERROR:
        raise message
    if kind == BUG:
        raise RuntimeError(f"on a worker:\n{message}")
