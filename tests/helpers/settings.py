"""A value of every setting that is not its default."""

from styletx import FIELDS
from styletx.fields import ChoiceField, NumberField


def another(allowed):
    """A value that is not the default."""
    if isinstance(allowed, ChoiceField):
        return list(allowed.choices)[-1]
    return allowed.high if isinstance(allowed, NumberField) else "relu3_2=2"


OTHER = {name: another(allowed) for name, allowed in FIELDS.items()}
