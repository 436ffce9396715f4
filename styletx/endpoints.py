"""Runs over Gradio: what programs call, and the page as well."""

import inspect
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
from gradio.utils import get_upload_folder

from .errors import StyletxError
from .events import Style
from .images import check, read
from .regions import MOST_PAINTINGS, check_styles
from .reports import Files, Told, tell
from .runs import Painter
from .settings import ALLOWED, LARGEST, Settings, preset

logger = logging.getLogger(__name__)

Upload = dict[str, Any] | None  # a file as Gradio describes it, which lies in its cache
Given = Mapping[str, Any]  # what there is by the names of `DEFAULTS`

STYLES, SHARES, MASKS = (
    tuple(name if place == 1 else f"{name}_{place}" for place in range(1, MOST_PAINTINGS + 1))
    for name in ("style", "share", "mask")
)
DEFAULTS: Given = {
    "content": None,
    "style": None,
    **asdict(Settings()),
    "preset": "",
    **dict.fromkeys(STYLES[1:]),
    **dict.fromkeys(SHARES, 1.0),
    **dict.fromkeys(MASKS),
    "keep": None,
    "begun": None,
    "go_on": "",
}

AT_ONCE, IN_LINE = 16, 32  # runs that see their place in line, and those that wait for this
NAME = 30  # letters of a name, of up to 4 bytes each: files have room for 255 bytes
LANE: dict[str, Any] = {  # Gradio is to hand on what it gets: we say what is wrong with it
    "concurrency_id": "paint",
    "concurrency_limit": AT_ONCE,
    "preprocess": False,
}


def work(painter: Painter, given: Given) -> Iterator[Told]:
    """What page and API have in common: a run, told as it goes, in words for people."""
    with speaking_plainly():
        settings = wished(given)
        content = uploaded(given["content"], "photo")
        if content is None:
            raise StyletxError("Please choose a photo.")
        paintings = [
            (uploaded(given[style], "painting"), given[share], uploaded(given[mask], "mask"))
            for style, share, mask in zip(STYLES, SHARES, MASKS, strict=True)
        ]
        check_styles(paintings)
        more = {"keep": uploaded(given["keep"], "mask"), "begun": begun(given)}
        run = painter.start(settings, lambda: pictures(content, paintings, more))
        names = [content, *(path for path, _, _ in paintings if path)][:2]
        name = "-".join(path.stem[:NAME] for path in names)
        yield from tell(painter, run, Files(folder_of(run.id), name))


def wished(given: Given) -> Settings:
    """The settings, with those of a preset where they were left at their defaults: Gradio does
    not tell what was left out from what was chosen to be the default."""
    chosen = {name: given[name] for name in ALLOWED}
    if given["preset"]:
        chosen = {name: value for name, value in chosen.items() if value != DEFAULTS[name]}
    return preset(given["preset"], chosen)


def pictures(
    content: Path, paintings: list[tuple[Path | None, Any, Path | None]], more: Given
) -> Given:
    """What `stylize` is to look at, read now."""

    def seen(path: Path | None) -> Any:
        return None if path is None else read(path, LARGEST)

    styles = [Style(seen(path), share, seen(mask)) for path, share, mask in paintings if path]
    besides = {name: seen(path) for name, path in more.items() if path}
    return {"content": seen(content), "styles": styles, **besides}


def uploaded(file: Upload, what: str) -> Path | None:
    """Where an upload lies: Gradio lets through only what is in its cache or our assets.

    Raises `StyletxError` if it is plainly no picture, before it waits in line.
    """
    if not file or not file.get("path"):
        return None
    path = Path(file["path"])
    if not path.is_file():
        raise StyletxError(f"The {what} is no longer here; please upload it again.")
    check(path)
    return path


def begun(given: Given) -> Path | None:
    """The picture to go on with: an upload, or what came of an earlier run."""
    picture, run_id = uploaded(given["begun"], "picture to go on with"), given["go_on"]
    if not run_id:
        return picture
    if picture:
        raise StyletxError("Please give either a picture to go on with or a run, not both.")
    known = isinstance(run_id, str) and re.fullmatch("[0-9a-f]{32}", run_id)
    if not known or not folder_of(run_id).is_dir():
        raise StyletxError("The picture of that run is no longer here; please paint it again.")
    finished = list(folder_of(run_id).glob("*.png"))
    if not finished:
        raise StyletxError("That run has not come to a picture yet; please wait, or stop it.")
    return finished[0]


def folder_of(run_id: str) -> Path:
    """Where the pictures of a run lie."""
    return Path(get_upload_folder()) / run_id


@contextmanager
def speaking_plainly() -> Iterator[None]:
    """Let people read the errors meant for them, and spare them the others."""
    try:
        yield
    except StyletxError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except Exception as error:
        ticket = uuid4().hex[:6]
        logger.exception("unexpected failure %s", ticket)
        raise gr.Error(
            f"Something broke on our side. Please quote {ticket} when you report it.",
            print_exception=False,
        ) from error


def offer_endpoints(
    painter: Painter, inputs: Mapping[str, gr.components.Component], picture: gr.Image
) -> None:
    """Within `gr.Blocks`: /stylize with every setting and every picture by its name, and /stop.
    `inputs` are the page's components; those it lacks are made, unseen."""
    unseen = {
        "preset": gr.Textbox(value="", label="preset", visible=False),
        MASKS[0]: gr.Image(label=MASKS[0], visible=False),
    }
    inputs = {**inputs, **unseen}

    def endpoint(*given: Any) -> Iterator[Told]:
        """Paint `content` in the manner of `style`.

        Streams the path of the picture so far and a report; the last picture is a PNG. Up to four
        paintings share the work, each in its mask if it has one. `preset` fills in what is left at
        its default, so a default cannot be chosen beside it. `go_on` is the run_id of a finished
        run, whose picture is gone on with.
        """
        yield from work(painter, dict(zip(DEFAULTS, given, strict=True)))

    def stop(run_id: str) -> dict[str, bool]:
        """Keep the picture so far as the result of a run. False if no such run is going on."""
        return {"stopped": painter.stop(run_id)}

    called = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(n, called, default=v) for n, v in DEFAULTS.items()]
    endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    ordered = [inputs[name] for name in DEFAULTS]
    outputs = [picture, gr.JSON(visible=False, label="report")]
    gr.Button(visible=False).click(endpoint, ordered, outputs, api_name="stylize", **LANE)

    run_id, stopped = gr.Textbox(visible=False, label="run_id"), gr.JSON(visible=False)
    gr.Button(visible=False).click(stop, run_id, stopped, api_name="stop", queue=False)
