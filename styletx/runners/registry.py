"""Runner selection, by STYLETX_RUNNER."""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from styletx.errors import SettingsError
from styletx.runners.ray.options import TOKEN_VARIABLE, URL_VARIABLE, RayOptions, required
from styletx.runners.ray.runner import Cluster
from styletx.text import quote

from .local import Local
from .protocol import Runner
from .zerogpu import ZeroGPU

RUNNER_VARIABLE = "STYLETX_RUNNER"  # the environment variable that names another one
PACKAGES = {"zerogpu": "spaces"}  # that only this runner needs
ZERO_GPU = ("SPACES_ZERO_GPU", ("1", "true"))  # what a Space with such hardware says


def get_runner(environment: Mapping[str, str] = os.environ) -> Runner:
    """Return the runner that STYLETX_RUNNER names; by default ZeroGPU on a Space that has it, else
    this process. Raises `SettingsError` for an unknown runner, or one whose package is missing."""
    variable, values = ZERO_GPU
    default = "zerogpu" if environment.get(variable, "").lower() in values else "local"
    name = environment.get(RUNNER_VARIABLE) or default
    runners: Mapping[str, Callable[[], Runner]] = {
        "local": Local,
        "zerogpu": ZeroGPU,
        "ray": lambda: Cluster(
            required(URL_VARIABLE, environment),
            required(TOKEN_VARIABLE, environment),
            RayOptions.of(environment),
            Local(),
        ),
    }
    if name not in runners:
        *others, last = runners
        raise SettingsError(
            f"{RUNNER_VARIABLE} is {quote(name)}, but must be {', '.join(others)} or {last}."
        )
    package = PACKAGES.get(name)
    if package and find_spec(package) is None:
        raise SettingsError(
            f"{RUNNER_VARIABLE} is {name}, which needs a package that is not installed: "
            f"pip install {package}."
        )
    return runners[name]()
