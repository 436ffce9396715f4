"""Input components: pictures to upload, and a control for every setting."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from styletx.api.images import Upload, check_upload, make_showable, showable, upload_path
from styletx.api.painting import Components, locate_images, resolve_init_image
from styletx.api.schema import Arguments
from styletx.core.pyramid import plan
from styletx.errors import StyletxError
from styletx.fields import ChoiceField, NumberField
from styletx.recipe import SHARES, STYLES, differing_inputs, input_fingerprints, read_recipe
from styletx.runners.queue import JobQueue
from styletx.server.errors import as_gradio_errors
from styletx.settings import FIELDS, MAX_SIZE, PRESETS, Settings
from styletx.ui import strings

from .outlines import build_outlines

BASIC_SETTINGS = ("size", "steps", "style_weight", "style_scale", "colors")  # always in sight


def build_inputs() -> tuple[gr.Image, gr.Image, tuple[gr.HTML, gr.Button], Components]:
    """Build photo, painting, what of it counts, and the buttons Paint, Stop and Surprise me."""
    with gr.Row(elem_id="given"):
        photo = upload(strings.PHOTO, "photo", height=218)
        painting = upload(strings.PAINTING, "painting", height=218)
    outlines = build_outlines()
    with gr.Row():
        go = gr.Button(strings.PAINT, variant="primary", scale=3, min_width=130, elem_id="paint")
        stop = gr.Button(strings.STOP, interactive=False, scale=1, min_width=70, elem_id="stop")
    surprise = gr.Button(strings.SURPRISE, size="sm", elem_id="surprise")
    return photo, painting, outlines, {"go": go, "stop": stop, "surprise": surprise}


def build_settings(largest: int = MAX_SIZE) -> Components:
    """Build a control for every setting, and the presets. `largest` is the largest size offered."""
    presets = gr.Radio(
        [strings.STANDARD, *PRESETS],
        value=strings.STANDARD,
        label=strings.PRESET,
        info=strings.PRESET_HELP,
        elem_id="presets",
    )
    with gr.Row():
        controls = {name: control(name) for name in BASIC_SETTINGS}
        controls["size"].maximum = largest  # type: ignore[attr-defined]
    with gr.Accordion(strings.ADVANCED, open=False), gr.Row():
        controls |= {name: control(name) for name in FIELDS if name not in BASIC_SETTINGS}

    def turn(name: str) -> list[Any]:
        return list(asdict(PRESETS.get(name, Settings())).values())

    ordered = [controls[name] for name in FIELDS]
    presets.input(turn, presets, ordered, queue=False, api_visibility="private")
    return controls


def control(name: str) -> gr.components.Component:
    """Build the control of a setting."""
    allowed, default = FIELDS[name], getattr(Settings(), name)
    shown: dict[str, Any] = {
        "value": default,
        "label": allowed.label,
        "info": allowed.help,
        "min_width": 320,
    }
    if isinstance(allowed, ChoiceField):
        return gr.Radio([(label, word) for word, label in allowed.choices.items()], **shown)
    if not isinstance(allowed, NumberField):
        return gr.Textbox(max_lines=1, **shown)
    bounds: dict[str, Any] = {"minimum": allowed.low, "maximum": allowed.high, "step": allowed.step}
    return gr.Number(**bounds, **shown) if name == "seed" else gr.Slider(**bounds, **shown)


def build_paintings() -> Components:
    """Build the uploads of more paintings, with their shares."""
    components: Components = {}
    with gr.Accordion(strings.MORE_PAINTINGS, open=False, elem_id="more-paintings"), gr.Row():
        for place, (style, share) in enumerate(zip(STYLES, SHARES, strict=True), start=1):
            with gr.Column(min_width=160):
                if place > 1:
                    components[style] = upload(
                        strings.nth_painting(place), f"painting-{place}", 160
                    )
                components[share] = gr.Slider(
                    0,
                    1,
                    1,
                    step=0.05,
                    label=strings.nth_share(place),
                    info=strings.SHARE_HELP,
                    min_width=140,
                )
    return components


def upload(label: str, name: str, height: int) -> gr.Image:
    """Build an upload of a picture."""
    return gr.Image(
        label=label,
        sources=["upload", "clipboard"],
        placeholder=strings.DROP,
        height=height,
        min_width=140,
        buttons=[],
        alt_text=label,
        elem_id=name,
    )


def build_init_image() -> Components:
    """Build the upload of a picture to start from and, hidden, the id of the last job."""
    with gr.Accordion(strings.START_PICTURE, open=False):
        gr.Markdown(strings.START_PICTURE_HELP)
        picture = upload(strings.START_PICTURE_FIELD, "begin-with", height=225)
    return {"init_image": picture, "go_on": gr.Textbox(value="", label="go_on", visible="hidden")}


def build_repeat() -> gr.Image:
    """Build the upload of a painted picture whose settings are to be restored."""
    with gr.Accordion(strings.REPEAT, open=False, elem_id="repeat"):
        gr.Markdown(strings.REPEAT_HELP)
        return upload(strings.REPEAT_FIELD, "repeated", height=160)


def repeated(painted: Upload, arguments: Arguments, queue: JobQueue) -> dict[str, Any]:
    """Restore settings and shares from a painted picture's recipe; return the updates by name, and
    say which of the pictures in `arguments` differ."""
    with as_gradio_errors():
        path = upload_path(painted, "picture", queue)
        if path is None:
            raise StyletxError("There is no painted picture to repeat.")
        recipe = read_recipe(path)
        now = locate_images({**arguments, "go_on": ""}, queue)
        others = differing_inputs(recipe, input_fingerprints(now, {}))
    shares = {name: recipe.inputs.get(name, 1.0) for name in SHARES}
    message = strings.repeated(path.name, recipe.version, [n for n in others if n not in SHARES])
    return {**asdict(recipe.settings), **shares, "status": message, "said": message}


def received(file: Upload, queue: JobQueue) -> str:
    """Return what is wrong with an upload or missing from it, as soon as it is there; make a
    picture that browsers can show, where they could not show the file."""
    try:
        with as_gradio_errors():
            path = upload_path(file, "picture", queue)
            if path is None:
                return strings.RECEIVED
            left_out = check_upload(path, queue.limits.max_pixels)
            make_showable(path, queue)
    except gr.Error as error:
        return str(error.message)
    return f"{strings.RECEIVED} {left_out}".strip()


def shown_instead(file: Upload) -> Any:
    """Return the update of a field, where there is another picture to show of its file: of the one
    that is there now, since making that takes a while."""
    path = (file or {}).get("path")
    shown = showable(Path(path)) if path else None
    return str(shown) if shown and shown.is_file() else gr.skip()


def doubled_settings(arguments: Arguments, queue: JobQueue) -> dict[str, int]:
    """Return twice the size of the picture to go on from, and the share of steps that the last
    level would have. Raises `gr.Error` beyond the largest size here."""
    largest = queue.limits.largest(queue.device)
    with as_gradio_errors():
        path = resolve_init_image({"init_image": None, "go_on": arguments["go_on"]}, queue)
        if path is None:
            raise StyletxError("There is no picture to enlarge yet.")
        with Image.open(path) as picture:
            shape = picture.size
        size = 2 * max(shape)
        if size > largest:
            raise StyletxError(
                f"The picture is {size // 2} pixels large, and {largest} are the most here: it "
                "cannot be doubled."
            )
        settings = Settings(size=size, steps=arguments["steps"], method=arguments["method"])
        return {"size": size, "steps": plan(shape, settings)[-1].steps}
