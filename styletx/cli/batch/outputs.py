"""Output folder of a batch: finished pictures, written atomically, and the manifest."""

import errno
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from styletx._version import VERSION
from styletx.errors import ImageError, StyletxError, Unwritable
from styletx.events import FACTORED, Result, precision_of
from styletx.imaging.files import read_metadata, save
from styletx.imaging.opening import open_checked
from styletx.recipe import Inputs, read_recipe, sanitize, to_json
from styletx.settings import Settings
from styletx.text import display_name

MANIFEST, LOCK, SOFT_LOCK, ERRORS = "manifest.jsonl", ".lock", ".soft-lock", "errors.log"
# What folders without locks answer; filelock knows ENOSYS
WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
PART = ".styletx-part.png"  # how a picture's name ends as long as it is being written


class Manifest:
    """A JSON line for each picture and its outcome, written as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self.lock = Lock()
        self.file = path.open("ab+", buffering=0)
        if self.file.tell():
            self.file.seek(-1, os.SEEK_END)
            if self.file.read() != b"\n":  # whoever wrote the last line was killed
                self.file.write(b"\n")

    def add(self, **facts: Any) -> None:
        """Append a line. Raises `Unwritable`."""
        try:
            with self.lock:
                self.file.write(json.dumps(facts).encode() + b"\n")
        except OSError as error:
            raise Unwritable(f"{MANIFEST} cannot be written: {error.strerror}.") from error


@contextmanager
def open_output_folder(out: Path) -> Iterator[Manifest]:
    """Create and lock the output folder, and remove unfinished files of a killed batch. Raises
    `StyletxError` if that fails."""
    shown = display_name(str(out), 160)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = acquire_lock(out)
        for path in out.glob(f".*{PART}"):
            path.unlink()
        manifest = Manifest(out / MANIFEST)
    except Timeout as error:
        left = Path(error.lock_file).name == SOFT_LOCK  # which a batch that was killed leaves
        raise StyletxError(
            f"Another batch is painting into {shown}; wait for it, or choose another folder."
            + (f" If there is none, remove {SOFT_LOCK} from it." if left else "")
        ) from error
    except (OSError, ValueError) as error:  # also a name that no system would have
        reason = getattr(error, "strerror", None) or error
        raise StyletxError(f"Nothing can be written into {shown}: {reason}.") from error
    try:
        with manifest.file:
            yield manifest
    finally:
        lock.release()


def acquire_lock(out: Path) -> BaseFileLock:
    """Return the folder's lock, held; on network folders without locks, one that is a file. Raises
    `Timeout` if another batch holds it."""
    lock: BaseFileLock = FileLock(out / LOCK, timeout=0)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        lock = SoftFileLock(out / SOFT_LOCK, timeout=0)
        lock.acquire()
    return lock


def check_overwritable(path: Path) -> bool:
    """Return whether a picture of ours is there. Raises `ImageError` if anything else is."""
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
    """Return whether the picture is there already, as its recipe says. Raises `ImageError` if the
    file is not ours.

    A picture with a time budget (`settings.seconds`) is done once it had that time, whatever its
    steps: painting it again would give another picture, not a better one.
    """
    if not check_overwritable(path):
        return False
    try:
        recipe = read_recipe(path)
        with open_checked(path) as picture:
            picture.verify()
    except StyletxError:  # of another version, or cut short when it was copied
        return False
    painted_with = recipe.weights.removesuffix(FACTORED)  # which depends on the device
    there = (recipe.settings, recipe.inputs, recipe.version, painted_with)
    return recipe.finished and there == (settings, inputs, VERSION, sanitize(weights))


def precision_in(paths: Iterable[Path]) -> str | None:
    """Return the precision of the first picture that is there and painted here, if any."""
    for path in filter(Path.is_file, paths):
        with suppress(StyletxError):
            return precision_of(read_recipe(path).device)
    return None


def save_atomically(result: Result, path: Path, inputs: Inputs) -> None:
    """Write the picture with its recipe, whole or not at all. Raises `Unwritable`."""
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
