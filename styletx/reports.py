"""A run as others are told of it: pictures in files, a report in plain values, a line of words."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from .events import Event, Result
from .images import save
from .runs import Painter, Run

Told = tuple[str | None, dict[str, Any]]  # the path of the picture so far, and how far it is

PREVIEW_SIDE, PREVIEW_EVERY, PREVIEWS_KEPT = 768, 0.5, 3  # pixels, seconds, files


class Files:
    """The pictures of one run in a folder of its own: its latest previews, and the finished one.

    Each preview has another name, since browsers do not fetch the same name again.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self.previews: list[Path] = []
        self.written = 0.0

    def show(self, event: Event | None) -> str | None:
        """The path of the newest picture; a preview is written only every `PREVIEW_EVERY`."""
        if isinstance(event, Result):
            path = self.folder / f"{self.name}.png"
            wet = self.folder / "wet" / path.name  # where nobody finds half of it
            wet.parent.mkdir(exist_ok=True)
            save(event.picture, wet)
            wet.replace(path)
            return str(path)
        if event is not None and time.monotonic() - self.written >= PREVIEW_EVERY:
            self.written = time.monotonic()
            self.previews.append(self.folder / f"{len(self.previews)}-{event.step}.jpg")
            save(small(event.preview), self.previews[-1], quality=85)
            for old in self.previews[:-PREVIEWS_KEPT]:
                old.unlink(missing_ok=True)
        return str(self.previews[-1]) if self.previews else None


def small(picture: Image.Image) -> Image.Image:
    side = min(PREVIEW_SIDE, max(picture.size))
    return ImageOps.contain(picture, (side, side))


def tell(painter: Painter, run: Run, files: Files) -> Iterator[Told]:
    """Tell of a run until it ends; leaving this generator stops the run."""
    try:
        for event in run.watch():
            yield files.show(event), report(run, event, painter.ahead_of(run))
    finally:
        run.stop()


def report(run: Run, event: Event | None, ahead: int) -> dict[str, Any]:
    """A run in plain values, as the API tells it. `ahead` runs must end before this one begins."""
    told = {"level": 0, "levels": 0, "step": 0, "steps": run.settings.steps, "seconds": 0.0}
    return {
        "run_id": run.id,
        "ahead": ahead,
        **{name: getattr(event, name, value) for name, value in told.items()},
        "seconds_left": getattr(event, "seconds_left", None),
        "losses": getattr(event, "losses", {}),
        "done": isinstance(event, Result) or (event is None and run.stopping),
        "stopped": event.stopped if isinstance(event, Result) else run.stopping,
        "settings": asdict(run.settings),
    }


def describe(report: dict[str, Any]) -> str:
    """A run in one line, as the page tells it."""
    step, steps, seconds = report["step"], report["steps"], report["seconds"]
    if report["stopped"] and not report["level"]:
        return "Stopped before it began."
    if report["stopped"]:
        return (
            f"Stopped after {step} of {steps} steps, {seconds:.0f} s. The picture so far is yours."
        )
    if report["done"]:
        return f"Done: {count(steps, 'step')} in {seconds:.0f} s." if steps else "Done."
    if not report["level"]:
        others = count(report["ahead"], "picture")
        return f"Waiting for {others} to be finished first." if report["ahead"] else "Starting …"
    left = report["seconds_left"]
    return (
        f"Size {report['level']} of {report['levels']} · step {step} of {steps} · {seconds:.0f} s"
        + ("" if left is None else f" · about {left:.0f} s left")
    )


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
