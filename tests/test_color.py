import torch

from styletx.color import mean_and_covariance, recolor


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
