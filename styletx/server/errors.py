"""Requests that are not answered: why, in a status, a word for the figures, and a sentence."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import gradio as gr
from starlette.responses import PlainTextResponse

from styletx import metrics
from styletx.errors import StyletxError, Unwritable

from .call_validation import UNCLEAR

logger = logging.getLogger(__name__)


class Refusal(Exception):
    """A request is not to be answered: with which status, why in a word, and in a sentence."""

    def __init__(self, status: int, reason: str, told: str) -> None:
        self.status, self.reason, self.sentence = status, reason, told


def to_refusal(error: Exception, path: str = "") -> Refusal:
    """Any error in a status, a reason and a sentence, counted; with a ticket, and in the log, if it
    is ours to mend. `path` is that of the request, if it was not yet understood."""
    refused = error if isinstance(error, Refusal) else in_words(error, path)
    metrics.increment("refusals", reason=refused.reason)
    return refused


def in_words(error: Exception, path: str) -> Refusal:
    if isinstance(error, Unwritable) or getattr(error, "strerror", None):
        return Refusal(507, "disk", cannot_keep(error))
    if isinstance(error, StyletxError):
        return Refusal(422, type(error).__name__, str(error))
    if path.startswith("/gradio_api/"):  # where all that is asked is written by programs
        return Refusal(400, "call", UNCLEAR)
    ticket = uuid4().hex[:6]
    logger.error("unexpected failure %s", ticket, exc_info=error)
    return Refusal(
        500, "broken", f"Something broke on our side. Please quote {ticket} when you report it."
    )


@contextmanager
def as_gradio_errors() -> Iterator[None]:
    """Let people on the page read what went wrong."""
    try:
        yield
    except Exception as error:
        raise gr.Error(to_refusal(error).sentence, print_exception=False) from error


def cannot_keep(error: Exception) -> str:
    """Why a file was not written, but not where; which is logged as well."""
    reason = getattr(error.__cause__ or error, "strerror", None) or "the system does not say why"
    logger.error("nothing can be written: %s", reason)
    return f"The server cannot keep files now: {reason}."


def to_response(refused: Refusal) -> PlainTextResponse:
    """As Gradio's own refusals are answered, which its clients and page know how to show; what else
    is being sent is not listened to."""
    content, ended = json.dumps({"detail": refused.sentence}), {"connection": "close"}
    return PlainTextResponse(content, refused.status, ended, media_type="application/json")
