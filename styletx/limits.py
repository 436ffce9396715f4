"""Limits of a server, each with its default and environment variable."""

import math
import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from .errors import SettingsError
from .settings import MAX_SIZE, Settings
from .text import quote

MEGA = 10**6
PREFIX = "STYLETX_"  # of the environment variables: STYLETX_QUEUE is `queue`
CPU_SIZE = 2048  # pixels that two cores paint in two minutes
ON_A_SPACE = ("SYSTEM", "spaces")  # variable and value that mark a Space of the Hugging Face Hub


def env_field(default: float, help: str, least: float = 1) -> Any:
    """Return a dataclass field of a number, with its help for operators."""
    return field(default=default, metadata={"help": help, "least": least})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Limits of a server. The defaults suit two cores and 16 GB."""

    max_upload: float = env_field(40, "MB of an uploaded file, or of one that is fetched")
    max_body: float = env_field(8, "MB of any other request")
    max_data: float = env_field(4, "MB of a picture that is given as a data: address")
    max_pixels: float = env_field(
        40, "million pixels of a picture that is read, 40 at most; of a JPEG six times as many"
    )
    max_size: int = env_field(
        0, f"pixels of a result; 0 is {CPU_SIZE} on a CPU, {MAX_SIZE} on a graphics card", 0
    )
    max_work: float = env_field(1000, "million pixels of a run: its steps times its size squared")
    max_seconds: float = env_field(900, "seconds that a run may paint; then what there is is kept")
    runs_per_visitor: int = env_field(1, "runs of one visitor at a time")
    runs_per_address: int = env_field(4, "runs at a time from one address")
    queue: int = env_field(16, "runs at a time, with the one that is painted")
    calls: int = env_field(256, "calls of the page and of programs that wait at a time")
    calls_per_address: int = env_field(16, "calls that wait at a time from one address")
    requests_per_second: float = env_field(
        20, "requests from one address, or 50 times as many at once"
    )
    connections: int = env_field(100, "requests at a time from one address")
    uploads_per_hour: float = env_field(500, "MB that one address may send")
    place_kept: float = env_field(
        60, "seconds that a page keeps its place from others once its connection is lost"
    )
    max_cache: float = env_field(4000, "MB of pictures that lie on the server")
    proxies: int = env_field(0, "proxies before the server that tell it addresses; on a Space 1", 0)

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "ServerLimits":
        """Return the limits that the environment sets. Raises `SettingsError`."""
        named, value = ON_A_SPACE
        given: dict[str, Any] = {"proxies": 1} if environment.get(named) == value else {}
        return cls(**given | from_environment(environment, PREFIX, cls))

    def largest(self, device: str) -> int:
        """Return the largest size on this kind of device, in pixels."""
        return self.max_size or (CPU_SIZE if device == "cpu" else MAX_SIZE)

    def check(self, settings: Settings, device: str) -> None:
        """Raise `SettingsError` for a run beyond the limits of one client."""
        size, steps, most = settings.size, settings.steps, self.largest(device)
        if size > most:
            raise SettingsError(
                f"size is {size}, but here at most {most} pixels are painted for each visitor; the "
                f"command line paints up to {MAX_SIZE}."
            )
        allowed = int(self.max_work * MEGA / size**2)
        if steps > allowed and not settings.seconds:  # which max_seconds bound as well
            raise SettingsError(
                f"{steps} steps at {size} pixels are more than one run may take here: choose at "
                f"most {allowed} steps, or a smaller size."
            )


def from_environment(environment: Mapping[str, str], prefix: str, kind: type) -> dict[str, float]:
    """Return the fields of `kind` that environment variables set, by name. Raises `SettingsError`
    for a value that is no number."""
    names = {one.name: prefix + one.name.upper() for one in fields(kind)}
    return {
        one.name: number(names[one.name], environment[names[one.name]], one)
        for one in fields(kind)
        if environment.get(names[one.name])
    }


def number(name: str, text: str, wanted: "Field[Any]") -> float:
    """Return a variable's value in the field's type, not below its least."""
    whole, least = wanted.type is int, wanted.metadata["least"]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= least) or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise SettingsError(f"{name} is {quote(text)}, but must be {kind} of at least {least:g}.")
    return int(value) if whole else value
