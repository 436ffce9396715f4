"""Validation of the body of an API call, before Gradio parses it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder, is_in_or_equal, is_static_file

from styletx.errors import StyletxError
from styletx.limits import MEGA

CALL_PATHS = tuple(f"/gradio_api/{name}" for name in ("queue/join", "call/", "run/", "api/"))
URL_SCHEMES = ("http://", "https://")
MAX_URLS = 12  # files of a call that are fetched
MAX_SESSION_LETTERS = 100
MAX_FILES = 64  # of a call; those of the page are a dozen, and to look for each takes a while
UNCLEAR = (
    "This call could not be parsed. 'Use via API' at the foot of the page lists the arguments of "
    "each endpoint."
)


def check_call(body: bytes, most_data: float) -> None:
    """Raise `StyletxError` if the body is no JSON object with a fitting session_hash, has too many
    files or URLs, names a file that was not uploaded here, or carries more than `most_data`
    megabytes in one file."""
    try:
        call = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise StyletxError("This call is not valid JSON.") from error
    if not isinstance(call, dict):
        raise StyletxError("A call must be a JSON object.")
    if not 1 <= len(str(call.get("session_hash"))) <= MAX_SESSION_LETTERS:
        raise StyletxError(f"session_hash must have 1 to {MAX_SESSION_LETTERS} letters.")
    fetched = 0
    for number, file in enumerate(files(call), 1):
        if number > MAX_FILES:
            raise StyletxError(f"A call may have at most {MAX_FILES} files.")
        check_file(file, most_data)
        fetched += str(file.get("path")).startswith(URL_SCHEMES)
    if fetched > MAX_URLS:
        raise StyletxError(f"A call may name at most {MAX_URLS} URLs; this one names {fetched}.")


def files(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every value that Gradio could take for a file, however deeply nested."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left.extend(one.values())
            if {"path", "url"} & one.keys():
                yield one
        elif isinstance(one, list):
            left.extend(one)


def check_file(file: dict[str, Any], most_data: float) -> None:
    """Raise `StyletxError` unless the file was uploaded here, belongs to the app, or is a URL; a
    data: URL of more than `most_data` megabytes is refused as well."""
    path, url = file.get("path"), file.get("url")
    for text in (path, url):
        if text is not None and not isinstance(text, str):
            raise StyletxError("A file's path and url must be strings.")
    if url and url.startswith("data:") and len(url) * 3 / 4 > most_data * MEGA:
        raise StyletxError(
            f"This picture is {len(url) * 3 / 4 / MEGA:.1f} MB, and as data in a call at most "
            f"{most_data:g} MB can be taken: upload it instead."
        )
    if not path or path.startswith(URL_SCHEMES):
        return
    if "\0" in path or not (is_in_or_equal(path, get_upload_folder()) or is_static_file(path)):
        raise StyletxError("A file of this call was not uploaded here; upload it first.")
    if not Path(path).is_file():
        raise StyletxError("A file of this call is no longer here; please upload it again.")
