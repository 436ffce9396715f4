"""Speed and quality of `stylize` beside its peers, in one run on this machine:
`python -m tests.benchmarks.compare [--quick] [--pairs PHOTO+PAINTING …]`.

Writes compare.json and compare.md beside this file, and the picture assets/benchmark.png. A full
run takes hours, nearly all of them the peers'. With --quick they take 30 steps, from which their
seconds are extrapolated; their quality is that of pictures kept from an earlier run, if any.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch

from styletx.features import FeatureExtractor, vgg19
from styletx.images import read

from .process import ROOT, machine
from .programs import PAIRS, PROGRAMS, TRIAL, WORK, Program, Run, inputs, longest, paint
from .quality import Judge

HERE = Path(__file__).parent
REPEATS = 3  # of our own runs, of which the median counts
COLORS = ("#c2410c", "#64748b", "#1d4ed8")


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.compare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="30 steps of each peer")
    parser.add_argument("--pairs", nargs="+", default=PAIRS, help="photos and paintings of assets/")
    chosen = parser.parse_args()
    eye = vgg19(torch.device("cpu"), precision=torch.float32)
    rows = [
        measure(program, pair, chosen.quick, eye) for pair in chosen.pairs for program in PROGRAMS
    ]
    results = {"machine": machine(), "rows": rows}
    (HERE / "compare.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "compare.md").write_text(table(results))
    draw(results, ROOT / "assets" / "benchmark.png")


def measure(program: Program, pair: str, quick: bool, eye: FeatureExtractor) -> dict[str, object]:
    """One program on one pair, as plain values for the table and the curves."""
    if program.ours:
        runs = sorted((paint(program, pair, program.steps) for _ in range(REPEATS)), key=wall)
        timed = seen = runs[len(runs) // 2]
    else:
        timed = paint(program, pair, TRIAL if quick else program.steps)
        seen = longest(program, pair) or timed
    whole = timed.extrapolated(program.steps)
    begun = timed.points[0][0]
    judge = Judge(*map(read, inputs(pair)), eye)
    curve = [
        (begun + step * timed.per_step, step, *judge(read(WORK / path)))
        for _, step, path in seen.points
    ]
    row = {
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
    print(program.name, pair, f"{whole.wall:.1f} s", curve[-1], flush=True)  # noqa: T201
    return row


def wall(run: Run) -> float:
    return run.wall


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
            line(name, row["pair"].replace("+", " × ").replace("_", " "), [row], [our])
            for row, our in zip(rows[name], ours, strict=True)
        ]
    return "\n".join([*lines, "", *notes(results, rows)]) + "\n"


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
    """What was measured where, and what was not."""
    said = [f"On {results['machine']}."]
    for name, theirs in rows.items():
        first = theirs[0]
        if first["timed_steps"] < first["steps"]:
            said.append(
                f"The seconds of {name} are extrapolated to its {first['steps']} steps from "
                f"{first['timed_steps']} of them, timed in the same run."
            )
        short = [row for row in theirs if row["seen_steps"] < row["steps"]]
        said += [
            f"Its pictures of {row['pair'].replace('+', ' × ').replace('_', ' ')} are those after "
            f"{row['seen_steps']} steps."
            for row in short
        ]
    return [*said, *sooner(rows)]


def sooner(rows: dict[str, list[dict]]) -> list[str]:
    """When ours was as good as the others at their end, in both numbers, mean over the pairs."""
    ours, *others = rows.values()
    said = []
    for theirs in others:
        end = [statistics.mean(row["curve"][-1][n] for row in theirs) for n in (2, 3)]
        for points in zip(*(row["curve"] for row in ours), strict=False):
            now = [statistics.mean(point[n] for point in points) for n in (0, 2, 3)]
            if now[1] <= end[0] and now[2] <= end[1]:
                said.append(
                    f"styletx is as good as {theirs[0]['program']} at its end, in both, after "
                    f"{now[0]:.0f} s."
                )
                break
    return said


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
