"""Paintings of which only a part counts, because a frame lies around it: which part that is."""

import base64
import io
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from styletx.api.images import Upload, upload_path
from styletx.api.painting import HIDDEN_EVENT, Components
from styletx.errors import StyletxError
from styletx.imaging.files import flatten_alpha, read_image
from styletx.imaging.framing import LOOKED_AT_PX, painted_box, shown_box
from styletx.recipe import STYLES
from styletx.runners.queue import JobQueue
from styletx.ui import strings

READ_PX = 4 * LOOKED_AT_PX  # of a painting, as of one that is painted with, before it is reduced


def build_outlines() -> tuple[gr.HTML, gr.Button]:
    """Build what shows the part that counts, and the button that has all of it count."""
    shown = gr.HTML(visible=False, elem_id="outlines")
    return shown, gr.Button(strings.COUNT_FRAMES, size="sm", visible=False, elem_id="count-frames")


def connect_outlines(parts: tuple[gr.HTML, gr.Button], inputs: Components, queue: JobQueue) -> None:
    """Look at the paintings and at the setting whenever one of them changes."""
    shown, whole = parts
    looked_at = [inputs[name] for name in ("frame", *STYLES)]
    gr.on(
        [component.change for component in looked_at],  # type: ignore[attr-defined]
        partial(outlines, queue),
        looked_at,
        [shown, whole],
        preprocess=False,
        trigger_mode="always_last",
        concurrency_id="outlines",
        concurrency_limit=2,
        **HIDDEN_EVENT,
    )
    whole.click(lambda: "keep", None, inputs["frame"], queue=False, **HIDDEN_EVENT)


def outlines(queue: JobQueue, frame: str, *paintings: Upload) -> tuple[Any, Any]:
    """Return the updates of what `build_outlines` built."""
    places = enumerate(paintings, start=1)
    found = [outline(place, painting, queue) for place, painting in places if frame == "crop"]
    some = any(found)
    return gr.update(value="".join(found), visible=some), gr.update(visible=some)


def outline(place: int, painting: Upload, queue: JobQueue) -> str:
    """Return a small picture of a painting, bright where it counts, as HTML; "" if all of it does,
    or if it cannot be read, which is said elsewhere."""
    try:
        path = upload_path(painting, "painting", queue)
        drawn = drawing(path, path.stat().st_mtime_ns) if path else ""
    except StyletxError:
        return ""
    caption = strings.frame_left_out(place)
    return drawn and f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"


@lru_cache(maxsize=100)
def drawing(path: Path, written: int) -> str:
    """Return that picture as SVG, or "". Cached, as all paintings are looked at when one
    changes."""
    picture = read_image(path, READ_PX)
    box, whole = painted_box(picture), picture.width
    if box == shown_box(picture):
        return ""
    picture.thumbnail((LOOKED_AT_PX, LOOKED_AT_PX))
    width, height = picture.size
    left, top, right, bottom = (round(place * width / whole) for place in box)
    return (
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<image href="{data_url(picture)}" width="{width}" height="{height}"/>'
        f'<path d="M0 0H{width}V{height}H0ZM{left} {top}V{bottom}H{right}V{top}Z"/></svg>'
    )


def data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    flatten_alpha(picture).save(file, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
