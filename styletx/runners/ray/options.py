"""Resources that a run takes of a Ray cluster, from environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from styletx.limits import env_field, from_environment

RAY_PREFIX = "STYLETX_RAY_"  # of the environment variables: STYLETX_RAY_CPUS is `cpus`


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions:
    """Resources that each run takes of a Ray cluster."""

    cpus: float = env_field(2, "processors of a node that a run takes", 0.1)
    gpus: float = env_field(0, "graphics cards of a node that a run takes, or a part of one", 0)
    fallback: int = env_field(0, "1: where the cluster is gone, this machine paints", 0)

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "RayOptions":
        """Return the options that the environment sets. Raises `SettingsError`."""
        return cls(**from_environment(environment, RAY_PREFIX, cls))  # type: ignore[arg-type]
