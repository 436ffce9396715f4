"""The cost of a cluster to a run, the gain of a second node, and the time that a dead node takes:
`python -m tests.benchmarks.cluster`, which wants `pip install '.[ray]'`.

The nodes are processes of this machine, each with one processor and so one thread.
"""

import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from ray.cluster_utils import Cluster as Nodes

from styletx import Result, Settings, Style
from styletx.api.job_files import EXPORT_FORMATS
from styletx.imaging.files import read_image
from styletx.runners.local import Local
from styletx.runners.protocol import Runner
from styletx.runners.ray.options import RayOptions
from styletx.runners.ray.runner import Cluster
from tests.helpers import attacks

from .process import ROOT, machine

PICTURES = ("photos/temple.jpg", "paintings/great_wave.jpg")
PAIRS, BATCH, SIZE = 5, 8, 256  # runs to compare; pictures of a batch, and their size


def main() -> None:
    sys.stdout.write("| what | figure |\n|---|---|\n")
    for row in (overhead, second_node, dead_node, work_of_the_page):
        sys.stdout.write(f"| {row()} |\n")
        sys.stdout.flush()
    sys.stdout.write(f"\nOn {machine()}.\n")


def paint(runner: Runner, settings: Settings) -> Result:
    """One run; its result."""
    photo, painting = (read_image(ROOT / "assets" / name) for name in PICTURES)
    *_, result = runner(photo, [Style(painting)], settings)
    assert isinstance(result, Result)
    assert not result.stopped
    return result


def seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def overhead() -> str:
    """The same run in this process and on a worker that has both processors, in turn."""
    os.environ.pop("RAY_ADDRESS", None)
    here, there = Local(), Cluster(RayOptions(cpus=os.cpu_count() or 1), Local())
    with letting_go(there):
        first = [paint(runner, Settings()) for runner in (here, there)]  # which load the network
        assert first[0].picture.tobytes() == first[1].picture.tobytes()
        turns = [
            [seconds(lambda r=runner: paint(r, Settings())) for runner in (here, there)]
            for _ in range(PAIRS)
        ]
    ratio = statistics.median(there / here for here, there in turns)
    one, other = (statistics.median(column) for column in zip(*turns, strict=True))
    return (
        f"a run of 512 pixels on a worker, beside one in this process | {other:.1f} s and "
        f"{one:.1f} s, {100 * (ratio - 1):+.1f} % (median of {PAIRS} in turn); the same bytes"
    )


@contextmanager
def letting_go(runner: Cluster) -> Iterator[Cluster]:
    """A cluster, of which is waited in the end until it has gone."""
    try:
        yield runner
    finally:
        runner.close()
        if runner.driver.process:
            runner.driver.process.wait(30)


def cluster_of(nodes: int) -> Nodes:
    """A cluster of so many nodes with a processor each, beside a head that paints nothing."""
    cluster = Nodes(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    for _ in range(nodes):
        cluster.add_node(num_cpus=1)
    os.environ["RAY_ADDRESS"] = cluster.address
    return cluster


def many(runner: Cluster, number: int, steps: int = 48) -> list[Result]:
    """So many pictures, as many at a time as there are places."""
    settings = Settings(size=SIZE, steps=steps)
    with ThreadPoolExecutor(runner.slots()) as threads:
        return list(threads.map(lambda _: paint(runner, settings), range(number)))


def second_node() -> str:
    took = []
    for nodes in (1, 2):
        cluster = cluster_of(nodes)
        with letting_go(Cluster(RayOptions(cpus=1), Local())) as runner:
            runner.warm_up()
            assert runner.slots() == nodes
            many(runner, nodes, steps=2)  # which load the network
            took.append(seconds(lambda r=runner: many(r, BATCH)))
        cluster.shutdown()
    return (
        f"a batch of {BATCH} pictures of {SIZE} pixels, one thread a worker | {took[0]:.1f} s with "
        f"one node, {took[1]:.1f} s with two: {took[0] / took[1]:.2f} times as fast"
    )


def dead_node() -> str:
    """A node is killed in the middle of a batch: its run goes on elsewhere, and none is lost."""
    cluster = cluster_of(2)
    with letting_go(Cluster(RayOptions(cpus=1), Local())) as runner:
        runner.warm_up()
        many(runner, 2, steps=2)
        node = next(iter(cluster.worker_nodes))
        Timer(5, cluster.remove_node, [node], {"allow_graceful": False}).start()
        begun = time.monotonic()
        results = many(runner, BATCH)
        took = time.monotonic() - begun
    cluster.shutdown()
    moved = sum(result.restarts for result in results)
    assert len(results) == BATCH
    return (
        f"one of two nodes killed after 5 s of such a batch | {len(results)} of {BATCH} pictures "
        f"finished in {took:.1f} s, {moved} of them moved to the other node"
    )


def work_of_the_page() -> str:
    """Return the work that the page has left where others paint."""
    from tests.helpers.server import Server  # now, since it has torch use one thread

    os.environ.pop("RAY_ADDRESS", None)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "cache", STYLETX_RUNNER="ray").wait()
        try:
            wanted = attacks.given(server.url, size=512, steps=48)
            attacks.call(server.url, "stylize", wanted)
            before = worked(server.process.pid)
            for _ in range(PAIRS):
                answer = attacks.call(server.url, "stylize", wanted)
                (run_id,) = set(re.findall(r'"run_id": ?"(\w+)"', answer[1]))
                for kind in EXPORT_FORMATS:
                    assert attacks.call(server.url, "export", {"run_id": run_id, "kind": kind})
            each = (worked(server.process.pid) - before) / PAIRS
        finally:
            server.close()
    return (
        "the page's own work for such a run: previews, the picture in all formats, its film "
        f"| {each:.1f} s of a processor"
    )


def worked(process: int) -> float:
    """Seconds of a processor that a process has had."""
    told = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
