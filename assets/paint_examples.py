"""Paint every example with the default settings, and the pictures in the README.

python -m assets.paint_examples
"""

import sys

from PIL import Image, ImageOps

from styletx import Result, Settings, Style, stylize
from styletx.imaging.files import read_image, save
from styletx.recipe import input_fingerprints, to_json
from styletx.ui.examples import ASSETS, EXAMPLES, files_of, painted_of

MORE = [("astronaut", "moulin_de_la_galette"), ("cat", "summertime"), ("temple", "the_harvesters")]
TILE, INSET, GAP = (480, 320), (132, 100), 8  # pixels
SIZES, DETAIL = (384, 512, 768, 1024), (0.08, 0.28, 0.48, 0.68)  # a part of the width and height


def main() -> None:
    pairs = [*EXAMPLES.values(), *MORE]
    for pair in pairs:
        result = painted(*pair)
        inputs = input_fingerprints(
            dict(zip(("content", "style"), files_of(pair), strict=True)), {}
        )
        save(result.picture, painted_of(pair), note=to_json(result, inputs))
    save(grid(pairs, columns=3), ASSETS / "grid.jpg")
    save(sizes(*pairs[0]), ASSETS / "sizes.jpg")


def painted(photo: str, painting: str, size: int = Settings().size) -> Result:
    settings = Settings(size=size)
    *_, result = stylize(photo_of(photo), [Style(painting_of(painting))], settings)
    assert isinstance(result, Result)
    sys.stdout.write(f"{photo} {painting} {size}: {result.seconds:.1f} s\n")
    return result


def photo_of(name: str) -> Image.Image:
    return read_image(ASSETS / "photos" / f"{name}.jpg")


def painting_of(name: str) -> Image.Image:
    return read_image(ASSETS / "paintings" / f"{name}.jpg")


def grid(pairs: list[tuple[str, str]], columns: int) -> Image.Image:
    """The painted pictures in rows, each with its painting in a corner."""
    rows = -(-len(pairs) // columns)
    width, height = (side + GAP for side in TILE)
    sheet = Image.new("RGB", (columns * width - GAP, rows * height - GAP), "white")
    for place, (photo, painting) in enumerate(pairs):
        painted = read_image(ASSETS / "painted" / f"{photo}-{painting}.jpg")
        tile = ImageOps.fit(painted, TILE, centering=(0.5, 0.1))
        inset = ImageOps.expand(ImageOps.fit(painting_of(painting), INSET), 3, "white")
        tile.paste(inset, (TILE[0] - inset.width, TILE[1] - inset.height))
        sheet.paste(tile, (place % columns * width, place // columns * height))
    return sheet


def sizes(photo: str, painting: str) -> Image.Image:
    """One pair at several sizes, brought to one, and below it the same detail of each."""
    width, height = (side + GAP for side in TILE)
    sheet = Image.new("RGB", (len(SIZES) * width - GAP, 2 * height - GAP), "white")
    for place, size in enumerate(SIZES):
        picture = painted(photo, painting, size).picture
        left, top, right, bottom = DETAIL
        across, down = picture.size
        detail = picture.crop((left * across, top * down, right * across, bottom * down))
        for row, shown in enumerate((picture, detail)):
            sheet.paste(ImageOps.fit(shown, TILE), (place * width, row * height))
    return sheet


if __name__ == "__main__":
    main()
