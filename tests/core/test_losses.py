"""Losses as pure functions: their values beside plain formulas, and their slopes."""

import numpy as np
import pytest
import torch

from styletx.core.losses import (
    BLOCK_POSITIONS,
    downsampled,
    gram,
    mean_of,
    moments,
    relative_error,
    total_variation,
)


def noise(*shape, dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def test_gram_ignores_where_things_are():
    features = noise(1, 4, 6, 5)
    shuffled = features.flatten(2)[..., torch.randperm(30)].view_as(features)
    torch.testing.assert_close(gram(features), gram(shuffled))


def test_gram_does_not_grow_with_the_picture():
    features = noise(1, 4, 6, 5)
    torch.testing.assert_close(gram(features), gram(features.repeat(1, 1, 2, 2)))


def test_gram_agrees_with_numpy():
    features = noise(1, 4, 6, 5)
    channels = features.numpy()[0].reshape(4, -1)
    np.testing.assert_allclose(gram(features), channels @ channels.T / 30, rtol=1e-5)


@pytest.mark.parametrize("side", [6, BLOCK_POSITIONS // 64])  # in one piece, and in several
def test_moments_agree_with_numpy(side):
    features = noise(1, 4, side, 65)
    channels = features.numpy()[0].reshape(4, -1)
    mean, covariance = moments(features)
    np.testing.assert_allclose(mean[:, 0], channels.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(covariance, np.cov(channels, bias=True), rtol=1e-3, atol=1e-5)


def test_statistics_of_halves_are_added_up_in_float32():
    features = noise(1, 4, 40, 400).bfloat16()
    assert gram(features).dtype == torch.float32
    torch.testing.assert_close(gram(features), gram(features.float()), rtol=1e-3, atol=0)
    for found, exact in zip(moments(features), moments(features.float()), strict=True):
        assert (found - exact).norm() < 5e-3 * exact.norm()
    few = features[..., :6]
    torch.testing.assert_close(moments(few), moments(few.float()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_statistics_of_a_region_are_those_of_its_positions_alone(dtype):
    features = noise(1, 4, 120, 600).to(dtype)
    where = torch.zeros(1, 1, 120, 600)
    where[..., 10:100, 50:500] = 0.7
    inside = features[..., 10:100, 50:500]
    for found, wanted in zip(moments(features, where), moments(inside), strict=True):
        assert (found - wanted).norm() < (5e-3 if dtype == torch.bfloat16 else 1e-4) * wanted.norm()
    assert (gram(features, where) - gram(inside)).norm() < 5e-3 * gram(inside).norm()


@pytest.mark.parametrize("where", [None, noise(1, 1, 40, 400)], ids=["everywhere", "in a region"])
def test_the_mean_alone_is_that_of_the_moments(where):
    features = noise(1, 4, 40, 400)
    torch.testing.assert_close(mean_of(features, where), moments(features, where)[0])


@pytest.mark.parametrize(
    "loss",
    [
        moments,
        gram,
        lambda x: moments(x, noise(1, 1, 8, 5, dtype=torch.double)),
        lambda x: gram(x, noise(1, 1, 8, 5, dtype=torch.double)),
        total_variation,
        downsampled,
        lambda x: relative_error(x, noise(1, 3, 8, 5, dtype=torch.double)),
    ],
)
def test_gradients_are_the_slopes_of_the_values(loss):
    image = noise(1, 3, 8, 5, dtype=torch.double).mul(2).requires_grad_()
    assert torch.autograd.gradcheck(loss, image)


def test_a_relative_error_does_not_depend_on_the_layers_scale():
    found, target = noise(3, 4), noise(3, 4) + 0.3
    torch.testing.assert_close(relative_error(found, target), relative_error(7 * found, 7 * target))
    assert relative_error(torch.zeros(3, 4), target) == pytest.approx(1)


def test_a_target_of_nothing_gives_no_infinite_error():
    assert torch.isfinite(relative_error(torch.ones(3), torch.zeros(3)))


def test_a_flat_image_is_perfectly_smooth():
    assert total_variation(torch.full((1, 3, 8, 8), 0.3)) == 0


def test_a_checkerboard_is_as_rough_as_can_be():
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2
    assert total_variation(board.float()[None, None]) == 2
