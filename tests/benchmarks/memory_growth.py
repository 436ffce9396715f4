"""Memory over many runs in one process: `python -m tests.benchmarks.memory_growth`."""

import sys
from pathlib import Path

from styletx import Settings, Style, stylize
from styletx.imaging.files import read_image

from .programs import PAIRS, inputs

RUNS, SHOWN = 50, 10


def main() -> None:
    photo, painting = map(read_image, inputs(PAIRS[0]))
    sys.stdout.write("| runs | memory, MB | its peak so far, MB |\n|---|---|---|\n")
    for run in range(1, RUNS + 1):
        for _ in stylize(photo, [Style(painting)], Settings(steps=3)):
            pass
        if run == 1 or run % SHOWN == 0:
            sys.stdout.write(f"| {run} | {memory('VmRSS'):.0f} | {memory('VmHWM'):.0f} |\n")


def memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
