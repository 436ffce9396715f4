"""ZeroGPU runner: on a card that the Hugging Face Hub lends for each run."""

from collections.abc import Callable
from typing import Any

from styletx.core.engine import stylize
from styletx.core.timing import estimated_cost
from styletx.errors import StyletxError
from styletx.events import Events
from styletx.settings import Settings

from .local import Local

MIN_S = 15  # of a card to request, at least
MAX_S = 120  # of a card to request, at most
LOAD_S = 5  # seconds until the network is there
COST_PER_S = 2e6  # of `estimated_cost` in a second: a tenth of what such a card should reach


class ZeroGPU(Local):
    """Runs on a card that the Hub lends, in a forked process: only there is a device, and
    everything is pickled on the way."""

    def __init__(self) -> None:
        import spaces

        self.device = "cuda"
        self.lent: Callable[..., Events] = spaces.GPU(duration=duration)(stylize)

    def __call__(self, *given: Any, **more: Any) -> Events:
        """Yield events as `stylize` does. The Hub's refusals become `StyletxError` in its own
        words."""
        from gradio import Error

        try:
            yield from self.lent(*given, **more)
        except Error as error:
            raise StyletxError(error.message) from error

    def warm_up(self) -> None:
        """Do nothing: this process has no device."""

    def ready(self) -> bool:
        return True


def duration(content: Any, styles: Any, settings: Settings = Settings(), **more: Any) -> int:
    """Return the seconds of a card to request: the fewer, the sooner it is granted. Takes the
    arguments of `stylize`."""
    seconds = settings.seconds or estimated_cost(settings) / COST_PER_S
    return round(min(MAX_S, max(MIN_S, LOAD_S + seconds)))
