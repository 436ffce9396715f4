"""Kinds of fields that settings are made of: number, choice, layers."""

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
    """A number: limits, step, label and help, for sliders and command-line options. A slider goes
    as far as is of use, its `reach`; what is beyond is typed."""

    low: float
    high: float
    step: float
    label: str
    help: str
    reach: float = math.inf

    def check(self, name: str, value: object, kind: type) -> int | float:
        """Return the value as a `kind` (int or float). Raises `SettingsError` with the limits."""
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
    """One of several words, each with its meaning."""

    choices: Mapping[str, str]
    label: str
    help: str

    def check(self, name: str, value: object, kind: type) -> str:
        """Return the value. Raises `SettingsError` with the choices."""
        if not isinstance(value, str) or value not in self.choices:
            *others, last = self.choices
            allowed = f"{', '.join(others)} or {last}"
            raise SettingsError(f"{name} is {quote(value)}, but must be {allowed}.")
        return str(value)  # without what a subclass adds


@dataclass(frozen=True, slots=True)
class LayersField:
    """Names of layers, each with an optional weight."""

    label: str
    help: str

    def check(self, name: str, value: object, kind: type) -> str:
        """Return the layers in the network's order. Raises `SettingsError` that says what is
        wrong."""
        if not isinstance(value, str):
            raise SettingsError(f"{name} is {quote(value)}, but must name layers, as in relu4_2.")
        return format_layers(parse_layers(name, value))


Field = NumberField | ChoiceField | LayersField


def to_builtin(number: Real) -> int | float:
    """Return the number as Python's own, since numpy's round what they are compared with."""
    try:
        return int(number) if isinstance(number, Integral) else float(number)
    except OverflowError:  # a fraction beyond all limits
        return math.inf


def setting(default: Value, allowed: Field) -> Value:
    """Return a dataclass field with its default and the `Field` that describes it."""
    return field(default=default, metadata={"allowed": allowed})
