"""How good a picture is, in two numbers that favour no program's own objective."""

import torch
from PIL import Image
from torch import Tensor

from styletx.core.losses import gram
from styletx.core.pyramid import fit
from styletx.core.tensors import to_tensor
from styletx.core.vgg import FeatureExtractor

CPU = torch.device("cpu")
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"


class Judge:
    """Judges pictures of one pair; `eye` sees in float32. Lower is better in both numbers.

    E is the relative error of the Gram matrices, ‖G − A‖ / ‖A‖, mean over relu1_1 … relu5_1; C
    that of the features at relu4_2, ‖F − P‖ / ‖P‖.
    """

    def __init__(self, photo: Image.Image, painting: Image.Image, eye: FeatureExtractor) -> None:
        self.photo, self.painting, self.eye = photo, painting, eye
        self.targets: dict[tuple[int, int], tuple[dict[str, Tensor], Tensor]] = {}

    def __call__(self, picture: Image.Image) -> tuple[float, float]:
        """(E, C), each averaged over the picture at full and at half size, since looking at one
        size alone favours programs that work at that size only."""
        sizes = [(picture.width // part, picture.height // part) for part in (1, 2)]
        looks = [self.look(picture, size) for size in sizes]
        style, content = (sum(numbers) / len(looks) for numbers in zip(*looks, strict=True))
        return style, content

    @torch.no_grad()
    def look(self, picture: Image.Image, size: tuple[int, int]) -> tuple[float, float]:
        """(E, C) at one (width, height)."""
        wanted, shown = self.wanted(size)
        found = self.eye(to_tensor(picture, size, CPU), {*STYLE_LAYERS, CONTENT_LAYER})
        errors = [relative(gram(found[layer]), wanted[layer]) for layer in STYLE_LAYERS]
        return sum(errors) / len(errors), relative(found[CONTENT_LAYER], shown)

    def wanted(self, size: tuple[int, int]) -> tuple[dict[str, Tensor], Tensor]:
        """The painting's Gram matrices, seen as long as the picture, and the photo's content."""
        if size not in self.targets:
            painted = to_tensor(self.painting, fit(self.painting.size, max(size)), CPU)
            seen = self.eye(painted, STYLE_LAYERS)
            photo = self.eye(to_tensor(self.photo, size, CPU), {CONTENT_LAYER})
            grams = {layer: gram(seen[layer]) for layer in STYLE_LAYERS}
            self.targets[size] = grams, photo[CONTENT_LAYER]
        return self.targets[size]


def relative(found: Tensor, target: Tensor) -> float:
    return ((found - target).norm() / target.norm()).item()
