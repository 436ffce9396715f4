"""The kinds of fields that settings are made of: number, choice, layers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import TypeVar

from .errors import SettingsError
from .layers import format_layers, parse_layers
from .text import quote

Value = TypeVar("Value", int, float, str)


@dataclass(frozen=True, slots=True)
class NumberField:
    """What a slider or a command-line option needs to know about a number."""

    low: float
    high: float
    step: float
    label: str
    help: str

    def check(self, name: str, value: object, kind: type) -> int | float:
        """The value as a `kind` (int or float), or a `SettingsError` that says what is allowed."""
        wanted = "a whole number" if kind is int else "a number"
        if not isinstance(value, Real) or isinstance(value, bool):
            raise SettingsError(f"{name} is {quote(value)}, but must be {wanted}.")
        number = to_builtin(value)
        if not self.low <= number <= self.high:
            allowed = f"between {self.low:g} and {self.high:.10g}"
            raise SettingsError(f"{name} is {quote(value)}, but must lie {allowed}.")
        if kind is int and number != int(number):
            raise SettingsError(f"{name} is {quote(value)}, but must be {wanted}.")
        return int(number) if kind is int else float(number)


@dataclass(frozen=True, slots=True)
class ChoiceField:
    """What a row of buttons or a command-line option needs to know about a word: all that there
    are, and what each means."""

    choices: Mapping[str, str]
    label: str
    help: str

    def check(self, name: str, value: object, kind: type) -> str:
        """The value itself, or a `SettingsError` that names the choices there are."""
        if not isinstance(value, str) or value not in self.choices:
            *others, last = self.choices
            allowed = f"{', '.join(others)} or {last}"
            raise SettingsError(f"{name} is {quote(value)}, but must be {allowed}.")
        return str(value)  # without what a subclass adds


@dataclass(frozen=True, slots=True)
class LayersField:
    """What a text field or a command-line option needs to know about a choice of layers."""

    label: str
    help: str

    def check(self, name: str, value: object, kind: type) -> str:
        """The layers in the network's order, or a `SettingsError` that says what is wrong."""
        if not isinstance(value, str):
            raise SettingsError(f"{name} is {quote(value)}, but must name layers, as in relu4_2.")
        return format_layers(parse_layers(name, value))


Field = NumberField | ChoiceField | LayersField


def to_builtin(number: Real) -> int | float:
    """The number as Python's own, since numpy's round what they are compared with."""
    try:
        return int(number) if isinstance(number, Integral) else float(number)
    except OverflowError:  # a fraction beyond all limits
        return math.inf


def setting(default: Value, allowed: Field) -> Value:
    """A setting with what it may be, described for the people who choose it."""
    return field(default=default, metadata={"allowed": allowed})
