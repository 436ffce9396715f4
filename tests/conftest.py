"""Pictures to paint, and a VGG a thousandth of the size to see them with."""

import pytest
import torch
from PIL import Image

from styletx.features import DEPTHS
from styletx.weights import Weights


def small_weights(seed: int = 0, channels: int = 8) -> Weights:
    """VGG19's shape with few channels: the same layer names, nothing to load."""
    generator = torch.Generator().manual_seed(seed)
    convolutions, width = [], 3
    for _ in range(sum(DEPTHS)):
        kernel = torch.randn(channels, width, 3, 3, generator=generator) * (2 / (9 * width)) ** 0.5
        convolutions.append((kernel, torch.randn(channels, generator=generator) * 0.1))
        width = channels
    return Weights(tuple(convolutions), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


@pytest.fixture(scope="session")
def eye() -> Weights:
    return small_weights()


@pytest.fixture
def sunset() -> Image.Image:
    red = Image.linear_gradient("L").resize((96, 64))
    blue = Image.radial_gradient("L").resize((96, 64))
    return Image.merge("RGB", (red, blue, red.rotate(180)))


@pytest.fixture
def weave() -> Image.Image:
    """A deterministic texture: stripes in both directions, in two colours."""
    tile = Image.new("RGB", (8, 8), (200, 120, 40))
    tile.paste((30, 60, 140), (0, 0, 4, 4))
    tile.paste((240, 230, 200), (4, 4, 8, 8))
    cloth = Image.new("RGB", (64, 64))
    for x in range(0, 64, 8):
        for y in range(0, 64, 8):
            cloth.paste(tile, (x, y))
    return cloth


@pytest.fixture
def files(tmp_path, sunset, weave):
    """A folder with photo.png and painting.png."""
    sunset.save(tmp_path / "photo.png")
    weave.save(tmp_path / "painting.png")
    return tmp_path
