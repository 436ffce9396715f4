"""What a person may choose: each choice with its default, limits and wording, stated once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from .errors import SettingsError
from .fields import Allowed, Layers, Limits, Options, choice
from .text import quote

SMALLEST, LARGEST = 64, 4096  # pixels on the longest side of a result
STRONGEST = 10  # style_weight: nothing is left of the content
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
