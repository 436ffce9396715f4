"""Paint every example with the default settings, and the picture in the README.

python -m assets.paint_examples
"""

import sys

from PIL import Image, ImageOps

from app import ASSETS, EXAMPLES
from styletx import Result, Style, stylize
from styletx.images import read, save

MORE = [("astronaut", "moulin_de_la_galette"), ("cat", "summertime"), ("temple", "the_harvesters")]
TILE, INSET, GAP = (480, 320), (132, 100), 8  # pixels


def main() -> None:
    pairs = [*EXAMPLES.values(), *MORE]
    for photo, painting in pairs:
        *_, result = stylize(photo_of(photo), [Style(painting_of(painting))])
        assert isinstance(result, Result)
        save(result.picture, ASSETS / "painted" / f"{photo}-{painting}.jpg")
        sys.stdout.write(f"{photo} {painting}: {result.seconds:.1f} s\n")
    save(grid(pairs, columns=3), ASSETS / "grid.jpg")


def photo_of(name: str) -> Image.Image:
    return read(ASSETS / "photos" / f"{name}.jpg")


def painting_of(name: str) -> Image.Image:
    return read(ASSETS / "paintings" / f"{name}.jpg")


def grid(pairs: list[tuple[str, str]], columns: int) -> Image.Image:
    """The painted pictures in rows, each with its painting in a corner."""
    rows = -(-len(pairs) // columns)
    width, height = (side + GAP for side in TILE)
    sheet = Image.new("RGB", (columns * width - GAP, rows * height - GAP), "white")
    for place, (photo, painting) in enumerate(pairs):
        painted = read(ASSETS / "painted" / f"{photo}-{painting}.jpg")
        tile = ImageOps.fit(painted, TILE, centering=(0.5, 0.1))
        inset = ImageOps.expand(ImageOps.fit(painting_of(painting), INSET), 3, "white")
        tile.paste(inset, (TILE[0] - inset.width, TILE[1] - inset.height))
        sheet.paste(tile, (place % columns * width, place // columns * height))
    return sheet


if __name__ == "__main__":
    main()
