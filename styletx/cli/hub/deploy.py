"""The deploy command, which puts the app on a Space: python -m styletx deploy OWNER/NAME"""

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from styletx._version import VERSION
from styletx.cli.parser import Parser, run_command
from styletx.errors import StyletxError

from .client import check_name, check_private, hub_session

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import SpaceInfo

ROOT = Path(__file__).parents[3]
ALONE = ("app.py", "requirements.txt", "README.md", "LICENSE")
NEEDED = (*ALONE, "assets/page.css")  # without these it is no clone, but only the package
FOLDERS = {  # what is sent of each, by its ending; the scripts in assets paint pictures
    "styletx": (".py", ".md", ".safetensors", ".yaml"),
    "assets": (".avif", ".css", ".jpg", ".js", ".md", ".png", ".svg"),
}
OURS = ("styletx/", "assets/")  # what else lies in these on the Space was sent by an older version
BY_THE_HUB = {".gitattributes", "README.md"}  # what it puts into a new Space
THUMBNAIL = re.compile(rb"^(thumbnail: \S+/spaces/)[^/\s]+/[^/\s]+/", re.MULTILINE)
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def deploy(arguments: list[str]) -> int:
    """Return 0 when the app is on the Space, else 1 with a sentence on stderr; argparse exits with
    2."""
    asked = parser()
    given, more = asked.parse_known_args(arguments)
    if more:  # maybe a secret that nobody should read again
        names = " ".join(word.partition("=")[0] for word in more)
        asked.error(f"unrecognized arguments: {names}")
    return run_command(partial(deploy_space, given))


def parser() -> argparse.ArgumentParser:
    parser = Parser(
        "python -m styletx deploy",
        description="Put this app on a Space of the Hugging Face Hub, or bring it up to date.",
    )
    parser.add_argument("space", metavar="OWNER/NAME", help="the Space; made if there is none")
    parser.add_argument("--hardware", metavar="NAME", help="what it is to run on, as t4-small")
    parser.add_argument("--private", action="store_true", help="make it for its owner alone")
    for kind, what in (("secret", "nobody can read"), ("variable", "everybody can read")):
        parser.add_argument(
            f"--{kind}",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"an environment variable of the Space that {what}, from this environment if it "
            "is NAME alone; once for each",
        )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be sent")
    return parser


def deploy_space(given: argparse.Namespace) -> None:
    """Set the variables, upload the app, print its link. Raises `StyletxError`."""
    check_name(given.space, "Space")
    secrets = parse_assignments(given.secret, "secret")
    variables = parse_assignments(given.variable, "variable")
    sent = files_to_upload(given.space)
    if given.dry_run:
        show(sent, {"secret": secrets, "variable": variables})
        return
    with hub_session(given.space, hidden=secrets.values()) as hub:
        link = f"{hub.endpoint}/spaces/{given.space}"
        hub.create_repo(
            given.space,
            repo_type="space",
            space_sdk="gradio",
            private=given.private or None,
            exist_ok=True,
        )
        there = hub.space_info(given.space)
        check_private(given.space, given.private, there.private)
        paths = paths_of(there)
        for name, value in secrets.items():
            hub.add_space_secret(given.space, name, value)
        for name, value in variables.items():
            hub.add_space_variable(given.space, name, value)
        if given.hardware:
            hub.request_space_hardware(given.space, given.hardware)
        send(hub, given.space, sent, paths)
    sys.stdout.write(f"{link}\n")


def parse_assignments(words: Iterable[str], kind: str) -> dict[str, str]:
    """Return each NAME=VALUE as a pair; a NAME alone takes its value from the environment. Raises
    `StyletxError` without quoting the word, which may be a secret."""
    found = {}
    for word in words:
        name, given, value = word.partition("=")
        if not NAME.fullmatch(name) or not (given or name in os.environ):
            raise StyletxError(
                f"A --{kind} is written NAME=VALUE, with a NAME of letters, digits and _; NAME "
                "alone takes the value that this environment has by that name."
            )
        found[name] = value if given else os.environ[name]
    return found


def files_to_upload(space: str) -> dict[str, bytes]:
    """Return the app's files by their paths on the Space, with README.md's thumbnail adapted.
    Raises `StyletxError` if the package was installed without the app."""
    below = [
        path
        for folder, endings in FOLDERS.items()
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in endings and is_ours(path)
    ]
    paths = [*(ROOT / name for name in ALONE), *below]
    found = {path.relative_to(ROOT).as_posix(): path for path in paths if path.is_file()}
    for name in NEEDED:
        if name not in found:
            raise StyletxError(
                f"There is no {name} in {ROOT}: styletx was installed there without its app. "
                "Deploy it from a clone of its repository."
            )
    sent = {name: path.read_bytes() for name, path in found.items()}
    sent["README.md"] = THUMBNAIL.sub(rb"\g<1>" + space.encode() + b"/", sent["README.md"], 1)
    return sent


def is_ours(path: Path) -> bool:
    """Return whether a file is neither hidden nor a link."""
    hidden = any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    return not hidden and not path.is_symlink()


def show(sent: Mapping[str, bytes], besides: Mapping[str, Iterable[str]]) -> None:
    """Print what would be sent, without the values of secrets."""
    for name, file in sent.items():
        sys.stdout.write(f"{len(file):>10,}  {name}\n")
    total = sum(map(len, sent.values()))
    sys.stdout.write(f"{total:>10,}  bytes in {len(sent)} files\n")
    for kind, names in besides.items():
        for name in names:
            sys.stdout.write(f"{kind} {name}\n")


def paths_of(there: "SpaceInfo") -> set[str]:
    """Return the paths of the Space's files. Raises `StyletxError` if they are another app's."""
    paths = {file.rfilename for file in there.siblings or ()}
    if "styletx/__init__.py" not in paths and paths - BY_THE_HUB:
        raise StyletxError(
            f"{there.id} holds another app, which this one would overwrite; choose another name, "
            "or delete that Space first."
        )
    return paths


def send(hub: "HfApi", space: str, sent: Mapping[str, bytes], there: Iterable[str]) -> None:
    """Commit what is new and delete what is gone, in one commit: a Space is built after each."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    gone = sorted(path for path in there if path.startswith(OURS) and path not in sent)
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationDelete(path) for path in gone),
        *(CommitOperationAdd(path, content) for path, content in sent.items()),
    ]
    message = f"styletx {VERSION}"
    hub.create_commit(space, operations, commit_message=message, repo_type="space")
