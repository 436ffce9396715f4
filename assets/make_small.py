"""Make the small pictures of examples, presets and settings, and the one that is shared.

python -m assets.make_small
"""

from pathlib import Path

from PIL import Image, ImageOps

from assets.paint_controls import TILE
from styletx.imaging.files import read_image, save
from styletx.settings import FIELDS, PRESETS
from styletx.ui.examples import ASSETS, EXAMPLES, SHARED, painted_of, small_of
from styletx.ui.inputs import IN_SIGHT
from styletx.ui.strings import STANDARD
from styletx.ui.theme import file_name

EXAMPLE, PRESET, STRIP = (480, 320), (180, 120), (480, 80)  # pixels
QUALITY = 48


def main() -> None:
    for pair in EXAMPLES.values():
        keep(cut(painted_of(pair), EXAMPLE), painted_of(pair))
    for name in (STANDARD, *PRESETS):
        picture = ASSETS / "presets" / f"{file_name(name)}.jpg"
        keep(cut(picture, PRESET), picture)
    for name in set(FIELDS) - set(IN_SIGHT):
        sheet = ASSETS / "controls" / f"{name}.jpg"
        if sheet.exists():
            row = read_image(sheet)  # the first, without its captions
            keep(ImageOps.fit(row.crop((0, 0, row.width, TILE[1])), STRIP), sheet)
    save(share(), SHARED, quality=80)


def share() -> Image.Image:
    """Return all examples in one picture of the shape that sites show of a link."""
    sheet, (width, height) = Image.new("RGB", (1200, 630)), (400, 315)
    for place, pair in enumerate(EXAMPLES.values()):
        corner = (place % 3 * width, place // 3 * height)
        sheet.paste(cut(painted_of(pair), (width, height)), corner)
    return sheet


def cut(picture: Path, size: tuple[int, int]) -> Image.Image:
    return ImageOps.fit(read_image(picture), size, centering=(0.5, 0.2))


def keep(picture: Image.Image, large: Path) -> None:
    small_of(large).parent.mkdir(parents=True, exist_ok=True)
    picture.save(small_of(large), quality=QUALITY)


if __name__ == "__main__":
    main()
