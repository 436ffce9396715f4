"""Small pictures in files, and whether they are alike."""

import numpy as np


def stored(picture, path, **options):
    picture.save(path, **options)
    return path


def colors(picture):
    """The two colours of the fixture `photo`."""
    return picture.getpixel((5, 16)), picture.getpixel((58, 16))


def close(found, wanted, by=12):
    return np.abs(np.subtract(found, wanted)).max() <= by
