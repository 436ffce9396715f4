"""Optimisation-based neural style transfer.

for event in stylize(content, [Style(picture)], Settings(size=768)):
    ...
"""

from .engine import stylize
from .errors import StyletxError
from .events import Event, Progress, Result, Style
from .recipe import VERSION as __version__
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
