"""What the commands of the command line have in common: how they refuse, and how they end."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from styletx.errors import StyletxError
from styletx.text import shorten

MOST = 300  # letters of a sentence about an option


class Parser(argparse.ArgumentParser):
    """Says what is wrong in a sentence, however long that is which is wrong."""

    def error(self, message: str) -> NoReturn:
        super().error(shorten(message.rstrip("."), MOST) + ("." if len(message) <= MOST else ""))


def run_command(work: Callable[[], None]) -> int:
    """0 when the work was done; 1 with a sentence on stderr when it could not be."""
    try:
        work()
    except StyletxError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return 1
    return 0
