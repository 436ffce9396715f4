"""Runs over Gradio: what programs call, and the page as well."""

import inspect
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
from gradio.utils import get_upload_folder

from .errors import StyletxError
from .events import Style
from .images import read
from .reports import Pictures, Told, tell
from .runs import Painter
from .settings import ALLOWED, Settings

logger = logging.getLogger(__name__)

Upload = dict[str, Any] | None  # a file as Gradio describes it, which lies in its cache

AT_ONCE, IN_LINE = 16, 32  # runs that see their place in line, and those let in at all
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
        content, style = uploaded(photo, "a photo"), uploaded(painting, "a painting")
        run = painter.start(read(content), [Style(read(style))], settings)
        folder = Path(get_upload_folder()) / run.id
        yield from tell(painter, run, Pictures(folder, f"{content.stem}-{style.stem}"))


def uploaded(file: Upload, what: str) -> Path:
    """Where an upload lies. Gradio has seen to it that this is in its cache, and no more."""
    if not file or not file.get("path"):
        raise StyletxError(f"Please choose {what}.")
    return Path(file["path"])


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

    def stop(run_id: str) -> bool:
        """Keep the picture so far as the result of a run. False if no such run is going on."""
        return painter.stop(run_id)

    called = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [inspect.Parameter(name, called) for name in ("content", "style", *ALLOWED)]
    endpoint.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]
    outputs = [picture, gr.JSON(visible=False, label="report")]
    gr.Button(visible=False).click(endpoint, inputs, outputs, api_name="stylize", **LANE)

    run_id, stopped = gr.Textbox(visible=False, label="run_id"), gr.JSON(visible=False)
    gr.Button(visible=False).click(stop, run_id, stopped, api_name="stop", queue=False)
