"""Deaths, queues and a new version on a Ray cluster of two nodes, both on this machine:
`python -m tests.benchmarks.serve [deaths dead_node dead_head load]`; it wants ray[serve].

The network is a small one, since only what lies between two events is measured.
"""

import os
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any

from PIL import Image

from styletx import Settings, Style, StyletxError
from styletx.runners.ray.runner import Cluster
from tests.helpers.network import small_weights
from tests.helpers.ray_cluster import (
    CONTROLLER,
    GATEWAY,
    PROXY,
    cluster,
    deploy,
    kill,
    processes,
    running,
)

from .process import machine

PHOTO = Image.effect_mandelbrot((96, 64), (-2, -1, 1, 1), 50).convert("RGB")
GIVEN = {"content": PHOTO, "styles": [Style(PHOTO.rotate(90))], "weights": small_weights()}
SMALL, SOME = Settings(size=64, steps=2), Settings(size=64, steps=100)
WIDE = Settings(size=512, steps=2000)
LONG = {"settings": Settings(size=128, steps=500), "report_every": 0.05}
TWO = {"STYLETX_RAY_MIN_WORKERS": "2", "STYLETX_RAY_MAX_WORKERS": "2"}  # places that there are
STOPS, DEATHS = 7, 5  # of each kind
LOAD_S, RUNS, QUEUE = 30, 30, 12  # runs at once for a full queue


def main() -> None:
    sys.stdout.write("| what | figure |\n|---|---|\n")
    parts = {part.__name__: part for part in (deaths, dead_node, dead_head, load)}
    for rows in map(parts.__getitem__, sys.argv[1:] or parts):
        for row in rows():
            sys.stdout.write(f"| {row} |\n")
            sys.stdout.flush()
    sys.stdout.write(f"\nOn {machine()}.\n")


@contextmanager
def two_nodes() -> Iterator[tuple[Any, Cluster]]:
    """A cluster of a head that paints nothing and two nodes with a worker each; a page's runner."""
    with (
        cluster(1, 1, slots=0, **TWO) as nodes,
        running(nodes) as runner,
    ):
        yield nodes, runner


def seconds_lost(runner: Cluster, act: Callable[[], object]) -> tuple[str, float]:
    """How a run ends in whose middle something is done, and its longest time without an event
    after that."""
    begun, longest, acted, last = time.monotonic(), 0.0, False, None
    try:
        for last in runner(**GIVEN, **LONG):
            longest, begun = max(longest, time.monotonic() - begun), time.monotonic()
            if last.step > 50 and not acted:
                act()
                acted, longest, begun = True, 0, time.monotonic()
    except StyletxError as error:
        return f"the sentence: {error}", time.monotonic() - begun
    assert last.step == last.steps
    return f"finished, moved {last.restarts} times", longest


def summed_up(found: Sequence[tuple[str, float]]) -> str:
    """How deaths of one kind ended, and the seconds that they cost."""
    seconds = [lost for _, lost in found]
    return (
        f"{told(Counter(end for end, _ in found))}; {statistics.median(seconds):.1f} s without an "
        f"event ({min(seconds):.1f} to {max(seconds):.1f})"
    )


def deaths() -> Iterator[str]:
    with two_nodes() as (nodes, runner):
        yield f"a run that is closed | {how_soon(runner)}"
        pause = signal.SIGSTOP
        cases = (
            ("its worker killed", lambda: end_busiest(nodes)),
            ("its worker halted", lambda: end_busiest(nodes, pause)),
            ("a gateway killed", lambda: os.kill(min(processes(nodes, GATEWAY)), signal.SIGKILL)),
            ("both gateways killed", lambda: kill(nodes, GATEWAY)),
            ("every proxy killed", lambda: kill(nodes, PROXY)),
            ("the controller killed", lambda: kill(nodes, CONTROLLER)),
        )
        for name, act in cases:
            found = []
            for _ in range(DEATHS):
                found.append(seconds_lost(runner, act))
                settle(nodes, runner)
            yield f"{name} | {summed_up(found)}"


def settle(nodes: Any, runner: Cluster) -> None:
    """Let who is halted go on, and wait until there are two workers and gateways again."""
    for process in processes(nodes):
        with suppress(ProcessLookupError):  # gone meanwhile
            os.kill(process, signal.SIGCONT)
    for _ in range(60):
        if len(processes(nodes)) == len(processes(nodes, GATEWAY)) == 2:
            break
        time.sleep(1)
    time.sleep(5)
    list(runner(**GIVEN, settings=SMALL))


