"""Memory: kept from step to step; and errors of too little as a sentence, with a size that fits."""

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from traceback import clear_frames

import torch

from styletx.errors import OutOfMemory

from .pyramid import COARSEST_SIDE, Level

# For glibc, options of mallopt(3): what it comes to by itself at the most, and while painting
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
USUAL = {M_TRIM_THRESHOLD: 64 << 20, M_MMAP_THRESHOLD: 32 << 20}
KEEP = {M_TRIM_THRESHOLD: -1, M_MMAP_THRESHOLD: 72 << 20}  # a layer of 512x512 pixels, and smaller

# Larger blocks in pages of 2 MB, which take less time to clear; torch reads it when first asked
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Keep what a step frees for the next one, until the end.

    glibc gives large blocks back to the system at once, which clears their pages anew whenever they
    are asked for again: up to a fifth of a step. Blocks that are larger still are given back, since
    what is kept of them does not fit together. Other systems do what they do.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt"):  # as musl, which has none
        yield
        return
    try:
        for option, value in KEEP.items():
            libc.mallopt(option, value)
        yield
    finally:
        for option, value in USUAL.items():
            libc.mallopt(option, value)
        libc.malloc_trim(0)


@contextmanager
def translate_out_of_memory(levels: Sequence[Level], level: Level) -> Iterator[None]:
    """Raise `OutOfMemory`, with advice, for any error that means so."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        # Free what the failed step held, so that the last picture fits
        clear_frames(error.__traceback__)
        width, height = level.size
        raise OutOfMemory(
            f"{width}x{height} pixels do not fit into the memory of this device. "
            + size_that_fits(levels, level)
        ) from error


def size_that_fits(levels: Sequence[Level], level: Level) -> str:
    """Return advice: the size of the level below, which did fit, or half the size."""
    below = levels[: levels.index(level)]
    if below:
        return f"A size of {max(below[-1].size)} did fit."
    half = max(level.size) // 2
    if half >= COARSEST_SIDE // 2:
        return f"Try a size of {half}."
    return "Close other programs or use a larger machine."


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error means so. On the CPU, and in libraries below torch, it has no type of
    its own."""
    message = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in message
        for words in ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")
    )
