"""Options of a Ray Serve application and its pages, from environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from styletx.errors import SettingsError
from styletx.limits import env_field, from_environment

RAY_PREFIX = "STYLETX_RAY_"  # of the environment variables: STYLETX_RAY_CPUS is `cpus`
URL_VARIABLE, TOKEN_VARIABLE = f"{RAY_PREFIX}URL", f"{RAY_PREFIX}TOKEN"
REQUIRED = {
    URL_VARIABLE: "the address of the application, as http://HEAD:8000/",
    TOKEN_VARIABLE: "a long random word, the same for the cluster and its pages",
}
SLOT_TOLERANCE = 1e-6  # of a slot, by which fractions that add up to one may miss it


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions:
    """Resources that each run takes of a Ray cluster, and how many there may be."""

    cpus: float = env_field(2, "processors of a node that a run takes", 0.1)
    gpus: float = env_field(0, "graphics cards of a node that a run takes, or a part of one", 0)
    min_workers: int = env_field(1, "workers that are always there")
    max_workers: int = env_field(64, "workers that there may be, where the cluster has room")
    queue: int = env_field(256, "runs that may wait for a worker at each of the two gateways")
    fallback: int = env_field(0, "1: where the cluster is gone, the page's machine paints", 0)

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "RayOptions":
        """Return the options that the environment sets. Raises `SettingsError`."""
        return cls(**from_environment(environment, RAY_PREFIX, cls))  # type: ignore[arg-type]

    def slots_of(self, resources: Mapping[str, float]) -> int:
        """Return how many runs a node with these resources can paint at once."""
        wanted = (("CPU", self.cpus), ("GPU", self.gpus))
        shares = [resources.get(kind, 0) / much for kind, much in wanted if much]
        return int(min(shares) + SLOT_TOLERANCE)


def required(variable: str, environment: Mapping[str, str]) -> str:
    """Return the address of the application, or its token. Raises `SettingsError` if it is not
    set."""
    value = environment.get(variable)
    if not value:
        raise SettingsError(f"{variable} is not set: it must be {REQUIRED[variable]}.")
    return value
