"""Progress bar of a batch, with the time that is left."""

from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TextIO

from tqdm import tqdm

from styletx.events import Event, Result
from styletx.text import display_name

FORMAT = "{percentage:3.0f}%|{bar}| {n:.1f} of {total} [{elapsed}, {remaining} left{postfix}]"


class BatchProgress:
    """Progress bar in pictures and fractions of pictures, with the time left at the speed so
    far."""

    def __init__(self, total: int) -> None:
        self.bar = tqdm(total=total, disable=None, smoothing=0, miniters=0, bar_format=FORMAT)
        self.lock = Lock()
        self.ended = self.skipped = 0
        self.parts: dict[Path, float] = {}
        self.begun = False

    def update(self, picture: Path, event: Event) -> None:
        """Update one picture's progress."""
        with self.lock:
            if not self.begun:  # what went before, as for the network, comes only once
                self.bar.reset()
            self.begun = True
            self.parts[picture] = part(event)
            self.bar.set_postfix_str(display_name(picture.name, 40), refresh=False)
            self.move()

    def finish(self, picture: Path, painted: bool) -> None:
        """Finish one picture; skipped ones do not count towards the time estimate."""
        with self.lock:
            self.parts.pop(picture, None)
            self.ended += 1
            self.skipped += not painted
            self.move()

    def write(self, sentence: str, file: TextIO) -> None:
        """Write a line above the bar, unless the terminal is gone."""
        with suppress(OSError, ValueError):
            self.bar.write(sentence, file=file)

    def close(self) -> None:
        self.bar.close()

    def move(self) -> None:
        self.bar.n, self.bar.initial = self.ended + sum(self.parts.values()), self.skipped
        self.bar.update(0)


def part(event: Event) -> float:
    """Return how much of its time a run has used, from 0 to 1."""
    if isinstance(event, Result):
        return 1.0
    left = event.seconds_left
    return 0.0 if left is None else event.seconds / max(event.seconds + left, event.seconds, 1e-6)
