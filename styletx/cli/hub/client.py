"""Hugging Face Hub client: names, login, and its refusals as sentences."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from styletx.errors import StyletxError
from styletx.text import shorten

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TIMEOUT_S = 120  # seconds without an answer; by itself the Hub's library would wait for ever
MAX_REASON_LETTERS = 300  # letters of what the Hub says
LOG_IN = "set HF_TOKEN to a token that may write there, or run `hf auth login`"
NO_ACCESS = (401, 403, 404)  # HTTP statuses: what a token may not see, the Hub says is not there


def check_name(name: str, kind: str) -> None:
    """Raise `StyletxError` unless the name has the form OWNER/NAME, before the Hub is asked."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
        fits = name.count("/") == 1
    except HFValidationError:
        fits = False
    if not fits:
        raise StyletxError(
            f"{name[:100]!r} is no name of a {kind}; write OWNER/NAME, in letters, digits, '-', "
            "'_' and '.', with at most 96 of them each."
        )


def check_private(name: str, wanted: bool, private: bool | None) -> None:
    """Raise `StyletxError` if something private would be put where everybody sees it."""
    if wanted and not private:
        raise StyletxError(
            f"{name} is there already and public; make it private in its settings on the Hub, or "
            "leave out --private. Nothing was sent."
        )


@contextmanager
def hub_session(name: str, hidden: Iterable[str] = ()) -> Iterator["HfApi"]:
    """Yield the Hub, logged in, for work on `name`. Every failure becomes a `StyletxError` that
    quotes none of the `hidden` words."""
    from huggingface_hub import HfApi, get_session

    get_session().timeout = TIMEOUT_S
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    hub = HfApi(endpoint=endpoint or None)
    try:
        hub.whoami()
        yield hub
    except StyletxError:
        raise
    except Exception as error:
        raise StyletxError(hub_error_message(error, name, hub.endpoint, hidden)) from error


def hub_error_message(
    error: Exception, name: str, endpoint: str, hidden: Iterable[str] = ()
) -> str:
    """Return what went wrong and what to do, in a sentence."""
    from huggingface_hub.errors import LocalTokenNotFoundError

    if isinstance(error, LocalTokenNotFoundError):
        return f"You are not logged in to the Hub; {LOG_IN}."
    said = getattr(error, "server_message", None) or str(error) or type(error).__name__
    for word in filter(None, hidden):  # before any is cut in two
        said = said.replace(word, "…")
    reason = shorten(said, MAX_REASON_LETTERS).rstrip(".")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None:
        return (
            f"The Hub at {endpoint} does not answer as it should: {reason}. Check the connection, "
            "and HF_ENDPOINT and HF_HUB_OFFLINE where they are set."
        )
    remedy = LOG_IN if status in NO_ACCESS else "try again later"
    return f"The Hub refuses that for {name} (status {status}): {reason}; {remedy}."
