"""Batch runner: as many pictures at a time as the runner has slots."""

import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import Empty, Queue
from threading import Lock, Thread
from typing import Any, NamedTuple

from PIL import Image

from styletx.core import weights as sources
from styletx.core.pyramid import max_useful_side
from styletx.errors import ImageError, StyletxError, Unwritable, WeightsError
from styletx.events import Event, Progress, Result, Style, precision_of
from styletx.imaging.files import LEFT_OUT, read_image
from styletx.imaging.opening import explain, open_checked
from styletx.recipe import STYLES, fingerprint
from styletx.runners.protocol import Runner
from styletx.runners.ray.runner import ClusterUnavailable
from styletx.settings import Settings
from styletx.text import count, display_name

from .outputs import ERRORS, Manifest, check_overwritable, is_done, save_atomically
from .progress import BatchProgress

logger = logging.getLogger(__name__)
POLL_S = 0.5  # seconds between two looks at whether there are more slots, or all is to stop
FATAL = (WeightsError, Unwritable, ClusterUnavailable)  # every other picture would meet these too


class Unreadable(ImageError):
    """An input file cannot be read; reported once, however many pictures need it."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise `Unreadable`, with the whole path, for whatever is wrong with a file."""
    try:
        yield
    except OSError as error:
        raise Unreadable(f"{display_name(str(path), 160)}: {explain(path, error)}") from error
    except ImageError as error:
        raise Unreadable(f"{display_name(str(path), 160)}: {error}") from error


class Painting:
    """A painting, read once, when its first picture is due."""

    def __init__(self, path: Path, longest: int) -> None:
        """Read at most `longest` pixels on the longer side."""
        self.path, self.longest, self.lock = path, longest, Lock()
        self.found: tuple[Style, str] | None = None
        self.error_message = ""

    def read(self) -> tuple[Style, str]:
        """Return the painting and its fingerprint. Raises `Unreadable`."""
        with self.lock:
            if self.found is None and not self.error_message:
                try:
                    with reading(self.path):
                        picture = read_image(self.path, self.longest)
                        self.found = Style(picture), fingerprint(self.path)
                except Unreadable as error:
                    self.error_message = str(error)
        if self.found is None:
            raise Unreadable(self.error_message)
        return self.found


class BatchItem(NamedTuple):
    """A picture to paint: photo, painting, output path."""

    photo: Path
    painting: Painting
    picture: Path


