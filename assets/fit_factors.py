"""Makes styletx/core/vgg19_factors.safetensors: `python -m assets.fit_factors PICTURES`.

PICTURES is a folder of photos, paintings and textures; the examples beside this are left out, so
that pictures of them judge what is fitted on others. First each layer is factored by reduced-rank
regression, from what the layers before it, already factored, see, and corrected for its ReLU
(Zhang et al., 2015, sections 3.2 and 3.3). Then all factors are trained together, to see as the
whole network does what pictures hold, and what canvases hold while they are painted; in the second
half their moments too, since least squares alone make features that vary too little. It takes two
hours on two cores.
"""

import hashlib
import math
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, max_pool2d, pad

from styletx import Settings, Style, stylize
from styletx.core import engine
from styletx.core.factors import FILE, Factor
from styletx.core.losses import moments, squared_distance, squared_norm
from styletx.core.tensors import to_tensor
from styletx.core.vgg import FeatureExtractor, fastest_precision, vgg19
from styletx.core.weights import load
from styletx.errors import StyletxError
from styletx.imaging.files import read_image
from styletx.layers import LAYERS

RANKS = {
    "relu1_2": 16, "relu2_1": 32, "relu2_2": 48,
    "relu3_1": 80, "relu3_2": 72, "relu3_3": 64, "relu3_4": 56,
    "relu4_1": 80, "relu4_2": 120, "relu4_3": 160, "relu4_4": 224, "relu5_1": 320,
}  # fmt: skip
DEPTH = LAYERS[: LAYERS.index("relu5_1") + 1]
MATTERS = {  # how much a layer's error counts: most where styles and content are compared
    **dict.fromkeys(RANKS, 0.3), "relu1_2": 0.5, "relu2_2": 0.5,
    **dict.fromkeys(("relu2_1", "relu3_1", "relu4_1", "relu5_1"), 2.0), "relu4_2": 1.0,
}  # fmt: skip
SIDE = 256  # pixels at which a picture is seen
CROP, CROPS = 128, 6  # pixels of a crop, and crops of a batch
POSITIONS = 300  # of each picture, that a regression sees
ROUNDS = 4  # of training, each with canvases painted by the factors so far
CANVASES = 16  # painted for each round
BATCHES = 1200  # of a round
LEARNING_RATE = 4e-3  # times the size of the numbers that it changes
NOISE = 0.05  # in a quarter of the crops
MOMENTS = 2.0  # weight of the moments beside the features
STYLE = ("relu2_1", "relu3_1", "relu4_1", "relu5_1")
CPU = torch.device("cpu")
WHOLE = vgg19(CPU, "embedded", torch.float32)
HALVES = fastest_precision(CPU) == torch.bfloat16


def main(folder: str) -> None:
    random.seed(0)
    torch.manual_seed(0)
    pictures = [*views(Path(folder))]
    canvases = [*paint(pictures, WHOLE)]
    factors = regress([noisy(picture) for picture in (*pictures, *canvases)][::2])
    for part in range(ROUNDS):
        if part:
            canvases += paint(pictures, with_factors(factors))
        factors = train(factors, [*pictures, *canvases], part)
        write(factors)


def write(factors: Mapping[str, Factor]) -> None:
    """Write the file, and its checksum."""
    parts = {
        f"{name}.{part}": tensor.half().contiguous()
        for name, factor in factors.items()
        for part, tensor in factor._asdict().items()
    }
    save_file(parts, FILE)
    sys.stdout.write(f'SHA256 = "{hashlib.sha256(FILE.read_bytes()).hexdigest()}"\n')


