"""Painting over Gradio, shared by page and API: validate the arguments, submit a job, stream it."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr

from styletx.core.regions import NO_PAINTING, check_styles
from styletx.errors import SettingsError, StyletxError
from styletx.limits import ServerLimits
from styletx.recipe import MASKS, SHARES, STYLES, input_fingerprints
from styletx.runners.job import ANONYMOUS, Client, Job
from styletx.runners.queue import JobQueue
from styletx.server.errors import as_gradio_errors
from styletx.server.request import client_address
from styletx.server.storage import folder_of
from styletx.settings import FIELDS, Settings, settings_from
from styletx.text import quote

from .images import load_images, upload_path
from .job_files import EXPORT_FORMATS, JobFiles, convert_picture, finished
from .job_report import StreamItem, stream_job
from .schema import DEFAULTS, NEEDED, NO_PHOTO, PICTURES, Arguments

Components = dict[str, gr.components.Component]
MAX_NAME_LETTERS = 30  # letters of a name, of up to 4 bytes each: files have room for 255 bytes
HIDDEN_EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
LIGHT_EVENT: dict[str, Any] = {
    "concurrency_id": "light",
    "concurrency_limit": 2,
    "preprocess": False,
}
PAINT_EVENT: dict[str, Any] = {  # Gradio is to hand on what it gets: we say what is wrong with it
    "concurrency_id": "paint",
    "concurrency_limit": None,
    "preprocess": False,
}


def paint_stream(
    queue: JobQueue, arguments: Arguments, request: gr.Request | None = None
) -> Iterator[StreamItem]:
    """Validate the arguments, submit a program's job and stream it; who leaves stops it."""
    with as_gradio_errors():
        job, files = submit_job(queue, arguments, client_of(request, queue.limits))
        try:
            yield from stream_job(queue, job, files)
        finally:
            job.delivered.set()


def submit_job(queue: JobQueue, arguments: Arguments, client: Client) -> tuple[Job, JobFiles]:
    """Validate the arguments and submit a job; return it with its files. Page and API share this
    function. Raises `StyletxError`."""
    settings = settings_from_arguments(arguments)
    queue.limits.check(settings, queue.device)
    paths = locate_images(arguments, queue)
    content, shares = paths["content"], {name: arguments[name] for name in SHARES}
    if content is None:
        raise StyletxError(NO_PHOTO)
    paintings = [
        (paths[style], shares[share], paths[mask])
        for style, share, mask in zip(STYLES, SHARES, MASKS, strict=True)
    ]
    check_styles(paintings)
    inputs = input_fingerprints(paths, shares)
    more = {name: paths[name] for name in ("keep_mask", "init_image")}
    load = partial(load_images, content, paintings, more, settings)
    besides = {"precision": str(arguments["precision"])} if arguments["precision"] else {}
    job = queue.submit(settings, lambda over: {**load(over), **besides}, client)
    names = [content, *(path for path, _, _ in paintings if path)][:2]
    files = JobFiles(folder_of(job.id), "-".join(map(short_name, names)), content, inputs)
    files.arguments, files.uploads = arguments, paths.values()
    return job, files


def short_name(path: Path) -> str:
    """Return what a picture is called in the names of files that come of it."""
    return re.sub(r"[^\w.]+", "_", unquote(path.stem))[:MAX_NAME_LETTERS]


def client_of(request: gr.Request | None, limits: ServerLimits, may_return: bool = False) -> Client:
    """Return the client of a request: its session and its address, as the proxies report it."""
    if request is None or request.request is None:
        return ANONYMOUS
    address = client_address(request.request.scope, limits.proxies)
    return Client(request.session_hash or "", address, may_return)


def locate_images(arguments: Arguments, queue: JobQueue) -> dict[str, Path | None]:
    """Return the path of each picture by its argument's name."""
    paths = {name: upload_path(arguments[name], what, queue) for name, what in PICTURES.items()}
    return {**paths, "init_image": resolve_init_image(arguments, queue)}


def validate(arguments: Arguments, queue: JobQueue) -> dict[str, str]:
    """Return what is wrong with each argument, as sentences by name, before a job is queued."""
    found = {}
    for name, what in PICTURES.items():
        try:
            if upload_path(arguments[name], what, queue) is None and name in NEEDED:
                found[name] = NEEDED[name]
        except StyletxError as error:
            found[name] = str(error)
    for name, allowed in FIELDS.items():
        try:
            allowed.check(name, arguments[name], type(DEFAULTS[name]))
        except SettingsError as error:
            found[name] = str(error)
    if any(arguments[style] for style in STYLES[1:]):  # then the first painting is none too few
        found = {name: sentence for name, sentence in found.items() if sentence != NO_PAINTING}
    return found


def settings_from_arguments(arguments: Arguments) -> Settings:
    """Return the settings; a preset fills in those left at their defaults. Gradio cannot tell an
    omitted argument from one equal to its default."""
    chosen = {name: arguments[name] for name in FIELDS}
    if arguments["preset"]:
        chosen = {name: value for name, value in chosen.items() if value != DEFAULTS[name]}
    return settings_from(arguments["preset"], chosen)


def resolve_init_image(arguments: Arguments, queue: JobQueue) -> Path | None:
    """Return the picture to start from: an upload, the result of an earlier job, or None."""
    run_id = arguments["go_on"]
    picture = upload_path(arguments["init_image"], PICTURES["init_image"], queue)
    if not run_id:
        return picture
    if picture:
        raise StyletxError("Please give either a picture to go on with or a run, not both.")
    return picture_of(run_id)


def picture_of(run_id: object) -> Path:
    """Return the finished picture of a job. Raises `StyletxError` if there is none, yet or any
    more."""
    known = isinstance(run_id, str) and re.fullmatch("[0-9a-f]{32}", run_id)
    if not known or not folder_of(str(run_id)).is_dir():
        raise StyletxError("The picture of that run is no longer here; please paint it again.")
    picture = finished(folder_of(str(run_id)))
    if picture is None:
        raise StyletxError("That run has not come to a picture yet; please wait, or stop it.")
    return picture


def export_run(run_id: object, kind: object) -> Path:
    """Return the finished picture of a job, or its film, as a file of a format."""
    if not isinstance(kind, str) or kind not in EXPORT_FORMATS:
        *others, last = EXPORT_FORMATS
        raise StyletxError(f"kind is {quote(kind)}, but must be {', '.join(others)} or {last}.")
    return convert_picture(picture_of(run_id), kind)
