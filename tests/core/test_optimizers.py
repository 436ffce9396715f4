from itertools import pairwise

import numpy as np
import pytest
import torch

from styletx.core.optimizers import HISTORY_STEPS, LBFGS, MAX_MOVE


def bowl(seed=1, pixels=4):
    """A quadratic: the slope at a canvas, and the minimum, which a picture can show."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.rand(3 * pixels, 3 * pixels, generator=generator)
    matrix = mixed @ mixed.mT + 0.3 * torch.eye(3 * pixels)
    minimum = torch.rand(1, 3, 1, pixels, generator=generator) * 0.6 + 0.2
    return lambda canvas: (matrix @ (canvas - minimum).flatten()).view_as(canvas), minimum


def test_it_goes_where_the_dense_formula_of_bfgs_says():
    slope, _ = bowl()
    canvas = torch.full((1, 3, 1, 4), 0.5)
    descent, trail = LBFGS(canvas, learning_rate=0.01), []
    for _ in range(HISTORY_STEPS + 1):
        trail.append((canvas.flatten().double().numpy(), slope(canvas).flatten().double().numpy()))
        descent.step(slope(canvas))
    gradient = slope(canvas).flatten().double().numpy()
    trail.append((canvas.flatten().double().numpy(), gradient))

    pairs = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(trail)]
    move, change = pairs[-1]
    inverse = np.eye(12) * (move @ change) / (change @ change)
    for move, change in pairs[-HISTORY_STEPS:]:
        weight = 1 / (move @ change)
        keep = np.eye(12) - weight * np.outer(move, change)
        inverse = keep @ inverse @ keep.T + weight * np.outer(move, move)
    wanted = inverse @ gradient
    wanted *= min(1, 0.01 / np.sqrt(np.mean(wanted**2)))
    before = canvas.clone()
    descent.step(slope(canvas))
    np.testing.assert_allclose((before - canvas).flatten(), wanted, rtol=1e-3, atol=1e-6)


def test_it_finds_the_bottom_of_a_bowl_sooner_than_plain_descent():
    slope, minimum = bowl()
    ours, plain = torch.full_like(minimum, 0.5), torch.full_like(minimum, 0.5)
    descent = LBFGS(ours, learning_rate=0.1)
    for _ in range(40):
        descent.step(slope(ours))
        plain -= 0.04 * slope(plain)
    assert (ours - minimum).norm() < 0.1 * (plain - minimum).norm()


def test_no_step_goes_further_than_the_learning_rate():
    slope, _ = bowl()
    canvas = torch.full((1, 3, 1, 4), 0.5)
    descent = LBFGS(canvas, learning_rate=0.003)
    for _ in range(10):
        before = canvas.clone()
        descent.step(1000 * slope(canvas))
        assert (canvas - before).square().mean().sqrt() <= 0.003 + 1e-6


def test_the_first_step_goes_half_as_far():
    slope, _ = bowl()
    canvas = torch.full((1, 3, 1, 4), 0.5)
    LBFGS(canvas, learning_rate=0.02).step(slope(canvas))
    assert (canvas - 0.5).square().mean().sqrt() == pytest.approx(0.01, rel=1e-3)


def test_no_single_number_goes_much_further_than_the_others():
    canvas, gradient = torch.full((1, 3, 20, 20), 0.5), torch.full((1, 3, 20, 20), 1e-3)
    gradient[0, 0, 0, 0] = 1.0
    LBFGS(canvas, learning_rate=0.1).step(gradient)
    assert (canvas - 0.5).abs().max() == pytest.approx(0.1 * MAX_MOVE)


def test_the_canvas_never_leaves_what_a_picture_can_show():
    canvas = torch.full((1, 3, 4, 4), 0.98)
    LBFGS(canvas, learning_rate=0.5).step(torch.full_like(canvas, -1.0))
    assert canvas.max() == 1


def test_no_slope_no_step():
    canvas = torch.full((1, 3, 4, 4), 0.3)
    descent = LBFGS(canvas, learning_rate=0.5)
    for _ in range(3):
        descent.step(torch.zeros_like(canvas))
    assert (canvas == 0.3).all()


def test_curvature_that_cannot_be_is_not_believed():
    canvas = torch.full((1, 3, 4, 4), 0.5)
    descent = LBFGS(canvas, learning_rate=0.01)
    for slope in (1.0, 2.0, 3.0, 4.0):  # downhill, and yet ever steeper
        descent.step(torch.full_like(canvas, slope))
    assert torch.isfinite(canvas).all()
    assert (canvas < 0.5).all()
