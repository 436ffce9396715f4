"""Patches of Gradio 6.31: bounded sessions, downloads and image editor, readable errors."""

import asyncio
import io
import os
import re
from asyncio import Queue as MessageQueue
from collections import Counter, OrderedDict
from collections.abc import Collection
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import httpx
from gradio import processing_utils, queueing, routes
from gradio.blocks import BlocksConfig
from gradio.components.image_editor import AcceptBlobs, EditorData, EditorDataBlobs
from gradio.state_holder import StateHolder
from gradio.utils import error_payload
from jinja2 import ChoiceLoader, DictLoader
from PIL import Image

from styletx import metrics
from styletx.errors import StyletxError
from styletx.imaging.opening import MIN_SIDE_PX
from styletx.limits import MEGA, ServerLimits
from styletx.text import shorten

from .call_validation import UNCLEAR
from .errors import as_gradio_errors
from .storage import DiskBudget
from .url_fetch import TIMEOUT_S, download

PAGES = ("frontend/index.html", "frontend/share.html")  # Gradio's templates
MAX_PAGES = 1000  # of the latest visitors whose state is kept: up to 150 kB each
MAX_MESSAGE_QUEUES = 2000  # sessions, the latest, whose news are kept while nobody listens
MAX_DOWNLOADS = 32  # at a time, which hold little; the others wait
SHOWN_URL_LETTERS = 80  # of a URL in a sentence
NOTHING: dict[str, Any] = {}
MAX_LAYERS = 8  # of a drawing
LAYER_FORMATS = ("PNG", "WEBP", "JPEG")
MAX_DRAWINGS = 200  # photos that are being painted over
MAX_DRAWING_BYTES = 100 * MEGA  # of all these drawings
EDITOR_SIDE_PX = 1024  # pixels on the longest side of the photo that is painted over, if not narrow
BRUSH_GONE = "What you painted over the photo is no longer here; please paint it over again."


def patch_error_payload() -> None:
    """Send a sentence when the arguments of a call cannot be parsed. Without it Gradio 6.31 sends
    null."""

    def with_sentence(error: BaseException | None, show_error: bool) -> dict[str, Any]:
        payload = error_payload(error, show_error)
        return payload if payload["error"] else {**payload, "error": UNCLEAR, "visible": True}

    queueing.error_payload = with_sentence  # type: ignore[attr-defined]


def patch_share_tags(title: str, description: str, picture: str) -> None:
    """Say where a link to the page is shared what it leads to; `picture` is its path here. Without
    it Gradio 6.31 names itself, and a picture of its own on another server."""
    env = routes.templates.env
    tags = {"title": title, "description": description, "type": "website"}
    named = "".join(f'<meta property="og:{k}" content="{escape(v)}">' for k, v in tags.items())
    path = quote(picture, safe="/=")
    named += f'<meta property="og:image" content="{{{{ request.base_url }}}}{path}">'
    named += '<meta name="twitter:card" content="summary_large_image">'
    ours = {}
    for page in PAGES:
        source, *_ = env.loader.get_source(env, page)  # type: ignore[union-attr]
        without = re.sub(r"<meta\s[^>]*(og|twitter):[^>]*>", "", source)
        ours[page] = without.replace("</head>", f"{named}</head>", 1)
    env.loader = ChoiceLoader([DictLoader(ours), env.loader])  # type: ignore[list-item]


def patch_url_download(limits: ServerLimits, disk: DiskBudget) -> None:
    """Replace Gradio 6.31's download, which limits neither size nor time and hides the reason of a
    failure."""

    gate = asyncio.Semaphore(MAX_DOWNLOADS)

    async def in_turn(url: str, folder: Path) -> Path:
        async with gate:
            if await asyncio.to_thread(disk.is_full):
                raise ValueError("the server's storage is full")
            return await asyncio.wait_for(download(url, folder, limits), TIMEOUT_S)

    async def fetch(url: str, cache_dir: str) -> str:
        shown = shorten(url, SHOWN_URL_LETTERS)
        try:
            return str(await in_turn(url, Path(cache_dir)))
        except asyncio.TimeoutError:
            reason = f"it took more than {TIMEOUT_S} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            reason = str(error) or "there is no answer"
        except ValueError as error:
            reason = str(error)
        metrics.REFUSALS.labels("address").inc()
        raise gr.Error(f"{shown} could not be fetched: {reason}.", print_exception=False)

    processing_utils.async_ssrf_protected_download = fetch


def patch_session_state() -> None:
    """Skip per-session page descriptions and call statistics. Call this before the page is built.

    Without it Gradio 6.31 describes every component anew for each visitor and call, for the deep
    links that are blocked here: 220 kB, and 11 ms of an ordinary core in which everything else
    waits. It also computes statistics of the last ten thousand calls after each one. Pages with
    `gr.render` would need the descriptions.
    """
    os.environ |= {
        "GRADIO_ANALYTICS_MAX_EVENTS": "1",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**12),  # calls until they are computed
    }
    original_copy = BlocksConfig.__copy__

    def without_config(config: BlocksConfig) -> BlocksConfig:
        own: BlocksConfig = original_copy(config)  # type: ignore[no-untyped-call]
        own.config_for_block = lambda *_: NOTHING  # type: ignore[method-assign]
        return own

    BlocksConfig.__copy__ = without_config  # type: ignore[method-assign]


