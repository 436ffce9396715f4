"""Progress bar of a batch, with the time that is left."""

from contextlib import suppress
from pathlib import Path
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
        self.fractions: dict[Path, float] = {}
        self.skipped = 0

    def update(self, picture: Path, event: Event) -> None:
        """Update one picture's progress."""
        if len(self.fractions) == self.skipped:  # loading the network comes only once
            self.bar.unpause()
        self.bar.set_postfix_str(display_name(picture.name, 40), refresh=False)
        self.move(picture, fraction(event))

    def finish(self, picture: Path, painted: bool) -> None:
        """Finish one picture; skipped ones do not count towards the time estimate."""
        self.skipped += not painted
        self.move(picture, 1.0)

    def move(self, picture: Path, done: float) -> None:
        with self.bar.get_lock():
            self.bar.initial = self.skipped
            self.bar.update(done - self.fractions.get(picture, 0.0))
            self.fractions[picture] = done

    def write(self, sentence: str, file: TextIO) -> None:
        """Write a line above the bar, unless the terminal is gone."""
        with suppress(OSError, ValueError):
            self.bar.write(sentence, file=file)

    def close(self) -> None:
        self.bar.close()


def fraction(event: Event) -> float:
    """Return how much of its time a run has used, from 0 to 1."""
    if isinstance(event, Result):
        return 1.0
    left = event.seconds_left
    return 0.0 if left is None else event.seconds / max(event.seconds + left, event.seconds, 1e-6)
