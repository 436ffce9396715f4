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
from styletx.api.painting import Components, picture_of, short_name
from styletx.errors import StyletxError
from styletx.recipe import MASKS, SHARES, STYLES, read_recipe
from styletx.server.errors import as_gradio_errors
from styletx.server.storage import folder_of
from styletx.settings import FIELDS
from styletx.text import input_name
from styletx.ui import strings

from .inputs import OFFERED, nearest_preset
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
    return {
        "yours": yours,
        "strip": strip,
        # Ids, which the page holds itself: it goes on when the server has forgotten its visit
        "visits": gr.JSON([], visible=False),
        "seen": gr.JSON([], visible=False),  # the one on show, after the one before it
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


def add_entry(run_id: str, visits: History, seen: Sequence[str], content: Upload) -> dict[str, Any]:
    """Add a finished job to the history; return the updates by name. If the photo has changed
    meanwhile, its picture cannot be gone on from."""
    entry = visit_of(run_id)
    if entry is None or run_id in visits:
        return {}
    strip = strip_of([run_id, *visits][:MAX_ENTRIES])
    changes = {"finished": run_id, **strip, **seen_updates([*seen, run_id])}
    then = Path(entry["given"]["content"]["path"])
    same = (content or {}).get("path") in (str(then), str(showable(then)))
    return changes if same else {**changes, **disable_resume()}


def visit_of(run_id: object) -> HistoryEntry | None:
    """Return a finished job as a history entry; None if it has expired."""
    try:
        picture = picture_of(run_id)
        given = json.loads((private_of(picture) / ARGUMENTS_FILE).read_text())
        paintings = [Path(given[style]["path"]) for style in STYLES if given[style]]
        names = [picture.stem, *map(short_name, paintings[1:])]
        caption = caption_of(" + ".join(names), asdict(read_recipe(picture).settings))
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
    }


def seen_updates(seen: Sequence[str]) -> dict[str, Any]:
    """Return the picture on show and the one before it, and the buttons for them."""
    seen = list(dict.fromkeys(reversed(seen)))[:2][::-1]
    return {
        "seen": seen,
        "compare": gr.Button(strings.COMPARE, visible=len(seen) == 2),
        "delete": gr.Button(visible=bool(seen)),
    }


def restore_entry(visits: History, place: int, seen: Sequence[str]) -> dict[str, Any]:
    """Restore a picture with its inputs and settings; return the updates by name."""
    with as_gradio_errors():
        entry = visit_of(visits[place]) if 0 <= place < len(visits) else None
        if entry is None:
            raise StyletxError(strings.GONE)
        return picture_updates(entry, seen)


def picture_updates(entry: HistoryEntry, seen: Sequence[str] = ()) -> dict[str, Any]:
    """Return the updates that show a finished picture, after those `seen` before, with its inputs
    and settings."""
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
        **seen_updates([*seen, entry["run_id"]]),
        "status": strings.back(gone, masked, went_on=bool(given["go_on"])),
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


def two_compared(visits: History, seen: Sequence[str], with_photo: bool = False) -> dict[str, Any]:
    """Compare the picture on show with the one before it, or again with its photo."""
    wanted = seen[-1:] if with_photo else seen
    entries = [entry for entry in map(visit_of, wanted) if entry and entry["run_id"] in visits]
    if not entries or len(entries) < len(wanted):
        return {"status": strings.GONE, "said": strings.GONE, **seen_updates(seen[-1:])}
    with as_gradio_errors():
        *before, shown = (picture_of(entry["run_id"]) for entry in entries)
    if not before:
        return {"compared": before_after(shown), "compare": strings.COMPARE}
    caption = strings.left_and_right([entry["caption"] for entry in entries])
    compared = comparison_html(before[0], shown, caption, percent=50)
    return {"compared": compared, "compare": strings.COMPARE_PHOTO}


def deleted(visits: History, seen: Sequence[str]) -> dict[str, Any]:
    """Delete the picture on show, here and on the server; nothing if the browser names none, where
    the answer was no."""
    if not seen:
        return {}
    if seen[-1] not in visits:
        return {"status": strings.GONE, "said": strings.GONE}
    run_id = seen[-1]
    shutil.rmtree(folder_of(run_id), ignore_errors=True)
    if folder_of(run_id).exists():  # something was still being written there
        return {"status": strings.NOT_DELETED, "said": strings.NOT_DELETED}
    return {
        "finished": "",
        **strip_of([one for one in visits if one != run_id]),
        **seen_updates([]),
        **download_updates(),
        **disable_resume(),
        **shown_updates(None),
        "curves": no_curves(),
        "status": strings.DELETED,
        "said": strings.DELETED,
    }


def caption_of(name: str, settings: Mapping[str, Any]) -> str:
    """Return a caption: size, preset, the settings that differ from it, and the pictures."""
    preset = nearest_preset(settings)
    usual = asdict(OFFERED[preset])
    others = [one for one in settings if one != "size" and settings[one] != usual[one]]
    chosen = [f"{FIELDS[one].label} {settings[one]}" for one in others]
    words = [f"{settings['size']} px", *([preset] if preset != strings.STANDARD else []), *chosen]
    return f"{', '.join(words)} · {name.replace('_', ' ')}"
