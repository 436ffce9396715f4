"""What a visitor gets: the picture as it is painted, beside the photo, to take away, and kept."""

import shutil
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from . import words
from .endpoints import (
    Components,
    Upload,
    exported,
    picture_of,
    speaking_plainly,
)
from .errors import StyletxError
from .recipe import read_recipe
from .regions import MASKS, SHARES, STYLES
from .reports import BEFORE, KINDS, THUMBNAIL, private_of
from .settings import ALLOWED, Settings
from .storage import folder_of

Visit = dict[str, Any]  # a run of this visit: its id, its caption, and all that was given for it
Visits = Sequence[Visit]  # the latest first
MOST = 24  # pictures in the strip


def lay_out_results() -> Components:
    """The picture, the same beside the photo, where it stands, and what can be done with it."""
    parts: Components = {}
    with gr.Tabs(elem_id="views") as tabs:
        with gr.Tab(words.PICTURE, id="picture"):
            parts["picture"] = gr.Image(
                label=words.PAINTED,
                show_label=False,
                interactive=False,
                buttons=["fullscreen"],
                alt_text=words.ALTERNATIVE,
                elem_id="painted",
            )
        with gr.Tab(words.BEFORE_AFTER, id="compared"):
            parts["compared"] = gr.HTML(nothing_compared(), elem_id="compared")
    parts["tabs"] = tabs
    parts["status"] = gr.Markdown(words.WELCOME, elem_id="status")
    parts["said"] = gr.Markdown("", elem_id="said")
    parts["curves"] = gr.HTML(no_curves(), elem_id="curves")
    with gr.Row(elem_id="take"):
        for kind, label in words.TAKE.items():
            parts[kind] = gr.DownloadButton(
                label, interactive=False, size="sm", min_width=60, elem_id=f"take-{kind}"
            )
    with gr.Row():
        parts["more"] = gr.Button(words.MORE, interactive=False, size="sm", elem_id="more")
        parts["twice"] = gr.Button(words.TWICE, interactive=False, size="sm", elem_id="twice")
    return parts


