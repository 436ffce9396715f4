"""What a person may choose: each choice with its default, limits and wording, stated once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, TypeVar

from .errors import SettingsError
from .layers import parse, written
from .text import quote

SMALLEST, LARGEST = 64, 4096  # pixels on the longest side of a result
STRONGEST = 10  # style_weight: nothing is left of the content

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
        if not isinstance(value, Real) or isinstance(value, bool):
            raise SettingsError(f"{name} is {quote(value)}, but must be {wanted}.")
        number = plain(value)
        if not self.low <= number <= self.high:
            allowed = f"between {self.low:g} and {self.high:.10g}"
            raise SettingsError(f"{name} is {quote(value)}, but must lie {allowed}.")
        if kind is int and number != int(number):
            raise SettingsError(f"{name} is {quote(value)}, but must be {wanted}.")
        return int(number) if kind is int else float(number)


@dataclass(frozen=True, slots=True)
class Options:
    """What a row of buttons or a command-line option needs to know about a word: all that there
    are, and what each means."""

    words: Mapping[str, str]
    label: str
    help: str

    def check(self, name: str, value: object, kind: type) -> str:
        """The value itself, or a `SettingsError` that names the words there are."""
        if not isinstance(value, str) or value not in self.words:
            *others, last = self.words
            allowed = f"{', '.join(others)} or {last}"
            raise SettingsError(f"{name} is {quote(value)}, but must be {allowed}.")
        return str(value)  # without what a subclass adds


@dataclass(frozen=True, slots=True)
class Layers:
    """What a text field or a command-line option needs to know about a choice of layers."""

    label: str
    help: str

    def check(self, name: str, value: object, kind: type) -> str:
        """The layers in the network's order, or a `SettingsError` that says what is wrong."""
        if not isinstance(value, str):
            raise SettingsError(f"{name} is {quote(value)}, but must name layers, as in relu4_2.")
        return written(parse(name, value))


Allowed = Limits | Options | Layers


def plain(number: Real) -> int | float:
    """The number as Python's own, since numpy's round what they are compared with."""
    try:
        return int(number) if isinstance(number, Integral) else float(number)
    except OverflowError:  # a fraction beyond all limits
        return math.inf


def choice(default: Value, allowed: Allowed) -> Value:
    """A setting with what it may be, described for the people who choose it."""
    return field(default=default, metadata={"allowed": allowed})


INITS = {
    "colors": "the photo in the painting's colours",
    "photo": "the photo as it is",
    "noise": "noise",
}


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
        1.0,
        Limits(
            0, STRONGEST, 0.1, "Style strength", "0 is the photo, 10 little but the painting (β)"
        ),
    )
    style_scale: float = choice(
        1.0, Limits(0.25, 4, 0.05, "Stroke size", "How large the painting's strokes become")
    )
    colors: str = choice(
        "painting",
        Options(
            {
                "painting": "the painting's colours",
                "photo": "the photo's colours",
                "luminance": "the photo's colours, strokes in light and dark only",
                "only": "the painting's colours, no strokes",
            },
            "Colours",
            "Whose colours the result has",
        ),
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
    init: str = choice(
        "colors",
        Options(
            INITS,
            "Start",
            "What the first canvas is",
        ),
    )
    seed: int = choice(0, Limits(0, 2**31 - 1, 1, "Seed", "Which noise to begin with"))
    method: str = choice(
        "octaves",
        Options(
            {
                "octaves": "from coarse to fine",
                "gatys": "as in Gatys et al. (2016)",
            },
            "Method",
            "The classic one knows one size and Gram matrices; α/β is 10⁻³ where both strengths "
            "are 1",
        ),
    )
    optimizer: str = choice(
        "lbfgs",
        Options(
            {"lbfgs": "L-BFGS", "adam": "Adam"}, "Optimiser", "How a step follows from the slope"
        ),
    )
    learning_rate: float = choice(
        0.05, Limits(0.001, 0.5, 0.001, "Learning rate", "How far a step may go")
    )
    style_layers: str = choice(
        "relu1_1 relu2_1 relu3_1 relu4_1 relu5_1",
        Layers("Style layers", "Where the manner is compared; =2 after a name counts it twice"),
    )
    content_layers: str = choice(
        "relu4_2", Layers("Content layers", "Where the photo's shapes are compared")
    )

    @property
    def paints(self) -> bool:
        """Whether any step is to be taken at all."""
        return self.style_weight > 0 and self.colors != "only"

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = ALLOWED[setting.name].check(
                setting.name, getattr(self, setting.name), type(setting.default)
            )
            object.__setattr__(self, setting.name, value)


ALLOWED: Mapping[str, Allowed] = MappingProxyType(
    {setting.name: setting.metadata["allowed"] for setting in fields(Settings)}
)

PRESETS: Mapping[str, Settings] = MappingProxyType(
    {
        "Quick sketch": Settings(size=384, steps=24),
        "Oil": Settings(style_scale=2.0, detail=0.3, smoothness=3.0),
        "Fine detail": Settings(style_scale=0.6, detail=2.0, content_weight=1.5, steps=60),
        "Pure texture": Settings(style_weight=10.0, content_weight=0.0, init="noise", steps=72),
        "Classic Gatys": Settings(method="gatys", init="photo", steps=100),
        "Keep colours": Settings(colors="photo"),
    }
)


def preset(name: str | None, chosen: Mapping[str, Any]) -> Settings:
    """The settings of that name, or the default ones, with what is chosen besides.

    Raises `SettingsError` for a preset or a setting that there is not, as for an impossible choice.
    """
    known = {"": Settings(), **{key.lower(): settings for key, settings in PRESETS.items()}}
    asked = (name or "").lower().replace("-", " ") if isinstance(name, str | None) else None
    if asked not in known:
        raise SettingsError(f"There is no preset {quote(name)}; there are {', '.join(PRESETS)}.")
    for key in chosen:
        if key not in ALLOWED:
            there_are = ", ".join(ALLOWED)
            raise SettingsError(f"There is no setting {quote(key)}; there are {there_are}.")
    return replace(known[asked], **chosen)
