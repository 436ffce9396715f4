"""Errors as refusals: a status, a reason for the metrics, and a sentence."""

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
    """A refused request: HTTP status, reason for the metrics, and a sentence for the client."""

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        self.status, self.reason, self.sentence = status, reason, sentence


def to_refusal(error: Exception, path: str = "") -> Refusal:
    """Return and count the refusal for any error. An unexpected one is logged under a ticket; with
    a `path` of the API it is a call that Gradio cannot parse, and is not logged."""
    refused = error if isinstance(error, Refusal) else in_words(error, path)
    metrics.REFUSALS.labels(refused.reason).inc()
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
    """Raise every error as a `gr.Error` with a sentence that the page can show."""
    try:
        yield
    except Exception as error:
        raise gr.Error(to_refusal(error).sentence, print_exception=False) from error


def cannot_keep(error: Exception) -> str:
    """Return why a file could not be written, and log it. The path stays private."""
    reason = getattr(error.__cause__ or error, "strerror", None) or "the system does not say why"
    logger.error("nothing can be written: %s", reason)
    return f"The server cannot keep files now: {reason}."


def to_response(refused: Refusal) -> PlainTextResponse:
    """Return the refusal as JSON, as Gradio's clients and page expect it, and close the
    connection."""
    content, ended = json.dumps({"detail": refused.sentence}), {"connection": "close"}
    return PlainTextResponse(content, refused.status, ended, media_type="application/json")
