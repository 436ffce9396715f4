"""A value of every setting that is not its default."""

from styletx import ALLOWED
from styletx.fields import Limits, Options


def another(allowed):
    """A value that is not the default."""
    if isinstance(allowed, Options):
        return list(allowed.words)[-1]
    return allowed.high if isinstance(allowed, Limits) else "relu3_2=2"


OTHER = {name: another(allowed) for name, allowed in ALLOWED.items()}
