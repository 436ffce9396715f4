"""How good a picture is, in two numbers that favour no program's own objective."""

import torch
from PIL import Image
from torch import Tensor

from styletx.features import FeatureExtractor
from styletx.images import to_tensor
from styletx.losses import gram
from styletx.pyramid import ALL_LAYERS, CONTENT_LAYER, fit

CPU = torch.device("cpu")


def judge(
    picture: Image.Image, photo: Image.Image, painting: Image.Image, eye: FeatureExtractor
) -> tuple[float, float]:
    """(E, C) of an 8-bit result, lower is better in both; `eye` sees in float32.

    E is the relative error of the Gram matrices, ‖G − A‖ / ‖A‖, mean over relu1_1 … relu5_1; C
    that of the features at relu4_2, ‖F − P‖ / ‖P‖. Each is averaged over the picture at full and
    at half size, since looking at one size alone favours programs that work at that size only.
    """
    looks = [
        look(picture, photo, painting, eye, (picture.width // part, picture.height // part))
        for part in (1, 2)
    ]
    style, content = (sum(numbers) / len(looks) for numbers in zip(*looks, strict=True))
    return style, content


@torch.no_grad()
def look(
    picture: Image.Image,
    photo: Image.Image,
    painting: Image.Image,
    eye: FeatureExtractor,
    size: tuple[int, int],
) -> tuple[float, float]:
    """The same at one size; the painting is seen with its own shape, as long as the picture."""
    found = eye(to_tensor(picture, size, CPU), {*ALL_LAYERS, CONTENT_LAYER})
    wanted = eye(to_tensor(painting, fit(painting.size, max(size)), CPU), ALL_LAYERS)
    shown = eye(to_tensor(photo, size, CPU), {CONTENT_LAYER})[CONTENT_LAYER]
    errors = [relative(gram(found[layer]), gram(wanted[layer])) for layer in ALL_LAYERS]
    return sum(errors) / len(errors), relative(found[CONTENT_LAYER], shown)


def relative(found: Tensor, target: Tensor) -> float:
    return ((found - target).norm() / target.norm()).item()
