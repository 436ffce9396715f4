"""What a person turns: a control for every setting, and room for more paintings and for masks."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder
from PIL import Image, ImageColor, ImageFilter

from .endpoints import MASKS, SHARES, STYLES, Given, Upload, begun, speaking_plainly, uploaded
from .errors import StyletxError
from .images import opaque, read
from .pyramid import plan
from .settings import ALLOWED, LARGEST, PRESETS, Limits, Options, Settings

Components = dict[str, gr.components.Component]

IN_SIGHT = ("size", "steps", "style_weight", "style_scale", "colors")  # the others are "Advanced"
STANDARD = "Standard"  # the preset that is none
BRUSHES = {"keep": "#e11d48", MASKS[1]: "#2563eb", MASKS[2]: "#16a34a", MASKS[3]: "#f59e0b"}
SEE_THROUGH, LEAST = 0.6, 48  # how dense a brush paints, and what alpha counts as painted
SOFT = 0.01  # of the longest side: how far a brushed edge fades
EDITED = 1024  # pixels on the longest side of the photo that is painted over
LOOK: dict[str, Any] = {"concurrency_id": "look", "concurrency_limit": 2}
HOW_TO_BRUSH = """Paint over your photo. **Red** stays the photo.
**Blue**, **green** and **orange** are where the second, third and fourth painting take over."""


def lay_out_inputs() -> tuple[gr.Image, gr.Image, gr.Button, gr.Button]:
    """The photo, the painting, and the buttons Paint and Stop."""
    with gr.Row(elem_id="given"):
        photo, painting = (upload(label, height=225) for label in ("Photo", "Painting"))
    with gr.Row():
        go = gr.Button("Paint", variant="primary", scale=3, min_width=160, elem_id="paint")
        stop = gr.Button("Stop", interactive=False, scale=1, min_width=90, elem_id="stop")
    return photo, painting, go, stop


def lay_out_settings() -> Components:
    """A control for every setting, and the presets that turn many at once."""
    presets = gr.Radio(
        [STANDARD, *PRESETS],
        value=STANDARD,
        label="Preset",
        info="Turns all settings below at once",
        elem_id="presets",
    )
    with gr.Row():
        controls = {name: control(name) for name in IN_SIGHT}
    with gr.Accordion("Advanced", open=False), gr.Row():
        controls |= {name: control(name) for name in ALLOWED if name not in IN_SIGHT}

    def turn(name: str) -> list[Any]:
        return list(asdict(PRESETS.get(name, Settings())).values())

    ordered = [controls[name] for name in ALLOWED]
    presets.input(turn, presets, ordered, queue=False, api_visibility="private")
    return controls


def control(name: str) -> gr.components.Component:
    """What a person turns to choose a setting."""
    allowed, default = ALLOWED[name], getattr(Settings(), name)
    shown: dict[str, Any] = {
        "value": default,
        "label": allowed.label,
        "info": allowed.help,
        "min_width": 320,
    }
    if isinstance(allowed, Options):
        return gr.Radio([(told, word) for word, told in allowed.words.items()], **shown)
    if not isinstance(allowed, Limits):
        return gr.Textbox(max_lines=1, **shown)
    bounds: dict[str, Any] = {"minimum": allowed.low, "maximum": allowed.high, "step": allowed.step}
    return gr.Number(**bounds, **shown) if name == "seed" else gr.Slider(**bounds, **shown)


def lay_out_paintings() -> Components:
    """Room for more paintings, and how much of each."""
    components: Components = {}
    with gr.Accordion("More paintings", open=False, elem_id="more-paintings"), gr.Row():
        for place, (style, share) in enumerate(zip(STYLES, SHARES, strict=True), start=1):
            with gr.Column(min_width=160):
                if place > 1:
                    components[style] = upload(f"Painting {place}", height=160)
                components[share] = gr.Slider(
                    0,
                    1,
                    1,
                    step=0.05,
                    label=f"Share of painting {place}",
                    info="Beside the others",
                    min_width=140,
                )
    return components


def upload(label: str, height: int) -> gr.Image:
    """Room for a picture."""
    return gr.Image(
        label=label,
        sources=["upload", "clipboard"],
        placeholder="Drop a picture here,\nor click",
        height=height,
        min_width=140,
        buttons=[],
        elem_id=label.lower().replace(" ", "-"),
    )


def lay_out_masks(photo: gr.Image) -> tuple[gr.ImageEditor, Components]:
    """The photo, to be painted over with a brush for each part that is not the first painting's;
    and, unseen, the masks that come of it."""
    with gr.Accordion("Protect or divide the photo", open=False, elem_id="masks") as masks:
        gr.Markdown(HOW_TO_BRUSH)
        editor = gr.ImageEditor(
            label="Brush",
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
    quiet: dict[str, Any] = {"queue": False, "api_visibility": "private", "preprocess": False}
    for event, state in ((masks.expand, True), (masks.collapse, False)):
        event(lambda state=state: state, None, opened, **quiet).then(
            to_paint_over, [photo, opened, loaded], [editor, loaded], **quiet
        )
    photo.change(to_paint_over, [photo, opened, loaded], [editor, loaded], **quiet)
    editor.clear(lambda photo: to_paint_over(photo, True, "")[0], photo, editor, **quiet)
    return editor, {name: gr.Image(label=name, visible="hidden") for name in BRUSHES}


def lay_out_beginnings() -> Components:
    """A picture to begin with instead of the photo; and, unseen, the last run, to go on from."""
    with gr.Accordion("Begin with another picture", open=False):
        gr.Markdown("Painting starts from this picture instead of from the photo.")
        picture = upload("Begin with", height=225)
    return {"begun": picture, "go_on": gr.Textbox(value="", label="go_on", visible="hidden")}


def looked_at(file: Upload) -> Any:
    """At once what is wrong with an upload, and not only when it is to be painted."""
    try:
        with speaking_plainly():
            uploaded(file, "picture")
    except gr.Error as error:
        return error.message
    return gr.skip()


def twice_as_large(given: Given) -> dict[str, int]:
    """The size that the picture to go on with has, doubled, and as many steps as a run from the
    beginning would take at that size: its share of those chosen."""
    with speaking_plainly():
        path = begun({"begun": None, "go_on": given["go_on"]})
        if path is None:
            raise StyletxError("There is no picture to enlarge yet.")
        with Image.open(path) as picture:
            shape = picture.size
        size = 2 * max(shape)
        if size > LARGEST:
            raise StyletxError(
                f"The picture is {size // 2} pixels large, and {LARGEST} are the most: it cannot "
                "be doubled."
            )
        settings = Settings(size=size, steps=given["steps"], method=given["method"])
        return {"size": size, "steps": plan(shape, settings)[-1].steps}


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
        return [kept(mask) if mask.any() else None for mask in masks]


def kept(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    """The path of a mask (H, W), its edges made soft, in a file among the uploads."""
    folder = Path(get_upload_folder()) / uuid4().hex
    folder.mkdir(parents=True)
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    picture.filter(ImageFilter.GaussianBlur(SOFT * max(picture.size))).save(folder / "mask.png")
    return str(folder / "mask.png")
