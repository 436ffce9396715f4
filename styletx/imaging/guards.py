"""Guards against decompression bombs: small files that would take minutes or gigabytes to read."""

import io
import re
import struct
import warnings
import zlib
from pathlib import Path
from typing import IO, Any, cast

from PIL import Image, TiffImagePlugin

MAX_SCANS = 50  # programs write 10 to 20; each passes over all pixels, however few bytes it has
MAX_HEADER_READS = 10_000  # reads of a file up to its pixels
MAX_READS = 100_000  # reads of a file with its pixels
MAX_STRIPS = 20_000
OFFSET_TAGS = (273, 324)  # the entries of a TIFF that say where its strips and tiles are
PILLOW_ERRORS = (  # what Pillow raises for a file that is not whole
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    TypeError,
    ArithmeticError,
    LookupError,
    MemoryError,
    Warning,
    struct.error,
    zlib.error,
)
TOO_MANY_PIECES = (
    "is cut into so many pieces that reading it takes too long. Please save it anew with another "
    "program, without comments and EXIF."
)
MARKER = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")  # the others mean nothing between scans
SCAN = b"\xda"
END = b"\xd9"
SCAN_BEGINS = b"\xff" + SCAN


class DecompressionBomb(Exception):
    """A file that must not be read. The caller puts the file's name before the message."""


class MeteredFile:
    """A file that raises `DecompressionBomb` beyond so many reads and bytes. No honest picture has
    thousands of comments, or a directory whose entries share one megabyte."""

    def __init__(self, file: IO[bytes], pieces: int, size: float = float("inf")) -> None:
        self.file, self.pieces, self.size = file, pieces, size

    def read(self, size: int = -1) -> bytes:
        content = self.file.read(size)
        self.pieces -= 1
        self.size -= len(content)
        if self.pieces < 0 or self.size < 0:
            raise DecompressionBomb(TOO_MANY_PIECES)
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def check_scans(path: Path, picture: Image.Image) -> None:
    """Raise `DecompressionBomb` for a JPEG with hundreds of scans."""
    if picture.format != "JPEG":
        return
    content = path.read_bytes()
    if content.count(SCAN_BEGINS) <= MAX_SCANS:  # as in every honest one, which is soon known
        return
    scans, position = 0, 2
    for _ in range(MAX_HEADER_READS):
        marker = MARKER.search(content, position)
        if not marker or marker[1] == END or marker.end() + 2 > len(content):
            return
        scans += marker[1] == SCAN
        if scans > MAX_SCANS:
            break
        position = marker.end() + struct.unpack_from(">H", content, marker.end())[0]
    raise DecompressionBomb(
        f"is a JPEG in more than {MAX_SCANS} scans, which takes too long to read. Please save it "
        "anew, not progressive."
    )


load_directory = TiffImagePlugin.ImageFileDirectory_v2.load


def install_pillow_guards() -> None:
    """Have Pillow, in all of this process, read no more of a TIFF's directory than the file holds,
    and print no warnings: what is wrong with a picture is said in sentences.

    EXIF is read as soon as a file is opened, and in a buffer of its own, where no `MeteredFile`
    around the file counts. A directory's entries lie beside each other, and so hold no more
    than the file does; twice as much is for those that share a value.
    """
    warnings.filterwarnings("ignore", module="PIL|pillow_heif", append=True)  # if nobody asks
    TiffImagePlugin.ImageFileDirectory_v2.load = load_ifd_limited  # type: ignore[assignment, method-assign]


def load_ifd_limited(directory: TiffImagePlugin.ImageFileDirectory_v2, file: IO[bytes]) -> None:
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    load_directory(directory, cast(IO[bytes], MeteredFile(file, MAX_HEADER_READS, 2 * size)))
    if any(len(directory._tagdata.get(tag, b"")) > 4 * MAX_STRIPS for tag in OFFSET_TAGS):
        raise DecompressionBomb(TOO_MANY_PIECES)
