"""Driver process: the only one connected to Ray.

Ray kills a connected driver when the head node goes; that must not be the server.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any

from styletx.core.device import DEVICE_VARIABLE
from styletx.core.weights import WEIGHTS_VARIABLE
from styletx.text import shorten

from .actor import END, GONE, LOST, Worker

POLL_S = 0.05  # seconds between two looks whether the page is still there
START_TIMEOUT_S = 120  # in which a run must have begun: a new worker imports and loads first
SETTLED_S = 15  # after which a free worker is preferred to a new one that has not started
PASSED_ON = (WEIGHTS_VARIABLE, DEVICE_VARIABLE)  # the page's environment variables for workers
SLOT_TOLERANCE = 1e-6  # of a slot, by which fractions that add up to one may miss it


class NoCapacity(Exception):
    """The cluster has no room for a run, with the reason."""


class WorkerStartTimeout(Exception):
    """A new worker has not started, and another is free by now."""


class WorkerPool:
    """The workers, which of them are free, and the clients that wait for one."""

    def __init__(self, key: bytes, cpus: float, gpus: float) -> None:
        """Serve clients that know the key. Each run takes `cpus` and `gpus` of a node."""
        self.key, self.cpus, self.gpus = key, cpus, gpus
        self.free: list[Any] = []
        self.workers = 0  # free or not
        self.proven: set[Any] = set()  # those that have painted
        self.line: list[Connection] = []  # pages whose runs wait, the first one first
        self.turn = Condition()
        self.numbers = count()

    def slots(self) -> int:
        """Return how many runs the cluster can paint at once, now."""
        import ray

        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        return sum(self.slots_of(node["Resources"]) for node in nodes if node["Alive"])

    def slots_of(self, resources: Mapping[str, float]) -> int:
        return int(
            min(
                resources.get(kind, 0) / much + SLOT_TOLERANCE
                for kind, much in (("CPU", self.cpus), ("GPU", self.gpus))
                if much
            )
        )

    def answer(self, page: Connection) -> None:
        """Answer one authenticated connection: with the number of slots, or with a run, which ends
        with it."""
        with suppress(OSError, EOFError, AuthenticationError), page:
            deliver_challenge(page, self.key)
            answer_challenge(page, self.key)
            given = page.recv_bytes()
            if not given:
                page.send(self.slots())
                return
            try:
                while not self.run_on(self.worker_for(page), given, page):
                    pass
            except NoCapacity as error:
                page.send((GONE, str(error)))

    def worker_for(self, page: Connection) -> Any:
        """Return a free worker, which may have died since, or start one. Raises `OSError` if the
        client goes before its turn."""
        with self.turn:
            self.line.append(page)
            try:
                while (worker := self.acquire() if self.line[0] is page else None) is None:
                    if page.poll():
                        raise OSError
                    self.turn.wait(POLL_S)
                return worker
            finally:
                self.line.remove(page)
                self.turn.notify_all()

    def acquire(self) -> Any:
        """Return a free worker, or a new one if there is room, else None. Raises `NoCapacity` where
        there cannot be any."""
        import ray

        if self.free:
            return self.free.pop()
        slots = self.slots()
        if not slots:
            cards = f" and {self.gpus:g} graphics cards" if self.gpus else ""
            raise NoCapacity(f"none of its nodes has {self.cpus:g} processors{cards}")
        if self.workers >= slots:
            return None
        self.workers += 1
        how = {"num_cpus": self.cpus, "num_gpus": self.gpus, "max_concurrency": 2}
        return ray.remote(Worker).options(**how).remote()

    def release(self, worker: Any) -> None:
        with self.turn:
            self.free.append(worker)
            self.turn.notify_all()

    def discard(self, worker: Any) -> None:
        import ray

        ray.kill(worker)
        with self.turn:
            self.workers -= 1
            self.proven.discard(worker)
            self.turn.notify_all()

    def run_on(self, worker: Any, given: bytes, page: Connection) -> bool:
        """Have a worker paint and forward its events; return False if it was lost before it
        started."""
        import ray

        run, begun = next(self.numbers), False
        events = worker.paint.options(num_returns="streaming").remote(run, given)
        try:
            for message in self.stream(events, page, new=worker not in self.proven):
                page.send_bytes(message)
                self.proven.add(worker)
                begun = True
            page.send((END, None))
        except (ray.exceptions.RayError, WorkerStartTimeout) as error:
            self.discard(worker)
            if begun:
                page.send((LOST, str(error).splitlines()[0]))
            return begun
        except NoCapacity:
            self.discard(worker)
            raise
        except OSError:  # the page does not want it any more
            worker.stop.remote(run)
        self.release(worker)
        return True

    def stream(self, events: Any, page: Connection, new: bool) -> Iterator[bytes]:
        """Yield what a worker sends. Raises `NoCapacity` if it sends nothing for too long,
        `WorkerStartTimeout` if a free worker should be used instead of a new one that does not
        start, `OSError` as soon as the client has gone."""
        import ray

        waited = 0.0
        while True:
            ready, _ = ray.wait([events], timeout=POLL_S)
            if page.poll():  # all that it still has to say is that it goes
                raise OSError
            if ready:
                try:
                    message: bytes = ray.get(next(events))
                except StopIteration:
                    return
                yield message
                waited = -float("inf")
            elif (waited := waited + POLL_S) > SETTLED_S and new and self.free:
                raise WorkerStartTimeout  # its node is dead, which Ray will know in a while
            elif waited > START_TIMEOUT_S:
                raise NoCapacity(f"no slot of the cluster was free for {START_TIMEOUT_S} s")


def connect() -> None:
    """Connect to the cluster that RAY_ADDRESS names, or start one on this machine. Its workers run
    the server's own version of this package."""
    import ray

    address = os.environ.get("RAY_ADDRESS")
    chosen = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own: Mapping[str, Any] = {} if address else {"include_dashboard": False}
    ray.init(
        address=address or "local",
        runtime_env={"py_modules": [str(Path(__file__).parents[2])], "env_vars": chosen},
        log_to_driver=False,
        logging_level=logging.ERROR,
        **own,
    )


def main(arguments: Sequence[str]) -> None:
    """Print the port to connect to, or the error, as a line of JSON; then serve until the
    parent, which has written a key to standard input, closes it."""
    key, over = sys.stdin.buffer.readline().strip(), Event()
    pool = WorkerPool(key, *map(float, arguments))
    try:
        connect()
        listener = Listener(("127.0.0.1", 0))  # `answer` asks for the key, so that nobody waits
    except Exception as error:  # noqa: BLE001
        print(json.dumps({"error": shorten(str(error), 300)}), flush=True)  # noqa: T201
        return

    def accept() -> None:
        while not over.is_set():
            with suppress(OSError):  # somebody who is gone already
                Thread(target=pool.answer, args=(listener.accept(),), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    print(json.dumps({"port": listener.address[1]}), flush=True)  # noqa: T201
    sys.stdin.buffer.read()
    over.set()
    import ray

    ray.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