class Batch:
    """All pictures to be painted by `runner`, and their outcomes."""

    def __init__(
        self,
        runner: Runner,
        settings: Settings,
        weights: str | None,
        manifest: Manifest,
        total: int,
    ) -> None:
        self.runner, self.settings, self.weights = runner, settings, weights
        self.source = sources.source_label(sources.resolve_source(weights))
        self.manifest, self.total = manifest, total
        self.precision: str | None = None  # of the first picture: they do not mix
        self.outcomes = Counter[str]()
        self.said: set[str] = set()
        self.lock = Lock()
        self.ended: Queue[None] = Queue()
        self.bar = BatchProgress(total)
        self.stopping = False

    def paint(self, items: Iterable[BatchItem]) -> None:
        """Paint all items, each run in a thread of its own, the first alone until its precision is
        known. Return when all are over or, once stopping, when the running ones are."""
        going = 0
        try:
            for item in items:
                while going >= self.slots() and not self.stopping:
                    going -= self.ends()
                if self.stopping:
                    break
                Thread(target=self.work, args=(item,)).start()
                going += 1
        except BaseException:
            self.stopping = True
            raise
        finally:
            while going:
                going -= self.ends()
            self.bar.close()

    def slots(self) -> int:
        return max(1, self.runner.slots()) if self.precision else 1

    def ends(self) -> int:
        """Wait briefly; return how many runs have ended, one or none."""
        if self.stopping:
            self.say("Stopping …")
        try:
            self.ended.get(timeout=POLL_S)
        except Empty:
            return 0
        return 1

    def work(self, item: BatchItem) -> None:
        """Paint one picture and report its end, whatever happens."""
        try:
            self.attempt(item)
        except Unwritable as error:
            self.say(str(error))
            self.stopping = True
        finally:
            self.ended.put(None)

    def attempt(self, item: BatchItem) -> None:
        """Paint one picture and note its outcome. Raises `Unwritable`."""
        begun = time.monotonic()
        try:
            outcome, facts = self.outcome(item)
        except Exception as error:  # noqa: BLE001
            outcome, facts = "failed", {"error": self.error_message(item, error)}
            if isinstance(error, FATAL):
                self.stopping = True
        self.note(item, outcome, time.monotonic() - begun, facts)

    def outcome(self, item: BatchItem) -> tuple[str, dict[str, Any]]:
        """Return the outcome of one picture in a word, with details. Raises `StyletxError`."""
        style, mark = item.painting.read()
        with reading(item.photo), open_checked(item.photo):  # before all is read of no picture
            inputs = {"content": fingerprint(item.photo), STYLES[0]: mark}
        if is_done(item.picture, self.settings, inputs, self.source):
            return "there", {}
        with reading(item.photo):
            photo = read_image(item.photo, max_useful_side(self.settings))
        last = self.run(item, photo, style)
        if not isinstance(last, Result):
            return "stopped", {"steps": last.step}
        check_overwritable(item.picture)
        save_atomically(last, item.picture, inputs)
        width, height = last.picture.size
        size = f"{width}x{height} pixels in {last.seconds:.0f} s"
        self.bar.write(f"{display_name(str(item.picture), 160)}: {size}", sys.stdout)
        for note in last.notes:
            whose = item.photo if note == photo.info.get(LEFT_OUT) else item.painting.path
            self.say(f"{display_name(str(whose), 160)}: {note}")
        return "painted", {"steps": last.steps}

    def run(self, item: BatchItem, photo: Image.Image, style: Style) -> Event:
        """Return the last event of a run: its result, unless the batch is stopping."""
        more = {"weights": self.weights, "precision": self.precision}
        with closing(self.runner(photo, [style], self.settings, **more)) as events:
            for last in events:
                self.precision = self.precision or precision_of(last.device)
                if self.stopping and isinstance(last, Progress):
                    break
                self.bar.update(item.picture, last)
        return last

    def error_message(self, item: BatchItem, error: Exception) -> str:
        """Print what went wrong and return it as a sentence."""
        sentence = str(error)
        if not isinstance(error, StyletxError):
            logger.error("%s", item.picture, exc_info=error)
            kind = type(error).__name__
            sentence = f"This is a fault of the program, {kind}; {ERRORS} tells more."
        pair = (display_name(str(path), 160) for path in (item.photo, item.painting.path))
        own = isinstance(error, (Unreadable, *FATAL))
        self.say(sentence if own else f"{' with '.join(pair)}: {sentence}")
        return sentence

    def note(self, item: BatchItem, outcome: str, seconds: float, facts: dict[str, Any]) -> None:
        """Add the outcome to the manifest. Raises `Unwritable`."""
        with self.lock:
            self.outcomes[outcome] += 1
        if outcome != "stopped":
            self.bar.finish(item.picture, outcome == "painted")
        self.manifest.add(
            photo=str(item.photo),
            painting=str(item.painting.path),
            picture=item.picture.name,
            outcome=outcome,
            seconds=round(seconds, 3),
            **facts,
            settings=asdict(self.settings),
        )

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar, once."""
        with self.lock:
            new = sentence not in self.said
            self.said.add(sentence)
        if new:
            self.bar.write(sentence, sys.stderr)

    @property
    def complete(self) -> bool:
        """Return whether all pictures are there."""
        return self.outcomes["painted"] + self.outcomes["there"] == self.total

    def summary(self) -> str:
        """Return all outcomes in a sentence."""
        painted, there, failed = (self.outcomes[name] for name in ("painted", "there", "failed"))
        figures = f"{painted} painted, {there} there already, {failed} failed"
        left = self.total - painted - there - failed
        if not left:
            return f"{count(self.total, 'picture')}: {figures}."
        return (
            f"Stopped before {left} of {count(self.total, 'picture')}: {figures}; the same command "
            "goes on from here."
        )
