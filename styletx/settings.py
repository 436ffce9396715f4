"""Settings: each with its default, limits and wording, stated once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from .errors import SettingsError
from .fields import ChoiceField, Field, LayersField, NumberField, setting
from .text import quote

MIN_SIZE = 64  # pixels on the longest side of a result
MAX_SIZE = 4096
MAX_STYLE_WEIGHT = 10  # at which the content term has no weight
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

    size: int = setting(
        512, NumberField(MIN_SIZE, MAX_SIZE, 16, "Size", "Longest side of the result, in pixels")
    )
    steps: int = setting(
        48, NumberField(1, 2000, 1, "Steps", "How often the picture is refined, in all", reach=200)
    )
    seconds: float = setting(
        0.0,
        NumberField(
            0,
            600,
            1,
            "Seconds",
            "Paint as well as this time allows; 0 counts steps instead",
            reach=120,
        ),
    )
    style_weight: float = setting(
        1.0,
        NumberField(
            0,
            MAX_STYLE_WEIGHT,
            0.1,
            "Style strength",
            "0 is the photo, 1 the full style; above it the photo fades (β)",
            reach=3,
        ),
    )
    style_scale: float = setting(
        1.0, NumberField(0.25, 4, 0.05, "Stroke size", "How large the painting's strokes become")
    )
    colors: str = setting(
        "painting",
        ChoiceField(
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
    frame: str = setting(
        "crop",
        ChoiceField(
            {"crop": "is left out", "keep": "is part of it"},
            "Frame",
            "Whether a frame, mat or wall around a painting counts",
        ),
    )
    content_weight: float = setting(
        1.0,
        NumberField(0, 10, 0.1, "Content strength", "How strongly the photo's shapes are kept (α)"),
    )
    detail: float = setting(
        1.0, NumberField(0, 10, 0.1, "Detail", "How crisp the photo's own edges stay; 0 is loose")
    )
    guidance: float = setting(
        0.8,
        NumberField(
            0,
            1,
            0.05,
            "Guidance",
            "How calm a photo's empty ground stays, and how clear small things on it; 0 is not",
        ),
    )
    smoothness: float = setting(
        0.0,
        NumberField(0, 10, 0.1, "Smoothness", "How strongly neighbouring pixels are evened out"),
    )
    init: str = setting("colors", ChoiceField(INITS, "Start", "What the first canvas is"))
    seed: int = setting(0, NumberField(0, 2**31 - 1, 1, "Seed", "Which noise to begin with"))
    method: str = setting(
        "octaves",
        ChoiceField(
            {"octaves": "from coarse to fine", "gatys": "as in Gatys et al. (2016)"},
            "Method",
            "The classic one knows one size and Gram matrices; α/β is 10⁻³ where both strengths "
            "are 1",
        ),
    )
    optimizer: str = setting(
        "lbfgs",
        ChoiceField(
            {"lbfgs": "L-BFGS", "adam": "Adam"}, "Optimiser", "How a step follows from the slope"
        ),
    )
    learning_rate: float = setting(
        0.05, NumberField(0.001, 0.5, 0.001, "Learning rate", "How far a step may go")
    )
    style_layers: str = setting(
        "relu1_1 relu2_1 relu3_1 relu4_1 relu5_1",
        LayersField(
            "Style layers", "Where the manner is compared; =2 after a name counts it twice"
        ),
    )
    content_layers: str = setting(
        "relu4_2", LayersField("Content layers", "Where the photo's shapes are compared")
    )

    @property
    def paints(self) -> bool:
        """Return whether any step is to be taken at all."""
        return self.style_weight > 0 and self.colors != "only"

    def __post_init__(self) -> None:
        for one in fields(self):
            value = FIELDS[one.name].check(one.name, getattr(self, one.name), type(one.default))
            object.__setattr__(self, one.name, value)


FIELDS: Mapping[str, Field] = MappingProxyType(
    {one.name: one.metadata["allowed"] for one in fields(Settings)}
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


def settings_from(name: str | None, chosen: Mapping[str, Any]) -> Settings:
    """Return the settings of a preset, or the defaults, with the `chosen` ones replaced.

    Raises `SettingsError` for an unknown preset or setting, or an impossible value.
    """
    known = {"": Settings(), **{key.lower(): settings for key, settings in PRESETS.items()}}
    asked = (name or "").lower().replace("-", " ") if isinstance(name, str | None) else None
    if asked not in known:
        raise SettingsError(f"Unknown preset {quote(name)}. Available: {', '.join(PRESETS)}.")
    for key in chosen:
        if key not in FIELDS:
            there_are = ", ".join(FIELDS)
            raise SettingsError(f"Unknown setting {quote(key)}. Available: {there_are}.")
    return replace(known[asked], **chosen)
