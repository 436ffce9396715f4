"""Where `stylize` runs: in this process, on ZeroGPU, or on a Ray cluster."""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Protocol

from .cluster import Cluster, Share
from .engine import stylize
from .errors import SettingsError, StyletxError
from .events import Events
from .features import best_device, loaded, vgg19
from .objective import Known
from .pace import effort
from .settings import Settings

CHOOSE = "STYLETX_RUNNER"  # the environment variable that names another one
ZERO_GPU = ("SPACES_ZERO_GPU", ("1", "true"))  # what a Space with such hardware says

PACKAGES = {"ray": ("ray",), "zerogpu": ("spaces",)}  # which are nobody's but theirs

BRIEF, LONG = 15, 120  # seconds of a card to ask for, at least and at most
BEGINNING = 5  # seconds until the network is there
SPEED = 2e6  # of `pace.effort` in a second: a tenth of what a card of this kind should reach


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


class Local:
    """In this process, on its best device, one after the other."""

    most = 1

    def __init__(self) -> None:
        self.device, self.known = best_device().type, Known()

    def __call__(self, *given: Any, **more: Any) -> Events:
        return stylize(*given, **more, known=self.known)

    def places(self) -> int:
        return 1

    def warm_up(self) -> None:
        vgg19(best_device())

    def ready(self) -> bool:
        return loaded()

    def close(self) -> None:
        pass


class ZeroGPU(Local):
    """On a card that the Hub lends to a run: in a process that is forked for it, where alone there
    is a device, and to which and from which everything is pickled."""

    def __init__(self) -> None:
        import spaces

        self.device = "cuda"
        self.lent: Callable[..., Events] = spaces.GPU(duration=duration)(stylize)

    def __call__(self, *given: Any, **more: Any) -> Events:
        """As `stylize`. What the Hub refuses is a `StyletxError`, in its own words."""
        from gradio import Error

        try:
            yield from self.lent(*given, **more)
        except Error as error:
            raise StyletxError(error.message) from error

    def warm_up(self) -> None:
        """Nothing: here is no device."""

    def ready(self) -> bool:
        return True


def duration(content: Any, styles: Any, settings: Settings = Settings(), **more: Any) -> int:
    """For how many seconds to ask for a card: the shorter, the sooner it is had. The arguments are
    those of `stylize`."""
    seconds = settings.seconds or effort(settings) / SPEED
    return round(min(LONG, max(BRIEF, BEGINNING + seconds)))


def chosen(environment: Mapping[str, str] = os.environ) -> Runner:
    """The runner that STYLETX_RUNNER names, by default this process or, on a Space that has it,
    ZeroGPU. Raises `SettingsError` where there is no such runner, or not what it needs."""
    variable, values = ZERO_GPU
    default = "zerogpu" if environment.get(variable, "").lower() in values else "local"
    name = environment.get(CHOOSE) or default
    runners: Mapping[str, Callable[[], Runner]] = {
        "local": Local,
        "zerogpu": ZeroGPU,
        "ray": lambda: Cluster(Share.of(environment), Local()),
    }
    if name not in runners:
        raise SettingsError(
            f"{CHOOSE} is {name[:40]!r}, but must be {', '.join(list(runners)[:-1])} or ray."
        )
    for package in PACKAGES.get(name, ()):
        if find_spec(package) is None:
            raise SettingsError(
                f"{CHOOSE} is {name}, which needs a package that is not installed: pip install "
                f"{package}."
            )
    return runners[name]()
