"""Command line: runs the command that the first word names, else paints."""

import sys
from importlib import import_module

from styletx.text import replace_unwritable

MODULES = {  # each with a function of the command's name, imported only for it: most need torch
    "paint": "paint",
    "batch": "batch.command",
    "deploy": "hub.deploy",
    "push": "hub.push",
}


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when the work was done, else 1 with a sentence on stderr; argparse exits with 2."""
    replace_unwritable()
    words = sys.argv[1:] if arguments is None else arguments
    command = "paint"
    if words and words[0] in MODULES.keys() - {"paint"}:  # which may be a photo's name
        command, *words = words
    module = import_module(f".{MODULES[command]}", __package__)
    return int(getattr(module, command)(words))
