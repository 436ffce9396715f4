"""Uploaded pictures: checked before they wait in the queue, read when their turn comes."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from threading import Semaphore
from typing import Any

from gradio.utils import get_upload_folder

from styletx.core.pyramid import max_useful_side
from styletx.errors import Busy, ImageError, StyletxError
from styletx.events import Style
from styletx.imaging.files import check_header, read_image
from styletx.limits import MEGA
from styletx.runners.queue import NO_ROOM, JobQueue
from styletx.settings import Settings

Upload = dict[str, Any] | None  # a file as Gradio describes it, which lies in its cache
header_checks = Semaphore(2)  # files that are looked at at a time


def load_images(
    content: Path,
    paintings: list[tuple[Path | None, Any, Path | None]],
    more: Mapping[str, Path | None],
    settings: Settings,
    over: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Return the pictures as arguments of `stylize`, each file read once, no larger than useful.
    Raises `Busy` if the job is `over` meanwhile."""

    @cache
    def load(path: Path | None) -> Any:
        if over():
            raise Busy("This run was stopped before it began.")
        if path is not None and not path.is_file():
            raise StyletxError("A picture of this run is no longer here; please upload it again.")
        return None if path is None else read_image(path, max_useful_side(settings))

    styles = [Style(load(path), share, load(mask)) for path, share, mask in paintings if path]
    besides = {name: load(path) for name, path in more.items() if path}
    return {"content": load(content), "styles": styles, **besides}


def upload_path(file: Upload, what: str, queue: JobQueue) -> Path | None:
    """Return the path of an upload; Gradio admits only files in its cache or in our assets.

    Raises `StyletxError` if it is no picture, before a job is queued.
    """
    if not file:
        return None
    if not file.get("path"):
        return save_data_url(file.get("url") or "", what, queue)
    path = Path(file["path"])
    if not path.is_file():
        raise StyletxError(f"The {what} is no longer here; please upload it again.")
    check_upload(path, queue.limits.max_pixels)
    return path


def check_upload(path: Path, max_megapixels: float) -> None:
    """Raise `ImageError` if the file is no picture of at most so many million pixels."""
    known = path.stat()
    with header_checks:
        if problem := upload_problem(path, known.st_mtime_ns, known.st_size, max_megapixels * MEGA):
            raise ImageError(problem)


@lru_cache(maxsize=1000)
def upload_problem(path: Path, written: int, size: int, max_pixels: float) -> str:
    """Return what is wrong with a file, or "". Cached, since a call names a file several times, and
    an attacker many times."""
    try:
        check_header(path, max_pixels)
    except ImageError as error:
        return str(error)
    return ""


def save_data_url(url: str, what: str, queue: JobQueue) -> Path | None:
    """Save a data: URL among the uploads and return its path; None for any other URL."""
    if not url.startswith("data:"):
        return None
    try:
        content = base64.b64decode(url.split(";base64,", 1)[1], validate=True)
    except (IndexError, ValueError) as error:
        raise StyletxError(f"The {what} is no data: address in base64.") from error
    folder = Path(get_upload_folder()) / hashlib.sha256(content).hexdigest()
    path = folder / what.replace(" ", "_")
    if not path.is_file():
        if queue.is_disk_full():
            raise Busy(NO_ROOM)
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    try:
        check_upload(path, queue.limits.max_pixels)
    except ImageError:
        path.unlink(missing_ok=True)
        raise
    return path
