"""The folder that a batch paints into: pictures that are whole or not there, and its manifest."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock, Timeout

from styletx._version import VERSION
from styletx.errors import ImageError, StyletxError, Unwritable
from styletx.events import Result
from styletx.imaging.files import open_checked, read_metadata, save
from styletx.recipe import Inputs, read_recipe, sanitize, to_json
from styletx.settings import Settings
from styletx.text import display_name

MANIFEST, LOCK, ERRORS = "manifest.jsonl", ".lock", "errors.log"
PART = ".styletx-part.png"  # how a picture's name ends as long as it is being written


class Manifest:
    """One line of JSON for each picture and what became of it, there as soon as that is known."""

    def __init__(self, path: Path) -> None:
        self.lock = Lock()
        self.file = path.open("ab+", buffering=0)
        if self.file.tell():
            self.file.seek(-1, os.SEEK_END)
            if self.file.read() != b"\n":  # whoever wrote the last line was killed
                self.file.write(b"\n")

    def add(self, **facts: Any) -> None:
        """Raises `Unwritable`."""
        try:
            with self.lock:
                self.file.write(json.dumps(facts).encode() + b"\n")
        except OSError as error:
            raise Unwritable(f"{MANIFEST} cannot be written: {error.strerror}.") from error


@contextmanager
def open_output_folder(out: Path) -> Iterator[Manifest]:
    """The folder, made if there is none, for this batch alone, and rid of what one that was killed
    had not finished. Raises `StyletxError` where that cannot be."""
    shown, lock = display_name(str(out), 160), FileLock(out / LOCK, timeout=0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        for path in out.glob(f".*{PART}"):
            path.unlink()
        manifest = Manifest(out / MANIFEST)
    except Timeout as error:
        raise StyletxError(
            f"Another batch is painting into {shown}; wait for it, or choose another folder."
        ) from error
    except (OSError, ValueError) as error:  # also a name that no system would have
        reason = getattr(error, "strerror", None) or error
        raise StyletxError(f"Nothing can be written into {shown}: {reason}.") from error
    try:
        with manifest.file:
            yield manifest
    finally:
        lock.release()


def check_overwritable(path: Path) -> bool:
    """Whether there is a picture of ours. Raises `ImageError` if there is anything else."""
    if not os.path.lexists(path):
        return False
    try:
        ours = bool(read_metadata(path))
    except ImageError:
        ours = False
    if not ours:
        raise ImageError(
            f"{display_name(path.name)} is there already and was not painted by this program; move "
            "it away, or choose another folder."
        )
    return True


def is_done(path: Path, settings: Settings, inputs: Inputs, weights: str) -> bool:
    """Whether the picture is there that these would give: it says so itself. Raises `ImageError`
    if there is a file that is not ours.

    One that was painted by the time (`settings.seconds`) is done when it had that time, however
    many steps it came to: another start would come to others, and not to a better picture.
    """
    if not check_overwritable(path):
        return False
    try:
        recipe = read_recipe(path)
        with open_checked(path) as picture:
            picture.verify()
    except StyletxError:  # of another version, or cut short when it was copied
        return False
    there = (recipe.settings, recipe.inputs, recipe.version, recipe.weights)
    return recipe.finished and there == (settings, inputs, VERSION, sanitize(weights))


def save_atomically(result: Result, path: Path, inputs: Inputs) -> None:
    """Write the picture with its recipe, all at once or not at all. Raises `Unwritable`."""
    part = path.with_name(f".{path.stem}{PART}")
    try:
        save(result.picture, part, note=to_json(result, inputs))
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # or the name might reach the disk before the picture does
        part.replace(path)
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
