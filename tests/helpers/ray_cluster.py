"""A Ray cluster on this machine, whose nodes and workers can be killed. Ray is imported when one is
made."""

import os
import signal
import time
from contextlib import closing, contextmanager
from pathlib import Path

from styletx import Settings
from styletx.runners.local import Local
from styletx.runners.ray.options import RayOptions
from styletx.runners.ray.runner import Cluster

QUICK = Settings(size=256, steps=6)
ENDLESS = Settings(size=1024, steps=2000)  # minutes even for the smallest network
# Ray's own processes that nobody needs here: each is another Python to start
LEAN = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
AGES = 120  # seconds: ten times what anything here takes, and half of an endless run


@contextmanager
def cluster(slots=1):
    """A cluster of one node, the head, with so many processors; more nodes can be added."""
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(head_node_args={"num_cpus": slots, **LEAN}, initialize_head=True)
    try:
        yield nodes
    finally:
        nodes.shutdown()


@contextmanager
def running(**share):
    """A runner on the cluster that RAY_ADDRESS names; each run takes one processor."""
    runner = Cluster(RayOptions(**{"cpus": 1, **share}), Local())
    try:
        yield runner
    finally:
        let_go(runner)


def let_go(runner):
    """Wait until a runner has left its places to others."""
    runner.close()
    if runner.driver.process:
        runner.driver.process.wait(AGES)


def paint_soon(runner, given):
    """The result of a small run. A place that an endless run still held would not be free soon."""
    begun = time.monotonic()
    *_, result = runner(**given, settings=QUICK)
    assert time.monotonic() - begun < AGES, "a small run had to wait for its place"
    return result


def begin_and_stop(runner, given):
    """Begin with an endless run, and close it."""
    with closing(runner(**given, settings=ENDLESS)) as events:
        assert next(events).step == 0
        assert next(events).step > 0


def painting(runs):
    """How many runs have come further than their beginning and are not over."""
    return sum(not run.over and run.latest is not None and run.latest.step > 0 for run in runs)


def kill_workers(nodes):
    """Kill whoever paints on a cluster: how many that were."""
    found = workers(nodes)
    for process in found:
        os.kill(process, signal.SIGKILL)
    return len(found)


def workers(nodes):
    """The processes that paint on a cluster, which are children of its nodes."""
    parents = {
        started.process.pid
        for node in nodes.list_all_nodes()
        for started in node.all_processes["raylet"]
    }
    return [process for process, parent in painters() if parent in parents]


def painters():
    """Every worker process of this machine, and its parent."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"ray::Worker" in (process / "cmdline").read_bytes():
                status = (process / "stat").read_text().rpartition(")")[2].split()
                yield int(process.name), int(status[1])
        except OSError:  # gone meanwhile
            continue
