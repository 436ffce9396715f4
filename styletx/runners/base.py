"""What every runner can do."""

from typing import Any, Protocol

from styletx.events import Events

PACKAGES = {"ray": ("ray",), "zerogpu": ("spaces",)}  # which are nobody's but theirs


class Runner(Protocol):
    """What has the shape of `stylize`, for so many runs at a time."""

    most: int  # places that there can ever be
    device: str  # the kind of it that paints

    def __call__(self, *given: Any, **more: Any) -> Events: ...

    def places(self) -> int:
        """How many runs can be painted at once, now."""

    def warm_up(self) -> None:
        """Whatever can be done before the first run. Raises `StyletxError`."""

    def ready(self) -> bool:
        """Whether a run would begin without delay."""

    def close(self) -> None:
        """Let go of everything."""
