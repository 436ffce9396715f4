"""History of a visit: pictures kept, restored, compared, deleted."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

from styletx.api.images import Upload, showable
from styletx.api.job_files import ARGUMENTS_FILE, THUMBNAIL, private_of
from styletx.api.painting import Components, picture_of
from styletx.errors import StyletxError
from styletx.recipe import MASKS, SHARES, STYLES, read_recipe
from styletx.server.errors import as_gradio_errors
from styletx.server.storage import folder_of
from styletx.settings import FIELDS, Settings
from styletx.text import input_name
from styletx.ui import strings

from .inputs import nearest_preset
from .results import (
    before_after,
    comparison_html,
    disable_resume,
    download_updates,
    no_curves,
    resume,
    shown_updates,
)

HistoryEntry = dict[str, Any]  # a finished run: its id, its caption, and all that was given for it
History = Sequence[str]  # the ids of the runs in the strip, the latest first
MAX_ENTRIES = 24  # pictures in the strip


def build_history() -> Components:
    """Build the strip of the pictures of this visit, which is there once it holds one."""
    with gr.Column(visible=False, elem_id="yours") as yours:
        gr.Markdown(f"**{strings.HISTORY_TITLE}.** {strings.HISTORY_HELP}")
        strip = gallery(strings.HISTORY_TITLE, "strip")
        with gr.Row():
            compare = gr.Button(strings.COMPARE, size="sm", visible=False, elem_id="compare")
            delete = gr.Button(strings.DELETE, size="sm", visible=False, elem_id="delete")
    return {
        "yours": yours,
        "strip": strip,
        "compare": compare,
        "delete": delete,
        # Ids, which the page holds itself: it goes on when the server has forgotten its visit
        "visits": gr.JSON([], visible=False),
        "clicked": gr.JSON([], visible=False),  # the last two
        "run": gr.Textbox("", visible=False),  # the last run that was begun or brought back
        "finished": gr.Textbox("", visible=False),  # the last run that was
        "lost": gr.Textbox("", visible=False),  # a run that goes on, to which the page is back
    }


def gallery(label: str, name: str, tiles: Sequence[tuple[str, str]] = ()) -> gr.Gallery:
    """Build a gallery of pictures with captions, to be clicked."""
    return gr.Gallery(
        tiles,
        label=label,
        show_label=False,
        container=False,
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id=name,
        elem_classes="tiles",
    )


def add_entry(run_id: str, visits: History, content: Upload) -> dict[str, Any]:
    """Add a finished job to the history; return the updates by name. If the photo has changed
    meanwhile, its picture cannot be gone on from."""
    entry = visit_of(run_id)
    if entry is None or run_id in visits:
        return {}
    changes = {"finished": run_id, **strip_of([run_id, *visits][:MAX_ENTRIES])}
    then = Path(entry["given"]["content"]["path"])
    same = (content or {}).get("path") in (str(then), str(showable(then)))
    return changes if same else {**changes, **disable_resume()}


def visit_of(run_id: object) -> HistoryEntry | None:
    """Return a finished job as a history entry; None if it has expired."""
    try:
        picture = picture_of(run_id)
        given = json.loads((private_of(picture) / ARGUMENTS_FILE).read_text())
        caption = caption_of(picture.stem, asdict(read_recipe(picture).settings))
    except (StyletxError, OSError, ValueError, StopIteration):  # or half of it, being deleted
        return None
    return {"run_id": run_id, "caption": caption, "given": given}


def strip_of(visits: History) -> dict[str, Any]:
    """Return the strip with the pictures that still exist, none selected."""
    there = [entry for entry in map(visit_of, visits) if entry]
    tiles = [(str(folder_of(entry["run_id"]) / THUMBNAIL), entry["caption"]) for entry in there]
    return {
        "yours": gr.Column(visible=bool(there)),
        "visits": [entry["run_id"] for entry in there],
        "strip": gr.Gallery(tiles, selected_index=None),
        **selection_updates([]),
    }


def selection_updates(clicked: Sequence[str]) -> dict[str, Any]:
    """Return the last two clicked pictures, and the buttons for them."""
    clicked = list(dict.fromkeys(reversed(clicked)))[:2][::-1]
    return {
        "clicked": clicked,
        "compare": gr.Button(visible=len(clicked) == 2),
        "delete": gr.Button(visible=bool(clicked)),
    }


def restore_entry(visits: History, place: int, clicked: Sequence[str]) -> dict[str, Any]:
    """Restore a picture with its inputs and settings; return the updates by name."""
    with as_gradio_errors():
        entry = visit_of(visits[place]) if 0 <= place < len(visits) else None
        if entry is None:
            raise StyletxError(strings.GONE)
        return {**picture_updates(entry), **selection_updates([*clicked, entry["run_id"]])}


def picture_updates(entry: HistoryEntry) -> dict[str, Any]:
    """Return the updates that show a finished picture with its inputs and settings."""
    picture, given = picture_of(entry["run_id"]), entry["given"]
    settings = asdict(read_recipe(picture).settings)
    inputs, gone = input_updates(given)
    masked = any(given[name] for name in (*MASKS, "keep_mask"))
    return {
        **inputs,
        **settings,
        "presets": nearest_preset(settings),
        **download_updates(png=picture),
        **shown_updates(picture, before_after(picture)),
        "status": strings.back(entry["caption"], gone, masked, went_on=bool(given["go_on"])),
        "run": entry["run_id"],
        "finished": entry["run_id"],
        "go_on": entry["run_id"],
        "precision": given.get("precision", ""),
        **resume(True),
    }


def input_updates(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the updates that bring back the pictures and shares given for a run, and the names of
    those pictures that are gone."""
    paths = {name: (given[name] or {}).get("path") for name in ("content", *STYLES, "init_image")}
    there = {name: path for name, path in paths.items() if path and Path(path).is_file()}
    gone = [input_name(name) for name, path in paths.items() if path and name not in there]
    return {name: there.get(name) for name in paths} | {name: given[name] for name in SHARES}, gone


