"""Runs on the workers of a Ray cluster; where one of them is lost, another goes on."""

import logging
import pickle
import time
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import Any

from PIL import Image

from styletx.config import RayOptions
from styletx.errors import StyletxError
from styletx.events import Event, Events, Progress, Result, Style
from styletx.settings import Settings

from .actor import BUG, END, ERROR, GONE, LOST
from .client import RETRY_AFTER_S, ClusterUnavailable, DriverProcess

logger = logging.getLogger(__name__)
MOVES = 2  # times that a run is taken up by another worker
FRESH = 1  # seconds for which a count of places counts


class WorkerLost(Exception):
    """A worker is gone in the middle of a run."""


class Cluster:
    """Paints on as many workers as there is room for on the cluster, each with the network in its
    memory. It has the shape of `stylize`."""

    most = 64  # runs at a time, however large the cluster

    def __init__(self, share: RayOptions, here: Callable[..., Events]) -> None:
        """Where the cluster is gone and the share says so, `here`, which has the shape of
        `stylize`, goes on, one run at a time."""
        self.link = DriverProcess(str(share.cpus), str(share.gpus))
        self.instead, self.here = here if share.fallback else None, Lock()
        self.device = "cuda" if share.gpus else "cpu"
        self.counted, self.count_at = 1, 0.0  # places, and when they are to be counted again
        self.told = False  # in the log

    def __call__(
        self,
        content: Image.Image,
        styles: Sequence[Style],
        settings: Settings = Settings(),
        *,
        after: Progress | None = None,
        **more: Any,
    ) -> Events:
        """As `stylize`; where a worker is lost, another one goes on from the last report."""
        given = {"content": content, "styles": styles, "settings": settings, **more}
        for moves in range(MOVES + 1):
            last: Event | None = None
            try:
                for last in self.painted({**given, "after": after}):
                    after = last if isinstance(last, Progress) else after
                    yield last
                return
            except WorkerLost as lost:
                if isinstance(last, Result):  # all that was wanted
                    return
                if moves == MOVES:
                    raise StyletxError(
                        f"The workers that painted this were lost {MOVES + 1} times ({lost}); "
                        "please try again."
                    ) from lost
            except ClusterUnavailable:
                if self.instead is None:
                    raise
                with self.here:
                    yield from self.instead(**given, after=after)
                return

    def painted(self, given: dict[str, Any]) -> Events:
        """Yield the events of a run on one worker. Raises `WorkerLost`, `ClusterUnavailable`, and
        what the work raised."""
        with self.link.connect() as connection:
            try:
                connection.send_bytes(pickle.dumps(given))
                while True:
                    kind, told = pickle.loads(connection.recv_bytes())
                    if kind == END:
                        return
                    check(kind, told)
                    yield told
            except (OSError, EOFError) as error:
                raise WorkerLost("the connection broke") from error

    def places(self) -> int:
        """How many runs can be painted at once, as of a moment ago; where that is none, one, which
        will say why. Nobody waits for it: it is counted anew beside."""
        if time.monotonic() > self.count_at:
            self.count_at = float("inf")
            Thread(target=self.count, name="places", daemon=True).start()
        return min(self.most, max(1, self.counted))

    def count(self) -> None:
        """How many there are now; where there is no cluster, it is looked for again in a while."""
        try:
            with self.link.connect() as connection:
                connection.send_bytes(b"")
                self.tell(int(connection.recv()), "no node has room for a run")
            self.count_at = time.monotonic() + FRESH
        except (OSError, EOFError, ClusterUnavailable) as error:
            self.tell(0, str(error))
            self.count_at = time.monotonic() + RETRY_AFTER_S

    def tell(self, places: int, why_none: str) -> None:
        """Log what has changed, for who runs the page."""
        if places != self.counted or not self.told:
            more = "; this machine paints instead" if self.instead and not places else ""
            logger.info("cluster: %d places%s", places, "" if places else f" ({why_none}){more}")
        self.counted, self.told = places, True

    def ready(self) -> bool:
        """Whether there is any place, or another way."""
        self.places()  # which has it counted
        return self.counted > 0 or self.instead is not None

    def warm_up(self) -> None:
        """Reach the cluster. Raises `ClusterUnavailable` if there is no other way."""
        try:
            self.link.connect().close()
        except ClusterUnavailable:
            if self.instead is None:
                raise
        self.count()

    def close(self) -> None:
        """Let go of the cluster; one of this machine's own ends."""
        self.link.close()


def check(kind: str, told: Any) -> None:
    """Raises what it was that a worker did not paint for, if it is no event."""
    if kind == LOST:
        raise WorkerLost(told)
    if kind == GONE:
        raise ClusterUnavailable.because(told)
    if kind == ERROR:
        raise told
    if kind == BUG:
        raise RuntimeError(f"on a worker:\n{told}")
