"""Colours: taken from another picture, told apart from lightness, and left as they are."""

import io

import pytest
import torch
from PIL import Image
from torch.nn.functional import avg_pool2d

from styletx.core.color import (
    from_oklab,
    mean_and_covariance,
    recolor,
    to_grayscale,
    to_oklab,
    with_colors,
)
from styletx.core.tensors import to_picture, to_tensor


def picture(seed, low=0.0, high=1.0):
    noise = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(seed))
    return low + (high - low) * noise


def test_colours_take_on_the_mean_and_covariance_of_the_other_picture():
    mixed = torch.einsum(
        "cd,bdhw->bchw", torch.tensor([[0.5, 0.3, 0], [0, 0.4, 0.4], [0.2, 0, 0.6]]), picture(2)
    )
    found, wanted = mean_and_covariance(recolor(picture(1), mixed)), mean_and_covariance(mixed)
    torch.testing.assert_close(found[0], wanted[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(found[1], wanted[1], atol=1e-4, rtol=0)


def test_a_picture_in_its_own_colours_does_not_change():
    torch.testing.assert_close(recolor(picture(1), picture(1)), picture(1), atol=1e-4, rtol=0)


def test_grey_and_flat_pictures_are_no_trouble():
    grey = picture(3)[:, :1].expand(-1, 3, -1, -1)
    flat = torch.full((1, 3, 8, 8), 0.25)
    for photo in (grey, flat, picture(4)):
        for painting in (grey, flat, picture(5)):
            assert torch.isfinite(recolor(photo, painting)).all()


def test_a_flat_photo_becomes_the_paintings_mean_colour():
    painting = picture(6)
    moved = recolor(torch.full((1, 3, 8, 8), 0.9), painting)
    torch.testing.assert_close(moved[0, :, 0, 0], painting.mean((0, 2, 3)), atol=1e-4, rtol=0)


def scan(kind):
    """A grey or sepia scan with noise, and the same without."""
    light = torch.linspace(0.1, 0.9, 96).expand(1, 3, 96, 96)
    clean = light ** torch.tensor([0.8, 1.0, 1.2]).view(1, 3, 1, 1) if "sepia" in kind else light
    noise = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(7))
    if "mottle" in kind:
        noise = avg_pool2d(noise, 9, 1, 4)
        noise = noise / noise.std() * 4 / 3
    noisy = to_picture(clean + noise * 1.5 / 255)
    if "JPEG" in kind:
        file = io.BytesIO()
        noisy.save(file, "JPEG", quality=95)
        noisy = Image.open(file)
    return clean, to_tensor(noisy, noisy.size, torch.device("cpu"))


@pytest.mark.parametrize("kind", ["noise", "noise, JPEG", "mottle", "mottle, JPEG", "sepia, noise"])
def test_the_noise_of_a_scan_does_not_become_coloured_grain(kind):
    """A grey one gets the colours that it gets without noise."""

    def grain(one, other):
        lab = (to_oklab(one) - to_oklab(other))[:, 1:]
        return (lab - avg_pool2d(lab, 5, 1, 2))[..., 2:-2, 2:-2].std()

    clean, noisy = scan(kind)
    painting = torch.cat([picture(5, 0.1), picture(6, 0.3), picture(7, 0.0, 0.5)], dim=3)
    found, wanted = (recolor(picture, painting).clamp(0, 1) for picture in (noisy, clean))
    assert grain(found, wanted) <= 3 * grain(noisy, clean) + 0.004
    if "sepia" not in kind:
        assert avg_pool2d(to_oklab(found) - to_oklab(wanted), 16)[:, 1:].abs().max() < 0.01


def test_the_noise_of_a_scan_that_is_cut_out_does_not_either():
    """Whatever is where nothing shows of it, and however much that is."""
    _, noisy = scan("noise")
    shows = torch.zeros(1, 1, 96, 96)
    shows[..., 30:80] = 1
    painting = picture(5, 0.1)
    for behind in (0.5, noisy):
        found = recolor(torch.where(shows > 0, noisy, behind), painting, shows)[..., 30:80]
        wanted = recolor(noisy[..., 30:80], painting)
        torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)


def test_the_noise_of_blank_paper_does_not_become_strokes_in_light_and_dark():
    paper = 0.9 + 0.01 * picture(3)
    assert to_oklab(to_grayscale(paper, picture(1)))[:, 0].std() < 0.02


def test_oklab_says_what_its_author_says_of_red_and_white():
    """The values of its definition (Ottosson, 2020), as CSS Color 4 has them."""
    colors = torch.tensor([[1.0, 0, 0], [1, 1, 1]]).T.view(1, 3, 1, 2)
    wanted = torch.tensor([[0.62796, 0.22486, 0.12585], [1, 0, 0]]).T.view(1, 3, 1, 2)
    torch.testing.assert_close(to_oklab(colors), wanted, atol=1e-4, rtol=0)


def test_oklab_and_back_is_nowhere():
    torch.testing.assert_close(from_oklab(to_oklab(picture(1))), picture(1), atol=1e-4, rtol=0)


def test_grey_has_the_lightness_and_nothing_else():
    found = to_oklab(to_grayscale(picture(1)))
    torch.testing.assert_close(found[:, :1], to_oklab(picture(1))[:, :1], atol=1e-4, rtol=0)
    assert found[:, 1:].abs().max() < 1e-3
    moved = to_oklab(to_grayscale(picture(1), like=picture(2, 0.4, 0.6)))[:, 0]
    wanted = to_oklab(picture(2, 0.4, 0.6))[:, 0]
    assert abs(moved.mean() - wanted.mean()) < 1e-3
    assert abs(moved.std() - wanted.std()) < 1e-3


def test_the_colours_of_one_and_the_lightness_of_another():
    photo, painted = picture(1, 0.4, 0.6), picture(2, 0.4, 0.6)
    found = to_oklab(with_colors(painted, to_oklab(photo)[:, 1:]))
    torch.testing.assert_close(found[:, 0], to_oklab(painted)[:, 0], atol=1e-3, rtol=0)
    torch.testing.assert_close(found[:, 1:], to_oklab(photo)[:, 1:], atol=1e-3, rtol=0)


def test_a_region_is_recoloured_by_its_own_colours():
    image, wanted = picture(1), picture(5, 0.2, 0.7)
    where = torch.zeros(1, 1, 20, 30)
    where[..., 10:] = 1
    moved = recolor(image, wanted, where)[..., 10:]
    for found, target in zip(mean_and_covariance(moved), mean_and_covariance(wanted), strict=True):
        torch.testing.assert_close(found, target, atol=1e-4, rtol=0)
