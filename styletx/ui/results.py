"""Result components: the picture, the comparison with the photo, the downloads."""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from styletx.api.job_files import EXPORT_FORMATS, PHOTO_FILE, private_of
from styletx.api.painting import Components, export_run, picture_of
from styletx.server.errors import as_gradio_errors
from styletx.ui import strings


def build_results() -> Components:
    """Build the picture, its comparison with the photo, the status, and the downloads."""
    parts: Components = {}
    with gr.Tabs(elem_id="views") as tabs:
        with gr.Tab(strings.PICTURE, id="picture"):
            parts["picture"] = gr.Image(
                label=strings.PAINTED,
                show_label=False,
                interactive=False,
                buttons=["fullscreen"],
                alt_text=strings.ALTERNATIVE,
                elem_id="painted",
            )
        with gr.Tab(strings.BEFORE_AFTER, id="compared"):
            parts["compared"] = gr.HTML(nothing_compared(), elem_id="compared")
    parts["tabs"] = tabs
    parts["status"] = gr.Markdown(strings.WELCOME, elem_id="status")
    parts["said"] = gr.Markdown("", elem_id="said")
    parts["curves"] = gr.HTML(no_curves(), elem_id="curves")
    with gr.Row(elem_id="take"):
        for kind, label in strings.DOWNLOADS.items():
            parts[kind] = gr.DownloadButton(
                label, interactive=False, size="sm", min_width=60, elem_id=f"take-{kind}"
            )
    with gr.Row():
        parts["more"] = disabled_button(strings.CONTINUE, "more")
        parts["twice"] = disabled_button(strings.DOUBLE_SIZE, "twice")
    return parts


def disabled_button(label: str, name: str) -> gr.Button:
    return gr.Button(label, interactive=False, size="sm", elem_id=name)


def no_curves() -> str:
    return f"<p>{strings.CURVES}</p>"


def nothing_compared() -> str:
    return f'<p class="empty">{strings.NOTHING_TO_COMPARE}</p>'


def comparison_html(left: Path, right: Path, caption: str = "") -> str:
    """Return two pictures, one over the other, with a range input that moves the border. The handle
    of `gr.ImageSlider` cannot be reached with a keyboard."""
    one, other = (f"gradio_api/file={quote(str(path))}" for path in (left, right))
    slide = "this.parentNode.style.setProperty('--at', this.value + '%')"
    return (
        f'<div class="slider"><img src="{other}" alt="{strings.RIGHT}">'
        f'<img class="left" src="{one}" alt="{strings.LEFT}">'
        f'<input type="range" min="0" max="100" value="50" aria-label="{strings.COMPARED}" '
        f'oninput="{slide}"></div><p>{escape(caption)}</p>'
    )


def disable_resume() -> dict[str, Any]:
    """Return the updates when there is no picture to go on from."""
    asleep = {name: gr.Button(interactive=False) for name in ("more", "twice")}
    return {**asleep, "go_on": ""}


def download_updates(**paths: Path | str | None) -> dict[str, Any]:
    """Return the updates that enable the downloads that exist, and disable the others."""
    asleep = {kind: gr.DownloadButton(interactive=False) for kind in EXPORT_FORMATS}
    there = {
        kind: gr.DownloadButton(value=str(path), interactive=True)
        for kind, path in paths.items()
        if path
    }
    return {**asleep, **there}


def finished_updates(run_id: str) -> dict[str, Any]:
    """Return the comparison and the downloads of a finished picture."""
    with as_gradio_errors():
        picture = picture_of(run_id)
        files = download_updates(**{kind: export_run(run_id, kind) for kind in EXPORT_FORMATS})
    slider = comparison_html(private_of(picture) / PHOTO_FILE, picture, strings.PHOTO_LEFT)
    return {**files, "compared": slider}
