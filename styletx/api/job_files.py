"""Files of a job: previews, the finished picture, its thumbnail, its film."""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image

from styletx.events import Event, Result
from styletx.imaging.animation import save_animation
from styletx.imaging.files import flatten_alpha, limit_size, read_image, read_metadata, save
from styletx.recipe import Inputs, to_json

PREVIEW_SIDE_PX = 768
PREVIEW_INTERVAL_S = 0.5
PREVIEWS_KEPT = 3  # besides those of the film
THUMBNAIL_SIDE_PX = 240
MAX_FRAMES = 48  # previews at most that a film is made of
PHOTO_FILE, THUMBNAIL, ARGUMENTS_FILE = "before.jpg", "thumbnail.jpg", "given.json"
ENDED_FILE = "ended.txt"  # holds what became of a run while its page was away
TOLD_FILE = "told"  # is there once a page has been told of it
EXPORT_FORMATS = {  # how the file's name ends
    "png": ".png",
    "jpeg": ".jpg",
    "webp": ".webp",
    "film": "-film.webp",
}


class JobFiles:
    """Files of one job in a folder of its own: the finished picture and a thumbnail.

    A private folder within it, whose name cannot be derived from the picture's URL, holds what
    shows the photo: the photo at the size of the result, the previews, the film, and the arguments
    of the job. Each preview has a new name, since browsers cache by name. At most `MAX_FRAMES`
    previews stay, evenly spaced.
    """

    def __init__(self, folder: Path, name: str, photo: Path, inputs: Inputs) -> None:
        """Name the finished picture `name`; its recipe lists the `inputs`."""
        self.folder, self.name, self.photo, self.inputs = folder, name, photo, inputs
        folder.mkdir(parents=True, exist_ok=True)
        self.private = folder / f"private-{uuid4().hex}"
        self.arguments: Mapping[str, Any] = {}  # by the names of the API's arguments
        self.uploads: Collection[Path | None] = ()  # which they name
        self.frames: list[Path] = []  # of the film
        self.latest: list[Path] = []
        self.apart, self.number, self.written = 1, 0, 0.0

    def show(self, event: Event | None) -> str | None:
        """Return the path of the newest picture; write a preview at most every `PREVIEW_INTERVAL_S`
        seconds."""
        self.prepare()
        if event is not None and not (self.private / PHOTO_FILE).exists():
            self.keep_photo(event)
        if isinstance(event, Result):
            return str(self.keep(event))
        if event is not None and time.monotonic() - self.written >= PREVIEW_INTERVAL_S:
            self.written = time.monotonic()
            path = self.private / f"{self.number}-{event.step}.jpg"
            save(small(event.preview, PREVIEW_SIDE_PX), path, quality=85)
            self.remember(path)
        return str(self.latest[-1]) if self.latest else None

    def keep(self, result: Result) -> Path:
        """Write the thumbnail and then the finished picture; return its path."""
        save(small(result.picture, THUMBNAIL_SIDE_PX), self.folder / THUMBNAIL, quality=85)
        path = self.folder / f"{self.name}.png"
        with atomic_write(path) as wet:
            save(result.picture, wet, note=to_json(result, self.inputs))
        return path

    def prepare(self) -> None:
        """Write the arguments, unless they are there."""
        if not self.private.exists():
            self.private.mkdir(parents=True)
            (self.private / ARGUMENTS_FILE).write_text(json.dumps(self.arguments))

    def leave_word(self, sentence: str) -> None:
        """Write what became of the run, for a page that was away and may come back."""
        self.prepare()
        (self.folder / ENDED_FILE).write_text(sentence, "utf-8")

    def keep_photo(self, event: Event) -> None:
        """Write the photo now: the upload may expire before a long run ends."""
        size = (event.picture if isinstance(event, Result) else event.preview).size
        photo = flatten_alpha(read_image(self.photo, max(size))).resize(size)
        save(photo, self.private / PHOTO_FILE, quality=90)

    def remember(self, path: Path) -> None:
        """Add a preview, and remove those that are neither recent nor in the film."""
        known = {*self.frames, *self.latest, path}
        if self.number % self.apart == 0:
            self.frames.append(path)
        if len(self.frames) > MAX_FRAMES:
            self.frames, self.apart = self.frames[::2], 2 * self.apart
        self.latest = [*self.latest, path][-PREVIEWS_KEPT:]
        self.number += 1
        for old in known - {*self.frames, *self.latest}:
            old.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path, which replaces `path` once it is written whole."""
    wet = path.parent / "wet" / f"{uuid4().hex}{path.suffix}"  # also if two want it at once
    wet.parent.mkdir(exist_ok=True)
    try:
        yield wet
        wet.replace(path)
    finally:
        wet.unlink(missing_ok=True)


def small(picture: Image.Image, longest: int) -> Image.Image:
    return limit_size(picture.copy(), longest)


def finished(folder: Path) -> Path | None:
    """Return the finished picture in a job's folder, if there is one."""
    return next(iter(folder.glob("*.png")), None)


def previews(folder: Path) -> list[Path]:
    """Return the previews in a private folder, the newest last."""
    return sorted(folder.glob("[0-9]*.jpg"), key=lambda path: int(path.stem.split("-")[0]))


def private_of(picture: Path) -> Path:
    """Return the private folder beside a finished picture."""
    return next(picture.parent.glob("private-*"))


def convert_picture(picture: Path, kind: str) -> Path:
    """Return the finished `picture` in one of `EXPORT_FORMATS`, made at the first request."""
    folder = private_of(picture) if kind == "film" else picture.parent
    path = folder / f"{picture.stem}{EXPORT_FORMATS[kind]}"
    if path.exists():
        return path
    with atomic_write(path) as wet:
        if kind == "film":
            save_animation(folder / PHOTO_FILE, previews(folder), picture, wet)
        else:
            save(read_image(picture), wet, note=read_metadata(picture))
    return path
