"""Argument parser and exit status, shared by all commands."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from styletx.errors import StyletxError
from styletx.text import shorten

MAX_ERROR_LETTERS = 300  # letters of a sentence about an option


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one sentence of bounded length."""

    def error(self, message: str) -> NoReturn:
        super().error(
            shorten(message.rstrip("."), MAX_ERROR_LETTERS)
            + ("." if len(message) <= MAX_ERROR_LETTERS else "")
        )


def run_command(work: Callable[[], None]) -> int:
    """Return 0 when the work was done; 1 with a sentence on stderr if it failed."""
    try:
        work()
    except StyletxError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return 1
    return 0
