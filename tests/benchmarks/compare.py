"""Speed and quality of `stylize` beside its peers, in one run on this machine:
`python -m tests.benchmarks.compare [--quick] [--pairs PHOTO+PAINTING …] [--against REV]`.

Writes compare.json and compare.md beside this file, and the picture assets/benchmark.png. A full
run takes hours, nearly all of them the peers'. With --quick they take 30 steps, from which their
seconds are extrapolated; their quality is that of pictures kept from an earlier run, if any.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import torch

from styletx.core.vgg import FeatureExtractor, vgg19
from styletx.imaging.files import read_image

from . import against
from .process import ROOT, machine
from .programs import KEPT, PAIRS, PROGRAMS, TRIAL, Program, Run, inputs, longest, paint
from .quality import Judge

HERE = Path(__file__).parent
REPEATS = 3  # of our own runs, of which the median counts
COLORS = ("#c2410c", "#64748b", "#1d4ed8")


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.compare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="30 steps of each peer")
    parser.add_argument("--pairs", nargs="+", default=PAIRS, help="photos and paintings of assets/")
    parser.add_argument("--against", metavar="REV", help="only another revision of this program")
    chosen = parser.parse_args()
    if chosen.against:
        against.compare(chosen.against, chosen.pairs)
        return
    # First all painting, then all judging: a process starts with the peak of the one it comes from
    runs = [
        (program, pair, painted(program, pair, chosen.quick))
        for pair in chosen.pairs
        for program in PROGRAMS
    ]
    eye = vgg19(torch.device("cpu"), precision=torch.float32)
    results = {"machine": machine(), "rows": [judged(*run, eye) for run in runs]}
    (HERE / "compare.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "compare.md").write_text(table(results))
    draw(results, ROOT / "assets" / "benchmark.png")


def painted(program: Program, pair: str, quick: bool) -> Run:
    """One program on one pair; of ours, the run that took the median time."""
    if program.ours:
        runs = (paint(program, pair, program.steps) for _ in range(REPEATS))
        return sorted(runs, key=attrgetter("wall"))[REPEATS // 2]
    return paint(program, pair, TRIAL if quick else program.steps)


def judged(program: Program, pair: str, timed: Run, eye: FeatureExtractor) -> dict[str, object]:
    """Return the times of one run, and how good its pictures are, as plain values."""
    seen = timed if program.ours else longest(program, pair)
    whole, (begun, *_) = timed.extrapolated(program.steps), timed.points[0]
    judge = Judge(*map(read_image, inputs(pair)), eye)
    curve = [
        (
            second if seen == timed else begun + step * timed.per_step,
            step,
            *judge(read_image(KEPT / path)),
        )
        for second, step, path in seen.points
    ]
    sys.stdout.write(f"{program.name} {pair} {whole.wall:.1f} s {curve[-1]}\n")
    return {
        "program": program.name,
        "pair": pair,
        "steps": program.steps,
        "timed_steps": timed.steps,
        "seen_steps": seen.points[-1][1],
        "wall": whole.wall,
        "run": whole.per_step * program.steps,
        "cpu": whole.cpu,
        "peak": timed.peak,
        "curve": curve,
    }


def table(results: dict) -> str:
    """Markdown: a row for each program with the means over the pairs, then one for each pair."""
    programs = [program.name for program in PROGRAMS]
    rows = {name: [r for r in results["rows"] if r["program"] == name] for name in programs}
    ours = rows[programs[0]]
    lines = [
        "| program | pair | whole process, s | the run alone, s | CPU, s | peak, MB | E | C |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in programs:
        lines.append(line(name, "mean", rows[name], ours))
    for name in programs:
        lines += [
            line(name, shown(row["pair"]), [row], [our])
            for row, our in zip(rows[name], ours, strict=True)
        ]
    return "\n".join([*lines, "", *notes(results, rows)]) + "\n"


def shown(pair: str) -> str:
    return pair.replace("+", " × ").replace("_", " ")


def line(name: str, pair: str, rows: Sequence[dict], ours: Sequence[dict]) -> str:
    def mean(what: str) -> float:
        return statistics.mean(row[what] for row in rows)

    def beside(what: str) -> str:
        times = mean(what) / statistics.mean(row[what] for row in ours)
        return f"{mean(what):.1f}" + (
            f" (×{times:.0f})" if rows is not ours and times > 1.5 else ""
        )

    style, content = (statistics.mean(row["curve"][-1][n] for row in rows) for n in (2, 3))
    return (
        f"| {name} | {pair} | {beside('wall')} | {beside('run')} | {beside('cpu')} "
        f"| {mean('peak'):.0f} | {style:.3f} | {content:.3f} |"
    )


def notes(results: dict, rows: dict[str, list[dict]]) -> list[str]:
    """Return where it was measured, and what was not."""
    said = [f"On {results['machine']}."]
    for name, theirs in rows.items():
        first = theirs[0]
        if first["timed_steps"] < first["steps"]:
            said.append(
                f"The seconds of {name} are extrapolated to its {first['steps']} steps from "
                f"{first['timed_steps']} of them, timed in the same run."
            )
        short = [
            f"{row['seen_steps']} steps for {shown(row['pair'])}"
            for row in theirs
            if row["seen_steps"] < row["steps"]
        ]
        if short:
            said.append(f"Its pictures were judged before its end: after {', '.join(short)}.")
    ours, *others = rows.values()
    return [*said, *(sooner(ours, theirs) for theirs in others)]


def sooner(ours: list[dict], theirs: list[dict]) -> str:
    """When our pictures were as good as the others' at their end, in both numbers."""
    when = []
    for our, their in zip(ours, theirs, strict=True):
        *_, style, content = their["curve"][-1]
        good = (at for at, _, e, c in our["curve"] if e <= style and c <= content)
        when.append(next(good, None))
    name, reached = theirs[0]["program"], [at for at in when if at is not None]
    if not reached:
        return f"styletx is never as good as these pictures of {name} in both E and C at once."
    took = " and ".join(f"{at:.1f} s" for at in reached)
    return (
        f"styletx is as good as these pictures of {name}, in both E and C, on {len(reached)} of "
        f"{len(when)} pairs, after {took}."
    )


def draw(results: dict, path: Path) -> None:
    """Both errors against seconds on a logarithmic scale, a line for each pair."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for program, color in zip(PROGRAMS, COLORS, strict=True):
        rows = [row for row in results["rows"] if row["program"] == program.name]
        for axis, column, name in zip(axes, (2, 3), ("style", "content"), strict=True):
            for number, row in enumerate(rows):
                curve = [point for point in row["curve"] if point[1]]  # not the start
                axis.plot(
                    [point[0] for point in curve],
                    [point[column] for point in curve],
                    color=color,
                    marker=".",
                    label=None if number else program.name,
                )
            axis.set(xscale="log", xlabel="seconds from the start of the process")
            axis.set_ylabel(f"relative error of {name}, lower is better")
            axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
