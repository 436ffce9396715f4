"""The push command, which adds painted pictures and their recipes to a dataset:
python -m styletx push painted.png OWNER/NAME
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from styletx.cli.parser import Parser, run_command
from styletx.errors import StyletxError
from styletx.imaging.files import read_metadata
from styletx.imaging.opening import open_checked
from styletx.recipe import MASKS, SHARES, STYLES, fingerprint, parse_note, read_recipe

from .client import check_name, check_private, hub_session

if TYPE_CHECKING:
    from huggingface_hub import HfApi

ROWS = "metadata.jsonl"  # where the Hub's viewer looks for what belongs to the pictures beside it
PICTURES = ("content", *STYLES, *MASKS, "keep_mask", "init_image")
LETTERS = 16  # of a picture's SHA-256: its name
Rows = Mapping[str, tuple[Path, Mapping[str, Any]]]


def push(arguments: list[str]) -> int:
    """Return 0 when the pictures are there, else 1 with a sentence on stderr; argparse exits with
    2."""
    return run_command(partial(push_pictures, parser().parse_args(arguments)))


def parser() -> argparse.ArgumentParser:
    parser = Parser(
        "python -m styletx push",
        description="Push pictures painted here to a dataset of the Hugging Face Hub, with their "
        "recipes.",
    )
    parser.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE", help="painted here")
    parser.add_argument("dataset", metavar="OWNER/NAME", help="the dataset; made if there is none")
    parser.add_argument("--private", action="store_true", help="make it for its owner alone")
    return parser


def push_pictures(given: argparse.Namespace) -> None:
    """Read the recipes, add pictures and rows, print the link. Raises `StyletxError` for a picture
    without a recipe, before anything is sent."""
    check_name(given.dataset, "dataset")
    rows = {row["file_name"]: (path, row) for path, row in map(row_of, given.pictures)}
    with hub_session(given.dataset) as hub:
        private = given.private or None
        hub.create_repo(given.dataset, repo_type="dataset", private=private, exist_ok=True)
        there = hub.dataset_info(given.dataset)
        check_private(given.dataset, given.private, there.private)
        number = add(hub, given.dataset, str(there.sha), rows)
        link = f"{hub.endpoint}/datasets/{given.dataset}"
    sys.stdout.write(f"{number} of {len(rows)} new\n{link}\n")


def row_of(path: Path) -> tuple[Path, dict[str, Any]]:
    """Return a picture's path and its row, with the same columns for each. Raises `StyletxError` if
    it carries no recipe."""
    recipe = read_recipe(path)
    note = parse_note(read_metadata(path), path.name)
    step, last = (note.get(name) for name in ("step", "steps"))
    with open_checked(path) as picture:
        ending = str(picture.format).lower()
    row = {
        "file_name": f"{fingerprint(path)[:LETTERS]}.{ending}",
        "version": recipe.version,
        "weights": recipe.weights,
        "device": recipe.device,
        "step": step if isinstance(step, int) else None,
        "last_step": last if isinstance(last, int) else None,
        **asdict(recipe.settings),
        **{f"{name}_sha256": recipe.inputs.get(name) for name in PICTURES},
    }
    for share, style in zip(SHARES, STYLES, strict=True):
        row[share] = float(recipe.inputs.get(share, 1)) if style in recipe.inputs else None
    return path, row


def add(hub: "HfApi", dataset: str, head: str, rows: Rows) -> int:
    """Commit the rows that are new since commit `head`; return their number. The Hub refuses if
    another commit came in between."""
    from huggingface_hub import CommitOperationAdd

    before = rows_at(hub, dataset, head)
    known = names_in(before, dataset)
    new = {name: row for name, row in rows.items() if name not in known}
    if not new:
        return 0
    lines = [before.rstrip(b"\r\n"), *(json.dumps(row).encode() for _, row in new.values())]
    operations = [
        CommitOperationAdd(ROWS, b"\n".join(line for line in lines if line) + b"\n"),
        *(CommitOperationAdd(name, path) for name, (path, _) in new.items()),
    ]
    message = f"{len(new)} painted by styletx"
    hub.create_commit(
        dataset, operations, commit_message=message, repo_type="dataset", parent_commit=head
    )
    return len(new)


def rows_at(hub: "HfApi", dataset: str, commit: str) -> bytes:
    """Return the metadata file at that commit, b"" if there is none."""
    from huggingface_hub.errors import RemoteEntryNotFoundError

    with TemporaryDirectory() as folder:
        try:
            path = hub.hf_hub_download(
                dataset, ROWS, repo_type="dataset", revision=commit, cache_dir=folder
            )
            return Path(path).read_bytes()
        except RemoteEntryNotFoundError:  # and no other error: rows that are there must stay
            return b""


def names_in(rows: bytes, dataset: str) -> set[Any]:
    """Return the pictures that have a row. Raises `StyletxError` if a line is no JSON row."""
    names = set()
    for number, line in enumerate(rows.splitlines(), start=1):
        try:
            names.add(str(json.loads(line).get("file_name")) if line.strip() else "")
        except (AttributeError, ValueError, RecursionError) as error:
            raise StyletxError(
                f"Line {number} of {ROWS} in {dataset} is no row; put it right there first. "
                "Nothing was sent."
            ) from error
    return names
