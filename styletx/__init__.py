"""Optimisation-based neural style transfer.

for event in stylize(content, [Style(picture)], Settings(size=768)):
    ...
"""

from ._version import VERSION as __version__
from .engine import stylize
from .errors import StyletxError
from .events import Event, Progress, Result, Style
from .settings import ALLOWED, PRESETS, Settings

__all__ = [
    "ALLOWED",
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
