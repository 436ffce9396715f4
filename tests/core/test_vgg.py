"""Features of the network: which layers there are, what they see, and how it is looked at."""

import gc
import weakref
from dataclasses import replace
from threading import Thread

import pytest
import torch

from styletx.core import vgg
from styletx.core.vgg import FeatureExtractor, vgg19
from styletx.layers import LAYERS
from tests.helpers.network import assert_slope, small_weights

CPU = torch.device("cpu")


@pytest.fixture
def picture():
    return torch.rand(1, 3, 48, 40, generator=torch.Generator().manual_seed(2))


def test_layers_carry_the_papers_names():
    assert LAYERS[:4] == ("relu1_1", "relu1_2", "pool1", "relu2_1")
    assert LAYERS[-3:] == ("relu5_3", "relu5_4", "pool5")
    assert len(LAYERS) == 16 + 5


def test_each_pool_halves_the_picture(eye, picture):
    seen = FeatureExtractor(eye)(picture, {"relu1_1", "relu3_1", "pool4"})
    assert [tuple(f.shape[2:]) for f in seen.values()] == [(48, 40), (12, 10), (3, 2)]


def test_it_looks_no_deeper_than_it_is_asked(eye, picture, monkeypatch):
    extractor, applied = FeatureExtractor(eye), []
    convolve = extractor.convolve
    monkeypatch.setattr(extractor, "convolve", lambda n, a: applied.append(n) or convolve(n, a))
    extractor(picture, {"relu1_1", "relu2_1"})
    assert applied[-1] == "relu2_1"


def test_a_pass_leaves_nothing_behind_once_its_features_are_gone(eye, picture):
    extractor = FeatureExtractor(eye)
    features = extractor(picture.requires_grad_(), {"relu1_1", "relu2_1"})
    gone = [weakref.ref(activation) for activation in features.values()]
    gc.disable()  # which would free a circle, but late
    try:
        del features
        assert [one() for one in gone] == [None, None]
    finally:
        gc.enable()


def test_an_unknown_layer_is_named(eye, picture):
    with pytest.raises(KeyError, match="relu6_1"):
        FeatureExtractor(eye)(picture, {"relu6_1"})


@pytest.mark.parametrize("sides", [(6, 5), (1, 2), (2, 1), (1, 1)])
def test_its_gradient_is_the_slope_of_what_it_sees(sides):
    eye = small_weights(channels=3)
    exact = replace(eye, convolutions=tuple((k.double(), b.double()) for k, b in eye.convolutions))
    extractor = FeatureExtractor(exact, torch.float64)
    image = torch.rand(1, 3, *sides, generator=torch.Generator().manual_seed(4)).double()
    assert_slope(lambda x: extractor(x, {"relu1_1", "relu1_2"}), image)


def test_a_flat_picture_looks_the_same_at_its_border(eye):
    for activation in FeatureExtractor(eye)(torch.full((1, 3, 64, 64), 0.7), LAYERS).values():
        torch.testing.assert_close(
            activation, activation[..., :1, :1].expand_as(activation), atol=1e-4, rtol=1e-4
        )


def test_the_network_is_never_trained(eye, picture):
    extractor = FeatureExtractor(eye)
    assert not list(extractor.parameters())
    extractor(picture.requires_grad_(), {"relu2_1"})["relu2_1"].sum().backward()
    assert picture.grad is not None


def test_half_precision_comes_close(eye, picture):
    exact = FeatureExtractor(eye)(picture, {"relu3_1"})["relu3_1"]
    rough = FeatureExtractor(eye, torch.bfloat16)(picture, {"relu3_1"})["relu3_1"]
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).norm() / exact.norm() < 0.02


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [((1.0, 0.5), torch.bfloat16), ((1.0, 0.9), torch.float32), ((1.0, 3.0), torch.float32)],
)
def test_precision_is_the_one_that_measures_clearly_faster(seconds, chosen, monkeypatch):
    measured = dict(zip((torch.float32, torch.bfloat16), seconds, strict=True))
    monkeypatch.setattr(vgg, "time_convolution", lambda _, precision: measured[precision])
    assert vgg.fastest_precision.__wrapped__(CPU) == chosen


@pytest.mark.parametrize(
    ("name", "rough", "chosen"),
    [
        ("float32", 0.1, torch.float32),
        ("bfloat16", 2.0, torch.bfloat16),
        ("bfloat16", 9.0, torch.float32),
        ("unknown", 2.0, torch.float32),
    ],
)
def test_a_recorded_precision_is_followed_where_the_device_can(
    eye, monkeypatch, name, rough, chosen
):
    measured = {torch.float32: 1.0, torch.bfloat16: rough}
    monkeypatch.setattr(vgg, "time_convolution", lambda _, precision: measured[precision])
    for function in ("named_precision", "fastest_precision"):
        monkeypatch.setattr(vgg, function, getattr(vgg, function).__wrapped__)
    assert vgg19(CPU, eye, name).precision == chosen


def test_a_device_without_bfloat16_works_in_float32(monkeypatch):
    convolve = vgg.conv2d

    def too_old(activation, *given, **more):
        if activation.dtype == torch.bfloat16:
            raise RuntimeError("not supported on this card")
        return convolve(activation, *given, **more)

    monkeypatch.setattr(vgg, "conv2d", too_old)
    assert vgg.fastest_precision.__wrapped__(CPU) == torch.float32


def test_apples_cards_work_in_float32_unmeasured(monkeypatch):
    monkeypatch.setattr(vgg, "time_convolution", lambda *_: 1 / 0)
    assert vgg.fastest_precision.__wrapped__(torch.device("mps")) == torch.float32


def test_two_threads_that_ask_at_once_share_one_network(monkeypatch):
    loads = []

    def slow_load(source):
        loads.append(source)
        return small_weights()

    monkeypatch.setattr(vgg, "load", slow_load)
    got = []
    threads = [Thread(target=lambda: got.append(vgg19(CPU, "a place"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["a place"]
    assert len({id(extractor) for extractor in got}) == 1
