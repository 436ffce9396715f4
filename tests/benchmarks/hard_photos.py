"""Hard photos: small faces, empty ground, small things, nights; six of each kind, 512 pixels long.

They are cut from pictures that come with scikit-image and matplotlib, and drawn: nothing is
downloaded. `python -m tests.benchmarks.hard_photos FOLDER` writes them as files.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from styletx.imaging.files import read_image

SIDE, LOW = 512, 352  # pixels
ROOT = Path(__file__).parents[2]
HEADS = {"astronaut": (130, 0, 320, 235), "grace_hopper": (105, 0, 410, 370)}
WORDS = (
    "The quick brown fox jumps over the lazy dog. Pack my box with five dozen jugs of wine; how "
    "vexingly quick daft zebras jump! Bright vixens jump, dozy fowl quack. Sphinx of black quartz, "
    "judge my vow. A wizard's job is to vex chumps quickly in fog. "
)
Box = tuple[int, int, int, int]


@cache
def sample(name: str) -> Image.Image:
    """A picture that comes with scikit-image or matplotlib."""
    if name == "grace_hopper":
        import matplotlib as mpl

        return read_image(Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    from skimage import data

    (path,) = Path(data.__path__[0]).glob(f"{name}.*[gf]")
    return Image.open(path).convert("RGB")


@cache
def crowd_faces() -> NDArray[np.float64]:
    """A hundred grey faces of 25 pixels."""
    from skimage import data

    faces: NDArray[np.float64] = np.load(Path(data.__path__[0]) / "lfw_subset.npy")[:100]
    return faces


def soft(size: tuple[int, int], blur: float) -> Image.Image:
    """A mask that fades towards the borders."""
    mask = Image.new("L", size)
    width, height = size
    ImageDraw.Draw(mask).ellipse((blur, blur, width - blur, height - blur), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(blur / 2))


def put(scene: Image.Image, part: Image.Image, at: tuple[int, int], height: int) -> None:
    """Lay a head and shoulders, so high, softly into a scene."""
    width = round(part.width * height / part.height)
    part = part.resize((width, height), Image.Resampling.LANCZOS)
    scene.paste(part, at, soft(part.size, height / 12))


def head(name: str) -> Image.Image:
    return sample(name).crop(HEADS[name])


def gradient(top: str, bottom: str, size: tuple[int, int] = (SIDE, LOW)) -> Image.Image:
    """A ground that goes from one colour to another, with the noise of a camera."""
    ramp = Image.linear_gradient("L").resize(size)
    ground = ImageOps.colorize(ramp, top, bottom)
    return with_noise(ground, 1.0)


def with_noise(picture: Image.Image, levels: float, seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).normal(0, levels, (picture.height, picture.width, 1))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def fitted(name: str, size: tuple[int, int] = (SIDE, LOW), at: float = 0.5) -> Image.Image:
    return ImageOps.fit(sample(name), size, Image.Resampling.LANCZOS, centering=(0.5, at))


def place(name: str) -> Image.Image:
    """One of the project's own photos."""
    picture = read_image(ROOT / "assets" / "photos" / f"{name}.jpg")
    return ImageOps.fit(picture, (SIDE, LOW), Image.Resampling.LANCZOS)


# Faces


def walker() -> Image.Image:
    """Two people before a temple, with faces of 30 pixels."""
    scene = place("temple")
    put(scene, head("astronaut"), (150, 230), 66)
    put(scene, head("grace_hopper"), (260, 235), 60)
    return scene


def couple() -> Image.Image:
    """Two faces of 60 pixels before a wall."""
    scene = fitted("brick").convert("RGB")
    put(scene, head("astronaut"), (120, 130), 130)
    put(scene, head("grace_hopper"), (250, 140), 120)
    return scene


