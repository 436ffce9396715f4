"""A run as others are told of it: pictures in files, and a report in plain values."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image, ImageOps

from styletx.events import Event, Result
from styletx.imaging.animation import save_animation
from styletx.imaging.files import flatten_alpha, read_image, read_metadata, save
from styletx.recipe import Inputs, to_json

PREVIEW_SIDE, PREVIEW_EVERY, PREVIEWS_KEPT = 768, 0.5, 3  # pixels, seconds, files
THUMBNAIL_SIDE = 240  # pixels
FRAMES = 48  # previews at most that a film is made of
BEFORE, THUMBNAIL, GIVEN = "before.jpg", "thumbnail.jpg", "given.json"
EXPORT_FORMATS = {
    "png": ".png",
    "jpeg": ".jpg",
    "webp": ".webp",
    "film": "-film.webp",
}  # to take away


class JobFiles:
    """The pictures of one run in a folder of its own: the finished one and a thumbnail; and in a
    folder within it, whose name nobody guesses who knows the address of the picture, what shows the
    photo: the photo itself, at the size of the result, the previews, the film, and what was given
    for the run.

    Each preview has another name, since browsers do not fetch the same name again. However long a
    run is, no more than `FRAMES` of them stay, as far apart from each other as they can be.
    """

    def __init__(self, folder: Path, name: str, photo: Path, inputs: Inputs) -> None:
        """`name` is that of the finished picture, whose recipe names the `inputs`."""
        self.folder, self.name, self.photo, self.inputs = folder, name, photo, inputs
        folder.mkdir(parents=True, exist_ok=True)
        self.private = folder / f"private-{uuid4().hex}"
        self.given: Mapping[str, Any] = {}  # by the names of the API's arguments
        self.frames: list[Path] = []  # of the film
        self.latest: list[Path] = []
        self.apart, self.number, self.written = 1, 0, 0.0

    def show(self, event: Event | None) -> str | None:
        """The path of the newest picture; a preview is written only every `PREVIEW_EVERY`."""
        if event is not None and not self.private.exists():
            self.begin(event)
        if isinstance(event, Result):
            return str(self.keep(event))
        if event is not None and time.monotonic() - self.written >= PREVIEW_EVERY:
            self.written = time.monotonic()
            path = self.private / f"{self.number}-{event.step}.jpg"
            save(small(event.preview, PREVIEW_SIDE), path, quality=85)
            self.remember(path)
        return str(self.latest[-1]) if self.latest else None

    def keep(self, result: Result) -> Path:
        """Write the finished picture and what is shown beside it; the path of the picture, which
        comes last, so that where it is, all is."""
        save(small(result.picture, THUMBNAIL_SIDE), self.folder / THUMBNAIL, quality=85)
        path = self.folder / f"{self.name}.png"
        with atomic_write(path) as wet:
            save(result.picture, wet, note=to_json(result, self.inputs))
        return path

    def begin(self, event: Event) -> None:
        """Write the photo as it was: now, since an upload may be gone when a long run ends."""
        self.private.mkdir(parents=True)
        (self.private / GIVEN).write_text(json.dumps(self.given))
        size = (event.picture if isinstance(event, Result) else event.preview).size
        photo = flatten_alpha(read_image(self.photo, max(size))).resize(size)
        save(photo, self.private / BEFORE, quality=90)

    def remember(self, path: Path) -> None:
        """Take a preview in, and remove those that are neither of the latest nor in the film."""
        known = {*self.frames, *self.latest, path}
        if self.number % self.apart == 0:
            self.frames.append(path)
        if len(self.frames) > FRAMES:
            self.frames, self.apart = self.frames[::2], 2 * self.apart
        self.latest = [*self.latest, path][-PREVIEWS_KEPT:]
        self.number += 1
        for old in known - {*self.frames, *self.latest}:
            old.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Where to write a file so that nobody finds half of it."""
    wet = path.parent / "wet" / f"{uuid4().hex}{path.suffix}"  # also if two want it at once
    wet.parent.mkdir(exist_ok=True)
    try:
        yield wet
        wet.replace(path)
    finally:
        wet.unlink(missing_ok=True)


def small(picture: Image.Image, longest: int) -> Image.Image:
    side = min(longest, max(picture.size))
    return ImageOps.contain(picture, (side, side))


def finished(folder: Path) -> Path | None:
    """The finished picture in the folder of a run, if there is one."""
    return next(iter(folder.glob("*.png")), None)


def private_of(picture: Path) -> Path:
    """The folder beside a finished picture that holds what shows the photo."""
    return next(picture.parent.glob("private-*"))


def export(picture: Path, kind: str) -> Path:
    """Return the finished `picture` in one of `EXPORT_FORMATS`, made at the first request."""
    folder = private_of(picture) if kind == "film" else picture.parent
    path = folder / f"{picture.stem}{EXPORT_FORMATS[kind]}"
    if path.exists():
        return path
    with atomic_write(path) as wet:
        if kind == "film":
            previews = sorted(
                folder.glob("[0-9]*.jpg"), key=lambda path: int(path.stem.split("-")[0])
            )
            save_animation(folder / BEFORE, previews, picture, wet)
        else:
            save(read_image(picture), wet, note=read_metadata(picture))
    return path