def two_compared(visits: History, clicked: Sequence[str]) -> dict[str, Any]:
    """Compare the last two clicked pictures."""
    found = [visit_of(run_id) for run_id in dict.fromkeys(clicked) if run_id in visits]
    two = [entry for entry in found if entry]
    if len(two) < 2:
        return {"status": strings.CHOOSE_TWO, "said": strings.CHOOSE_TWO}
    with as_gradio_errors():
        left, right = (picture_of(entry["run_id"]) for entry in two)
    caption = strings.left_and_right([entry["caption"] for entry in two])
    return {"compared": comparison_html(left, right, caption)}


def deleted(visits: History, clicked: Sequence[str], go_on: str) -> dict[str, Any]:
    """Delete the last clicked picture, here and on the server; also from the page, if it is the one
    to `go_on` from."""
    if not clicked or clicked[-1] not in visits:
        return {"status": strings.CHOOSE_ONE, "said": strings.CHOOSE_ONE}
    run_id = clicked[-1]
    shutil.rmtree(folder_of(run_id), ignore_errors=True)
    if folder_of(run_id).exists():  # something was still being written there
        return {"status": strings.NOT_DELETED, "said": strings.NOT_DELETED}
    changes = {"finished": "", **strip_of([one for one in visits if one != run_id])}
    if go_on == run_id:
        changes |= {**download_updates(), **disable_resume(), **shown_updates(None)}
        changes["curves"] = no_curves()
    return {**changes, "status": strings.DELETED, "said": strings.DELETED}


def caption_of(name: str, settings: Mapping[str, Any]) -> str:
    """Return a caption: the pictures, and the settings that are not at their defaults."""
    defaults = {n: getattr(Settings(), n) for n in FIELDS}
    summary = strings.chosen_settings(settings, defaults)
    return f"{name} · {summary}" if summary else name
