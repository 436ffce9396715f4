"""Chunks of a PNG that Pillow does not handle as browsers do."""

import struct
import zlib

from .guards import MAX_HEADER_READS, TOO_MANY_PIECES, DecompressionBomb
from .metadata import NOTE

TEXTS = (b"tEXt", b"zTXt", b"iTXt")
OUR_TEXT = NOTE.encode() + b"\0"
MAX_PROFILE_BYTES = 2**20  # unpacked; Pillow refuses the whole picture if there are more
START_BYTES, LENGTH_BYTES, FRAME_BYTES = 8, 4, 12  # of the file, and of a chunk around its content


def without_texts(content: bytes) -> bytes:
    """Return a PNG without what is no part of the picture and may make Pillow refuse it: texts but
    our own, a second profile and one that is too large; and without EXIF after the pixels, which
    browsers ignore. Raises `DecompressionBomb` for thousands of pieces beside the pixels."""
    kept, copied, at, others, pixels, has_profile = [], 0, START_BYTES, 0, False, False
    while at + FRAME_BYTES <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        end, inside = at + FRAME_BYTES + length, at + START_BYTES
        pixels = pixels or kind == b"IDAT"
        others += kind != b"IDAT"
        if others > MAX_HEADER_READS:
            raise DecompressionBomb(TOO_MANY_PIECES)
        if (
            (kind in TEXTS and not content.startswith(OUR_TEXT, inside))
            or (kind == b"iCCP" and (has_profile or is_large(content[inside : end - LENGTH_BYTES])))
            or (kind == b"eXIf" and pixels)
        ):
            kept.append(content[copied:at])
            copied = end
        has_profile = has_profile or kind == b"iCCP"
        at = end
    return b"".join([*kept, content[copied:]]) if kept else content


def is_large(chunk: bytes) -> bool:
    """Return whether a profile, packed behind its name, is larger than Pillow reads."""
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(chunk[chunk.find(b"\0") + 2 :], MAX_PROFILE_BYTES)
    except zlib.error:
        return False
    return bool(unpacking.unconsumed_tail)


def read_cicp(content: bytes) -> tuple[int, int] | None:
    """Return the numbers of primaries and of transfer in the chunk cICP before the pixels."""
    at = content.find(b"cICP", 0, content.find(b"IDAT"))
    return None if at < 0 else (content[at + LENGTH_BYTES], content[at + LENGTH_BYTES + 1])
