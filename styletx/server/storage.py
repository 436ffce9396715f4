"""Where pictures lie on the server, for how long, and how much room they may take."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from filelock import FileLock, Timeout
from gradio.utils import get_upload_folder

from styletx.config import MEGA
from styletx.errors import StyletxError

KEPT, EVERY = 3600, 60  # seconds that a picture stays, and between two looks at what is too old
OURS, RUNS, LOCK = "styletx", "runs", ".lock"  # beside the runs lies what is uploaded
FREE = 100 * MEGA  # bytes of the disk that are not ours to fill
LEAST = 64_000  # bytes that a file counts as: to look after many costs, however small they are
NO_ROOM = "There is no room for more pictures now; try again in a while."
FRESH = 2  # seconds for which a look at the room that is taken counts


def runs() -> Path:
    """The folder of all runs."""
    return Path(get_upload_folder()) / RUNS


def folder_of(run_id: str) -> Path:
    """Where the pictures of a run lie, or a mask that was brushed. Who is given the address of a
    picture does not learn the id from it, and so can neither stop the run nor have its film."""
    return runs() / hashlib.sha256(run_id.encode()).hexdigest()[:32]


def claim_cache() -> FileLock:
    """Take a folder of ours in Gradio's, for all that this server will keep, and hold its lock.

    What servers that are gone have left there is removed, but for finished pictures, which stay
    until their time is over. Raises `StyletxError` where nothing can be written.
    """
    folder = Path(get_upload_folder()) / OURS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{uuid4().hex}{LOCK}")
        lock.acquire()
        if not any(
            is_locked(path) for path in folder.glob(f"*{LOCK}") if str(path) != lock.lock_file
        ):
            clear(folder)
    except OSError as error:
        raise StyletxError(
            f"Pictures cannot be kept in {folder}: {error.strerror}. Set GRADIO_TEMP_DIR to a "
            "folder that can be written."
        ) from error
    os.environ["GRADIO_TEMP_DIR"] = str(folder)  # which Gradio, too, looks up whenever it wants it
    tempfile.tempdir = str(folder)  # where it leaves what was not sent to its end
    return lock


def release_cache(lock: FileLock) -> None:
    """Let go of the folder: the next server may clear it."""
    tempfile.tempdir = None
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


def is_locked(path: Path) -> bool:
    """Whether a server that is still there has this lock; if not, it goes."""
    try:
        with FileLock(path, timeout=0):
            path.unlink(missing_ok=True)
        return False
    except Timeout:
        return True


def clear(folder: Path) -> None:
    """Remove uploads, and runs that came to no picture."""
    unfinished = [path for path in (folder / RUNS).glob("*") if not any(path.glob("*.png"))]
    for path in [*uploads(folder), *unfinished]:
        remove(path)


def uploads(folder: Path) -> list[Path]:
    """What lies in Gradio's folder beside the runs and locks, each in a folder of its own."""
    return [path for path in folder.glob("*") if path.name != RUNS and path.suffix != LOCK]


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sweep() -> None:
    """Remove what was finished `KEPT` seconds ago, and where nothing was written since; of the
    uploads as well, where the folder is ours alone."""
    folder = Path(get_upload_folder())
    alone = folder.name == OURS
    for path in [*runs().glob("*"), *(uploads(folder) if alone else [])]:
        try:
            if time.time() - written(path) > KEPT:
                remove(path)
        except OSError:  # somebody else was faster
            continue


def touch(paths: Iterable[Path | None]) -> None:
    """Have uploads stay as long as if they had come now, since a run waits for them."""
    for path in paths:
        if path and path.is_relative_to(get_upload_folder()):
            with suppress(OSError):
                os.utime(path)


def written(path: Path) -> float:
    """When the picture of a run was finished, or something written last, in seconds."""
    if path.parent.name == RUNS and (picture := next(path.glob("*.png"), None)):
        return picture.stat().st_mtime
    inside = path.iterdir() if path.is_dir() else ()
    times: list[float] = [one.stat().st_mtime for one in (path, *inside)]
    return max(times)


def keep_sweeping(until: Event) -> None:
    """Sweep now, and every so often in a thread of its own, until the event is set."""

    def work() -> None:
        sweep()
        while not until.wait(EVERY):
            sweep()

    Thread(target=work, name="sweeper", daemon=True).start()


class DiskBudget:
    """How much room there is for pictures, looked up anew every few seconds."""

    def __init__(self, most: float) -> None:
        """`most` is in megabytes."""
        self.most, self.taken, self.seen = most * MEGA, 0, -float("inf")

    def look(self) -> int:
        """The bytes that are taken."""
        if time.monotonic() - self.seen > FRESH:
            self.taken, self.seen = sum(sizes(get_upload_folder())), time.monotonic()
        return self.taken

    def full(self, coming: int = 0) -> bool:
        """Whether nothing more may be written, since with the bytes that are `coming` already it is
        too much or the disk is full."""
        try:
            free = shutil.disk_usage(get_upload_folder()).free
        except OSError:  # the folder is gone, and is made again by who writes
            return False
        return self.look() + coming > self.most or free < FREE + coming


def sizes(folder: str | os.PathLike[str]) -> Iterator[int]:
    """The bytes that each file in a folder counts as, however deep."""
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from sizes(entry)
            else:
                yield max(LEAST, entry.stat(follow_symlinks=False).st_size)
    except OSError:  # removed while we look
        return
