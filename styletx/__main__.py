"""The command line: python -m styletx photo.jpg painting.jpg -o painted.png --size 768"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from . import ALLOWED, Event, Progress, Result, Settings, Style, StyletxError, stylize
from .events import Events
from .images import check_can_save, read, save
from .settings import Options


def main(arguments: list[str] | None = None) -> int:
    """0 when a picture was painted, 1 with a sentence on stderr; argparse exits with 2."""
    chosen = vars(parser().parse_args(arguments))
    photo, painting, output, weights = (
        chosen.pop(name) for name in ("photo", "painting", "output", "weights")
    )
    try:
        check_can_save(output, instead_of=(photo, painting))
        settings = Settings(**chosen)
        events = stylize(read(photo), [Style(read(painting))], settings, weights=weights)
        follow(events, output)
    except StyletxError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def follow(events: Events, output: Path) -> None:
    """Show how far it is, and save the result; on Ctrl-C, the picture so far."""
    latest: Event | None = None
    with tqdm(unit="step", disable=None) as bar:
        try:
            for latest in events:
                bar.total = latest.steps
                bar.update(latest.step - bar.n)
                if isinstance(latest, Result):
                    save(latest.picture, output)
                    width, height = latest.picture.size
                    bar.write(f"{output}: {width}x{height} pixels in {latest.seconds:.0f} s")
        except KeyboardInterrupt as stop:
            if not isinstance(latest, Progress):
                raise StyletxError("Stopped before anything was painted.") from stop
            save(latest.preview, output)
            raise StyletxError(
                f"Stopped after {latest.step} of {latest.steps} steps; {output} holds the picture "
                "so far."
            ) from stop


def parser() -> argparse.ArgumentParser:
    """The pictures, and an option for every setting."""
    parser = argparse.ArgumentParser(
        "python -m styletx", description="Repaint a photo in the manner of a painting."
    )
    parser.add_argument("photo", type=Path, help="the picture to repaint")
    parser.add_argument("painting", type=Path, help="the picture in whose manner")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("painted.png"),
        help="where to write the result (default painted.png)",
    )
    parser.add_argument(
        "--weights",
        help="where VGG19 comes from: embedded (the default), torchvision, hub, "
        "hub:owner/repo/file@revision, or a .safetensors or .pth file",
    )
    for name, allowed in ALLOWED.items():
        default = getattr(Settings(), name)
        words, among = None, ""
        if isinstance(allowed, Options):
            words = allowed.words
        else:
            among = f"{allowed.low:g} to {allowed.high:.10g}, "
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=type(default),
            choices=words,
            default=default,
            help=f"{allowed.help} ({among}default {default})",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
