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
from styletx.imaging.files import LEFT_OUT, is_invisible, nothing_to_see, read_image, save
from styletx.imaging.opening import is_shown_by_browsers
from styletx.limits import MEGA
from styletx.runners.queue import NO_ROOM, JobQueue
from styletx.settings import MAX_SIZE, Settings

from .job_files import atomic_write

Upload = dict[str, Any] | None  # a file as Gradio describes it, which lies in its cache
first_looks = Semaphore(2)  # files that are looked at at a time
LOOK_SIDE_PX = 512  # of the first look at a file, which only is to see that it can be read


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
    check_upload(path, queue.limits.max_pixels, may_be_empty=what == "mask")
    return path


def check_upload(path: Path, max_megapixels: float, may_be_empty: bool = False) -> str:
    """Read a picture as a run would, but small; return what of it is missing, in a sentence, or "".

    Raises `ImageError` if the file is no picture that could be painted; of a mask, which
    `may_be_empty`, also one of which nothing shows.
    """
    known = path.stat()
    with first_looks:
        problem, empty, left_out = look(
            path, known.st_mtime_ns, known.st_size, max_megapixels * MEGA
        )
    if problem or (empty and not may_be_empty):
        raise ImageError(problem or empty)
    return left_out


@lru_cache(maxsize=1000)
def look(path: Path, written: int, size: int, max_pixels: float) -> tuple[str, str, str]:
    """Return what is wrong with a file, that nothing shows of it, and what is missing, or "".
    Cached, since a call names a file several times, and an attacker many times."""
    try:
        picture = read_image(path, LOOK_SIDE_PX, max_pixels)
    except ImageError as error:
        return str(error), "", ""
    empty = nothing_to_see(path.name) if is_invisible(picture) else ""
    return "", empty, picture.info.get(LEFT_OUT, "")


def showable(path: Path) -> Path:
    """Return where the picture is that browsers can show of a file that they cannot, if any."""
    return path.with_name(f"{path.stem}-shown.png")


def make_showable(path: Path, queue: JobQueue) -> None:
    """Make that picture, if browsers could not show the file."""
    if is_shown_by_browsers(path) or showable(path).exists():
        return
    if queue.is_disk_full():
        raise Busy(NO_ROOM)
    with first_looks, atomic_write(showable(path)) as wet:
        save(read_image(path, MAX_SIZE), wet)


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
        check_upload(path, queue.limits.max_pixels, may_be_empty=what == "mask")
    except ImageError:
        path.unlink(missing_ok=True)
        raise
    return path
