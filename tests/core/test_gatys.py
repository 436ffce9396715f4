"""The classic method against an independent, plain implementation of the paper."""

import pytest
import torch
from torch.nn.functional import conv2d, max_pool2d, pad

from styletx import Settings, Style, stylize
from styletx.core import vgg
from styletx.core.tensors import to_tensor
from styletx.layers import DEPTHS

CPU = torch.device("cpu")
STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Roundings would part the two before ten steps are over: Adam follows the sign of a slope
    however small it is."""
    monkeypatch.setattr(vgg, "fastest_precision", lambda _: torch.float64)


def seen(weights, image):
    """Every ReLU of VGG19, with borders repeated and max pooling, as everywhere in styletx."""
    found, convolutions = {}, iter(weights.convolutions)
    mean, std = (torch.tensor(three).view(1, 3, 1, 1) for three in (weights.mean, weights.std))
    activation = ((image - mean) / std).double()
    for block, depth in enumerate(DEPTHS, start=1):
        for n in range(1, depth + 1):
            kernel, bias = next(convolutions)
            padded = pad(activation, (1, 1, 1, 1), mode="replicate")
            activation = conv2d(padded, kernel.double(), bias.double()).relu()
            found[f"relu{block}_{n}"] = activation
        activation = max_pool2d(activation, 2)
    return found


def products(activation):
    """G of equation 3, and its N and M."""
    flat = activation[0].flatten(1)
    return flat @ flat.T, *flat.shape


def loss(found, photo, painting, alpha, beta):
    """Equations 1, 4, 5 and 7, term by term."""
    content = 0.5 * (found["relu4_2"] - photo["relu4_2"]).pow(2).sum()
    style = 0
    for layer in STYLE:
        (g, n, m), (a, _, _) = products(found[layer]), products(painting[layer])
        style = style + (1 / 5) * (g - a).pow(2).sum() / (4 * n**2 * m**2)
    return alpha * content + beta * style


def steepest(pairs, v):
    """The inverse curvature of BFGS (Nocedal & Wright, equation 6.17) times v, as it is written."""
    if not pairs:
        return v
    *earlier, (s, y) = pairs
    rho = 1 / (s * y).sum()
    inner = steepest(earlier, v - rho * y * (s * v).sum())
    return inner - rho * s * (y * inner).sum() + rho * s * (s * v).sum()


class PlainLBFGS:
    """The last five pairs, no line search, and no step longer than `lr`."""

    def __init__(self, canvas, lr):
        self.canvas, self.lr, self.pairs, self.last = canvas, lr, [], None

    @torch.no_grad()
    def step(self):
        x, g = self.canvas.clone(), self.canvas.grad.clone()
        if self.last is None:
            move = g * self.lr / 2 / g.pow(2).mean().sqrt()
        else:
            self.pairs = [*self.pairs, (x - self.last[0], g - self.last[1])][-5:]
            s, y = self.pairs[-1]
            assert (s * y).sum() > 1e-4 * s.norm() * y.norm()
            scale = ((s * y).sum() / y.pow(2).sum()).sqrt()  # H₀ = scale² · 1, half on either side
            scaled = [(s / scale, y * scale) for s, y in self.pairs]
            move = scale * steepest(scaled, scale * g)
        self.last = x, g
        move = move * min(1, self.lr / move.pow(2).mean().sqrt())
        self.canvas.copy_((x - move.clamp(-4 * self.lr, 4 * self.lr)).clamp(0, 1))


def reference(weights, content, style, start, optimizer, alpha, beta):
    """The losses before each of the first eleven steps."""
    photo, painting = seen(weights, content), seen(weights, style)
    canvas, losses = start.clone().requires_grad_(), []
    kind = torch.optim.Adam if optimizer == "adam" else PlainLBFGS
    steps = kind([canvas] if optimizer == "adam" else canvas, lr=0.05)
    for _ in range(11):
        canvas.grad = None
        value = loss(seen(weights, canvas), photo, painting, alpha, beta)
        value.backward()
        losses.append(value.item())
        steps.step()
    return losses


@pytest.mark.parametrize(("optimizer", "init"), [("lbfgs", "photo"), ("adam", "noise")])
def test_its_objective_follows_the_paper_for_ten_steps(sunset, weave, eye, optimizer, init):
    weave = weave.resize(sunset.size)
    settings = Settings(
        size=96,
        steps=11,
        method="gatys",
        optimizer=optimizer,
        init=init,
        seed=4,
        content_weight=8.0,
        style_weight=2.0,
    )
    *progress, _ = stylize(sunset, [Style(weave)], settings, weights=eye, report_every=0)
    content, style = (to_tensor(picture, (96, 64), CPU) for picture in (sunset, weave))
    noise = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(4))
    start = noise if init == "noise" else content
    expected = reference(eye, content, style, start, optimizer, alpha=8e-3, beta=2)
    found = [event.losses["total"] for event in progress]
    assert len(found) == 11
    assert found[10] < 0.9 * found[0]
    assert found == pytest.approx(expected, rel=1e-3)


def test_it_knows_one_size_and_all_layers(sunset, weave, eye):
    settings = Settings(size=256, steps=2, method="gatys")
    event = next(stylize(sunset, [Style(weave)], settings, weights=eye))
    assert (event.levels, set(event.losses)) == (1, {"content", "style", "total"})


def test_paintings_share_as_in_any_other_method(sunset, weave, eye):
    def loss(*shares):
        settings = Settings(size=64, steps=1, method="gatys", init="noise")
        styles = [
            Style(picture, share) for picture, share in zip((weave, sunset), shares, strict=True)
        ]
        return next(stylize(sunset, styles, settings, weights=eye)).losses["style"]

    assert loss(3, 1) == pytest.approx((3 * loss(1, 0) + loss(0, 1)) / 4)
