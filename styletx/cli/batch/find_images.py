"""Input pictures of a batch, from files, folders and patterns, and the names of its outputs."""

import glob
import hashlib
import mimetypes
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from PIL import Image

from styletx.errors import ImageError, StyletxError
from styletx.imaging.files import read_metadata
from styletx.imaging.opening import ADDRESS, FORMATS, HEIC_ENDINGS, no_such_file
from styletx.text import count, display_name

LISTED_NAMES = 5  # of the files that are skipped, to be told by name
MAX_NAME_BYTES = 180  # of a picture's name: what file systems allow, less what is added to it
FINGERPRINT_DIGITS = 12  # of a fingerprint that tells two pictures of one name apart
CAMERA_ENDINGS = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".jxl", ".psd")
Pair = tuple[Path, Path]  # a photo and a painting


@dataclass
class InputFiles:
    """Input pictures in a stable order, and the files that were skipped."""

    pictures: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)  # no pictures, by their endings
    unread: list[Path] = field(default_factory=list)  # pictures, but of a format that is not read
    painted: list[Path] = field(default_factory=list)  # in the folder that is painted into

    def skipped(self) -> Iterator[str]:
        """Yield sentences about the skipped files."""
        if self.others:
            yield f"Skipped, as no pictures by their names: {listed(self.others)}."
        if self.unread:
            yield (
                f"Skipped, as pictures of a format that is not read here: {listed(self.unread)}. "
                "Please save them as JPEG or PNG."
            )
        if self.painted:
            yield f"Skipped, as painted by this program: {listed(self.painted)}."


def listed(paths: Sequence[Path]) -> str:
    """Return the first few names, and how many more there are."""
    names = [display_name(str(path)) for path in paths[:LISTED_NAMES]]
    more = len(paths) - len(names)
    return ", ".join(names) + (f" and {count(more, 'more file')}" if more else "")


def find_images(words: Sequence[str], out: Path) -> InputFiles:
    """Return the pictures that words name: files, folders (for the pictures directly in them) and
    patterns, each once, whatever the order.

    Pictures in `out` that this program painted are outputs of an earlier start, not photos. Raises
    `StyletxError` if a folder or pattern has no picture.
    """
    found, known = InputFiles(), set()
    candidates = {path for word in words for path in expand(word, found)}
    for path in sorted(candidates):
        place = real_path(path)
        if place in known:
            continue
        known.add(place)
        ours = place.parent == real_path(out) and was_painted(place)
        (found.painted if ours else found.pictures).append(path)
    found.others, found.unread = (sorted(set(paths)) for paths in (found.others, found.unread))
    if not found.pictures:
        asked = ", ".join(map(display_name, words[:LISTED_NAMES]))
        raise StyletxError(
            f"All pictures of {asked} were painted into this very folder; give others."
        )
    return found


def expand(word: str, found: InputFiles) -> list[Path]:
    """Return the visible files that a word names; note skipped ones in `found`."""
    path = Path(word)
    if ADDRESS.match(path.as_posix()):
        raise StyletxError(no_such_file(path))
    try:
        if path.is_dir():
            candidates = [path for path in path.iterdir() if not path.name.startswith(".")]
        elif not glob.has_magic(word) or path.exists():
            return [path]
        else:
            candidates = [path for path in matches(path) if not path.is_dir()]
    except (OSError, ValueError) as error:  # also a name that no system would have
        reason = getattr(error, "strerror", None) or error
        raise StyletxError(f"{display_name(word)} cannot be looked into: {reason}.") from error
    endings = readable()
    pictures = [p for p in candidates if p.suffix.lower() in endings and not p.is_dir()]
    for path in set(candidates) - set(pictures):
        (found.unread if is_picture(path) else found.others).append(path)
    if not pictures:
        raise StyletxError(f"There is no picture in {display_name(word)}.")
    return pictures


def matches(pattern: Path) -> list[Path]:
    """Return what a pattern finds. Its folders as far as they exist are no patterns, and where
    brackets find nothing they are parts of names: both are common, as in `in [2024]/*.jpg`."""
    there = next(folder for folder in pattern.parents if folder.exists())  # at last . or /
    rest = str(pattern.relative_to(there))
    for known in (rest, rest.replace("[", "[[]")):
        found = glob.glob(f"{glob.escape(str(there))}/{known}", recursive=True)  # noqa: PTH207
        if found:
            break
    return [Path(name) for name in found]


def real_path(path: Path) -> Path:
    """Return the path without links. Raises `StyletxError` for an impossible name."""
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:
        raise StyletxError(f"{display_name(str(path))} is not a valid file name.") from error


def readable() -> set[str]:
    """Return the endings of the formats that are read."""
    known = {end for end, kind in Image.registered_extensions().items() if kind in FORMATS}
    return known | set(HEIC_ENDINGS)


def is_picture(path: Path) -> bool:
    """Return whether a file is a picture by its name, of whatever format."""
    kind, _ = mimetypes.guess_type(path.name)
    return (kind or "").startswith("image/") or path.suffix.lower() in CAMERA_ENDINGS


def was_painted(path: Path) -> bool:
    try:
        return bool(read_metadata(path))
    except ImageError:  # which is for its turn to tell
        return False


def output_paths(photos: Iterable[Path], paintings: Iterable[Path], out: Path) -> dict[Pair, Path]:
    """Return the output path of each pair, painting by painting, named after both.

    Where several would have the same name, each gets digits that depend only on the paths of its
    photo and painting, relative to `out`.
    """
    pairs = [(photo, painting) for painting, photo in product(paintings, photos)]
    names = {pair: f"{pair[0].stem}-{pair[1].stem}" for pair in pairs}
    alike = Counter(name.casefold() for name in names.values())
    return {
        pair: out / f"{unique_name(name, pair, out) if is_odd(name, alike) else name}.png"
        for pair, name in names.items()
    }


def is_odd(name: str, alike: Counter[str]) -> bool:
    """Return whether a name is too long or taken; some file systems ignore case."""
    return alike[name.casefold()] > 1 or len(os.fsencode(name)) > MAX_NAME_BYTES


def unique_name(name: str, pair: Pair, out: Path) -> str:
    places = "\n".join(seen_from(out, path) for path in pair)
    digits = hashlib.sha256(os.fsencode(places)).hexdigest()[:FINGERPRINT_DIGITS]
    return f"{os.fsencode(name)[:MAX_NAME_BYTES].decode(errors='ignore')}-{digits}"


def seen_from(out: Path, path: Path) -> str:
    """Return the relative path to a file, which survives moving everything together."""
    try:
        return Path(os.path.relpath(real_path(path), real_path(out))).as_posix()
    except ValueError:  # on another drive
        return real_path(path).as_posix()
