"""Speed and quality of `stylize` beside its peers, in one run on this machine:
`python -m tests.benchmarks.compare [--quick] [--pairs PHOTO+PAINTING …] [--against REV]`.

Writes compare.json and compare.md beside this file, and the picture assets/benchmark.png. A full
run takes hours, nearly all of them the peers'. With --quick they take 30 steps, from which their
seconds are extrapolated; their quality is that of the longest run that compare.json has.

compare.json has a set of figures for each kind of processor, of which a run replaces one. If both
variables of `process.AVX2` are set, the processor is used as one without AVX-512 and bfloat16.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import torch

from styletx.core.vgg import FeatureExtractor, vgg19
from styletx.imaging.files import read_image

from . import against
from .process import ROOT, kind, machine
from .programs import KEPT, PAIRS, PROGRAMS, TRIAL, Program, Run, inputs, paint
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
    path = HERE / "compare.json"
    results = json.loads(path.read_text())
    earlier = [row for known in results.values() for row in known["rows"]]
    rows = [judged(*run, eye, earlier) for run in runs]
    results[kind()] = {"machine": machine(), "rows": rows}
    path.write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "compare.md").write_text(tables(results))
    draw(rows, ROOT / "assets" / "benchmark.png")


def painted(program: Program, pair: str, quick: bool) -> Run:
    """One program on one pair; of ours, the run that took the median time."""
    if program.ours:
        runs = (paint(program, pair, program.steps) for _ in range(REPEATS))
        return sorted(runs, key=attrgetter("wall"))[REPEATS // 2]
    return paint(program, pair, TRIAL if quick else program.steps)


def judged(
    program: Program, pair: str, timed: Run, eye: FeatureExtractor, earlier: Sequence[dict]
) -> dict:
    """Return the times of one run, and how good its pictures are, as plain values."""
    whole, (begun, *_) = timed.extrapolated(program.steps), timed.points[0]
    judge = Judge(*map(read_image, inputs(pair)), eye)
    same = (row for row in earlier if (row["program"], row["pair"]) == (program.name, pair))
    longest = max(same, key=lambda row: row["seen_steps"], default=None)
    if program.ours or longest is None or longest["seen_steps"] <= timed.steps:
        curve = [
            (second, step, *judge(read_image(KEPT / path))) for second, step, path in timed.points
        ]
    else:
        curve = [
            (begun + step * timed.per_step, step, *errors) for _, step, *errors in longest["curve"]
        ]
    sys.stdout.write(f"{program.name} {pair} {whole.wall:.1f} s {curve[-1]}\n")
    return {
        "program": program.name,
        "pair": pair,
        "steps": program.steps,
        "timed_steps": timed.steps,
        "seen_steps": curve[-1][1],
        "wall": whole.wall,
        "run": whole.per_step * program.steps,
        "cpu": whole.cpu,
        "peak": timed.peak,
        "curve": curve,
    }


def tables(results: Mapping[str, dict]) -> str:
    """Return Markdown: the means over the pairs with all kinds of processor side by side, then of
    each kind a row for each program and pair, and notes."""
    kinds = [(of_program(known["rows"]), known["machine"]) for known in results.values()]
    heads = " | ".join(f"{kind}: process, s | run alone, s" for kind in results)
    lines = [f"| program | {heads} | peak, MB | E | C |", "|---|" + "---|" * (2 * len(kinds) + 3)]
    for program in PROGRAMS:
        cells = [figures(rows[program.name], rows[PROGRAMS[0].name]) for rows, _ in kinds]
        times = [cell for wall, alone, *_ in cells for cell in (wall, alone)]
        lines.append("| " + " | ".join([program.name, *times, *cells[0][3:]]) + " |")
    for rows, where in kinds:
        lines += ["", *details(rows), "", *notes(where, rows)]
    return "\n".join(lines) + "\n"


def of_program(rows: Sequence[dict]) -> dict[str, list[dict]]:
    return {one.name: [r for r in rows if r["program"] == one.name] for one in PROGRAMS}


def details(rows: Mapping[str, list[dict]]) -> Iterator[str]:
    """Yield a row for each program and pair."""
    yield "| program | pair | whole process, s | run alone, s | CPU, s | peak, MB | E | C |"
    yield "|---|---|---|---|---|---|---|---|"
    ours = rows[PROGRAMS[0].name]
    for name, theirs in rows.items():
        for row, our in zip(theirs, ours, strict=True):
            yield "| " + " | ".join([name, shown(row["pair"]), *figures([row], [our])]) + " |"


def shown(pair: str) -> str:
    return pair.replace("+", " × ").replace("_", " ")


def figures(rows: Sequence[dict], ours: Sequence[dict]) -> list[str]:
    """Return seconds of a process, of its run alone and of the CPU, with how many times they are
    ours; the peak in MB, E and C: means."""

    def mean(what: str) -> float:
        return statistics.mean(row[what] for row in rows)

    def beside(what: str) -> str:
        times = mean(what) / statistics.mean(row[what] for row in ours)
        return f"{mean(what):.1f}" + (
            f" (×{times:.0f})" if rows is not ours and times > 1.5 else ""
        )

    style, content = (statistics.mean(row["curve"][-1][n] for row in rows) for n in (2, 3))
    seconds = [beside(what) for what in ("wall", "run", "cpu")]
    return [*seconds, f"{mean('peak'):.0f}", f"{style:.3f}", f"{content:.3f}"]


def notes(where: str, rows: Mapping[str, list[dict]]) -> list[str]:
    """Return where it was measured, and what was not."""
    said = [f"On {where}."]
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


def draw(measured: Sequence[dict], path: Path) -> None:
    """Both errors against seconds on a logarithmic scale, a line for each pair."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for program, color in zip(PROGRAMS, COLORS, strict=True):
        rows = of_program(measured)[program.name]
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
