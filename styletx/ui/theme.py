"""Theme of the page, and the CSS of its presets and settings."""

from pathlib import Path, PurePath
from urllib.parse import quote

import gradio as gr

from styletx.settings import FIELDS

from .inputs import IN_SIGHT, LOOKS, MADE_BY, MAKING, OFFERED

STRIP = "display: block; aspect-ratio: 6; margin-top: 8px; background-size: cover"
ULTRAMARINE = gr.themes.Color(
    c50="#eef1fb",
    c100="#dde3f7",
    c200="#bcc7ef",
    c300="#93a4e3",
    c400="#6a7fd4",
    c500="#465cc0",
    c600="#3447a3",
    c700="#2a3986",
    c800="#232f6b",
    c900="#1e2856",
    c950="#131a3a",
)
THEME = gr.themes.Default(
    primary_hue=ULTRAMARINE,
    secondary_hue=ULTRAMARINE,
    neutral_hue="stone",
    radius_size="lg",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    body_background_fill="#faf8f4",
    body_background_fill_dark="#161412",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_dark="*primary_600",
    button_primary_background_fill_hover_dark="*primary_500",
    button_primary_text_color="white",
)


def page_css(small: Path) -> str:
    """Return the CSS that depends on the settings; `small` is the folder of the small pictures."""
    controls = small / "controls"
    pictured = [name for name in FIELDS if (controls / f"{name}.avif").exists()]
    shown = {name: f"#set-{name}::after" for name in pictured}
    marks = [selector for name in FIELDS for selector in marks_of(name)]
    return "\n".join(
        [
            pictures_of_presets(small / "presets"),
            *(f"{after} {{ {background(controls, name)} }}" for name, after in shown.items()),
            f"{', '.join(shown.values())} {{ content: ''; {STRIP} }}",
            f"{', '.join(marks)} {{ content: ' •'; color: var(--color-accent) }}",
        ]
    )


def pictures_of_presets(folder: PurePath) -> str:
    """Return CSS that shows each preset by the picture `folder/its-name.avif`."""
    return "\n".join(
        f"#presets label:nth-of-type({place}) {{ {background(folder, file_name(name))} }}"
        for place, name in enumerate(OFFERED, start=1)
    )


def background(folder: PurePath, name: str) -> str:
    """Return CSS for a picture, with / between its folders also on Windows."""
    return f"background-image: url('gradio_api/file={quote((folder / name).as_posix())}.avif')"


def file_name(preset: str) -> str:
    """Return what the picture of a preset is called, without its ending."""
    return preset.lower().replace(" ", "-")


def marks_of(name: str) -> list[str]:
    """Return CSS selectors of the marks of a setting that differs from the preset: one at its name,
    one at that of the group in which it is folded."""
    changed = f"body[data-changed~='{name}']"
    marks = [f"{changed} #set-{name} [data-testid='block-info']::after"]
    if name not in IN_SIGHT:
        group = MAKING if name in MADE_BY else LOOKS
        marks.append(f"{changed} #{group} > .label-wrap span:first-child::after")
    return marks
