"""Fixtures of the tests of picture files."""

import pytest
from PIL import Image


@pytest.fixture
def photo():
    """Left dark blue, right orange; twice as wide as high."""
    picture = Image.new("RGB", (64, 32), (10, 20, 90))
    picture.paste((250, 150, 30), (32, 0, 64, 32))
    return picture
