"""The brush: what is painted over the photo becomes masks."""

import io
from collections.abc import Collection, Sequence
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
import numpy as np
from gradio.components.image_editor import AcceptBlobs, EditorData, EditorDataBlobs
from PIL import Image, ImageColor, ImageFilter

from . import words
from .endpoints import Components
from .errors import StyletxError
from .images import opaque, read
from .limits import MEGA
from .refusals import speaking_plainly
from .regions import MASKS
from .storage import folder_of
from .uploads import Upload, uploaded

BRUSHES = {"keep": "#e11d48", MASKS[1]: "#2563eb", MASKS[2]: "#16a34a", MASKS[3]: "#f59e0b"}
SEE_THROUGH, LEAST = 0.6, 48  # how dense a brush paints, and what alpha counts as painted
SOFT = 0.01  # of the longest side: how far a brushed edge fades
MOST, LAYERS = 8, ("PNG", "WEBP", "JPEG")  # layers, and what they may be
AT_ONCE, ROOM = 200, 100 * MEGA  # photos that are being painted over, and bytes of all that is
BRUSHING: dict[str, Any] = {"concurrency_id": "brush", "concurrency_limit": 2}
EDITED = 1024  # pixels on the longest side of the photo that is painted over


def lay_out_masks(photo: gr.Image) -> tuple[gr.ImageEditor, Components]:
    """The photo, to be painted over with a brush for each part that is not the first painting's;
    and, unseen, the masks that come of it."""
    with gr.Accordion(words.MASKS, open=False, elem_id="masks") as masks:
        gr.Markdown(words.HOW_TO_BRUSH)
        editor = gr.ImageEditor(
            label=words.BRUSH,
            type="pil",
            format="png",
            sources=[],
            transforms=[],
            layers=False,
            brush=gr.Brush(
                default_size=40,
                colors=[(color, SEE_THROUGH) for color in BRUSHES.values()],
                color_mode="fixed",
            ),
            height=480,
            buttons=[],
            elem_id="brush",
        )
        opened = gr.Checkbox(False, visible="hidden")
        loaded = gr.Textbox("", visible="hidden")
    quiet: dict[str, Any] = {"api_visibility": "private", "preprocess": False}
    few = {**quiet, **BRUSHING, "show_progress": "hidden"}  # at a time: each decodes a photo
    for event, state in ((masks.expand, True), (masks.collapse, False)):
        event(lambda state=state: state, None, opened, queue=False, **quiet).then(
            to_paint_over, [photo, opened, loaded], [editor, loaded], **few
        )
    photo.change(to_paint_over, [photo, opened, loaded], [editor, loaded], **few)
    editor.clear(lambda photo: to_paint_over(photo, True, "")[0], photo, editor, **few)
    return editor, {name: gr.Image(label=name, visible="hidden") for name in BRUSHES}


def guard_brush() -> None:
    """Have Gradio take no more from a brush than one can paint. By itself it makes as many layers
    as it is told to, and decodes whatever is sent as one."""
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
        with speaking_plainly():
            if payload is not None:
                check_layers(payload)
                if payload.id is not None and payload.id not in self.blob_storage:
                    raise StyletxError(words.BRUSH_GONE)
        return decode(self, payload)

    setattr(gr.ImageEditor, take.__name__, take_little)
    setattr(gr.ImageEditor, decode.__name__, decode_little)


def check_layers(payload: EditorData) -> None:
    """The same for all that comes in files."""
    files = [payload.background, payload.composite, *(payload.layers or [])]
    for place, layer in enumerate(files):
        if layer is not None:
            check_layer(max(0, place - 2), Path(layer.path))


def too_much(painted: Collection[EditorDataBlobs]) -> bool:
    """Whether that is more than is kept until somebody presses Paint."""
    taken = sum(len(layer or b"") for one in painted for layer in one.layers)
    return len(painted) > AT_ONCE or taken > ROOM


def check_layer(place: object, file: Path | io.BytesIO) -> None:
    """Raises `StyletxError` for a layer that no brush paints here."""
    try:
        with Image.open(file, formats=LAYERS) as layer:
            fits = max(layer.size) <= EDITED
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        fits = False
    if not fits or (str(place or 0) not in map(str, range(MOST)) and place != "null"):
        raise StyletxError("What was painted over the photo is no layer of the brush.")


def to_paint_over(photo: Upload, opened: bool, loaded: str) -> tuple[Any, Any]:
    """The photo as the brush finds it, where that is `opened`, and which one it is; what was
    painted over the one that is `loaded` stays as long as it is the same."""
    with speaking_plainly():
        path = uploaded(photo, "photo")
        if str(path) == loaded or not (opened or loaded):
            return gr.skip(), gr.skip()
        if path is None or not opened:
            return None, ""
        return opaque(read(path, EDITED)), str(path)


def brushed(drawn: dict[str, Any] | None) -> list[str | None]:
    """The masks that were painted over the photo, as files; none where nothing was painted."""
    layers: Sequence[Image.Image] = (drawn or {}).get("layers") or []
    with speaking_plainly():
        if any(max(layer.size) > EDITED or layer.size != layers[0].size for layer in layers):
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
        nearest, seen = np.argmin(apart, axis=0), pixels[..., 3] > LEAST
        masks = [(nearest == place) & seen for place in range(len(BRUSHES))]
        named = zip(BRUSHES, masks, strict=True)
        return [kept(name, mask) if mask.any() else None for name, mask in named]


def kept(name: str, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    """The path of a mask (H, W), its edges made soft, in a file among the uploads."""
    folder = folder_of(uuid4().hex)
    folder.mkdir(parents=True)
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    picture.filter(ImageFilter.GaussianBlur(SOFT * max(picture.size))).save(folder / f"{name}.png")
    return str(folder / f"{name}.png")
