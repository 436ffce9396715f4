"""Factored convolutions: what they compute, for which settings, and from which file."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from styletx import Settings
from styletx.core import factors
from styletx.core.factors import Factor, load_factors, suit
from styletx.core.objective import StyleTargets
from styletx.core.paintings import Painting
from styletx.core.terms import RELATIVE, mask_per_layer
from styletx.core.vgg import FeatureExtractor, vgg19
from styletx.core.weights import CHANNELS
from styletx.errors import WeightsError
from styletx.layers import LAYERS
from tests.helpers.network import assert_slope, small_weights

CPU = torch.device("cpu")


def random_factor(channels, rank):
    numbers = torch.Generator().manual_seed(rank)
    shapes = ((rank, channels), (rank,), (channels, rank), (channels,))
    return Factor(*(torch.randn(shape, generator=numbers) / 2 for shape in shapes))


@pytest.fixture
def picture():
    return torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(2))


def test_a_factored_layer_sees_what_its_factors_make_of_the_whole_one(eye, picture):
    _, bias = eye.convolutions[1]
    factor = random_factor(len(bias), 3)
    whole, factored = FeatureExtractor(eye), FeatureExtractor(eye, factors={"relu1_2": factor})
    below = whole(picture, {"relu1_1"})["relu1_1"]
    response = whole.convolve("relu1_2", below)[0].flatten(1)
    reduced = factor.reduce @ response + factor.reduce_bias[:, None]
    wanted = (factor.expand @ reduced + factor.expand_bias[:, None]).relu()
    found = factored(picture, {"relu1_2"})["relu1_2"][0].flatten(1)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(factored(picture, {"relu1_1"})["relu1_1"], below)


def test_the_gradient_of_a_factored_layer_is_the_slope_of_what_it_sees():
    eye = small_weights(channels=3)
    exact = replace(eye, convolutions=tuple((k.double(), b.double()) for k, b in eye.convolutions))
    factor = Factor(*(tensor.double() for tensor in random_factor(3, 2)))
    extractor = FeatureExtractor(exact, torch.float64, {"relu1_2": factor})
    image = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(4)).double()
    assert_slope(lambda x: extractor(x, {"relu1_1", "relu1_2"}), image)


def test_a_first_canvas_is_as_far_from_its_targets_as_the_whole_network_sees_it(eye, picture):
    factors = {"relu1_2": random_factor(len(eye.convolutions[1][1]), 3)}
    factored = FeatureExtractor(eye, factors=factors)
    whole = factored.whole
    painting, where = picture.flip(2), picture[:, :1].flip(3)
    paintings = [Painting(painting, None, 1.0)]
    photo = whole(painting.flip(3), ["relu2_1"])
    style = StyleTargets(photo, picture, (("relu2_1", 1.0),), RELATIVE, factored, None)
    region = mask_per_layer(where, ["relu2_1"])
    by_whole, by_factored = (
        RELATIVE.per_layer(one(picture, ["relu2_1"]), region)["relu2_1"]
        for one in (whole, factored)
    )
    for toward in (1, 0.4):
        target, plain = (
            replace(style, extractor=one).of_region(where, paintings, toward)[0][0]["relu2_1"]
            for one in (factored, whole)
        )
        for found, aim, seen, wanted in zip(by_factored, target, by_whole, plain, strict=True):
            assert not torch.allclose(aim, wanted, atol=1e-2)
            torch.testing.assert_close(found - aim, seen - wanted, atol=1e-4, rtol=1e-4)


def test_the_report_says_that_the_network_is_factored(eye):
    channels = len(eye.convolutions[1][1])
    extractor = FeatureExtractor(eye, factors={"relu1_2": random_factor(channels, 2)})
    assert extractor.provenance["weights"] == f"{eye.source}, factored"


def test_the_factors_fit_the_layers_that_they_are_named_after_and_save_more_than_half():
    channels = dict(
        zip((n for n in LAYERS if n.startswith("relu")), pairwise((3, *CHANNELS)), strict=True)
    )
    found, whole, factored = load_factors(), 0, 0
    assert found.keys() == set(list(channels)[1 : list(channels).index("relu5_1") + 1])
    for name, (reduce, reduce_bias, expand, expand_bias) in found.items():
        (given, made), rank = channels[name], len(reduce_bias)
        assert (reduce.shape, expand.shape) == ((rank, made), (made, rank))
        assert expand_bias.shape == (made,)
        share = 4 ** -int(name[4])  # of the positions
        whole += share * 9 * given * made
        factored += share * rank * (9 * given + made)
    assert factored < 0.4 * whole


def test_a_file_of_factors_that_is_damaged_or_missing_is_a_sentence(tmp_path, monkeypatch):
    content = bytearray(factors.FILE.read_bytes())
    content[len(content) // 2] ^= 1
    monkeypatch.setattr(factors, "FILE", tmp_path / "factors.safetensors")
    for damaged in (None, content):
        if damaged:
            factors.FILE.write_bytes(damaged)
        load_factors.cache_clear()
        with pytest.raises(WeightsError, match="is damaged or missing. Install styletx again."):
            load_factors()
    load_factors.cache_clear()


@pytest.mark.parametrize(
    ("chosen", "suits"),
    [
        ({}, True),
        ({"size": 2048, "steps": 3, "style_weight": 0.5, "optimizer": "adam"}, True),
        ({"method": "gatys"}, False),
        ({"style_layers": "relu1_1 relu5_4"}, False),
        ({"content_layers": "relu4_2=2"}, False),
    ],
)
def test_what_is_compared_by_other_layers_or_gram_matrices_is_seen_by_the_whole_network(
    chosen, suits
):
    assert suit(Settings(**chosen)) is suits


def test_weights_that_somebody_chose_stay_whole(monkeypatch, eye):
    monkeypatch.setattr("styletx.core.vgg.load", lambda source: replace(eye, source=source))
    assert vgg19(CPU, "some.pth", torch.float32, factored=True).source == "some.pth"
