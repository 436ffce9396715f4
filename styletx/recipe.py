"""Recipe of a picture: what it takes to paint it again, carried in its own file."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from styletx.imaging.files import read_metadata

from ._version import VERSION
from .errors import SettingsError, StyletxError
from .events import MAX_PAINTINGS, SHARE, Report
from .settings import FIELDS, Settings

# The names of the paintings, their shares and their masks, where arguments have names
STYLES, SHARES, MASKS = (
    tuple(name if place == 1 else f"{name}_{place}" for place in range(1, MAX_PAINTINGS + 1))
    for name in ("style", "share", "mask")
)

MAX_NOTE_LETTERS = 20_000  # letters: what is longer was not written here
Inputs = Mapping[str, str | float]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a picture was painted.

    `inputs` are the SHA-256 of each file that was looked at, and the shares, by the names that
    /stylize gives its arguments. `version`, `weights` and `device` are those it was painted with:
    with others it will look alike, but not be the same. `finished` says whether all its steps were
    taken.
    """

    settings: Settings
    inputs: Inputs
    version: str
    weights: str
    device: str
    finished: bool


def to_json(report: Report, inputs: Inputs) -> str:
    """Return the recipe of a run as ASCII. It holds no names, no paths and no picture."""
    recipe = {
        "styletx": VERSION,
        "settings": asdict(report.settings),
        "step": report.step,
        "steps": report.steps,
        "weights": report.weights,
        "device": report.device,
        "inputs": dict(inputs),
    }
    return json.dumps(recipe)


def input_fingerprints(pictures: Mapping[str, Path | None], shares: Mapping[str, float]) -> Inputs:
    """Return the fingerprints of the `pictures`, and the `shares` that are not 1."""
    fingerprints = {name: fingerprint(path) for name, path in pictures.items() if path}
    return fingerprints | {name: share for name, share in shares.items() if share != 1}


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file, as `sha256sum` prints it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a picture's file. Raises `StyletxError` if there is none, or if its
    version knows other settings."""
    note = read_metadata(path)
    if not note:
        raise StyletxError(
            f"{path.name} holds no recipe. Only unmodified styletx pictures have one; messengers "
            "often remove it."
        )
    parsed = parse_note(note, path.name)
    version, weights, device = (
        sanitize(parsed.get(name)) for name in ("styletx", "weights", "device")
    )
    unknown = sorted(set(parsed["settings"]) - set(FIELDS))
    if unknown:
        raise StyletxError(
            f"{path.name} was painted by styletx {version}, which knows the setting "
            f"{sanitize(unknown[0])}; this is {VERSION}."
        )
    try:
        settings = Settings(**parsed["settings"])
    except SettingsError as error:  # which would quote what somebody wrote there
        raise StyletxError(
            f"The recipe in {path.name} has settings that are not valid here."
        ) from error
    inputs = {name: value for name, value in parsed["inputs"].items() if is_input(name, value)}
    step = parsed.get("step")
    finished = isinstance(step, int) and step == parsed.get("steps")
    return Recipe(settings, inputs, version, weights, device, finished)


def sanitize(word: object) -> str:
    """Return a word of a recipe if it is neither HTML nor Markdown, else "unknown"."""
    return (
        word if isinstance(word, str) and re.fullmatch(r"[\w.,:/@ +-]{1,100}", word) else "unknown"
    )


def is_input(name: str, value: object) -> bool:
    """Return whether that is a fingerprint or a share."""
    if name in SHARES and isinstance(value, int | float):
        return not isinstance(value, bool) and SHARE.low <= value <= SHARE.high
    known = name in ("content", *STYLES, *MASKS, "keep_mask", "init_image")
    return known and isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value))


def parse_note(note: str, name: str) -> dict[str, Any]:
    """Return the parts of a note, whoever wrote it; `settings` and `inputs` are mappings."""
    try:
        parsed = json.loads(note) if len(note) <= MAX_NOTE_LETTERS else None
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict) or not all(
        isinstance(parsed.get(part), dict) for part in ("settings", "inputs")
    ):
        raise StyletxError(f"The recipe in {name} is damaged and cannot be read.")
    return parsed


def differing_inputs(recipe: Recipe, inputs: Inputs) -> list[str]:
    """Return the names of the recipe's inputs that differ from `inputs`."""
    names = [*recipe.inputs, *(name for name in inputs if name not in recipe.inputs)]
    return [name for name in names if recipe.inputs.get(name) != inputs.get(name)]
