"""Runs without a network: what `stylize` would tell, as a test wants it."""

import threading

from PIL import Image

from styletx import Progress, Result, Settings

PICTURE = Image.new("RGB", (40, 40), (1, 2, 3))
SETTINGS = Settings()
FACTS = {
    "level": 1,
    "levels": 1,
    "steps": 3,
    "losses": {},
    "seconds": 0.0,
    "settings": SETTINGS,
    "weights": "embedded",
    "device": "cpu, float32",
}


def progress(step):
    return Progress(**FACTS, step=step, preview=PICTURE, seconds_left=None)


def result(step=3):
    return Result(**FACTS, step=step, picture=PICTURE)


class Script:
    """A `stylize` that goes on only when it is told to, or after so many seconds, and counts how
    many are at work."""

    def __init__(self, *events, patience=5):
        self.events, self.patience = events, patience
        self.go = threading.Event()
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.at_work = self.most_at_work = self.told = 0

    def __call__(self, content, styles, settings):
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                self.begun.set()
                self.told += 1
                yield event
                if not isinstance(event, Result):
                    self.go.wait(self.patience)
        finally:
            self.at_work -= 1
            self.ended.set()
