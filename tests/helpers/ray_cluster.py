"""A Ray cluster on this machine, with the application, whose nodes and processes can be killed.
Ray is imported when one is made."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

from styletx import Settings
from styletx.runners.local import Local
from styletx.runners.ray.options import TOKEN_VARIABLE, URL_VARIABLE, RayOptions
from styletx.runners.ray.runner import Cluster

from .paths import ROOT

QUICK = Settings(size=256, steps=6)
ENDLESS = Settings(size=1024, steps=2000)  # minutes even for the smallest network
# Ray's own processes that nobody needs here: each is another Python to start
LEAN = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
AGES = 120  # seconds: ten times what anything here takes, and half of an endless run
TOKEN = "a word that only these tests know"
WORKER, GATEWAY, PROXY, CONTROLLER = (
    "ServeReplica:styletx:Worker",
    "ServeReplica:styletx:Gateway",
    "ProxyActor",
    "ServeController",
)
FOR_THE_NODES = {
    "RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS": "1",  # or one that hangs is waited for
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": str(ROOT),
    "STYLETX_RAY_CPUS": "1",
}


@contextmanager
def cluster(*more, slots=1, **options):
    """A cluster with the application on it: the head with so many processors, and `more` nodes with
    theirs; others can be added."""
    from ray.cluster_utils import Cluster as Nodes

    before = dict(os.environ)
    os.environ |= FOR_THE_NODES
    nodes = Nodes(head_node_args={"num_cpus": slots, **LEAN}, initialize_head=True)
    for processors in more:
        nodes.add_node(num_cpus=processors)
    os.environ.clear()
    os.environ |= before
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            nodes.port = free.getsockname()[1]
        nodes.url = f"http://127.0.0.1:{nodes.port}/"
        deploy(nodes, **options)
        yield nodes
    finally:
        nodes.shutdown()


DEPLOY = """
import ray, sys
from ray import serve
from styletx.runners.ray.application import build
ray.init(sys.argv[1], log_to_driver=False, runtime_env={"env_vars": {"VERSION": sys.argv[3]}})
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
serve.run(build(), name="styletx")
"""  # in a process of its own, since Ray ends a connected one where its head goes


def deploy(nodes, version="1", **options):
    """Put the application on a cluster, or replace it where it is another `version`."""
    subprocess.run(
        [sys.executable, "-c", DEPLOY, nodes.address, str(nodes.port), version],
        env=os.environ | FOR_THE_NODES | {TOKEN_VARIABLE: TOKEN, **options},
        check=True,
        capture_output=True,
    )


def variables(nodes):
    """The environment of a page that paints on a cluster."""
    return {"STYLETX_RUNNER": "ray", URL_VARIABLE: nodes.url, TOKEN_VARIABLE: TOKEN}


@contextmanager
def running(nodes, token=TOKEN, **options):
    """A runner on a cluster."""
    with closing(Cluster(nodes.url, token, RayOptions(**options), Local())) as runner:
        yield runner


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


def kill(nodes, kind=WORKER, how=signal.SIGKILL):
    """Kill every process of a kind on a cluster: how many that were."""
    found = processes(nodes, kind)
    for process in found:
        os.kill(process, how)
    return len(found)


def processes(nodes, kind=WORKER):
    """The processes of a kind on a cluster, which are children of its nodes, by their parent."""
    parents = {
        started.process.pid
        for node in nodes.list_all_nodes()
        for started in node.all_processes["raylet"]
    }
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"ray::{kind}".encode() in (process / "cmdline").read_bytes():
                status = (process / "stat").read_text().rpartition(")")[2].split()
                found[int(process.name)] = int(status[1])
        except OSError:  # gone meanwhile
            continue
    return {process: parent for process, parent in found.items() if parent in parents}
