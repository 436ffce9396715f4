"""Mask editor: what is brushed over the photo becomes masks."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import gradio as gr
import numpy as np
from PIL import Image, ImageColor, ImageFilter

from styletx.api.images import Upload, upload_path
from styletx.api.painting import Components
from styletx.errors import StyletxError
from styletx.imaging.files import flatten_alpha, read_image
from styletx.recipe import MASKS
from styletx.runners.queue import JobQueue
from styletx.server.errors import as_gradio_errors
from styletx.server.gradio_patches import EDITOR_SIDE_PX, fits_editor
from styletx.server.storage import folder_of
from styletx.ui import strings

BRUSHES = {"keep_mask": "#e11d48", MASKS[1]: "#2563eb", MASKS[2]: "#16a34a", MASKS[3]: "#f59e0b"}
BRUSH_OPACITY = 0.6
MIN_ALPHA = 48  # of 255, that counts as painted
SOFT = 0.01  # of the longest side: how far a brushed edge fades
MAX_SOFT = 0.1  # of the shortest side, the same, for panoramas
BRUSHING: dict[str, Any] = {"concurrency_id": "brush", "concurrency_limit": 2}


def build_masks(photo: gr.Image, queue: JobQueue) -> tuple[gr.ImageEditor, Components]:
    """Build the photo to brush over, with a colour for each mask, and the hidden masks."""
    with gr.Accordion(strings.MASKS, open=False, elem_id="masks") as masks:
        gr.Markdown(strings.HOW_TO_BRUSH)
        editor = gr.ImageEditor(
            label=strings.BRUSH,
            type="pil",
            format="png",
            sources=[],
            transforms=[],
            layers=False,
            brush=gr.Brush(
                default_size=40,
                colors=[(color, BRUSH_OPACITY) for color in BRUSHES.values()],
                color_mode="fixed",
            ),
            height=480,
            buttons=[],
            elem_id="brush",
        )
        opened = gr.Checkbox(False, visible="hidden")
        loaded = gr.Textbox("", visible="hidden")
    show = partial(to_paint_over, queue)
    quiet: dict[str, Any] = {"api_visibility": "private", "preprocess": False}
    few = {**quiet, **BRUSHING, "show_progress": "hidden"}  # at a time: each decodes a photo
    for event, state in ((masks.expand, True), (masks.collapse, False)):
        event(lambda state=state: state, None, opened, queue=False, **quiet).then(
            show, [photo, opened, loaded], [editor, loaded], **few
        )
    photo.change(show, [photo, opened, loaded], [editor, loaded], **few)
    editor.clear(lambda photo: show(photo, True, "")[0], photo, editor, **few)
    return editor, {name: gr.Image(label=name, visible="hidden") for name in BRUSHES}


def to_paint_over(queue: JobQueue, photo: Upload, opened: bool, loaded: str) -> tuple[Any, Any]:
    """Return the photo for the editor while it is `opened`, and its path; a drawing over the
    `loaded` photo stays while that is the same."""
    with as_gradio_errors():
        path = upload_path(photo, "photo", queue)
        if str(path) == loaded or not (opened or loaded):
            return gr.skip(), gr.skip()
        if path is None or not opened:
            return None, ""
        return flatten_alpha(read_image(path, EDITOR_SIDE_PX)), str(path)


def masks_from_drawing(drawn: dict[str, Any] | None) -> list[str | None]:
    """Return the brushed masks as files, None where nothing was brushed."""
    layers: Sequence[Image.Image] = (drawn or {}).get("layers") or []
    with as_gradio_errors():
        if any(not fits_editor(layer.size) or layer.size != layers[0].size for layer in layers):
            raise StyletxError("What was painted over the photo has another shape than the photo.")
        if not layers:
            return [None] * len(BRUSHES)
        whole = Image.new("RGBA", layers[0].size)
        for layer in layers:
            whole.alpha_composite(layer.convert("RGBA"))
        pixels = np.asarray(whole)
        apart = [
            np.abs(pixels[..., :3].astype(np.int16) - ImageColor.getrgb(color)).sum(axis=2)
            for color in BRUSHES.values()
        ]
        nearest, painted = np.argmin(apart, axis=0), pixels[..., 3] > MIN_ALPHA
        masks = [(nearest == place) & painted for place in range(len(BRUSHES))]
        named = zip(BRUSHES, masks, strict=True)
        return [kept(name, mask) if mask.any() else None for name, mask in named]


def kept(name: str, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    """Save a mask (H, W) with soft edges among the uploads; return its path."""
    folder = folder_of(uuid4().hex)
    folder.mkdir(parents=True)
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    soft = min(SOFT * max(picture.size), MAX_SOFT * min(picture.size))
    picture.filter(ImageFilter.GaussianBlur(soft)).save(folder / f"{name}.png")
    return str(folder / f"{name}.png")