def lay_out_visits() -> Components:
    """The strip of the pictures of this visit."""
    gr.Markdown(f"**{words.YOURS}.** {words.KEPT}", elem_id="yours")
    strip = gr.Gallery(
        [],
        label=words.YOURS,
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
        compare = gr.Button(words.COMPARE, size="sm", interactive=False, elem_id="compare")
        delete = gr.Button(words.DELETE, size="sm", interactive=False, elem_id="delete")
    return {
        "strip": strip,
        "compare": compare,
        "delete": delete,
        "visits": gr.State([]),
        "finished": gr.State({}),  # the last run that was
        "clicked": gr.State([]),  # the ids of the last two
    }


def no_curves() -> str:
    return f"<p>{words.CURVES}</p>"


def nothing_compared() -> str:
    return f'<p class="empty">{words.NOTHING_TO_COMPARE}</p>'


def compared(left: Path, right: Path, told: str = "") -> str:
    """Two pictures, one over the other, with a slider that says how much of the left one is seen.

    It is a range input, since the handle of `gr.ImageSlider` cannot be reached with a keyboard.
    """
    one, other = (f"gradio_api/file={quote(str(path))}" for path in (left, right))
    slide = "this.parentNode.style.setProperty('--at', this.value + '%')"
    return (
        f'<div class="slider"><img src="{other}" alt="{words.RIGHT}">'
        f'<img class="left" src="{one}" alt="{words.LEFT}">'
        f'<input type="range" min="0" max="100" value="50" aria-label="{words.COMPARED}" '
        f'oninput="{slide}"></div><p>{escape(told)}</p>'
    )


def collected(run: Visit, visits: Visits, content: Upload) -> dict[str, Any]:
    """Take a run that has come to its end into the visit: what changes on the page, by name. Where
    there is another photo by now, its picture is not one to go on from."""
    if not run.get("caption") or any(visit["run_id"] == run["run_id"] for visit in visits):
        return {}
    visits = [run, *visits][:MOST]
    told = {"visits": visits, "finished": run, **strip_of(visits)}
    same = (content or {}).get("path") == run["given"]["content"]["path"]
    return told if same else {**told, **not_to_go_on()}


def not_to_go_on() -> dict[str, Any]:
    """There is no picture that the next run could begin with."""
    asleep = {name: gr.Button(interactive=False) for name in ("more", "twice")}
    return {**asleep, "go_on": ""}


def to_take(**paths: Path | str | None) -> dict[str, Any]:
    """The kinds of a picture that can be taken away now, and the others that cannot."""
    asleep = {kind: gr.DownloadButton(interactive=False) for kind in KINDS}
    there = {
        kind: gr.DownloadButton(value=str(path), interactive=True)
        for kind, path in paths.items()
        if path
    }
    return {**asleep, **there}


def strip_of(visits: Visits) -> dict[str, Any]:
    """The strip with these pictures, as far as they are still there, of which none is chosen."""
    thumbnails = [(folder_of(v["run_id"]) / THUMBNAIL, v["caption"]) for v in visits]
    there = [(str(path), caption) for path, caption in thumbnails if path.is_file()]
    return {"strip": gr.Gallery(there, selected_index=None), **now_clicked([])}


def now_clicked(clicked: Sequence[str]) -> dict[str, Any]:
    """The last two pictures of the strip that were clicked, and what can be done with them."""
    clicked = list(dict.fromkeys(reversed(clicked)))[:2][::-1]
    return {
        "clicked": clicked,
        "compare": gr.Button(interactive=len(clicked) == 2),
        "delete": gr.Button(interactive=bool(clicked)),
    }


def seen(run: Visit) -> dict[str, Any]:
    """A finished picture beside its photo, and as files to take away."""
    with speaking_plainly():
        picture = picture_of(run["run_id"])
        files = to_take(**{kind: exported(run["run_id"], kind) for kind in KINDS})
    slider = compared(private_of(picture) / BEFORE, picture, words.PHOTO_LEFT)
    return {**files, "compared": slider}


def brought_back(visits: Visits, place: int, clicked: Sequence[str]) -> dict[str, Any]:
    """A picture of the strip with all that was given for it: what changes on the page, by name."""
    with speaking_plainly():
        run = visit_at(visits, place)
        picture, given = picture_of(run["run_id"]), run["given"]
        settings = read_recipe(picture).settings
    paths = {name: (given[name] or {}).get("path") for name in ("content", *STYLES, "begun")}
    there = {name: path for name, path in paths.items() if path and Path(path).is_file()}
    gone = [words.picture(name) for name, path in paths.items() if path and name not in there]
    masked = any(given[name] for name in (*MASKS, "keep"))
    return {
        **{name: there.get(name) for name in paths},
        **{name: given[name] for name in SHARES},
        **{name: getattr(settings, name) for name in ALLOWED},
        **seen(run),
        "picture": str(picture),
        "status": words.back(run["caption"], gone, masked, went_on=bool(given["go_on"])),
        "run": run,
        "finished": run,
        "go_on": run["run_id"],
        "more": gr.Button(interactive=True),
        "twice": gr.Button(interactive=True),
        **now_clicked([*clicked, run["run_id"]]),
    }


def visit_at(visits: Visits, place: int) -> Visit:
    """The visit whose picture stands at a place of the strip, which shows those still there."""
    there = [v for v in visits if (folder_of(v["run_id"]) / THUMBNAIL).is_file()]
    if not 0 <= place < len(there):
        raise StyletxError(words.GONE)
    return there[place]


def two_compared(visits: Visits, clicked: Sequence[str]) -> dict[str, Any]:
    """The last two pictures of the strip that were clicked, one over the other."""
    captions = {visit["run_id"]: visit["caption"] for visit in visits}
    two = [run_id for run_id in dict.fromkeys(clicked) if run_id in captions]
    if len(two) < 2:
        return {"status": words.CHOOSE_TWO, "said": words.CHOOSE_TWO}
    with speaking_plainly():
        left, right = (picture_of(run_id) for run_id in two)
    told = words.left_and_right([captions[run_id] for run_id in two])
    return {"compared": compared(left, right, told), "tabs": gr.Tabs(selected="compared")}


def deleted(visits: Visits, clicked: Sequence[str], go_on: str) -> dict[str, Any]:
    """The picture of the strip that was clicked last is gone, here and on the server; also from the
    page, if it is the one to `go_on` from."""
    known = {visit["run_id"] for visit in visits}
    if not clicked or clicked[-1] not in known:
        return {"status": words.CHOOSE_ONE, "said": words.CHOOSE_ONE}
    run_id = clicked[-1]
    shutil.rmtree(folder_of(run_id), ignore_errors=True)
    if folder_of(run_id).exists():  # something was still being written there
        return {"status": words.NOT_DELETED, "said": words.NOT_DELETED}
    left = [visit for visit in visits if visit["run_id"] != run_id]
    told = {"visits": left, "finished": {}, **strip_of(left)}
    if go_on == run_id:
        empty = {"picture": None, "compared": nothing_compared(), "curves": no_curves()}
        told |= {**to_take(), **not_to_go_on(), **empty}
    return {**told, "status": words.DELETED, "said": words.DELETED}


def caption_of(name: str, settings: Mapping[str, Any]) -> str:
    """What a picture is called in the strip: its pictures, and what was not left at its default."""
    defaults = {n: getattr(Settings(), n) for n in ALLOWED}
    told = words.chosen_settings(settings, defaults)
    return f"{name} · {told}" if told else name
