"""Out-of-memory errors as a sentence, with a size that fits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from traceback import clear_frames

import torch

from styletx.errors import OutOfMemory

from .pyramid import COARSEST_SIDE, Level


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
