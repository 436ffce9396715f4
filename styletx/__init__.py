"""Optimisation-based neural style transfer.

for event in stylize(content, [Style(picture)], Settings(size=768)):
    ...
"""

from typing import TYPE_CHECKING, Any

from ._version import VERSION as __version__
from .errors import StyletxError
from .events import Event, Progress, Result, Style
from .settings import FIELDS, PRESETS, Settings

if TYPE_CHECKING:
    from .core.engine import stylize

__all__ = [
    "FIELDS",
    "PRESETS",
    "Event",
    "Progress",
    "Result",
    "Settings",
    "Style",
    "StyletxError",
    "__version__",
    "stylize",
]


def __getattr__(name: str) -> Any:
    """Import `stylize`, and with it torch, only when it is used."""
    if name != "stylize":
        raise AttributeError(f"module 'styletx' has no attribute {name!r}")
    from .core.engine import stylize

    return stylize
