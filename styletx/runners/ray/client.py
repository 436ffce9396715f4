"""Client of the driver process, which it starts when it is needed."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from secrets import token_hex
from select import select
from threading import Lock

from styletx.errors import StyletxError

START_TIMEOUT_S = 60  # seconds until the cluster must have answered
MAX_TRIES = 3  # to connect
END_TIMEOUT_S = 0.5  # that the process has to end before the next try
RETRY_AFTER_S = 30  # seconds until a cluster that was gone is looked for again
RAY_ENVIRONMENT = {  # or Ray reports its use, and takes a minute to see that its head is gone
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
}


class ClusterUnavailable(StyletxError):
    """The cluster cannot paint at all."""

    @classmethod
    def because(cls, reason: str) -> "ClusterUnavailable":
        """Return the error with this reason."""
        return cls(
            f"The Ray cluster is unavailable: {reason.rstrip('.')}. Try again later, or "
            "ask its operator."
        )


class DriverProcess:
    """Connections to the driver process."""

    def __init__(self, *arguments: str) -> None:
        """Take the arguments of `driver.main`."""
        self.arguments, self.key, self.starting = arguments, token_hex().encode(), Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.gone: ClusterUnavailable | None = None  # why there was no cluster
        self.gone_until = 0.0
        self.closed = False

    def connect(self) -> Connection:
        """Return a connection. Raises `ClusterUnavailable` if there is no cluster, or was none a
        moment ago."""
        for _ in range(MAX_TRIES):
            self.ensure_running()
            try:
                return Client(("127.0.0.1", self.port), authkey=self.key)
            except (OSError, EOFError, AuthenticationError):  # it is just ending
                time.sleep(END_TIMEOUT_S)
        raise ClusterUnavailable.because("the driver process does not answer")

    def ensure_running(self) -> None:
        """Start the process if it is not running. Raises `ClusterUnavailable`."""
        with self.starting:
            if self.process is not None and self.process.poll() is None:
                return
            if self.closed or (self.gone and time.monotonic() < self.gone_until):
                raise self.gone or ClusterUnavailable.because("the connection was closed")
            try:
                self.start()
            except ClusterUnavailable as gone:
                self.gone, self.gone_until = gone, time.monotonic() + RETRY_AFTER_S
                raise

    def start(self) -> None:
        """Start the process and have it connect to the cluster. Raises `ClusterUnavailable`."""
        paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.close_stdin()  # of the one before
        self.process = process = subprocess.Popen(
            [sys.executable, "-m", "styletx.runners.ray.driver", *self.arguments],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), **RAY_ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Ray keeps logs of its own
            start_new_session=True,  # Ctrl-C is for the page, which then lets go of it
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(self.key + b"\n")
        process.stdin.flush()
        with process.stdout as said:
            ready, _, _ = select([said], [], [], START_TIMEOUT_S)
            line = said.readline() if ready else b""
        where = os.environ.get("RAY_ADDRESS")
        where = f"{where}, which RAY_ADDRESS names" if where else "this machine"
        answer = json.loads(line) if line else {"error": f"there is no answer from {where}"}
        if "error" in answer:
            process.kill()
            process.wait()
            self.close_stdin()
            raise ClusterUnavailable.because(str(answer["error"]))
        self.port = int(answer["port"])

    def close_stdin(self) -> None:
        """End the process: it exits when its input is closed."""
        if self.process is not None and self.process.stdin is not None:
            with suppress(OSError):  # it has ended already
                self.process.stdin.close()

    def close(self) -> None:
        """Disconnect for good; a cluster of this machine's own ends."""
        self.closed = True
        self.close_stdin()
