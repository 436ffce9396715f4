"""How well a run keeps its time, and how soon it knows how long it will take.

python -m tests.benchmarks.clock
"""

import sys

from styletx import Progress, Settings, Style, stylize
from styletx.imaging.files import read_image

from .process import ROOT, machine

SIZES = (256, 384, 512)
SECONDS = (5, 10, 20)


def main() -> None:
    photo = read_image(ROOT / "assets/photos/temple.jpg")
    styles = [Style(read_image(ROOT / "assets/paintings/great_wave.jpg"))]
    sys.stdout.write("| size | seconds to keep | seconds taken |\n|---|---|---|\n")
    for size, seconds in zip(SIZES, SECONDS, strict=True):
        *_, result = stylize(photo, styles, Settings(size=size, seconds=seconds))
        sys.stdout.write(f"| {size} | {seconds} | {result.seconds:.1f} |\n")
    sys.stdout.write("\n| size | seconds | off by at most, from a quarter of the run on |\n")
    sys.stdout.write("|---|---|---|\n")
    for size in SIZES:
        *progress, result = stylize(photo, styles, Settings(size=size))
        late = [event for event in progress if event.seconds > result.seconds / 4]
        off = max(abs(left_by(event) - result.seconds) for event in late)
        sys.stdout.write(f"| {size} | {result.seconds:.1f} | {off / result.seconds:.0%} |\n")
    sys.stdout.write(f"\nOn {machine()}.\n")


def left_by(event: Progress) -> float:
    """When a run will be over, as far as this event knows."""
    return event.seconds + (event.seconds_left or 0)


if __name__ == "__main__":
    main()
