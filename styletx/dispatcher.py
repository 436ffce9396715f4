"""The process between a page and a Ray cluster, the only one that knows Ray: when the cluster goes,
Ray ends whoever is connected to it, and that is to be this process and not the page."""

import json
import logging
import os
import pickle
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import count
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from .engine import stylize
from .errors import StyletxError
from .objective import Known
from .weights import CHOOSE

LOOK = 0.05  # seconds between two looks whether the page is still there
START = 120  # seconds in which a run must have begun: a new worker imports and loads first
EVENT, ERROR, BUG, LOST, END = "event", "error", "bug", "lost", "end"  # what the page is told


class Worker:
    """A place of the cluster: it holds the network, and paints one run at a time."""

    def __init__(self) -> None:
        self.busy, self.known = Lock(), Known()
        self.over: set[int] = set()  # runs that nobody wants any more

    def paint(self, run: int, given: bytes) -> Iterator[bytes]:
        """The events of a run, pickled, and its error as the last of them."""
        try:
            with self.busy:
                arguments: Mapping[str, Any] = pickle.loads(given)
                with closing(stylize(**arguments, known=self.known)) as events:
                    for event in events:
                        if run in self.over:
                            return
                        yield pickle.dumps((EVENT, event))
        except StyletxError as error:
            yield pickle.dumps((ERROR, error))
        except Exception:  # noqa: BLE001  which is told where there is a log
            yield pickle.dumps((BUG, traceback.format_exc()))

    def stop(self, run: int) -> None:
        """Paint no further than to the next event."""
        self.over.add(run)


class Dispatcher:
    """The workers that there are, and who of them is free."""

    def __init__(self, cpus: float, gpus: float) -> None:
        """What of a node each run takes."""
        self.cpus, self.gpus = cpus, gpus
        self.free: list[Any] = []
        self.numbers = count()

    def places(self) -> int:
        """How many runs the cluster can paint at once, as it is now."""
        import ray

        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        return sum(self.places_of(node["Resources"]) for node in nodes if node["Alive"])

    def places_of(self, resources: Mapping[str, float]) -> int:
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        return int(min(resources.get(kind, 0) // much for kind, much in wanted.items() if much))

    def answer(self, page: Connection) -> None:
        """What a page asks on one connection: the places, or a run, which ends with it."""
        with suppress(OSError, EOFError), page:
            given = page.recv_bytes()
            if not given:
                page.send(self.places())
                return
            for worker in self.candidates():
                if self.painted(worker, given, page):
                    return
            page.send((LOST, "no worker of the cluster could begin"))

    def candidates(self) -> Iterator[Any]:
        """One that is free, which may have died since; then a new one."""
        import ray

        with suppress(IndexError):
            yield self.free.pop()
        how = {"num_cpus": self.cpus, "num_gpus": self.gpus, "max_concurrency": 2}
        yield ray.remote(Worker).options(**how).remote()

    def painted(self, worker: Any, given: bytes, page: Connection) -> bool:
        """Have a worker paint, and tell the page; False if it was lost before it had begun."""
        import ray

        run, begun = next(self.numbers), False
        events = worker.paint.options(num_returns="streaming").remote(run, given)
        try:
            for told in self.heard(events, page):
                page.send_bytes(told)
                begun = True
            page.send((END, None))
        except (ray.exceptions.RayError, TimeoutError) as error:
            ray.kill(worker)
            if begun or isinstance(error, TimeoutError):
                page.send((LOST, str(error).splitlines()[0]))
            return begun
        except OSError:  # the page does not want it any more
            if begun:
                worker.stop.remote(run)
            else:  # and it may wait for a place
                ray.kill(worker)
                return True
        self.free.append(worker)
        return True

    def heard(self, events: Any, page: Connection) -> Iterator[bytes]:
        """What a worker says. Raises `TimeoutError` if that is nothing at all for too long,
        `OSError` as soon as the page has gone."""
        import ray

        waited = 0.0
        while True:
            ready, _ = ray.wait([events], timeout=LOOK)
            if page.poll():  # all that it still has to say is that it goes
                raise OSError
            if ready:
                try:
                    told: bytes = ray.get(next(events))
                except StopIteration:
                    return
                yield told
                waited = -float("inf")
            elif (waited := waited + LOOK) > START:
                raise TimeoutError(f"no place of the cluster was free for {START} s")


def connect() -> None:
    """To the cluster that RAY_ADDRESS names, or to one of this machine's own that is started now.
    Its workers run the page's own version of this package."""
    import ray

    address = os.environ.get("RAY_ADDRESS")
    chosen = {name: os.environ[name] for name in (CHOOSE,) if name in os.environ}
    own: Mapping[str, Any] = {} if address else {"include_dashboard": False}
    ray.init(
        address=address or "local",
        runtime_env={"py_modules": [str(Path(__file__).parent)], "env_vars": chosen},
        log_to_driver=False,
        logging_level=logging.ERROR,
        **own,
    )


def main(arguments: Sequence[str]) -> None:
    """Say where to connect to, or what is wrong, in a line of JSON; then work until the page, which
    holds the other end of the input and has written a key there, is gone."""
    key, over = sys.stdin.buffer.readline().strip(), Event()
    dispatcher = Dispatcher(*map(float, arguments))
    try:
        connect()
        listener = Listener(("127.0.0.1", 0), authkey=key)
    except Exception as error:  # noqa: BLE001
        print(json.dumps({"error": " ".join(str(error).split())[:300]}), flush=True)  # noqa: T201
        return

    def accept() -> None:
        while not over.is_set():
            with suppress(OSError, EOFError):  # somebody without the key, or gone already
                Thread(target=dispatcher.answer, args=(listener.accept(),), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    print(json.dumps({"port": listener.address[1]}), flush=True)  # noqa: T201
    sys.stdin.buffer.read()
    over.set()
    import ray

    ray.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
