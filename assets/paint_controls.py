"""Paint what each control does: a sheet for each, in `assets/controls`.

python -m assets.paint_controls [NAME …]
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from assets.paint_examples import painting_of, photo_of
from styletx import PRESETS, Result, Settings, Style, stylize
from styletx.imaging.files import flatten_alpha, save
from styletx.ui.examples import ASSETS
from styletx.ui.theme import file_name
from tests.benchmarks.hard_photos import HARD

SIZE, TILE, CAPTION, GAP, PRESET = 384, (360, 240), 26, 6, (264, 176)  # pixels
WAVE, VILLAGE = ("temple", "great_wave"), ("astronaut", "village_street_in_auvers")
ALL = Settings().style_layers
GATYS = {"method": "gatys", "steps": 100}

# For each control the pair it is shown on, and what is chosen for each picture
SHEETS: Mapping[str, tuple[tuple[str, str], Sequence[Mapping[str, Any]]]] = {
    "steps": (WAVE, [{"steps": value} for value in (6, 24, 48, 150)]),
    "style_weight": (WAVE, [{"style_weight": value} for value in (0, 0.3, 0.6, 1, 3, 10)]),
    "style_scale": (
        ("temple", "moulin_de_la_galette"),
        [{"style_scale": value} for value in (0.25, 0.5, 1, 2, 4)],
    ),
    "colors": (
        ("cat", "summertime"),
        [{"colors": value} for value in ("painting", "photo", "luminance", "only")],
    ),
    "content_weight": (VILLAGE, [{"content_weight": value} for value in (0, 0.5, 1, 3)]),
    "detail": (("dahlia", "spring"), [{"detail": value} for value in (0, 1, 3, 10)]),
    "smoothness": (VILLAGE, [{"smoothness": value} for value in (0, 1, 3, 10)]),
    "init": (
        WAVE,
        [
            *({"init": value} for value in ("colors", "photo", "noise")),
            {"init": "noise", "seed": 1},
        ],
    ),
    "method": (
        WAVE,
        [
            {"method": "octaves"},
            {**GATYS, "init": "photo"},
            {**GATYS, "init": "photo", "optimizer": "adam"},
            {**GATYS, "init": "noise"},
        ],
    ),
    "optimizer": (
        WAVE,
        [
            *({"optimizer": value} for value in ("lbfgs", "adam")),
            *({"learning_rate": value} for value in (0.01, 0.2)),
        ],
    ),
    "layers": (
        ("coffee", "composition_viii"),
        [
            {"style_layers": "relu1_1 relu2_1"},
            {"style_layers": "relu4_1 relu5_1"},
            {"style_layers": ALL.replace("relu1_1", "relu1_1=9")},
            {"content_layers": "relu2_1"},
            {"content_layers": "relu5_1"},
        ],
    ),
    "presets": (
        ("temple", "village_street_in_auvers"),
        [{"preset": name} for name in ("Standard", *PRESETS)],
    ),
}


def main(names: Sequence[str]) -> None:
    made = {name: lambda name=name: sheet_of(name) for name in SHEETS}
    made |= {"presets": presets, "paintings": paintings, "masks": masks, "going_on": going_on}
    made |= {"guidance": guidance}
    for name in names or made:
        save(contact_sheet(made[name]()), ASSETS / "controls" / f"{name}.jpg", quality=85)


Tiles = list[tuple[str, Image.Image]]


def sheet_of(name: str) -> Tiles:
    (photo, painting), choices = SHEETS[name]
    styles = [Style(painting_of(painting))]
    return [(caption(chosen), painted(photo, styles, **chosen)) for chosen in choices]


def presets() -> Tiles:
    """The sheet of the presets, each of which is shown on the page as well."""
    tiles = sheet_of("presets")
    for name, picture in tiles:
        tile = ImageOps.fit(picture, PRESET, centering=(0.5, 0.2))
        save(tile, ASSETS / "presets" / f"{file_name(name)}.jpg", quality=80)
    return tiles


def caption(chosen: Mapping[str, Any]) -> str:
    """Return the chosen settings as text."""
    words = (
        f"{value}" if name in ("method", "init", "optimizer", "preset") else f"{name} {value}"
        for name, value in chosen.items()
    )
    return ", ".join(words).replace(ALL.replace("relu1_1", "relu1_1=9"), "all, relu1_1=9")


def paintings() -> Tiles:
    """Two paintings with shares."""
    both = ("great_wave", "poppies")
    return [
        (
            f"shares {one:g} and {other:g}",
            painted(
                "temple",
                [Style(painting_of(n), s) for n, s in zip(both, (one, other), strict=True)],
            ),
        )
        for one, other in ((1, 0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0, 1))
    ]


def masks() -> Tiles:
    """A face that is kept, a sky of its own, and a photo that is partly transparent."""
    astronaut, temple = photo_of("astronaut"), photo_of("temple")
    face = brushed(astronaut, "ellipse", (0.29, 0.03, 0.59, 0.42))
    sky = brushed(temple, "rectangle", (0, 0, 1, 0.47))
    village, wave = painting_of("village_street_in_auvers"), painting_of("great_wave")
    cut = photo_of("astronaut")
    cut.putalpha(brushed(cut, "ellipse", (0.02, 0.02, 0.98, 0.98)))
    return [
        ("keep: the face", painted("astronaut", [Style(village)], keep_mask=face)),
        (
            "a painting of its own for the sky",
            painted("temple", [Style(wave), Style(painting_of("summertime"), mask=sky)]),
        ),
        ("only the sky painted", painted("temple", [Style(wave, mask=sky)])),
        ("a transparent photo", flatten_alpha(painted(cut, [Style(village)]), behind="lightgrey")),
    ]


def brushed(photo: Image.Image, shape: str, box: Sequence[float]) -> Image.Image:
    """A mask with soft edges; `box` are parts of the width and the height."""
    mask = Image.new("L", photo.size)
    corners = [part * side for part, side in zip(box, photo.size * 2, strict=True)]
    getattr(ImageDraw.Draw(mask), shape)(corners, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(0.012 * max(photo.size)))


def guidance() -> Tiles:
    """Hard photos without guidance, and beside each with it."""
    shown = {"product": "great_wave", "drawing": "composition_viii", "stars": "great_wave"}
    shown |= {"poster": "shrine_in_snow"}
    return [
        (
            f"{name.replace('_', ' ')}, guidance {value:g}",
            painted(HARD[name](), [Style(painting_of(painting))], guidance=value),
        )
        for name, painting in shown.items()
        for value in (0, Settings().guidance)
    ]


def going_on() -> Tiles:
    """More steps, other wishes, and twice the size, each from the same picture."""
    wave, poppies = [Style(painting_of("great_wave"))], [Style(painting_of("poppies"))]
    first = painted("temple", wave, steps=24)
    return [
        ("24 steps", first),
        ("… and 24 more", painted("temple", wave, steps=24, init_image=first)),
        (
            "… and on with strength 4",
            painted("temple", wave, steps=24, style_weight=4, init_image=first),
        ),
        ("… and on with another painting", painted("temple", poppies, steps=24, init_image=first)),
        (
            "… and twice the size",
            painted("temple", wave, steps=16, size=2 * SIZE, init_image=first),
        ),
        ("begun with the painting", painted("temple", wave, init_image=wave[0].picture)),
    ]


def painted(photo: str | Image.Image, styles: Sequence[Style], **chosen: Any) -> Image.Image:
    """Return the photo as painted with the chosen settings."""
    given = {name: chosen.pop(name) for name in ("keep_mask", "init_image") if name in chosen}
    preset = PRESETS.get(chosen.pop("preset", ""), Settings())
    settings = replace(preset, **{"size": SIZE, **chosen})
    content = photo_of(photo) if isinstance(photo, str) else photo
    *_, result = stylize(content, styles, settings, **given)
    assert isinstance(result, Result)
    sys.stdout.write(f"{caption(chosen) or 'defaults'}: {result.seconds:.1f} s\n")
    return result.picture


def contact_sheet(tiles: Tiles, columns: int = 0) -> Image.Image:
    """The pictures in a row, or in two, or in so many columns, each with its caption below."""
    columns = columns or (len(tiles) if len(tiles) < 6 else -(-len(tiles) // 2))
    width, height = TILE[0] + GAP, TILE[1] + CAPTION + GAP
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width - GAP, rows * height - GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for place, (words, picture) in enumerate(tiles):
        left, top = place % columns * width, place // columns * height
        sheet.paste(ImageOps.fit(picture, TILE, centering=(0.5, 0.2)), (left, top))
        draw.text((left, top + TILE[1] + 4), words, "black", font)
    return sheet


if __name__ == "__main__":
    main(sys.argv[1:])
