import pytest
import torch

from styletx.descent import MEMORY, Adam


def test_where_every_slope_is_alike_the_steps_are_those_of_torchs_adam():
    target = torch.full((1, 3, 2, 2), 0.8)
    ours, theirs = torch.full_like(target, 0.5), torch.full_like(target, 0.5).requires_grad_()
    steps = 15
    mine = Adam(ours, learning_rate=0.02, steps=steps)
    reference = torch.optim.Adam([theirs], lr=0.02, betas=MEMORY)
    fall = torch.optim.lr_scheduler.LinearLR(reference, 1.0, 0.1, total_iters=steps - 1)
    for _ in range(steps):
        mine.step(2 * (ours - target))
        reference.zero_grad()
        (theirs - target).square().sum().backward()
        reference.step()
        fall.step()
    torch.testing.assert_close(ours, theirs.detach(), atol=1e-5, rtol=1e-5)


def test_a_pixel_moves_in_the_colour_that_its_slope_has():
    canvas = torch.full((1, 3, 1, 1), 0.5)
    Adam(canvas, learning_rate=0.01, steps=1).step(torch.tensor([2.0, -1.0, 0.5]).view(1, 3, 1, 1))
    moved = (canvas - 0.5).flatten()
    torch.testing.assert_close(moved / moved[0], torch.tensor([1.0, -0.5, 0.25]))


def test_where_little_pulls_little_moves():
    canvas, gradient = torch.full((1, 3, 1, 100), 0.5), torch.ones(1, 3, 1, 100)
    gradient[..., 0] = 0.01
    Adam(canvas, learning_rate=0.01, steps=1).step(gradient)
    moved = (canvas - 0.5).abs()[0, 0, 0]
    assert moved[0] < 0.03 * moved[1]


def test_the_canvas_never_leaves_what_a_picture_can_show():
    canvas = torch.full((1, 3, 4, 4), 0.98)
    Adam(canvas, learning_rate=0.5, steps=1).step(torch.full_like(canvas, -1.0))
    assert canvas.max() == 1


def test_no_slope_no_step():
    canvas = torch.full((1, 3, 4, 4), 0.3)
    Adam(canvas, learning_rate=0.5, steps=3).step(torch.zeros_like(canvas))
    assert (canvas == 0.3).all()


def test_a_restart_has_the_steps_that_are_left():
    adam = Adam(torch.full((1, 3, 4, 4), 0.5), learning_rate=0.1, steps=5)
    adam.step(torch.ones(1, 3, 4, 4))
    again = adam.restarted(0.05)
    assert (again.steps, again.taken, again.learning_rate) == (4, 0, pytest.approx(0.05))
