"""The bands in which a large picture is looked at: what is seen and painted is the same."""

import pytest
import torch

from styletx import Settings, Style, stylize
from styletx.core import tiling, vgg
from styletx.core.vgg import vgg19
from styletx.layers import LAYERS
from tests.helpers.sample_size import sample_or_all

QUICK = sample_or_all(Settings(size=128, steps=3), Settings(size=256, steps=6))
WIDTH = sample_or_all(35, 67)
FIRST = ("relu1_1", "relu2_1", "relu3_1")
CASES = [(height, layers) for height in (333, 320, 257) for layers in (FIRST, LAYERS)]


@pytest.fixture
def narrow(monkeypatch):
    """Let everything be looked at in bands."""
    monkeypatch.setattr(tiling, "MAX_UNTILED_PIXELS", 4000)
    monkeypatch.setattr(vgg, "MAX_UNTILED_PIXELS", 0)


def look(eye, image, layers):
    image = image.clone().requires_grad_()
    seen = vgg19(torch.device("cpu"), eye, torch.float32)(image, layers)
    total = sum((i + 1) * layer.square().mean() for i, layer in enumerate(seen.values()))
    (gradient,) = torch.autograd.grad(total, image)
    return {name: layer.detach() for name, layer in seen.items()}, gradient


@pytest.mark.parametrize(("height", "layers"), sample_or_all([CASES[0], CASES[-1]], CASES))
def test_bands_leave_no_seam_in_what_is_seen_or_learnt(eye, request, layers, height):
    image = torch.rand(1, 3, height, WIDTH, generator=torch.Generator().manual_seed(0))
    whole, slope = look(eye, image, layers)
    request.getfixturevalue("narrow")
    assert len(tiling.bands(height, WIDTH, layers[-1])) > 3
    banded, banded_slope = look(eye, image, layers)
    assert list(banded) == list(whole)
    for name in layers:
        torch.testing.assert_close(banded[name], whole[name])
    torch.testing.assert_close(banded_slope, slope, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_picture_painted_in_bands_is_the_same_picture(sunset, weave, eye, request, monkeypatch):
    monkeypatch.setattr(vgg, "fastest_precision", lambda _: torch.float32)

    def picture():
        *_, result = stylize(sunset, [Style(weave)], QUICK, weights=eye)
        return torch.frombuffer(bytearray(result.picture.tobytes()), dtype=torch.uint8).float()

    whole = picture()
    request.getfixturevalue("narrow")
    assert (picture() - whole).abs().max() <= 1


def test_bands_cover_every_row_once_and_no_band_is_larger_than_it_may_be():
    for height, width in ((4096, 2731), (2731, 4096), (3001, 1999)):
        found = tiling.bands(height, width, "relu3_1")
        assert [band.top for band in found] == [0, *[band.bottom for band in found[:-1]]]
        assert found[-1].bottom == height
        assert (
            max((band.bottom - band.top) * width for band in found) <= tiling.MAX_UNTILED_PIXELS / 2
        )
