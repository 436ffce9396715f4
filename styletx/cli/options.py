"""The options that commands which paint share, one for each setting."""

import argparse
from collections.abc import Sequence
from typing import Any

from styletx.fields import ChoiceField, NumberField
from styletx.settings import FIELDS, PRESETS, Settings


def add_preset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--preset", metavar="NAME", help=f"settings to begin with: {', '.join(PRESETS)}"
    )


def add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights",
        help="where VGG19 comes from: embedded (the default), torchvision, hub, "
        "hub:owner/repo/file@revision, or a .safetensors or .pth file",
    )


def add_settings(parser: argparse.ArgumentParser, init_picture: bool = False) -> None:
    """An option for every setting; on request, `init` may be a picture as well."""
    for name in FIELDS:
        free = "; or a picture to go on with" if name == "init" and init_picture else ""
        parser.add_argument("--" + name.replace("_", "-"), **described(name, free))


def settings_in(given: argparse.Namespace) -> dict[str, Any]:
    """The settings that were asked for, by name."""
    return {name: value for name, value in vars(given).items() if name in FIELDS}


def described(name: str, free: str = "") -> dict[str, Any]:
    """A setting in argparse's words, and what it may be `free` of these. Left out, it is what the
    preset or the default says."""
    allowed, default = FIELDS[name], getattr(Settings(), name)
    words: Sequence[str] | None = None
    among, more = "", ""
    if isinstance(allowed, NumberField):
        among = f"{allowed.low:g} to {allowed.high:.10g}, "
    elif isinstance(allowed, ChoiceField):
        words = list(allowed.choices)
        meanings = (f"{word}: {told}" for word, told in allowed.choices.items())
        more = f"; {', '.join(meanings)}"
    return {
        "type": type(default),
        "choices": None if free else words,
        "default": argparse.SUPPRESS,
        "help": f"{allowed.help}{more}{free} ({among}default {default})",
    }
