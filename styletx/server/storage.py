"""Storage of uploads and pictures: folders, expiry, disk budget."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from gradio.utils import get_upload_folder

from styletx.errors import StyletxError
from styletx.limits import MEGA

KEEP_S = 3600  # that a picture stays
SWEEP_INTERVAL_S = 60  # between two removals of what is too old
CACHE_FOLDER = "styletx"  # in Gradio's; uploads lie in it as well
JOBS_FOLDER = "runs"
MIN_FREE_BYTES = 100 * MEGA  # bytes of the disk that are not ours to fill
MIN_FILE_BYTES = 64_000  # that any file counts as
SCAN_INTERVAL_S = 2  # for which a scan of the disk counts


def runs() -> Path:
    """Return the folder of all jobs."""
    return Path(get_upload_folder()) / JOBS_FOLDER


def folder_of(run_id: str) -> Path:
    """Return the folder of a job's pictures, or of a brushed mask. Its name is a hash: a picture's
    URL does not reveal the id, which allows to stop the job or fetch its film."""
    return runs() / hashlib.sha256(run_id.encode()).hexdigest()[:32]


def claim_cache() -> None:
    """Make `<GRADIO_TEMP_DIR>/styletx` the folder of all files of a server. Raises `StyletxError`
    if nothing can be written there."""
    folder = Path(get_upload_folder()) / CACHE_FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StyletxError(
            f"Pictures cannot be kept in {folder}: {error.strerror}. Set GRADIO_TEMP_DIR to a "
            "folder that can be written."
        ) from error
    os.environ["GRADIO_TEMP_DIR"] = str(folder)  # which Gradio, too, looks up whenever it wants it
    tempfile.tempdir = str(folder)  # where it leaves what was not sent to its end


def uploads(folder: Path) -> list[Path]:
    """Return the folders of uploads: all in Gradio's folder but that of jobs."""
    return [path for path in folder.glob("*") if path.name != JOBS_FOLDER]


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sweep() -> None:
    """Remove jobs and, in a folder of our own, uploads that were last written `KEEP_S` seconds
    ago."""
    folder = Path(get_upload_folder())
    alone = folder.name == CACHE_FOLDER
    for path in [*runs().glob("*"), *(uploads(folder) if alone else [])]:
        try:
            if time.time() - written(path) > KEEP_S:
                remove(path)
        except OSError:  # somebody else was faster
            continue


def touch(paths: Iterable[Path | None]) -> None:
    """Renew uploads whose job is still queued, so that they do not expire."""
    for path in paths:
        if path and path.is_relative_to(get_upload_folder()):
            with suppress(OSError):
                os.utime(path)


def written(path: Path) -> float:
    """Return when the picture was finished, or else the folder last written, in seconds."""
    if path.parent.name == JOBS_FOLDER and (picture := next(path.glob("*.png"), None)):
        return picture.stat().st_mtime
    inside = path.iterdir() if path.is_dir() else ()
    times: list[float] = [one.stat().st_mtime for one in (path, *inside)]
    return max(times)


def keep_sweeping(until: Event) -> None:
    """Sweep now and every `SWEEP_INTERVAL_S` seconds, in a thread, until the event is set."""

    def work() -> None:
        sweep()
        while not until.wait(SWEEP_INTERVAL_S):
            sweep()

    Thread(target=work, name="sweeper", daemon=True).start()


class DiskBudget:
    """Bytes used for pictures, scanned again every few seconds. A server has one."""

    def __init__(self, max_megabytes: float) -> None:
        """Allow so many megabytes."""
        self.max_bytes, self.used_bytes, self.scanned_at = max_megabytes * MEGA, 0, -float("inf")
        self.coming = 0  # bytes of uploads that are on their way

    def used(self) -> int:
        """Return the bytes in use."""
        if time.monotonic() - self.scanned_at > SCAN_INTERVAL_S:
            self.used_bytes, self.scanned_at = sum(sizes(get_upload_folder())), time.monotonic()
        return self.used_bytes

    def is_full(self, more: int = 0) -> bool:
        """Return whether the budget, or the disk, has no room for `more` bytes beside those that
        are on their way."""
        try:
            free = shutil.disk_usage(get_upload_folder()).free
        except OSError:  # the folder is gone, and is made again by who writes
            return False
        coming = self.coming + more
        return self.used() + coming > self.max_bytes or free < MIN_FREE_BYTES + coming


def sizes(folder: str | os.PathLike[str]) -> Iterator[int]:
    """Yield the size that each file below a folder counts as, in bytes."""
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from sizes(entry)
            else:
                yield max(MIN_FILE_BYTES, entry.stat(follow_symlinks=False).st_size)
    except OSError:  # removed while we look
        return
