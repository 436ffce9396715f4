"""Local runner: in this process, one run at a time."""

from typing import Any

from styletx.core.device import best_device
from styletx.core.engine import stylize
from styletx.core.terms import StyleStatisticsCache
from styletx.core.threads import limit_threads
from styletx.core.vgg import is_loaded, vgg19
from styletx.events import Events


class Local:
    """Runs in this process, on its best device, one at a time."""

    max_slots = 1

    def __init__(self) -> None:
        limit_threads()
        self.device, self.style_cache = best_device().type, StyleStatisticsCache()

    def __call__(self, *given: Any, **more: Any) -> Events:
        return stylize(*given, **more, style_cache=self.style_cache)

    def slots(self) -> int:
        return 1

    def warm_up(self) -> None:
        vgg19(best_device())

    def ready(self) -> bool:
        return is_loaded()

    def close(self) -> None:
        pass
