"""How seconds and memory grow with the size: `python -m tests.benchmarks.sizes [SETTING=VALUE …]`.

Each size is painted by a process of its own. Beside its seconds, those of the size before, how far
off the estimate of the time left was at worst from a quarter of the run on.
"""

import sys

from .process import machine, run
from .programs import PAIRS, WORK, inputs

SIZES = (256, 512, 1024, 2048)


def main() -> None:
    say = sys.stdout.write
    say(f"{PAIRS[0]} on {machine()}\n\n")
    say(
        "| size | whole process, s | run alone, s | times the last | peak, MB | estimate off by |\n"
    )
    say("|---|---|---|---|---|---|\n")
    before = 0.0
    for size in SIZES:
        folder = WORK / f"size-{size}"
        folder.mkdir(parents=True, exist_ok=True)
        out = folder / "out.png"
        command = ["-m", "tests.benchmarks.paint", *inputs(PAIRS[0]), out, f"size={size}"]
        ran = run([*command, *sys.argv[1:]])
        told = [tuple(map(float, line.split()[1:])) for _, line in ran.lines]
        took = told[-1][0]
        off = max(abs(now + left - took) / took for now, left in told if now > took / 4)
        times = f"{took / before:.2f}" if before else ""
        say(f"| {size} | {ran.wall:.1f} | {took:.1f} | {times} | {ran.peak:.0f} | {off:.0%} |\n")
        before = took


if __name__ == "__main__":
    main()
