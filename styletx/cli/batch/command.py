"""The batch command: python -m styletx batch photos/ --style wave.jpg spring.jpg -o painted/"""

import argparse
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from styletx.cli.options import add_device, add_preset, add_settings, add_weights, settings_in
from styletx.cli.parser import Parser
from styletx.core.device import set_device
from styletx.core.pyramid import max_useful_side
from styletx.errors import StyletxError
from styletx.imaging.guards import install_pillow_guards
from styletx.runners import registry
from styletx.runners.protocol import Runner
from styletx.settings import Settings, settings_from

from .batch import Batch, BatchItem, Painting
from .find_images import find_images, output_paths
from .outputs import ERRORS, open_output_folder, precision_in

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def batch(arguments: list[str]) -> int:
    """Return 0 when all pictures are there and none was skipped, else 1 with a sentence on stderr;
    argparse exits with 2."""
    given = parser().parse_args(arguments)
    set_device(given.device)
    try:
        settings = settings_from(given.preset, settings_in(given))
        return paint(given, settings, registry.get_runner())
    except StyletxError as error:
        sys.stderr.write(f"{error}\n")
    except KeyboardInterrupt:
        sys.stderr.write("Stopped before anything was painted.\n")
    return 1


def paint(given: argparse.Namespace, settings: Settings, runner: Runner) -> int:
    """Paint each photo in the style of each painting; return the exit status. Raises `StyletxError`
    if it cannot start."""
    install_pillow_guards()
    photos, paintings = (find_images(words, given.output) for words in (given.photos, given.style))
    for sentence in (*photos.skipped(), *paintings.skipped()):
        sys.stderr.write(f"{sentence}\n")
    names = output_paths(photos.pictures, paintings.pictures, given.output)
    longest = max_useful_side(settings)
    wanted = [Painting(path, longest) for path in paintings.pictures]
    with (
        open_output_folder(given.output) as manifest,
        logged(given.output / ERRORS),
        closing(runner),
    ):
        work = Batch(runner, settings, given.weights, manifest, len(names))
        work.precision = precision_in(names.values())
        with stopped_by_signals(work):
            work.paint(items(photos.pictures, wanted, names))
        sys.stderr.write(f"{work.summary()}\n")
    return 0 if work.complete and not (photos.unread or paintings.unread) else 1


def items(
    photos: Sequence[Path], paintings: Sequence[Painting], names: dict[tuple[Path, Path], Path]
) -> Iterator[BatchItem]:
    """Yield the jobs painting by painting, so that each painting's cached statistics are used while
    they last."""
    for painting in paintings:
        for photo in photos:
            yield BatchItem(photo, painting, names[photo, painting.path])


@contextmanager
def stopped_by_signals(work: Batch) -> Iterator[None]:
    """Stop the batch on SIGINT and SIGTERM, at the next report of each run."""

    def stop(*_: object) -> None:
        work.stopping = True

    before = [(number, signal.signal(number, stop)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Write the log to a file, which is created with its first line."""
    handler, log = (
        logging.FileHandler(path, delay=True, encoding="utf-8"),
        logging.getLogger("styletx"),
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


def parser() -> argparse.ArgumentParser:
    """Return the parser: pictures, and an option for every setting."""
    parser = Parser(
        "python -m styletx batch",
        description="Repaint every photo in the manner of every painting. Started again, it paints "
        "what is missing, and what was painted with other settings or from other pictures.",
    )
    parser.add_argument(
        "photos", nargs="+", metavar="photo", help="pictures, folders, or patterns as 'in/**/*.jpg'"
    )
    parser.add_argument(
        "--style", nargs="+", required=True, metavar="PAINTING", help="the same for the paintings"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where the pictures go, and manifest.jsonl, which tells of each",
    )
    add_preset(parser)
    add_weights(parser)
    add_device(parser)
    add_settings(parser)
    return parser
