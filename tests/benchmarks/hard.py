"""What guidance gives and costs on the hard photos, each painted with guidance 0 and by default:
`python -m tests.benchmarks.hard [--faces MODEL] [PHOTO …]`.

Ground: how contrasty empty ground is, beside the calm parts of the painting: the mean standard
deviation of lightness around a place, of 255. Lines: how far the slopes of lightness run as in the
photo, in faces and small things: the mean cosine of their angles, weighted by the photo's slopes.
Faces: the mean distance of faces in the eyes of dlib's network, a ResNet of another kind than VGG,
where MODEL is its `dlib_face_recognition_resnet_model_v1.dat`; below 0.6 is the same person.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from styletx import Result, Settings, Style, stylize
from styletx.core.guidance import REACH, blurred, calm_and_busy, contrast, guide
from styletx.core.paintings import Painting
from styletx.core.pyramid import fit
from styletx.core.tensors import to_tensor
from styletx.imaging.files import read_image

from .hard_photos import FACES, HARD, KINDS
from .process import ROOT
from .programs import KEPT

CPU = torch.device("cpu")
PAINTINGS = {
    "faces": ("poppies", "summertime", "shrine_in_snow"),
    "empty": ("great_wave", "village_street_in_auvers", "spring"),
    "small": ("poppies", "the_harvesters", "composition_viii"),
    "nights": ("great_wave", "the_harvesters", "composition_viii"),
}
Distance = Callable[[Image.Image, Image.Image], float]


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.hard", description=__doc__)
    parser.add_argument("--faces", metavar="MODEL", type=Path)
    parser.add_argument("photos", nargs="*")
    chosen = parser.parse_args()
    distance = face_distance(chosen.faces) if chosen.faces else None
    sys.stdout.write(
        "| photo | painting | ground: painting, before, after | lines: before, after "
        "| faces: before, after | seconds: before, after |\n|---|---|---|---|---|---|\n"
    )
    for kind, photos in KINDS.items():
        for name in photos:
            for painting in PAINTINGS[kind] if name in (chosen.photos or photos) else ():
                before, after = (painted(name, painting, one) for one in (0.0, None))
                pictures = before.picture, after.picture
                cells = [
                    *figures(name, read_painting(painting), pictures, distance),
                    f"{before.seconds:.1f}, {after.seconds:.1f}",
                ]
                sys.stdout.write(f"| {name} | {painting} | {' | '.join(cells)} |\n")
                sys.stdout.flush()


def read_painting(name: str) -> Image.Image:
    return read_image(ROOT / "assets" / "paintings" / f"{name}.jpg")


def painted(name: str, painting: str, guidance: float | None) -> Result:
    """Paint a hard photo, and keep the picture; None is the default guidance."""
    settings = Settings() if guidance is None else Settings(guidance=guidance)
    *_, result = stylize(HARD[name](), [Style(read_painting(painting))], settings)
    assert isinstance(result, Result)
    folder = KEPT / f"hard-{settings.guidance:g}"
    folder.mkdir(parents=True, exist_ok=True)
    result.picture.save(folder / f"{name}-{painting}.png")
    return result


def figures(
    name: str,
    painting: Image.Image,
    pictures: tuple[Image.Image, Image.Image],
    distance: Distance | None,
) -> Iterator[str]:
    """Yield what is measured of the pictures before and after; a dash for what cannot be."""
    photo = HARD[name]()
    found = guide(tensor(photo), 1.0)
    if found is None:
        yield from ("–", "–")
    else:
        image = to_tensor(painting, fit(painting.size, max(photo.size)), CPU)
        calm = calm_and_busy(Painting(image, None, 1.0))[0].visible
        own = mean_within(contrast(image, REACH), calm)
        beside = [mean_within(contrast(tensor(one), REACH), found.calm) for one in pictures]
        yield f"{own:.1f}, {beside[0]:.1f}, {beside[1]:.1f}"
        yield ", ".join(f"{alike(photo, one, found.fine):.2f}" for one in pictures)
    if distance is None or name not in FACES:
        yield "–"
    else:
        apart = [
            statistics.mean(distance(photo.crop(box), one.crop(box)) for box in FACES[name])
            for one in pictures
        ]
        yield f"{apart[0]:.2f}, {apart[1]:.2f}"


def tensor(picture: Image.Image) -> Tensor:
    return to_tensor(picture, picture.size, CPU)


def mean_within(values: Tensor, where: Tensor | None) -> float:
    """Return the mean of contrasts in a region, of 255."""
    assert where is not None
    return (255 * (values * where).sum() / where.sum()).item()


def alike(photo: Image.Image, picture: Image.Image, where: Tensor) -> float:
    """Return the mean cosine between the slopes of lightness of both, in a region."""
    (ours_x, ours_y), (theirs_x, theirs_y) = (slopes(tensor(one)) for one in (photo, picture))
    strength = (ours_x.square() + ours_y.square()).sqrt()
    other = (theirs_x.square() + theirs_y.square()).sqrt() + 1e-6
    cosine = (ours_x * theirs_x + ours_y * theirs_y) / (strength + 1e-6) / other
    weights = strength * where
    return ((cosine * weights).sum() / weights.sum()).item()


def slopes(image: Tensor) -> tuple[Tensor, Tensor]:
    grey = blurred(image.mean(dim=1, keepdim=True), 0.002)
    right, down = (
        pad(grey, (0, 1, 0, 0), mode="replicate"),
        pad(grey, (0, 0, 0, 1), mode="replicate"),
    )
    return right[..., 1:] - grey, down[:, :, 1:] - grey


def face_distance(model: Path) -> Distance:
    """Return the distance of two pictures of a face in the eyes of dlib's network."""
    import dlib

    network = dlib.face_recognition_model_v1(str(model))

    def descriptor(face: Image.Image) -> np.ndarray:
        square = face.resize((150, 150), Image.Resampling.BICUBIC)
        return np.array(network.compute_face_descriptor(np.asarray(square)))

    def distance(one: Image.Image, other: Image.Image) -> float:
        return float(np.linalg.norm(descriptor(one) - descriptor(other)))

    return distance


if __name__ == "__main__":
    main()
