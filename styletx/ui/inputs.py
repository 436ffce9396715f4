"""Input components: pictures to upload, and a control for every setting."""

import json
import time
from collections.abc import Mapping
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
from styletx.events import precision_of
from styletx.fields import ChoiceField, NumberField
from styletx.recipe import SHARES, STYLES, differing_inputs, input_fingerprints, read_recipe
from styletx.runners.queue import JobQueue
from styletx.server.errors import as_gradio_errors
from styletx.settings import FIELDS, MAX_SIZE, PRESETS, Settings
from styletx.ui import strings

from .outlines import build_outlines

OFFERED = {strings.STANDARD: Settings(), **PRESETS}  # the presets, by what they are called here
LOOKS, MAKING = "looks", "making"  # the groups of settings
IN_SIGHT = ("size", "style_weight")  # settings beside the presets
MADE_BY = (  # settings of how it is made; all others are of how it looks
    "steps",
    "seconds",
    "init",
    "seed",
    "method",
    "optimizer",
    "learning_rate",
    "style_layers",
    "content_layers",
)
MARK_CHANGED = """(preset, ...values) => {{
  const wanted = {presets}[preset], names = {names};
  const changed = names.filter((name, at) => values[at] !== wanted[at]);
  document.body.dataset.changed = changed.join(" ");
}}"""


def build_inputs() -> tuple[gr.Image, gr.Image, tuple[gr.HTML, gr.Button], Components]:
    """Build photo, painting, what of it counts, and the buttons to exchange them."""
    with gr.Row(elem_id="given"):
        photo = upload(strings.PHOTO, "photo", height=176)
        painting = upload(strings.PAINTING, "painting", height=176)
    with gr.Row(elem_id="exchange"):
        swap = small_button(strings.SWAP, "swap")
        surprise = small_button(strings.SURPRISE, "surprise")
        small_button(strings.CAMERA, "camera")  # which page.js opens
        afresh = small_button(strings.AFRESH, "afresh")
    return photo, painting, build_outlines(), {"swap": swap, "surprise": surprise, "afresh": afresh}


def small_button(label: str, name: str, **how: Any) -> gr.Button:
    return gr.Button(label, size="sm", min_width=80, elem_id=name, **how)


def build_bar() -> Components:
    """Build Paint, Stop in its place while it is at work, and the line that says how far it is."""
    with gr.Column(elem_id="bar", min_width=160):
        go = gr.Button(strings.PAINT, variant="primary", elem_id="paint")
        stop = gr.Button(strings.STOP, variant="stop", visible=False, elem_id="stop")
        status = gr.Markdown(strings.WELCOME, elem_id="status")
        said = gr.Markdown("", elem_id="said")
    return {"go": go, "stop": stop, "status": status, "said": said}


def build_presets(largest: int = MAX_SIZE) -> tuple[gr.Radio, Components]:
    """Build the presets, and the settings beside them. `largest` is the largest size offered."""
    presets = gr.Radio(
        list(OFFERED),
        value=strings.STANDARD,
        label=strings.PRESET,
        elem_id="presets",
    )
    controls = {name: control(name) for name in IN_SIGHT}
    controls["size"].maximum = largest  # type: ignore[attr-defined]
    return presets, controls