def views(folder: Path) -> Iterator[Tensor]:
    """Yield each picture (1, 3, H, W) as a whole, and a part of it at four times the size."""
    for path in sorted(folder.rglob("*")):
        try:
            picture = read_image(path, 4 * SIDE).convert("RGB")
        except (StyletxError, OSError):
            continue
        scale = SIDE / max(picture.size)
        width, height = (max(64, round(side * scale)) for side in picture.size)
        yield to_tensor(picture, (width, height), CPU)
        left, top = (max(0, side - SIDE) // 2 for side in picture.size)
        part = picture.crop((left, top, left + SIDE, top + SIDE))
        yield to_tensor(part, part.size, CPU)


def paint(pictures: list[Tensor], extractor: FeatureExtractor) -> Iterator[Tensor]:
    """Yield canvases of random pairs, from early steps to finished pictures."""
    engine.vgg19, given = (lambda *_, **__: extractor), engine.vgg19
    for _ in range(CANVASES):
        photo, painting = (to_image(random.choice(pictures)) for _ in range(2))
        settings = Settings(size=random.choice((192, 256)), steps=random.choice((6, 16, 32)))
        *_, result = stylize(photo, [Style(painting)], settings)
        yield to_tensor(result.picture, result.picture.size, CPU)
    engine.vgg19 = given


def to_image(picture: Tensor) -> Image.Image:
    return Image.fromarray(picture[0].permute(1, 2, 0).mul(255).byte().numpy())


def noisy(picture: Tensor) -> Tensor:
    """Return the picture, one in four with noise, as canvases have it at first."""
    if random.random() > 0.25:
        return picture
    return (picture + NOISE * torch.randn_like(picture)).clamp(0, 1)


def with_factors(factors: Mapping[str, Factor]) -> FeatureExtractor:
    return FeatureExtractor(load("embedded"), fastest_precision(CPU), factors)


@torch.no_grad()
def regress(pictures: list[Tensor]) -> dict[str, Factor]:
    """Return factors layer by layer: each from what the layers before it, factored, see."""
    seen = [scaled(picture) for picture in pictures]
    approximate, factors = list(seen), {}
    for name in DEPTH:
        if name.startswith("pool"):
            seen, approximate = ([max_pool2d(x, 2) for x in xs] for xs in (seen, approximate))
            continue
        wanted, given = [], []
        for place, (exact, rough) in enumerate(zip(seen, approximate, strict=True)):
            seen[place], approximate[place] = (
                WHOLE.convolve(name, exact),
                WHOLE.convolve(name, rough),
            )
            positions = torch.randint(seen[place][0, 0].numel(), (POSITIONS,))
            wanted.append(seen[place][0].flatten(1)[:, positions].T)
            given.append(approximate[place][0].flatten(1)[:, positions].T)
        if name in RANKS:
            factors[name] = rectified_regression(torch.cat(wanted), torch.cat(given), RANKS[name])
            approximate = [apply(factors[name], rough) for rough in approximate]
        seen, approximate = ([x.relu() for x in xs] for xs in (seen, approximate))
        sys.stdout.write(f"{name}: error {error(seen, approximate):.4f}\n")
    return factors


def rectified_regression(wanted: Tensor, given: Tensor, rank: int) -> Factor:
    """Return the factor that maps `given` (N, C) so that its ReLU is nearest to that of `wanted`,
    by alternating between what the ReLU leaves open and the regression (section 3.2)."""
    target, factor = wanted.relu(), regression(wanted, given, rank)
    for penalty in (*[0.01] * 8, *[1.0] * 8):
        found = (given @ factor.reduce.T + factor.reduce_bias) @ factor.expand.T
        found += factor.expand_bias
        below, above = found.clamp(max=0), ((penalty * found + target) / (penalty + 1)).relu()
        costs = [
            (z.relu() - target).square() + penalty * (z - found).square() for z in (below, above)
        ]
        factor = regression(torch.where(costs[0] < costs[1], below, above), given, rank)
    return factor


def regression(wanted: Tensor, given: Tensor, rank: int) -> Factor:
    """Return the map of this rank from `given` to `wanted`, both (N, C), with the least squared
    error (section 3.1)."""
    mean, given_mean = wanted.mean(0), given.mean(0)
    centred = (given - given_mean).double()
    covariance = centred.T @ centred
    covariance += 1e-4 * covariance.diagonal().mean() * torch.eye(len(covariance))
    cross = (wanted - mean).double().T @ centred
    whole = torch.linalg.solve(covariance, cross.T).T
    _, directions = torch.linalg.eigh(whole @ cross.T)
    expand = directions[:, -rank:]
    reduce = expand.T @ whole
    parts = (reduce, -reduce @ given_mean.double(), expand, mean)
    return Factor(*(part.float() for part in parts))


def apply(factor: Factor, response: Tensor) -> Tensor:
    """Return what the factored convolution gives where the whole one gives `response`."""
    reduced = conv2d(response, factor.reduce[:, :, None, None], factor.reduce_bias)
    return conv2d(reduced, factor.expand[:, :, None, None], factor.expand_bias)


def scaled(picture: Tensor) -> Tensor:
    scaled = (picture - WHOLE.mean) / WHOLE.std
    return scaled.contiguous(memory_format=torch.channels_last)


def convolve(name: str, activation: Tensor, factor: Factor | None = None) -> Tensor:
    """Return the whole convolution of a layer, or its factored one, which can be trained."""
    if factor is None:
        return WHOLE.convolve(name, activation)
    kernel, bias = WHOLE.get_buffer(f"{name}_kernel"), WHOLE.get_buffer(f"{name}_bias")
    padded = pad(activation, (1, 1, 1, 1), mode="replicate")
    reduced = torch.einsum("rc,cixy->rixy", factor.reduce, kernel)
    reduced = conv2d(padded, reduced, factor.reduce @ bias + factor.reduce_bias)
    return conv2d(reduced, factor.expand[:, :, None, None], factor.expand_bias)


def features(picture: Tensor, factors: Mapping[str, Factor]) -> dict[str, Tensor]:
    """Return all layers after their ReLUs."""
    activation, found = scaled(picture), {}
    for name in DEPTH:
        if name.startswith("pool"):
            activation = max_pool2d(activation, 2)
        else:
            activation = convolve(name, activation, factors.get(name)).relu()
            found[name] = activation
    return found


def train(factors: Mapping[str, Factor], pictures: list[Tensor], part: int) -> dict[str, Factor]:
    """Return factors that see the pictures more as the whole network does."""
    factors = {
        name: Factor(*(tensor.clone().requires_grad_() for tensor in factor))
        for name, factor in factors.items()
    }
    numbers = [tensor for factor in factors.values() for tensor in factor]
    rates = [LEARNING_RATE * (tensor.abs().mean().item() + 1e-8) for tensor in numbers]
    optimizer = torch.optim.Adam(
        [{"params": [tensor], "lr": rate} for tensor, rate in zip(numbers, rates, strict=True)],
        betas=(0.9, 0.99),
    )
    mean = math.nan
    for batches in range(BATCHES):
        done = (part + batches / BATCHES) / ROUNDS
        slower = min(1, (batches + 1) / 20) * (0.5 + 0.5 * math.cos(math.pi * done))
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = slower * rate
        batch = torch.cat([crop(random.choice(pictures)) for _ in range(CROPS)])
        with torch.autocast("cpu", torch.bfloat16, enabled=HALVES):
            with torch.no_grad():
                wanted = features(batch, {})
            found = features(batch, factors)
        loss = features_error(wanted, found)
        if part >= ROUNDS // 2:
            loss += MOMENTS * moments_error(wanted, found)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean = loss.item() if math.isnan(mean) else 0.98 * mean + 0.02 * loss.item()
    sys.stdout.write(f"round {part + 1}: loss {mean:.4f}\n")
    sys.stdout.flush()
    return {name: Factor(*(t.detach() for t in factor)) for name, factor in factors.items()}


def crop(picture: Tensor) -> Tensor:
    """Return a square part, mirrored, with colours exchanged or with noise at random."""
    height, width = picture.shape[2:]
    side = min(CROP, height, width)
    top, left = random.randint(0, height - side), random.randint(0, width - side)
    part = picture[:, :, top : top + side, left : left + side]
    if side < CROP:
        part = interpolate(part, (CROP, CROP), mode="bicubic").clamp(0, 1)
    if random.random() < 0.5:
        part = part.flip(3)
    if random.random() < 0.25:
        part = part[:, torch.randperm(3)]
    return noisy(part)


def features_error(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Tensor:
    return sum(weight * error([wanted[n]], [found[n]]) for n, weight in MATTERS.items())


def moments_error(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Tensor:
    pairs = [
        zip(moments_of_crops(wanted[name]), moments_of_crops(found[name]), strict=True)
        for name in STYLE
    ]
    return sum(error([one], [other]) for pair in pairs for one, other in pair)


def moments_of_crops(batch: Tensor) -> list[Tensor]:
    """Return the means (N, C, 1) and covariances (N, C, C) of features (N, C, H, W)."""
    of_each = map(moments, batch.float().split(1))
    return [torch.stack(parts) for parts in zip(*of_each, strict=True)]


def error(wanted: Sequence[Tensor], found: Sequence[Tensor]) -> Tensor:
    """Return the relative squared error of all together."""
    pairs = zip(found, wanted, strict=True)
    distance = sum(squared_distance(f.float(), w.float()) for f, w in pairs)
    return distance / sum(squared_norm(w) for w in wanted)


if __name__ == "__main__":
    main(sys.argv[1])