def crowd() -> Image.Image:
    """Twenty-four faces of 44 pixels on a stand."""
    scene, tones = gradient("#6c7a86", "#39414a"), ("#e8c9b0", "#c99b7d", "#8d5f45")
    for number, face in enumerate(crowd_faces()[4:100:4]):
        grey = Image.fromarray((face * 255).astype(np.uint8)).resize(
            (58, 66), Image.Resampling.BICUBIC
        )
        tinted = ImageOps.colorize(grey, "#140c08", "#fff4ea", mid=tones[number % 3])
        put(scene, tinted, (12 + number % 8 * 62, 60 + number // 8 * 90), 66)
    return scene


def portrait() -> Image.Image:
    return sample("grace_hopper").resize((SIDE * 5 // 6, SIDE), Image.Resampling.LANCZOS)


def cameraman() -> Image.Image:
    return sample("camera").resize((SIDE, SIDE))


def far_astronaut() -> Image.Image:
    """A whole person with a face of 24 pixels, in a studio."""
    scene = gradient("#d8d2d0", "#cfc8c6")
    person = sample("astronaut").crop((0, 0, 420, 512)).resize((126, 154), Image.Resampling.LANCZOS)
    scene.paste(person, (200, 130), soft(person.size, 10))
    return scene


# Empty ground


def vase(ground: Image.Image) -> Image.Image:
    """A turned vase in soft light on any ground, with its shadow."""
    y, x = np.mgrid[0:LOW, 0:SIDE].astype(float)
    down = (y - 70) / 230
    radius = 52 + 34 * np.sin(np.pi * (0.15 + 1.2 * down.clip(0, 1))) * np.cos(1.4 * down)
    across = (x - SIDE / 2) / radius
    inside = (abs(across) < 1) & (down > 0) & (down < 1)
    light = 0.35 + 0.65 * np.cos(np.arcsin(across.clip(-1, 1)) + 0.6).clip(0)
    rings = np.where((down * 14 % 2 < 0.35) & (down > 0.25) & (down < 0.75), 0.55, 1)
    color = np.stack([170 * light * rings, 70 * light, 50 * light * rings], axis=-1) + 20
    shadow = np.exp(-(((x - 330) / 110) ** 2) - ((y - 302) / 12) ** 2)[..., None]
    picture = np.asarray(ground) * (1 - 0.45 * shadow)
    painted = np.where(inside[..., None], color, picture)
    return with_noise(Image.fromarray(painted.clip(0, 255).astype(np.uint8)), 0.7)


def clear_sky() -> Image.Image:
    """A farm below a sky without a cloud."""
    scene = gradient("#3f7fc4", "#c6ddf0")
    grass = fitted("grass", (SIDE, 90)).convert("L")
    scene.paste(ImageOps.colorize(grass, "#1f3512", "#a8bf6a"), (0, LOW - 90))
    draw = ImageDraw.Draw(scene)
    draw.rectangle((330, 215, 430, 285), "#b5432f")
    draw.polygon([(320, 215), (380, 175), (440, 215)], "#5b3a2e")
    draw.rectangle((365, 245, 390, 285), "#f1e6d2")
    for left in (60, 85, 105, 135):
        draw.ellipse((left, 230 - left % 20, left + 40, 285), "#27481d")
    return scene.filter(ImageFilter.GaussianBlur(0.6))


def snow() -> Image.Image:
    """A bare tree and a fence in snow."""
    scene = gradient("#dfe5ea", "#f8f9fb")
    draw, rng = ImageDraw.Draw(scene), np.random.default_rng(5)

    def branch(x: float, y: float, angle: float, length: float, width: float) -> None:
        tip = x + length * np.cos(angle), y - length * np.sin(angle)
        draw.line([(x, y), tip], "#2c2622", max(1, round(width)))
        for _ in range(3 if width > 1.2 else 0):
            turn, less = rng.uniform(-0.7, 0.7), rng.uniform(0.6, 0.8)
            branch(*tip, angle + turn, length * less, width * 0.65)

    branch(140, 290, np.pi / 2, 60, 9)
    for left in range(260, 512, 28):
        draw.line([(left, 262), (left, 296)], "#4a3c32", 3)
    draw.line([(250, 274), (512, 272)], "#4a3c32", 2)
    return scene.filter(ImageFilter.GaussianBlur(0.5))


def lone_boat() -> Image.Image:
    """A boat on water like a mirror."""
    scene = gradient("#d8dde0", "#9fb4bf")
    draw = ImageDraw.Draw(scene)
    draw.polygon([(220, 220), (310, 220), (295, 238), (235, 238)], "#5a2f22")
    draw.polygon([(262, 120), (262, 214), (305, 214)], "#efe7da")
    draw.polygon([(256, 130), (256, 214), (226, 214)], "#c8412f")
    draw.line([(259, 112), (259, 222)], "#33241c", 2)
    return with_noise(scene.filter(ImageFilter.GaussianBlur(0.6)), 1)


def coins() -> Image.Image:
    """Coins on a table, from above."""
    return fitted("coins")


# Small things and lines


def drawing() -> Image.Image:
    """A town in ink on paper."""
    scene = Image.new("RGB", (SIDE, LOW), "#fbfaf6")
    draw, rng = ImageDraw.Draw(scene), np.random.default_rng(2)
    left = 30
    while left < 440:
        width, height = rng.integers(50, 90), rng.integers(80, 190)
        top = 300 - height
        draw.rectangle((left, top, left + width, 300), outline="#222222")
        draw.line([(left, top), (left + width // 2, top - 34), (left + width, top)], "#222222", 1)
        for y in range(top + 14, 280, 30):
            for x in range(left + 10, left + width - 14, 20):
                draw.rectangle((x, y, x + 9, y + 15), outline="#222222")
        left += width + 8
    draw.arc((380, 20, 440, 80), 0, 360, "#222222")
    draw.line([(10, 300), (500, 302)], "#222222", 2)
    return scene


def words() -> Image.Image:
    """A page in letters of 14 pixels."""
    scene = Image.new("RGB", (SIDE, LOW), "white")
    font, draw, line, y = ImageFont.load_default(14), ImageDraw.Draw(scene), "", 24
    for word in (WORDS * 4).split():
        if font.getlength(f"{line} {word}") > SIDE - 60:
            draw.text((30, y), line, "#111111", font)
            line, y = "", y + 22
            if y > LOW - 36:
                break
        line = f"{line} {word}".strip()
    return scene


def page() -> Image.Image:
    return sample("page").resize((SIDE, 255), Image.Resampling.LANCZOS)


def handwriting() -> Image.Image:
    return sample("text").resize((SIDE, 197), Image.Resampling.LANCZOS)


def poster() -> Image.Image:
    """A shop's sign: large and small letters, flat colours."""
    scene = Image.new("RGB", (SIDE, LOW), "#f2c94c")
    draw = ImageDraw.Draw(scene)
    draw.rectangle((24, 24, SIDE - 24, LOW - 24), outline="#1d3557", width=4)
    draw.ellipse((330, 90, 460, 220), "#e63946")
    for text, size, y in (
        ("SUMMER", 64, 50),
        ("MARKET", 64, 120),
        ("bread, honey and flowers", 24, 220),
    ):
        draw.text((50, y), text, "#1d3557", ImageFont.load_default(size))
    draw.text(
        (50, 270),
        "every Saturday from 8 to 12, behind the old town hall",
        "#1d3557",
        ImageFont.load_default(14),
    )
    return scene


def rigging() -> Image.Image:
    """Masts and ropes against a pale sky."""
    scene = gradient("#e7d8c4", "#b7c4cc")
    draw = ImageDraw.Draw(scene)
    for x, top in ((120, 40), (250, 20), (390, 60)):
        draw.line([(x, top), (x, 300)], "#2f2620", 4)
        for part in (0.25, 0.5):
            y = top + part * (300 - top)
            draw.line([(x - 50, y), (x + 50, y)], "#2f2620", 2)
        for foot in (-70, -45, 45, 70):
            draw.line([(x, top + 6), (x + foot, 300)], "#4a4038", 1)
    draw.polygon([(30, 300), (482, 300), (450, 338), (70, 338)], "#3b2a22")
    return scene.filter(ImageFilter.GaussianBlur(0.4))


# Nights


def stars() -> Image.Image:
    """A night with a few hundred stars above hills."""
    scene, rng = gradient("#05070f", "#16223a"), np.random.default_rng(1)
    draw = ImageDraw.Draw(scene)
    for x, y, bright in zip(
        rng.uniform(0, 512, 260), rng.uniform(0, 260, 260), rng.uniform(90, 255, 260), strict=True
    ):
        radius = 0.5 if bright < 220 else 1.3
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), (int(bright),) * 3)
    hills = [(x, 285 + 25 * np.sin(x / 60) + 10 * np.sin(x / 17)) for x in range(0, 513, 4)]
    draw.polygon([*hills, (512, 352), (0, 352)], "#020306")
    return scene


def galaxies() -> Image.Image:
    return fitted("hubble_deep_field")


def moonrise() -> Image.Image:
    """A moon and its path over a dark sea."""
    scene = gradient("#0b1322", "#1d2d44")
    draw, rng = ImageDraw.Draw(scene), np.random.default_rng(3)
    draw.rectangle((0, 230, 512, 352), "#0a1420")
    draw.ellipse((330, 60, 376, 106), "#f4eed8")
    for _ in range(160):
        y = rng.uniform(232, 350)
        x, half = rng.normal(353, 8 + (y - 230) / 4), rng.uniform(2, 9)
        draw.line([(x - half, y), (x + half, y)], "#b9b596")
    return scene.filter(ImageFilter.GaussianBlur(0.6))


def windows() -> Image.Image:
    """A city's lit windows."""
    scene, rng = gradient("#0a0d18", "#2b2440"), np.random.default_rng(4)
    draw, left = ImageDraw.Draw(scene), 0
    while left < 512:
        width, top = int(rng.integers(40, 80)), int(rng.integers(110, 240))
        draw.rectangle((left, top, left + width, 352), "#06080e")
        for y in range(top + 8, 345, 12):
            for x in range(left + 6, left + width - 6, 10):
                if rng.random() < 0.4:
                    draw.rectangle((x, y, x + 4, y + 5), "#ffd98a")
        left += width + 3
    return scene


def launch() -> Image.Image:
    return fitted("rocket")


def night_faces() -> Image.Image:
    """Two faces in the light of a fire."""
    scene = gradient("#080608", "#1c100a")
    dark = {
        name: ImageChops.multiply(head(name), Image.new("RGB", head(name).size, "#e8a060"))
        for name in HEADS
    }
    put(scene, dark["astronaut"], (110, 120), 110)
    put(scene, dark["grace_hopper"], (320, 130), 100)
    glow = (
        Image.radial_gradient("L").resize((120, 120)).point(lambda value: max(0, 255 - 2 * value))
    )
    scene.paste("#ffb347", (200, 220), glow)
    return scene


KINDS: Mapping[str, Mapping[str, Callable[[], Image.Image]]] = {
    "faces": {
        one.__name__: one for one in (walker, couple, crowd, portrait, cameraman, far_astronaut)
    },
    "empty": {
        "product": lambda: vase(Image.new("RGB", (SIDE, LOW), "white")),
        "product_on_grey": lambda: vase(gradient("#9aa0a6", "#c9cdd1")),
        **{one.__name__: one for one in (clear_sky, snow, lone_boat, coins)},
    },
    "small": {one.__name__: one for one in (drawing, words, page, handwriting, poster, rigging)},
    "nights": {
        one.__name__: one for one in (stars, galaxies, moonrise, windows, launch, night_faces)
    },
}
HARD: Mapping[str, Callable[[], Image.Image]] = {
    name: make for kind in KINDS.values() for name, make in kind.items()
}
FACES: Mapping[str, Sequence[Box]] = {
    "walker": [(164, 247, 192, 281), (272, 253, 301, 287)],
    "couple": [(148, 163, 203, 230), (274, 176, 333, 244)],
    "crowd": [
        (left, top, left + 46, top + 54)
        for top in range(66, 336, 90)
        for left in range(18, 500, 62)
    ],
    "portrait": [(150, 94, 300, 273)],
    "far_astronaut": [(254, 148, 284, 184)],
    "night_faces": [(133, 148, 180, 204), (340, 160, 389, 216)],
}  # where they are


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, make) in enumerate(HARD.items(), start=1):
        make().save(folder / f"{number:02}_{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
