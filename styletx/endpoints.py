"""Runs over Gradio: what programs call, and the page as well."""

import inspect
import logging
from collections.abc import Iterator, Sequence
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
from .reports import Files, Told, tell
from .runs import Painter
from .settings import ALLOWED, LARGEST, Settings

logger = logging.getLogger(__name__)

Upload = dict[str, Any] | None  # a file as Gradio describes it, which lies in its cache

AT_ONCE, IN_LINE = 16, 32  # runs that see their place in line, and those that wait for this
NAME = 30  # letters of a name, of up to 4 bytes each: files have room for 255 bytes
LANE: dict[str, Any] = {  # Gradio is to hand on what it gets: we say what is wrong with it
    "concurrency_id": "paint",
    "concurrency_limit": AT_ONCE,
    "preprocess": False,
}


def work(
    painter: Painter, photo: Upload, painting: Upload, chosen: Sequence[Any]
) -> Iterator[Told]:
    """What page and API have in common: a run, told as it goes, in words for people."""
    with speaking_plainly():
        settings = Settings(**dict(zip(ALLOWED, chosen, strict=True)))
        content, style = uploaded(photo, "photo"), uploaded(painting, "painting")
        run = painter.start(
            settings, lambda: (read(content, LARGEST), [Style(read(style, LARGEST))])
        )
        name = f"{content.stem[:NAME]}-{style.stem[:NAME]}"
        yield from tell(painter, run, Files(Path(get_upload_folder()) / run.id, name))


def uploaded(file: Upload, what: str) -> Path:
    """Where an upload lies: Gradio lets through only what is in its cache or our assets.

    Raises `StyletxError` if it is plainly no picture, before it waits in line.
    """
    if not file or not file.get("path"):
        raise StyletxError(f"Please choose a {what}.")
    path = Path(file["path"])
    if not path.is_file():
        raise StyletxError(f"The {what} is no longer here; please upload it again.")
    check(path)
    return path


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
    painter: Painter, inputs: Sequence[gr.components.Component], picture: gr.Image
) -> None:
    """Within `gr.Blocks`: /stylize with every setting by its name, and /stop."""

    def endpoint(content: Upload, style: Upload, *chosen: Any) -> Iterator[Told]:
        """Paint `content` in the manner of `style`.

        Streams the path of the picture so far and a report; the last picture is a PNG.
        """
        yield from work(painter, content, style, chosen)

    def stop(run_id: str) -> dict[str, bool]:
        """Keep the picture so far as the result of a run. False if no such run is going on."""
        return {"stopped": painter.stop(run_id)}

    defaults = {"content": None, "style": None, **asdict(Settings())}
    called = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(n, called, default=v) for n, v in defaults.items()]
    endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    outputs = [picture, gr.JSON(visible=False, label="report")]
    gr.Button(visible=False).click(endpoint, inputs, outputs, api_name="stylize", **LANE)

    run_id, stopped = gr.Textbox(visible=False, label="run_id"), gr.JSON(visible=False)
    gr.Button(visible=False).click(stop, run_id, stopped, api_name="stop", queue=False)
