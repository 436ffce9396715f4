"""Text from elsewhere as it can stand in a sentence: short, on one line, without markup."""

import io
import sys


def replace_unwritable() -> None:
    """Have letters that the encoding of the output lacks written as "?": where it is not UTF-8, a
    picture's name would otherwise fail once the picture is there."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def shorten(text: str, most: int) -> str:
    """Return the text on one line, cut after `most` letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"


def quote(value: object) -> str:
    """Return any value as Python would write it, in at most 40 letters."""
    try:
        return shorten(repr(value), 40)
    except (ValueError, RecursionError):  # an integer of thousands of digits, too deep a list
        return f"a huge {type(value).__name__}"


def display_name(name: str, most: int = 80) -> str:
    """Return a file's name or path on one line, its middle left out where it has more than `most`
    letters, without the signs that a page takes for markup."""
    shown = "".join(
        letter if letter.isprintable() and letter not in "<>" else "?" for letter in name
    )
    return shown if len(shown) <= most else f"{shown[: most // 2]}…{shown[-most // 2 + 1 :]}"


def input_name(name: str) -> str:
    """Return the name of an API argument in plain English."""
    whole = {"keep_mask": "what is to stay the photo", "init_image": "the picture to begin with"}
    if name in whole:
        return whole[name]
    stem, _, place = name.partition("_")
    stem = {"content": "photo", "style": "painting"}.get(stem, stem)
    return f"{stem} {place}".strip()


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
