"""Result components: the picture, the comparison with the photo, the downloads."""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from styletx.api.job_files import EXPORT_FORMATS, PHOTO_FILE, private_of
from styletx.api.painting import Components, export_run
from styletx.server.errors import as_gradio_errors
from styletx.ui import strings

from .inputs import small_button

PHOTO_PERCENT = 12  # of the width that the photo takes, so that it is seen that it is there


def build_stage() -> Components:
    """Build the picture, the photo over it, what can be done with it, and the curves: none of which
    is there before there is a picture."""
    parts: Components = {}
    with gr.Column(visible=False, elem_id="stage") as parts["stage"]:
        with gr.Group(elem_id="view"):
            parts["picture"] = gr.Image(
                label=strings.PAINTED,
                show_label=False,
                interactive=False,
                buttons=["fullscreen"],
                alt_text=strings.ALTERNATIVE,
                elem_id="painted",
            )
            parts["compared"] = gr.HTML("", elem_id="compared")
        with gr.Row(elem_id="take"):
            for kind, label in strings.DOWNLOADS.items():
                parts[kind] = gr.DownloadButton(
                    label, visible=False, size="sm", min_width=60, elem_id=f"take-{kind}"
                )
        with gr.Row(elem_id="next"):
            parts["more"] = small_button(strings.CONTINUE, "more", visible=False)
            parts["twice"] = small_button(strings.DOUBLE_SIZE, "twice", visible=False)
            parts["others"] = small_button(strings.OTHER_SETTINGS, "others")
            for name, label in strings.USE_AS.items():
                parts[f"as_{name}"] = small_button(label, f"as-{name}")
            parts["compare"] = small_button(strings.COMPARE, "compare", visible=False)
            parts["delete"] = small_button(strings.DELETE, "delete", visible=False)
        with gr.Accordion(strings.CURVES, open=False, elem_id="curves"):
            parts["curves"] = gr.HTML(no_curves())
    return parts


def no_curves() -> str:
    return f"<p>{strings.NO_CURVES}</p>"


def before_after(picture: Path) -> str:
    """Return a finished picture of a run and, over it, its photo."""
    return comparison_html(private_of(picture) / PHOTO_FILE, picture)


def comparison_html(
    left: Path, right: Path, caption: str = "", percent: int = PHOTO_PERCENT
) -> str:
    """Return two pictures, one over the other for so much of the width, with a range input that
    moves the border. The handle of `gr.ImageSlider` cannot be reached with a keyboard."""
    one, other = (f"gradio_api/file={quote(str(path))}" for path in (left, right))
    slide = "this.parentNode.style.setProperty('--at', this.value + '%')"
    return (
        f'<div class="slider"><img src="{other}" alt="{strings.RIGHT}">'
        f'<img class="left" src="{one}" alt="{strings.LEFT}">'
        f'<input type="range" min="0" max="100" value="{percent}" '
        f'aria-label="{strings.COMPARED}" oninput="{slide}"><p>{escape(caption)}</p></div>'
    )


def resume(can: bool) -> dict[str, Any]:
    """Return the updates of the buttons that go on from a picture."""
    return {name: gr.Button(visible=can) for name in ("more", "twice")}


def disable_resume() -> dict[str, Any]:
    """Return the updates when there is no picture to go on from."""
    return {**resume(False), "go_on": ""}


def shown_updates(picture: Path | str | None, compared: str = "") -> dict[str, Any]:
    """Return the updates that show a picture, and another over it; or none."""
    there = gr.Column(visible=picture is not None)
    return {"picture": picture and str(picture), "compared": compared, "stage": there}


def download_updates(**paths: Path | str | None) -> dict[str, Any]:
    """Return the updates that offer the downloads that exist, and no others."""
    none = {kind: gr.DownloadButton(visible=False) for kind in EXPORT_FORMATS}
    there = {
        kind: gr.DownloadButton(value=str(path), visible=True)
        for kind, path in paths.items()
        if path
    }
    return {**none, **there}


def finished_updates(run_id: str) -> dict[str, Any]:
    """Return the downloads of a finished picture, all of which are made now."""
    with as_gradio_errors():
        return download_updates(**{kind: export_run(run_id, kind) for kind in EXPORT_FORMATS})
