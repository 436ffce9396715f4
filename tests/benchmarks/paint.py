"""A process of its own that paints one picture with `stylize`, and keeps what it looks like on the
way: `python -m tests.benchmarks.paint PHOTO PAINTING OUT.png [SETTING=VALUE …]`.

For each picture it keeps, named after its step, it writes a line that begins with that step; for
each report with an estimate, a line with "left", the seconds so far and the seconds left.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from styletx import Progress, Settings, Style, stylize
from styletx.imaging.files import read_image, save

POINTS = 10  # pictures kept of a run, beside the first


def main(arguments: Sequence[str]) -> None:
    photo, painting, out = (Path(word) for word in arguments if "=" not in word)
    values = dict(word.split("=", 1) for word in arguments if "=" in word)
    settings = Settings(
        **{name: type(getattr(Settings(), name))(value) for name, value in values.items()}
    )
    follow(photo, painting, out, settings)


def follow(photo: Path, painting: Path, out: Path, settings: Settings) -> None:
    seen, kept = -1, {}
    for event in stylize(read_image(photo), [Style(read_image(painting))], settings):
        picture = event.preview if isinstance(event, Progress) else event.picture
        if isinstance(event, Progress) and event.seconds_left is not None:
            sys.stdout.write(f"left {event.seconds:.3f} {event.seconds_left:.3f}\n")
        part = event.step * POINTS // event.steps
        if part > seen:
            seen, kept[event.step] = part, picture  # to be written when nothing is timed
            sys.stdout.write(f"{event.step} {event.seconds:.3f}\n")
    for step, picture in kept.items():
        save(picture, out.with_name(f"{step:0{len(str(event.steps))}}.png"))
    save(picture, out)


if __name__ == "__main__":
    main(sys.argv[1:])
