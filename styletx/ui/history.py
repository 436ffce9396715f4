"""History of a visit: pictures kept, restored, compared, deleted."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

from styletx.api.images import Upload
from styletx.api.job_files import ARGUMENTS_FILE, THUMBNAIL, private_of
from styletx.api.painting import Components, picture_of
from styletx.errors import StyletxError
from styletx.recipe import MASKS, SHARES, STYLES, read_recipe
from styletx.server.errors import as_gradio_errors
from styletx.server.storage import folder_of
from styletx.settings import FIELDS, Settings
from styletx.text import input_name
from styletx.ui import strings

from .results import (
    comparison_html,
    disable_resume,
    download_updates,
    finished_updates,
    no_curves,
    nothing_compared,
)

HistoryEntry = dict[
    str, Any
]  # a run of this visit: its id, its caption, and all that was given for it
History = Sequence[HistoryEntry]  # the latest first
MAX_ENTRIES = 24  # pictures in the strip


def build_history() -> Components:
    """Build the strip of the pictures of this visit."""
    gr.Markdown(f"**{strings.HISTORY_TITLE}.** {strings.HISTORY_NOTE}", elem_id="yours")
    strip = gr.Gallery(
        [],
        label=strings.HISTORY_TITLE,
        show_label=False,
        columns=8,
        rows=1,
        height=170,
        allow_preview=False,
        interactive=False,
        buttons=[],
        object_fit="cover",
        elem_id="strip",
    )
    with gr.Row():
        compare = gr.Button(strings.COMPARE, size="sm", interactive=False, elem_id="compare")
        delete = gr.Button(strings.DELETE, size="sm", interactive=False, elem_id="delete")
    return {
        "strip": strip,
        "compare": compare,
        "delete": delete,
        "visits": gr.State([]),
        "finished": gr.State({}),  # the last run that was
        "clicked": gr.State([]),  # the ids of the last two
        **{
            # The ids of the strip, and of the run that was begun last: with them a browser that was
            # away finds its pictures again. The secret only has to be the same after a restart.
            name: gr.BrowserState(value, storage_key=f"styletx-{name}", secret="styletx")
            for name, value in (("kept", []), ("latest", ""))
        },
    }


def add_entry(entry: HistoryEntry, visits: History, content: Upload) -> dict[str, Any]:
    """Add a finished job to the history; return the updates by name. If the photo has changed
    meanwhile, its picture cannot be gone on from."""
    if not entry.get("caption") or any(visit["run_id"] == entry["run_id"] for visit in visits):
        return {}
    visits = [entry, *visits][:MAX_ENTRIES]
    changes = {"visits": visits, "kept": ids_of(visits), "finished": entry, **strip_of(visits)}
    same = (content or {}).get("path") == entry["given"]["content"]["path"]
    return changes if same else {**changes, **disable_resume()}


def ids_of(visits: History) -> list[str]:
    return [visit["run_id"] for visit in visits]


def restore_history(kept: object, latest: object) -> dict[str, Any]:
    """Restore the pictures whose ids the browser remembers, as far as they still exist; return the
    updates by name. One that was finished while the page was away is shown."""
    before, newest = texts(kept), texts([latest])
    ids = list(dict.fromkeys([*newest, *before]))[: MAX_ENTRIES + 1]
    visits = [visit for visit in map(visit_of, ids) if visit]
    if not visits:
        return {}
    changes = {"visits": visits, "kept": ids_of(visits), **strip_of(visits)}
    if latest in before or latest != visits[0]["run_id"]:
        return {**changes, "status": strings.HERE_AGAIN}
    return {**changes, **restore_entry(visits, 0, []), "status": strings.FINISHED_AWAY}


def texts(value: object) -> list[str]:
    """Return the strings of a list; browsers may send anything."""
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


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
    thumbnails = [(folder_of(v["run_id"]) / THUMBNAIL, v["caption"]) for v in visits]
    there = [(str(path), caption) for path, caption in thumbnails if path.is_file()]
    return {"strip": gr.Gallery(there, selected_index=None), **selection_updates([])}


def selection_updates(clicked: Sequence[str]) -> dict[str, Any]:
    """Return the last two clicked pictures, and the buttons for them."""
    clicked = list(dict.fromkeys(reversed(clicked)))[:2][::-1]
    return {
        "clicked": clicked,
        "compare": gr.Button(interactive=len(clicked) == 2),
        "delete": gr.Button(interactive=bool(clicked)),
    }


def restore_entry(visits: History, place: int, clicked: Sequence[str]) -> dict[str, Any]:
    """Restore a picture with its inputs and settings; return the updates by name."""
    with as_gradio_errors():
        entry = visit_at(visits, place)
        picture, given = picture_of(entry["run_id"]), entry["given"]
        settings = read_recipe(picture).settings
    paths = {name: (given[name] or {}).get("path") for name in ("content", *STYLES, "init_image")}
    there = {name: path for name, path in paths.items() if path and Path(path).is_file()}
    gone = [input_name(name) for name, path in paths.items() if path and name not in there]
    masked = any(given[name] for name in (*MASKS, "keep_mask"))
    return {
        **{name: there.get(name) for name in paths},
        **{name: given[name] for name in SHARES},
        **{name: getattr(settings, name) for name in FIELDS},
        **finished_updates(entry),
        "picture": str(picture),
        "status": strings.back(entry["caption"], gone, masked, went_on=bool(given["go_on"])),
        "run": entry,
        "finished": entry,
        "go_on": entry["run_id"],
        "more": gr.Button(interactive=True),
        "twice": gr.Button(interactive=True),
        **selection_updates([*clicked, entry["run_id"]]),
    }


def visit_at(visits: History, place: int) -> HistoryEntry:
    """Return the entry at a place of the strip, which shows only those that still exist."""
    there = [v for v in visits if (folder_of(v["run_id"]) / THUMBNAIL).is_file()]
    if not 0 <= place < len(there):
        raise StyletxError(strings.GONE)
    return there[place]


def two_compared(visits: History, clicked: Sequence[str]) -> dict[str, Any]:
    """Compare the last two clicked pictures."""
    captions = {visit["run_id"]: visit["caption"] for visit in visits}
    two = [run_id for run_id in dict.fromkeys(clicked) if run_id in captions]
    if len(two) < 2:
        return {"status": strings.CHOOSE_TWO, "said": strings.CHOOSE_TWO}
    with as_gradio_errors():
        left, right = (picture_of(run_id) for run_id in two)
    caption = strings.left_and_right([captions[run_id] for run_id in two])
    return {"compared": comparison_html(left, right, caption), "tabs": gr.Tabs(selected="compared")}


def deleted(visits: History, clicked: Sequence[str], go_on: str) -> dict[str, Any]:
    """Delete the last clicked picture, here and on the server; also from the page, if it is the one
    to `go_on` from."""
    known = {visit["run_id"] for visit in visits}
    if not clicked or clicked[-1] not in known:
        return {"status": strings.CHOOSE_ONE, "said": strings.CHOOSE_ONE}
    run_id = clicked[-1]
    shutil.rmtree(folder_of(run_id), ignore_errors=True)
    if folder_of(run_id).exists():  # something was still being written there
        return {"status": strings.NOT_DELETED, "said": strings.NOT_DELETED}
    left = [visit for visit in visits if visit["run_id"] != run_id]
    changes = {"visits": left, "kept": ids_of(left), "finished": {}, **strip_of(left)}
    if go_on == run_id:
        empty = {"picture": None, "compared": nothing_compared(), "curves": no_curves()}
        changes |= {**download_updates(), **disable_resume(), **empty}
    return {**changes, "status": strings.DELETED, "said": strings.DELETED}


def caption_of(name: str, settings: Mapping[str, Any]) -> str:
    """Return a caption: the pictures, and the settings that are not at their defaults."""
    defaults = {n: getattr(Settings(), n) for n in FIELDS}
    summary = strings.chosen_settings(settings, defaults)
    return f"{name} · {summary}" if summary else name
