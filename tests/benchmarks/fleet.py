"""One page before many workers, none of which takes a processor here, since each only waits:
`python -m tests.benchmarks.fleet`
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

import app
from styletx.events import Events, Progress, Result
from styletx.limits import ServerLimits
from styletx.runners import registry
from styletx.runners.job import Job
from styletx.runners.queue import JobQueue
from styletx.settings import Settings
from tests.benchmarks.process import machine
from tests.helpers import attacks, hostile_files
from tests.helpers.paths import ROOT
from tests.helpers.scripted import FACTS
from tests.helpers.server import Server

WORKERS = (16, 64, 200)
RUNS_EACH = 2  # runs of each worker, half of which wait in the line
SECONDS, REPORT_EVERY_S = 12.7, 0.25  # of a run, as two cores take for it
UNLIMITED = ("QUEUE", "RUNS_PER_ADDRESS", "CALLS", "CALLS_PER_ADDRESS", "CONNECTIONS")
UNLIMITED = (*UNLIMITED, "REQUESTS_PER_SECOND", "UPLOADS_PER_HOUR")


class Fleet:
    """A runner of so many workers, each of which waits instead of painting."""

    device = "cpu"

    def __init__(self, workers: int) -> None:
        self.max_slots = workers

    def __call__(
        self, content: Image.Image, styles: Any, settings: Settings, **more: Any
    ) -> Events:
        """Yield as many events as a run of `SECONDS` does, of the size that it has."""
        picture = content.copy()
        picture.thumbnail((settings.size, settings.size))
        begun, steps = time.monotonic(), round(SECONDS / REPORT_EVERY_S)
        facts = FACTS | {"settings": settings, "steps": steps, "losses": {"total": 1.0}}
        for step in range(steps):
            facts["seconds"] = time.monotonic() - begun
            left = SECONDS - facts["seconds"]
            yield Progress(**facts, step=step, preview=picture, seconds_left=left)
            time.sleep(max(0, (step + 1) * REPORT_EVERY_S - (time.monotonic() - begun)))
        yield Result(**facts, step=steps, picture=picture)

    def slots(self) -> int:
        return self.max_slots

    def warm_up(self) -> None:
        pass

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


def main() -> None:
    """Print a row for each number of workers."""
    if len(sys.argv) > 1:  # the page itself, as `Server` starts it
        registry.get_runner = lambda: Fleet(int(os.environ["WORKERS"]))  # type: ignore[assignment]
        app.main(sys.argv[1:])
        return
    sys.stdout.write(
        "| workers | runs | a picture comes, s: median | of 20, the last but one | the last "
        "| pictures an hour | `/healthz`, s: median | worst | the page's processors | its MB |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    for workers in WORKERS:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(f"| {row(workers, Path(folder))} |\n")
            sys.stdout.flush()
    sys.stdout.write(f"\n{queue_alone(max(WORKERS))}.\n")
    sys.stdout.write(f"\nOn {machine()}; page and clients on the same machine.\n")


def queue_alone(workers: int) -> str:
    """The same for the line of runs without a page, whose pictures nobody saves or sends."""
    number = RUNS_EACH * workers
    queue = JobQueue(Fleet(workers), ServerLimits(queue=number))
    given = {"content": Image.effect_noise((512, 341), 60).convert("RGB"), "styles": []}
    worked, begun = time.process_time(), time.monotonic()

    def watched(job: Job) -> tuple[float, float]:
        """When a run was first told of, and when it was over."""
        first, *_ = (time.monotonic() for event in job.watch() if event)
        return first - begun, time.monotonic() - begun

    jobs = [queue.submit(Settings(), lambda over: given) for _ in range(number)]
    with ThreadPoolExecutor(number) as threads:
        firsts, ends = (sorted(times) for times in zip(*threads.map(watched, jobs), strict=True))
    queue.close()
    used = (time.process_time() - worked) / ends[-1]
    memory = hostile_files.memory("VmHWM", os.getpid())
    return (
        f"{number} runs before {workers} workers, without a page: the first half begins within "
        f"{firsts[workers - 1]:.2f} s, all are over after {ends[-1]:.1f} s, {used:.2f} processors, "
        f"{memory:.0f} MB"
    )


def row(workers: int, folder: Path) -> str:
    """Fill all workers, and the line with as many again; say how it went."""
    limits = {f"STYLETX_{name}": "100000" for name in UNLIMITED}
    server = Server(
        folder / "cache", app=Path(__file__), WORKERS=str(workers), PYTHONPATH=str(ROOT), **limits
    )
    server.wait()
    try:
        wanted = attacks.given(server.url, size=512, steps=48)
        attacks.call(server.url, "stylize", wanted)
        process, number = server.process.pid, RUNS_EACH * workers
        looking = Looking(server.url)
        worked, begun = processor_seconds(process), time.monotonic()
        with ThreadPoolExecutor(number) as threads:
            took = sorted(threads.map(lambda _: seconds_of(server.url, wanted), range(number)))
        elapsed, delays = time.monotonic() - begun, looking.stop()
        used = (processor_seconds(process) - worked) / elapsed
        memory = hostile_files.memory("VmHWM", process)
    finally:
        server.close()
    times = (statistics.median(took), took[int(0.95 * number)], took[-1])
    waits = (statistics.median(delays), max(delays))
    return " | ".join(
        [
            f"{workers} | {number}",
            *(f"{one:.1f}" for one in times),
            f"{3600 * number / elapsed:,.0f}",
            *(f"{one:.2f}" for one in waits),
            f"{used:.2f}",
            f"{memory:.0f}",
        ]
    )


def seconds_of(url: str, wanted: dict[str, Any]) -> float:
    """A run from its call to its picture."""
    begun = time.monotonic()
    answer = attacks.call(url, "stylize", wanted, timeout=600)
    assert attacks.is_picture(answer), answer
    return time.monotonic() - begun


class Looking(threading.Thread):
    """Asks a page twice a second whether it is well, and how long that takes."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.over, self.delays = url, threading.Event(), [0.0]
        self.start()

    def run(self) -> None:
        while not self.over.wait(0.5):
            begun = time.monotonic()
            assert attacks.ask(f"{self.url}healthz")[0] == 200
            self.delays.append(time.monotonic() - begun)

    def stop(self) -> list[float]:
        self.over.set()
        self.join()
        return self.delays[1:]


def processor_seconds(process: int) -> float:
    """Seconds of a processor that a process has had."""
    told = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
