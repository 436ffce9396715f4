"""Options shared by the commands that paint: one for each setting."""

import argparse
from collections.abc import Sequence
from typing import Any

from styletx.core.device import DEVICE_VARIABLE
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


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="where it is painted: auto (the default), cpu, cuda, one of several cards as cuda:1, "
        f"or mps (or {DEVICE_VARIABLE})",
    )


def add_settings(parser: argparse.ArgumentParser, init_picture: bool = False) -> None:
    """Add an option for every setting; with `init_picture`, --init may name a picture as well."""
    for name in FIELDS:
        free = "; or a picture to go on with" if name == "init" and init_picture else ""
        parser.add_argument("--" + name.replace("_", "-"), **option_kwargs(name, free))


def settings_in(given: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given, by name."""
    return {name: value for name, value in vars(given).items() if name in FIELDS}


def option_kwargs(name: str, free: str = "") -> dict[str, Any]:
    """Return argparse's arguments for a setting, with its choices unless it is `free`. An omitted
    option keeps the preset's or the default value."""
    allowed, default = FIELDS[name], getattr(Settings(), name)
    words: Sequence[str] | None = None
    among, more = "", ""
    if isinstance(allowed, NumberField):
        among = f"{allowed.low:g} to {allowed.high:.10g}, "
    elif isinstance(allowed, ChoiceField):
        words = list(allowed.choices)
        meanings = (f"{word}: {meaning}" for word, meaning in allowed.choices.items())
        more = f"; {', '.join(meanings)}"
    return {
        "type": type(default),
        "choices": None if free else words,
        "default": argparse.SUPPRESS,
        "help": f"{allowed.help}{more}{free} ({among}default {default})",
    }