def build_settings(presets: gr.Radio, controls: Components) -> Components:
    """Build a control for every setting besides the `controls` that there are, in two groups; mark
    what differs from the preset."""
    others = [name for name in FIELDS if name not in controls]
    looks = [name for name in others if name not in MADE_BY]
    for title, group, names in (
        (strings.LOOKS, LOOKS, looks),
        (strings.MAKING, MAKING, MADE_BY),
    ):
        with gr.Accordion(title, open=False, elem_id=group):
            controls = controls | {name: control(name) for name in names}
    reset = small_button(strings.RESET, "reset")

    def turn(name: str) -> list[Any]:
        return list(asdict(OFFERED[name]).values())

    def turn_but_for_own_size(name: str, size: Any) -> list[Any]:
        """A size that is no preset's stays, since somebody chose it."""
        usual, *others = turn(name)
        own = size not in [preset.size for preset in OFFERED.values()]
        return [gr.skip() if own else usual, *others]

    ordered = [controls[name] for name in FIELDS]  # size first
    hidden: dict[str, Any] = {"queue": False, "api_visibility": "private"}
    chosen = [presets, controls["size"]]  # which may be out of its limits
    presets.input(turn_but_for_own_size, chosen, ordered, preprocess=False, **hidden)
    reset.click(turn, presets, ordered, **hidden)
    known = {name: turn(name) for name in OFFERED}
    mark = MARK_CHANGED.format(presets=json.dumps(known), names=json.dumps(list(FIELDS)))
    every = [presets, *ordered]
    changes = [one.change for one in every]  # type: ignore[attr-defined]
    gr.on(changes, None, every, None, js=mark, trigger_mode="always_last")
    return controls


def nearest_preset(chosen: Mapping[str, Any]) -> str:
    """Return the preset from which the fewest of the chosen settings differ."""

    def others(name: str) -> int:
        preset = asdict(OFFERED[name])
        return sum(preset.get(one) != value for one, value in chosen.items())

    return min(OFFERED, key=others)


def control(name: str) -> gr.components.Component:
    """Build the control of a setting."""
    allowed, default = FIELDS[name], getattr(Settings(), name)
    shown: dict[str, Any] = {
        "value": default,
        "label": allowed.label,
        "info": allowed.help,
        "min_width": 160,
        "elem_id": f"set-{name}",
    }
    if isinstance(allowed, ChoiceField):
        return gr.Radio([(label, word) for word, label in allowed.choices.items()], **shown)
    if not isinstance(allowed, NumberField):
        return gr.Textbox(max_lines=1, **shown)
    bounds: dict[str, Any] = {"minimum": allowed.low, "step": allowed.step}
    if name == "seed":
        return gr.Number(maximum=allowed.high, **bounds, **shown)
    return gr.Slider(maximum=min(allowed.high, allowed.reach), **bounds, **shown)


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
    """Build the upload of a picture to start from and, hidden, the id of the last job and the
    precision of a picture to repeat."""
    with gr.Accordion(strings.START_PICTURE, open=False):
        gr.Markdown(strings.START_PICTURE_HELP)
        picture = upload(strings.START_PICTURE_FIELD, "begin-with", height=225)
    hidden = ("go_on", "precision")
    return {
        "init_image": picture,
        **{name: gr.Textbox(value="", label=name, visible="hidden") for name in hidden},
    }


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
    besides = {
        "presets": nearest_preset(asdict(recipe.settings)),
        "precision": precision_of(recipe.device),
    }
    return {**asdict(recipe.settings), **besides, **shares, "status": message, "said": message}


def received(file: Upload, queue: JobQueue, name: str) -> tuple[str, Any]:
    """Return what is wrong with an upload of this `name` or missing from it, as soon as it is
    there, and when a picture of it was made that browsers can show, where they cannot show the
    file."""
    try:
        with as_gradio_errors():
            path = upload_path(file, "picture", queue)
            if path is None:
                return strings.received(name), gr.skip()
            left_out = check_upload(path, queue.limits.max_pixels)
            make_showable(path, queue)
    except gr.Error as error:
        return str(error.message), gr.skip()
    made = time.monotonic() if showable(path).is_file() else gr.skip()
    return f"{strings.received(name)} {left_out}".strip(), made


def shown_instead(*files: Upload) -> list[Any]:
    """Return the updates of fields where there is such a picture of the file that is there now."""
    paths = [(file or {}).get("path") for file in files]
    shown = [showable(Path(path)) if path else None for path in paths]
    return [str(path) if path and path.is_file() else gr.skip() for path in shown]


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
