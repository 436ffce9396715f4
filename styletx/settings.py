"""What a person may choose: each choice with its default, limits and wording, stated once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TypeVar

from .errors import SettingsError

SMALLEST, LARGEST = 64, 2048  # pixels on the longest side of a result

Value = TypeVar("Value", int, float, str)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a slider or a command-line option needs to know about a number."""

    low: float
    high: float
    step: float
    label: str
    help: str

    def check(self, name: str, value: object, kind: type) -> int | float:
        """The value as a `kind` (int or float), or a `SettingsError` that says what is allowed."""
        wanted = "a whole number" if kind is int else "a number"
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise SettingsError(f"{name} is {shown(value)}, but must be {wanted}.")
        if not self.low <= value <= self.high:
            allowed = f"between {self.low:g} and {self.high:.10g}"
            raise SettingsError(f"{name} is {shown(value)}, but must lie {allowed}.")
        if kind is int and value != int(value):
            raise SettingsError(f"{name} is {shown(value)}, but must be {wanted}.")
        return int(value) if kind is int else float(value)


@dataclass(frozen=True, slots=True)
class Options:
    """What a row of buttons or a command-line option needs to know about a word."""

    words: tuple[str, ...]
    label: str
    help: str

    def check(self, name: str, value: object, kind: type) -> str:
        """The value itself, or a `SettingsError` that names the words there are."""
        if not isinstance(value, str) or value not in self.words:
            raise SettingsError(f"{name} is {shown(value)}, but must be {' or '.join(self.words)}.")
        return value


def shown(value: object) -> str:
    """A value as it can stand in a sentence, however long it is."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def choice(default: Value, allowed: Limits | Options) -> Value:
    """A setting with what it may be, described for the people who choose it."""
    return field(default=default, metadata={"allowed": allowed})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides how a picture is painted, apart from the pictures themselves.

    Raises `SettingsError` for a value of the wrong kind or outside its limits.
    """

    size: int = choice(
        512, Limits(SMALLEST, LARGEST, 16, "Size", "Longest side of the result, in pixels")
    )
    steps: int = choice(48, Limits(1, 2000, 1, "Steps", "How often the picture is refined, in all"))
    seconds: float = choice(
        0.0,
        Limits(0, 600, 1, "Seconds", "Paint as well as this time allows; 0 counts steps instead"),
    )
    style_weight: float = choice(
        1.0, Limits(0, 10, 0.1, "Style strength", "How strongly the painting is followed (β)")
    )
    content_weight: float = choice(
        1.0, Limits(0, 10, 0.1, "Content strength", "How strongly the photo's shapes are kept (α)")
    )
    detail: float = choice(
        1.0, Limits(0, 10, 0.1, "Detail", "How crisp the photo's own edges stay; 0 is loose")
    )
    smoothness: float = choice(
        0.0, Limits(0, 10, 0.1, "Smoothness", "How strongly neighbouring pixels are evened out")
    )
    learning_rate: float = choice(
        0.05, Limits(0.001, 0.5, 0.001, "Learning rate", "How far a step may go")
    )
    init: str = choice(
        "content", Options(("content", "noise"), "Start", "What the first size begins with")
    )
    seed: int = choice(0, Limits(0, 2**31 - 1, 1, "Seed", "Which noise to begin with"))

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = ALLOWED[setting.name].check(
                setting.name, getattr(self, setting.name), type(setting.default)
            )
            object.__setattr__(self, setting.name, value)


ALLOWED: Mapping[str, Limits | Options] = MappingProxyType(
    {setting.name: setting.metadata["allowed"] for setting in fields(Settings)}
)