def how_soon(runner: Cluster) -> str:
    """Fill both places, close one run, and see when the next one begins."""
    took, usual = [], []
    with closing(runner(**GIVEN, settings=WIDE)) as other:
        next(other)
        for _ in range(STOPS):
            begun = time.monotonic()
            list(runner(**GIVEN, settings=SMALL))
            usual.append(time.monotonic() - begun)
            events = runner(**GIVEN, settings=WIDE)
            while next(events).step < 2:
                pass
            begun = time.monotonic()
            events.close()
            list(runner(**GIVEN, settings=SMALL))
            took.append(time.monotonic() - begun)
    idle = [one - statistics.median(usual) for one in took]
    return (
        f"its worker is idle after {statistics.median(idle):.2f} s (at most {max(idle):.2f}; "
        f"{STOPS} of 512 pixels)"
    )


def end_busiest(nodes: Any, how: int = signal.SIGKILL) -> int:
    """End the worker that paints; return its node's process."""
    found = processes(nodes)
    before = {process: worked(process) for process in found}
    time.sleep(0.3)
    busiest = max(found, key=lambda process: worked(process) - before[process])
    os.kill(busiest, how)
    return found[busiest]


def worked(process: int) -> int:
    """Ticks of a processor that a process has had."""
    with open(f"/proc/{process}/stat") as stat:  # noqa: PTH123
        told = stat.read().rsplit(")", 1)[1].split()
    return int(told[11]) + int(told[12])


def dead_node() -> Iterator[str]:
    found = []
    for _ in range(DEATHS):
        with two_nodes() as (nodes, runner):
            found.append(seconds_lost(runner, partial(end_node, nodes)))
    yield f"its node killed | {summed_up(found)}"


def end_node(nodes: Any) -> None:
    """End the node of the worker that paints, and everything on it."""
    parent = end_busiest(nodes)
    (node,) = (
        node for node in nodes.worker_nodes if node.all_processes["raylet"][0].process.pid == parent
    )
    nodes.remove_node(node, allow_graceful=False)


def dead_head() -> Iterator[str]:
    found, after = [], []
    for _ in range(DEATHS):
        with two_nodes() as (nodes, runner):
            found.append(seconds_lost(runner, partial(end_head, nodes)))
            begun = time.monotonic()
            after.append((end_of(runner, SMALL), time.monotonic() - begun))
    yield f"the head killed | {summed_up(found)}"
    yield f"the next run without a head | {summed_up(after)}"


def end_head(nodes: Any) -> None:
    nodes.head_node.kill_all_processes(check_alive=False, allow_graceful=False)


def load() -> Iterator[str]:
    """A full queue, which each gateway has, two pages, and a new version, on two workers."""
    options = {"STYLETX_RAY_QUEUE": str(QUEUE), **TWO}
    with (
        cluster(1, 1, slots=0, **options) as nodes,
        running(nodes) as page,
        running(nodes) as other,
    ):
        with ThreadPoolExecutor(RUNS) as threads:
            ends = Counter(threads.map(lambda _: end_of(page), range(RUNS)))
        yield f"{RUNS} runs at once where {QUEUE} may wait | {told(ends)}"
        until = time.monotonic() + LOAD_S
        with ThreadPoolExecutor(8) as threads:
            each = [
                threads.submit(runs_while, lambda: time.monotonic() < until, one)
                for one in (page, other) * 4
            ]
        first, second = (sum(len(one.result()) for one in each[start::2]) for start in (0, 1))
        yield f"two pages with four runs at a time each | {first} and {second} runs in {LOAD_S} s"
        before, begun = set(processes(nodes)), time.monotonic()
        with ThreadPoolExecutor(5) as threads:
            roll_out = threads.submit(deploy, nodes, "2", **options)
            each = [threads.submit(runs_while, roll_out.running, page) for _ in range(4)]
        roll_out.result()
        ends = Counter(end for one in each for end in one.result())
        kept = len(before & set(processes(nodes)))
        yield (
            f"a new version under load, there after {time.monotonic() - begun:.0f} s | "
            f"{told(ends)}; {kept} of {len(before)} workers kept"
        )


def end_of(runner: Cluster, settings: Settings = SOME) -> str:
    """How a run ended, in words."""
    try:
        *_, last = runner(**GIVEN, settings=settings)
    except StyletxError as error:
        return str(error)
    return f"finished after {last.restarts} moves" if last.restarts else "finished"


def runs_while(going: Callable[[], bool], runner: Cluster) -> list[str]:
    """Run after run; how each ended."""
    ends = []
    while going():
        ends.append(end_of(runner))
    return ends


def told(ends: Counter[str]) -> str:
    return ", ".join(f"{number} {end}" for end, number in ends.most_common())


if __name__ == "__main__":
    main()
