"""This revision beside another one, in turn on this machine, from a git worktree:
`python -m tests.benchmarks.compare --against REV [--pairs PHOTO+PAINTING …]`.

Prints a table, and lays the pictures of both side by side in assets/against.jpg.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from assets.paint_controls import Tiles, contact_sheet
from styletx.core.vgg import vgg19
from styletx.imaging.files import read_image, save

from .process import ROOT, Ran, machine, run
from .programs import SIZE, inputs
from .quality import Judge

COLUMNS = 6  # of the sheet, two of them a pair
REPEATS = 3  # of each revision and pair; the fastest counts, since a neighbour only slows


@contextmanager
def worktree(revision: str) -> Iterator[Path]:
    """Yield a folder with that revision, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "other"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", path, revision], check=True, capture_output=True)
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", path], check=True)


def compare(revision: str, pairs: Sequence[str], size: int = SIZE) -> None:
    """Write a Markdown table: seconds, memory and quality of both, and their ratios; and the sheet
    of their pictures."""
    eye = vgg19(torch.device("cpu"), precision=torch.float32)
    sys.stdout.write(
        f"| pair | {revision}: process, run, s | now | times as fast | peak, MB | E | C |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    ratios: list[tuple[float, ...]] = []
    tiles: Tiles = []
    with worktree(revision) as other, tempfile.TemporaryDirectory() as folder:
        for pair in pairs:
            photo, painting = inputs(pair)
            judge = Judge(read_image(photo), read_image(painting), eye)
            outs = [Path(folder) / f"{name}.png" for name in ("other", "ours")]
            commands = [
                ["-m", "tests.benchmarks.paint", photo, painting, out, f"size={size}"]
                for out in outs
            ]
            before, now = in_turn(commands, (other, ROOT))
            pictures = [read_image(out) for out in outs]
            judged = [judge(picture) for picture in pictures]
            captions = pair.replace("+", ", ").replace("_", " "), "... now"
            tiles += zip(captions, pictures, strict=True)
            times = [b / n for b, n in zip(before, now, strict=True)]
            better = [n / b for b, n in zip(*judged, strict=True)]
            ratios.append((*times[:2], *better))
            sys.stdout.write(
                f"| {pair} | {before[0]:.1f}, {before[1]:.1f} | {now[0]:.1f}, {now[1]:.1f} "
                f"| {times[0]:.2f}, {times[1]:.2f} | {before[2]:.0f}, {now[2]:.0f} "
                f"| {judged[0][0]:.3f}, {judged[1][0]:.3f} "
                f"| {judged[0][1]:.3f}, {judged[1][1]:.3f} |\n"
            )
            sys.stdout.flush()
    save(contact_sheet(tiles, COLUMNS), ROOT / "assets" / "against.jpg", quality=85)
    means = [statistics.mean(column) for column in zip(*ratios, strict=True)]
    sys.stdout.write(
        f"\nOn {machine()}: {means[0]:.2f} times as fast as a process, {means[1]:.2f} as a run; "
        f"E {means[2]:.3f} and C {means[3]:.3f} times as large, on average.\n"
    )


def in_turn(
    commands: Sequence[Sequence[str | Path]], roots: Sequence[Path]
) -> list[tuple[float, float, float]]:
    """Run each command in the clone at its root, in turn; return the figures of each."""
    rounds = [list(map(run, commands, roots)) for _ in range(REPEATS)]
    return [figures(rans) for rans in zip(*rounds, strict=True)]


def figures(rans: Sequence[Ran]) -> tuple[float, float, float]:
    """Return the seconds of a process and of its run alone, and the peak in MB, each the least."""
    alone = (float(ran.lines[-1][1].split()[1]) for ran in rans)
    return min(ran.wall for ran in rans), min(alone), min(ran.peak for ran in rans)
