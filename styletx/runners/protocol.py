"""Protocol of a runner. A new one is a module beside this; `registry` selects it by name."""

from typing import Any, Protocol

from styletx.events import Events


class Runner(Protocol):
    """A callable with the signature of `stylize`, for several runs at a time."""

    max_slots: int  # slots that there can ever be
    device: str  # the kind of it that paints

    def __call__(self, *given: Any, **more: Any) -> Events: ...

    def slots(self) -> int:
        """Return how many runs can be painted at once, now."""

    def warm_up(self) -> None:
        """Prepare the first run: load the network, reach the cluster. Raises `StyletxError`."""

    def ready(self) -> bool:
        """Return whether a run would start without delay."""

    def close(self) -> None:
        """Release all resources."""
