"""Runs without a network: what `stylize` would tell, as a test wants it."""

import math
import threading

from PIL import Image

from styletx.core import engine
from styletx.core import progress as progress_of_runs
from styletx.events import Progress, Result
from styletx.settings import Settings

from .waiting import until

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


class Clock:
    """Tells the time that a test makes it."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        self.now += seconds


def slow_steps(monkeypatch, seconds):
    """A clock that only the steps of a run move on, each by so many seconds."""
    clock, slope = Clock(), engine.losses_and_gradient

    def step(*asked):
        clock.pass_(seconds)
        return slope(*asked)

    monkeypatch.setattr(engine, "losses_and_gradient", step)
    monkeypatch.setattr(progress_of_runs, "monotonic", clock)
    return clock


class Script:
    """A `stylize` that goes on only as far as it is told to, and counts how many are at work."""

    waiting = set()

    def __init__(self, *events):
        self.events = events
        self.turn, self.allowed = threading.Condition(), 0
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.at_work = self.most_at_work = self.told = self.resting = 0

    def __call__(self, content, styles, settings):
        self.count(1)
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                self.begun.set()
                self.told += 1
                yield event
                if not isinstance(event, Result):
                    self.wait()
        finally:
            self.count(-1)
            self.ended.set()

    def count(self, more):
        with self.turn:
            self.at_work += more
            self.most_at_work = max(self.most_at_work, self.at_work)

    def go_on(self, events=math.inf):
        """So many events more."""
        with self.turn:
            self.allowed += events
            self.turn.notify_all()
        return self

    def wait(self):
        """Until one more is allowed, or the test is over."""
        Script.waiting.add(self)
        with self.turn:
            self.resting += 1
            assert self.turn.wait_for(lambda: self.allowed > 0, 60), "Nobody said to go on."
            self.resting -= 1
            self.allowed -= 1

    def rest(self):
        """Until it waits itself: what it told has been seen by then."""
        until(lambda: self.resting and not self.allowed)

    @classmethod
    def let_go(cls):
        """At the end of a test: nobody waits any longer."""
        while cls.waiting:
            cls.waiting.pop().go_on()
