"""Runs on the workers of a Ray cluster; where one of them is lost, another goes on."""

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection
from pathlib import Path
from secrets import token_hex
from select import select
from threading import Lock, Thread
from typing import Any

from PIL import Image

from .dispatcher import BUG, END, ERROR, LOST
from .errors import StyletxError
from .events import Event, Events, Progress, Result, Style
from .limits import limit, told_by
from .settings import Settings

PREFIX = "STYLETX_RAY_"  # of the environment variables of a `Share`

MOVES = 2  # times that a run is taken up by another worker
FRESH, AGAIN = 1, 30  # seconds until places are counted again, and where there was no cluster
PATIENCE = 60  # seconds until the cluster must have answered
RAYS_OWN = {  # by itself it tells what it is used for, and takes a minute to see that it is gone
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
}
GONE = (
    "The cluster that paints cannot be reached: {}. Try again in a while, or have whoever runs it "
    "look at it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What of a cluster each run takes."""

    cpus: float = limit(2, "processors of the cluster that a run takes", 0.1)
    gpus: float = limit(0, "graphics cards of the cluster that a run takes, or a part of one", 0)
    fallback: int = limit(0, "1: where the cluster is gone, this machine paints", 0)

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Share":
        """As the environment says. Raises `SettingsError` for a variable that is no number."""
        return cls(**told_by(environment, PREFIX, cls))  # type: ignore[arg-type]


class WorkerLost(Exception):
    """A worker is gone in the middle of a run."""


class ClusterGone(StyletxError):
    """The whole cluster is."""


class Cluster:
    """Paints on as many workers as there is room for on the cluster, each with the network in its
    memory. It has the shape of `stylize`."""

    most = 64  # runs at a time, however large the cluster

    def __init__(self, share: Share, here: Callable[..., Events]) -> None:
        """Where the cluster is gone and the share says so, `here`, which has the shape of
        `stylize`, goes on, one run at a time."""
        self.share, self.instead = share, here if share.fallback else None
        self.device = "cuda" if share.gpus else "cpu"
        self.starting, self.here = Lock(), Lock()
        self.key = token_hex().encode()
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.counted, self.count_at = 1, 0.0  # places, and when they are to be counted again

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
            except ClusterGone:
                if self.instead is None:
                    raise
                with self.here:
                    yield from self.instead(**given, after=after)
                return

    def painted(self, given: dict[str, Any]) -> Events:
        """The events of a run on one worker. Raises `WorkerLost`, `ClusterGone`, and what came of
        the work."""
        try:
            with self.connect() as connection:
                connection.send_bytes(pickle.dumps(given))
                while True:
                    kind, told = pickle.loads(connection.recv_bytes())
                    if kind == END:
                        return
                    if kind == LOST:
                        raise WorkerLost(told)
                    if kind == ERROR:
                        raise told
                    if kind == BUG:
                        raise RuntimeError(f"on a worker:\n{told}")
                    yield told
        except (OSError, EOFError) as error:
            raise ClusterGone(GONE.format("the connection broke")) from error

    def connect(self) -> Connection:
        """A connection to the process that knows Ray, which is started if it is not there."""
        with self.starting:
            if self.process is None or self.process.poll() is not None:
                self.close()
                self.start()
        return Client(("127.0.0.1", self.port), authkey=self.key)

    def start(self) -> None:
        """Raises `ClusterGone` where there is no cluster."""
        paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        share = str(self.share.cpus), str(self.share.gpus)
        more = {"PYTHONPATH": os.pathsep.join(paths), **RAYS_OWN}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "styletx.dispatcher", *share],
            env=os.environ | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Ray keeps logs of its own
            start_new_session=True,  # Ctrl-C is for the page, which then lets go of it
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(self.key + b"\n")
        self.process.stdin.flush()
        ready, _, _ = select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else b""
        told = json.loads(line) if line else {"error": f"it did not answer within {PATIENCE} s"}
        if "error" in told:
            self.process.kill()
            self.process.wait()
            raise ClusterGone(GONE.format(str(told["error"]).rstrip(".")))
        self.port = int(told["port"])

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
            with self.connect() as connection:
                connection.send_bytes(b"")
                self.counted = int(connection.recv())
            self.count_at = time.monotonic() + FRESH
        except (OSError, EOFError, StyletxError):
            self.counted = 0
            self.count_at = time.monotonic() + AGAIN

    def ready(self) -> bool:
        """Whether there is any place, or another way."""
        self.places()  # which has it counted
        return self.counted > 0 or self.instead is not None

    def warm_up(self) -> None:
        """Reach the cluster. Raises `ClusterGone` if there is no other way."""
        try:
            self.connect().close()
        except ClusterGone:
            if self.instead is None:
                raise
        self.count()

    def close(self) -> None:
        """Let go of the cluster; one of this machine's own ends."""
        for pipe in (self.process.stdin, self.process.stdout) if self.process else ():
            if pipe is not None:
                with suppress(OSError):  # nobody reads any more
                    pipe.close()