def patch_message_queues(page: gr.Blocks, listeners: Counter[str]) -> None:
    """Keep the messages of sessions in `listeners`, however many others there are. Call this after
    the page is built."""
    page._queue.pending_messages_per_session = SessionMessages(page, listeners)  # type: ignore[assignment]


class SessionMessages(OrderedDict[str, MessageQueue[Any]]):
    """Pending messages per session. Gradio 6.31 evicts the oldest of 2000 even while a client
    listens, whose run then ends, and never frees its other maps."""

    def __init__(self, page: gr.Blocks, listeners: Counter[str]) -> None:
        super().__init__()
        self.page, self.listeners = page, listeners

    def __missing__(self, session: str) -> MessageQueue[Any]:
        """Discard messages for an evicted session. A KeyError here would stop Gradio's queue for
        all users."""
        return MessageQueue()

    def __setitem__(self, session: str, messages: MessageQueue[Any]) -> None:
        self.make_room()
        super().__setitem__(session, messages)

    def __delitem__(self, session: str) -> None:
        super().__delitem__(session)
        self.page._queue.pending_event_ids_session.pop(session, None)

    def make_room(self) -> None:
        """Evict the oldest sessions without a listener, down to the limit."""
        for session in list(self) if len(self) >= MAX_MESSAGE_QUEUES else ():
            if session in self.listeners:
                self.move_to_end(session)
                continue
            if session in self.page._queue.pending_event_ids_session.get(session, ()):
                forget_state(self.page.state_holder, session)  # of a program
            del self[session]
            if len(self) < MAX_MESSAGE_QUEUES:
                return


def forget_state(holder: StateHolder, session: str) -> None:
    """Drop a session's components. A program's call is a session of its own, and is over once its
    end was sent."""
    with holder.lock:
        holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)


def patch_image_editor() -> None:
    """Limit what the image editor accepts. Without it Gradio 6.31 creates as many layers as a
    client names, and decodes any file sent as one."""
    take, decode = gr.ImageEditor.accept_blobs, gr.ImageEditor.preprocess

    @wraps(take)
    def take_little(self: gr.ImageEditor, data: AcceptBlobs) -> None:
        check_layer(data.data.get("index"), io.BytesIO(data.files[0][1]))
        nothing = EditorDataBlobs(background=None, layers=[], composite=None)
        self.blob_storage.setdefault(data.data["id"], nothing)
        if data.data["type"] == "layer":  # the photo itself we have
            take(self, data)
        while self.blob_storage and too_much(self.blob_storage.values()):
            self.blob_storage.pop(next(iter(self.blob_storage)))

    @wraps(decode)
    def decode_little(self: gr.ImageEditor, payload: EditorData | None) -> Any:
        with as_gradio_errors():
            if payload is not None:
                check_layers(payload)
                if payload.id is not None and payload.id not in self.blob_storage:
                    raise StyletxError(BRUSH_GONE)
        return decode(self, payload)

    setattr(gr.ImageEditor, take.__name__, take_little)
    setattr(gr.ImageEditor, decode.__name__, decode_little)


def check_layers(payload: EditorData) -> None:
    """Raise `StyletxError` for a layer, in a file, that the page cannot have drawn."""
    files = [payload.background, payload.composite, *(payload.layers or [])]
    for place, layer in enumerate(files):
        if layer is not None:
            check_layer(max(0, place - 2), Path(layer.path))


def too_much(painted: Collection[EditorDataBlobs]) -> bool:
    """Return whether the drawings exceed what is kept until somebody presses Paint."""
    taken = sum(len(layer or b"") for one in painted for layer in one.layers)
    return len(painted) > MAX_DRAWINGS or taken > MAX_DRAWING_BYTES


def fits_editor(size: tuple[int, int]) -> bool:
    """Return whether a drawing of (width, height) `size` can be one over a photo, which is reduced
    to `EDITOR_SIDE_PX` on the longer side, but to no less than `MIN_SIDE_PX` on the other."""
    short, long = sorted(size)
    return long <= EDITOR_SIDE_PX or (short == MIN_SIDE_PX and long * short <= EDITOR_SIDE_PX**2)


def check_layer(place: object, file: Path | io.BytesIO) -> None:
    """Raise `StyletxError` for a layer that the page cannot have drawn."""
    try:
        with Image.open(file, formats=LAYER_FORMATS) as layer:
            fits = fits_editor(layer.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        fits = False
    if not fits or (str(place or 0) not in map(str, range(MAX_LAYERS)) and place != "null"):
        raise StyletxError("What was painted over the photo is not a layer of the brush.")
