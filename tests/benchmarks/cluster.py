"""The cost of a cluster to a run, the gain of a second node, and the work around a run:
`python -m tests.benchmarks.cluster`, which wants `pip install 'ray[serve]'`.

The nodes are processes of this machine. tests/benchmarks/serve.py has deaths and queues.
"""

import os
import re
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from styletx import Result, Settings, Style
from styletx.api.job_files import EXPORT_FORMATS
from styletx.imaging.files import read_image
from styletx.runners.local import Local
from styletx.runners.protocol import Runner
from tests.helpers import attacks
from tests.helpers.ray_cluster import GATEWAY, PROXY, cluster, processes, running, variables

from .process import ROOT, machine

PICTURES = ("photos/temple.jpg", "paintings/great_wave.jpg")
PAIRS, BATCH, SIZE = 5, 8, 256  # runs to compare; pictures of a batch, and their size
PRECISION = "bfloat16"  # or each worker measures which is faster, beside whatever else runs
CORES = os.cpu_count() or 1


def main() -> None:
    sys.stdout.write("| what | figure |\n|---|---|\n")
    for row in (overhead, second_node, work_around):
        sys.stdout.write(f"| {row()} |\n")
        sys.stdout.flush()
    sys.stdout.write(f"\nOn {machine()}.\n")


def paint(runner: Runner, settings: Settings) -> Result:
    """One run; its result."""
    photo, painting = (read_image(ROOT / "assets" / name) for name in PICTURES)
    *_, result = runner(photo, [Style(painting)], settings, precision=PRECISION)
    assert isinstance(result, Result)
    assert not result.stopped
    return result


def overhead() -> str:
    """The same run in this process and on a worker that has all processors, in turn."""
    with cluster(slots=CORES, STYLETX_RAY_CPUS=str(CORES)) as nodes, running(nodes) as there:
        here = Local()
        first = [paint(runner, Settings()) for runner in (here, there)]  # which load the network
        assert first[0].picture.tobytes() == first[1].picture.tobytes()
        spent: dict[Runner, list[float]] = {here: [], there: []}
        for _ in range(PAIRS):
            for runner, beside in spent.items():
                begun = time.monotonic()
                painted = paint(runner, Settings()).seconds
                beside.append(time.monotonic() - begun - painted)
    beside_here, beside_there = map(statistics.median, spent.values())
    return (
        "what a run of 512 pixels takes beside painting, on a worker and in this process | "
        f"{beside_there:.2f} s and {beside_here:.2f} s, of {painted:.1f} s (medians of {PAIRS} in "
        "turn); the same bytes"
    )


def second_node() -> str:
    """A batch on one node and on two, each with one processor and so one thread."""
    took, settings = [], Settings(size=SIZE, steps=48)
    for nodes in (1, 2):
        more = {"STYLETX_RAY_MIN_WORKERS": str(nodes)}
        with (
            cluster(*[1] * nodes, slots=0, **more) as there,
            running(there) as runner,
            ThreadPoolExecutor(nodes) as threads,
        ):
            begun = time.monotonic()
            list(threads.map(lambda _, runner=runner: paint(runner, settings), range(BATCH)))
            took.append(time.monotonic() - begun)
    return (
        f"a batch of {BATCH} pictures of {SIZE} pixels, one thread a worker | {took[0]:.1f} s with "
        f"one node, {took[1]:.1f} s with two: {took[0] / took[1]:.2f} times as fast"
    )


def work_around() -> str:
    """What the page, the gateways and the proxies have to do for a run that others paint."""
    from tests.helpers.server import Server  # now, since it has torch use one thread

    with tempfile.TemporaryDirectory() as folder, cluster() as nodes:
        server = Server(Path(folder) / "cache", **variables(nodes)).wait()
        try:
            wanted = attacks.given(server.url, size=512, steps=48)
            attacks.call(server.url, "stylize", wanted)
            groups = [server.process.pid], processes(nodes, GATEWAY), processes(nodes, PROXY)
            before = [sum(map(worked, group)) for group in groups]
            for _ in range(PAIRS):
                answer = attacks.call(server.url, "stylize", wanted)
                (run_id,) = set(re.findall(r'"run_id": ?"(\w+)"', answer[1]))
                for kind in EXPORT_FORMATS:
                    assert attacks.call(server.url, "export", {"run_id": run_id, "kind": kind})
            after = [sum(map(worked, group)) for group in groups]
        finally:
            server.close()
    page, gateway, proxy = ((end - start) / PAIRS for end, start in zip(after, before, strict=True))
    return (
        "the page's own work for such a run: previews, the picture in all formats, its film; the "
        f"gateway's, the proxy's | {page:.1f} s, {gateway:.2f} s, {proxy:.2f} s of a processor"
    )


def worked(process: int) -> float:
    """Seconds of a processor that a process has had."""
    told = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
