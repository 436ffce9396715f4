"""The photo itself guides the style: calm ground stays calm, small things on it stay clear."""

import pytest
import torch
from PIL import Image, ImageDraw, ImageStat

from styletx import Settings, Style, stylize
from styletx.core import guidance, inputs
from styletx.core.guidance import MOST, blurred, calm_and_busy, guide, without_calm
from styletx.core.matching import followed, matched, nearest
from styletx.core.objective import build_terms
from styletx.core.paintings import Painting
from styletx.core.tensors import to_picture, to_tensor
from styletx.core.vgg import vgg19

CPU = torch.device("cpu")
SIZE = (256, 176)


def tensor(picture):
    return to_tensor(picture, picture.size, CPU)


def speckle(width, height):
    generator = torch.Generator().manual_seed(1)
    return to_picture(torch.rand(1, 3, height, width, generator=generator))


def rough_and_smooth():
    picture = Image.new("RGB", SIZE, "tan")
    picture.paste(speckle(128, 176), (0, 0))
    return picture


def test_a_blur_is_a_tent_and_beyond_the_border_the_last_pixel_goes_on():
    line = torch.zeros(1, 1, 1, 41)
    line[..., 20] = 1
    tent = torch.tensor([0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0]) / 25
    torch.testing.assert_close(blurred(line, 0.1)[0, 0, 0, 15:26], tent)
    flat = torch.full((1, 3, 9, 7), 0.3)
    torch.testing.assert_close(blurred(flat, 0.5), flat)


@pytest.fixture(scope="module")
def product():
    """A speckled box, with a smooth door, in the middle of white ground."""
    picture, box = Image.new("RGB", SIZE, "white"), speckle(80, 90)
    ImageDraw.Draw(box).rectangle((20, 20, 60, 70), fill="navy")
    picture.paste(box, (90, 40))
    return picture


@pytest.fixture(scope="module")
def half_busy():
    """A painting whose left half is rough, and whose right half is nearly smooth."""
    return Painting(tensor(rough_and_smooth()), None, 1.0)


@pytest.fixture(scope="module")
def busy():
    return Painting(tensor(speckle(*SIZE)), None, 1.0)


def test_empty_ground_is_calm_and_things_are_not(product):
    calm = guide(tensor(product), 1.0).calm[0, 0]
    assert calm[:20].min() == calm[:, :60].min() == pytest.approx(MOST)
    assert calm[60:110, 110:150].max() == 0


def test_a_smooth_part_that_a_thing_encloses_is_no_ground(product):
    open_door = product.copy()
    ImageDraw.Draw(open_door).rectangle((110, 60, 150, 176), fill="navy")
    closed, opened = (guide(tensor(one), 1.0).calm[0, 0, 85, 130] for one in (product, open_door))
    assert closed == 0
    assert opened > 0.9 * MOST


def test_a_small_thing_counts_where_calm_ground_is_near(product):
    fine = guide(tensor(product), 1.0).fine[0, 0]
    assert fine[42, 92] > 0.9  # a corner of the box
    assert fine[:20].max() == 0  # the ground itself


def test_a_photo_without_calm_ground_has_no_guide(busy):
    assert guide(busy.image, 1.0) is None


def test_a_blurred_background_is_no_bare_ground(monkeypatch):
    patches = Image.blend(speckle(8, 6), Image.new("RGB", (8, 6), "grey"), 0.6)
    behind = tensor(patches.resize(SIZE, Image.Resampling.BICUBIC))
    assert guide(behind, 1.0) is None
    monkeypatch.setattr(guidance, "BARE", (2.0, 1.0))  # whatever its colours
    assert guide(behind, 1.0) is not None  # it is smooth enough


def test_the_guide_is_as_strong_as_is_asked(product):
    photo = tensor(product)
    half, most = guide(photo, 0.4), guide(photo, 0.8)
    for one, other in zip(half, most, strict=True):
        torch.testing.assert_close(2 * one, other)
    assert most.local == guide(photo, 1.0).local == 1
    assert guide(photo, 0.0) is None


def test_the_guide_looks_the_same_at_every_level(product):
    found = guide(tensor(product), 1.0)
    small = found.resized((64, 44), CPU)
    assert small.calm.shape == (1, 1, 44, 64)
    torch.testing.assert_close(small.calm.mean(), found.calm.mean())


def test_calm_parts_of_a_painting_are_told_from_the_others(half_busy):
    calm, rest, quiet = calm_and_busy(half_busy)
    assert quiet == 1
    assert calm.visible[..., :110].max() == 0
    assert calm.visible[..., 150:].min() == 1
    torch.testing.assert_close(calm.visible + rest.visible, torch.ones_like(calm.visible))


def test_what_is_invisible_in_a_painting_is_no_part_of_it(half_busy):
    visible = torch.ones_like(half_busy.image[:, :1])
    visible[:, :, :80] = 0
    for part in calm_and_busy(half_busy._replace(visible=visible))[:2]:
        assert part.visible[:, :, :80].max() == 0


def test_a_painting_without_a_calm_part_covers_calm_ground_too(product, busy):
    found = guide(tensor(product), 1.0)
    where, (painting,), calm = without_calm(None, [busy], found)
    assert (where, calm) == (None, None)
    assert painting is busy


def test_masks_by_hand_go_before_the_guide(product, half_busy):
    mask = torch.zeros(1, 1, *SIZE[::-1])
    mask[..., :128] = 1
    rest, _, calm = without_calm(mask, [half_busy], guide(tensor(product), 1.0))
    torch.testing.assert_close(rest + calm.where, mask)
    assert calm.where[..., 128:].max() == 0


def guided_by(photo, **chosen):
    settings = Settings(size=256, **chosen)
    painting = Style(Image.linear_gradient("L").convert("RGB"))
    return inputs.prepare_inputs(photo, [painting], settings, None, None)[1].guide


def test_each_place_follows_the_one_whose_features_differ_from_the_mean_as_its_own_do():
    ways = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]])
    candidates, positions = 7 + ways, 3 + 2 * ways.flip(0)
    torch.testing.assert_close(nearest(positions, candidates), 7 + ways.flip(0))


def test_only_places_of_the_region_follow_only_what_is_visible_of_the_painting():
    features, painting = (torch.arange(8.0).view(1, 2, 2, 2) * step for step in (1, -1))
    where, visible = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    where[..., 0], visible[..., 1] = 1, 1
    found = matched(features, painting, where, visible)
    torch.testing.assert_close(found[..., 1], features[..., 1])
    for row in range(2):
        assert found[0, :, row, 0].tolist() in ([-1.0, -5.0], [-3.0, -7.0])


def test_candidates_are_taken_from_all_columns_of_a_painting():
    turns = (torch.arange(128.0) / 128 * 2 * torch.pi).repeat(128, 1)
    painting = torch.stack([turns.cos(), turns.sin()])[None]
    found = matched(painting, painting, torch.ones(1, 1, 128, 128))
    assert found[0, 0].unique().numel() > 64


def test_what_belongs_little_to_a_region_follows_no_place_however_soft_the_region_is():
    soft = torch.tensor([[[[0.25, 0.05]]]])
    assert followed(soft).tolist() == [[[[1.0, 0.0]]]]
    assert followed(torch.zeros(1, 1, 2, 2)).max() == 0


def style_terms(photo, styles, eye, **chosen):
    """The terms of style of the first level, none of which is met."""
    settings = Settings(size=128, **chosen)
    levels, given = inputs.prepare_inputs(photo, styles, settings, None, None)
    network = vgg19(CPU, eye, torch.float32)
    scene = given.at_level(levels[0], CPU)
    terms = build_terms(scene.photo, levels[0], scene, settings, network)
    image = scene.photo.flip(3)
    features = network(image, {layer for term in terms for layer in term.layers})
    found = [(term, term.measure(image, features)) for term in terms if term.name == "style"]
    assert all(torch.isfinite(loss) and loss > 0 for _, loss in found)
    return [term for term, _ in found]


@pytest.mark.parametrize("amount, statistics", [(0.8, 0.2), (0.4, 0.6)])
def test_statistics_count_less_the_further_things_follow_places(product, eye, amount, statistics):
    calm, follows, counts = style_terms(product, [Style(rough_and_smooth())], eye, guidance=amount)
    assert calm.weight == pytest.approx(1 - counts.weight / statistics, abs=0.01)
    assert follows.weight == pytest.approx(amount / 0.8 * counts.weight / statistics)
    assert set(follows.layers) <= {"relu3_1", "relu4_1"}
    assert "relu1_1" not in counts.layers


@pytest.mark.parametrize(
    "chosen", [{"style_weight": 0.5}, {"style_layers": "relu1_1"}, {"init": "noise"}], ids=str
)
def test_guidance_goes_with_other_settings_and_several_paintings(product, eye, chosen):
    styles = [Style(rough_and_smooth(), share) for share in (1, 3)]
    assert len(style_terms(product, styles, eye, **chosen)) == 3


def test_a_thing_follows_places_as_far_as_the_guide_and_the_painting_say(product, half_busy, busy):
    def local(paintings, amount):
        return without_calm(None, paintings, guide(tensor(product), amount))[2].local

    assert local([half_busy], 1.0) == 1
    assert local([half_busy], 0.4) == pytest.approx(0.5)
    halves = [one._replace(share=0.5) for one in (half_busy, busy)]
    assert local(halves, 1.0) == pytest.approx(0.5)


def test_what_is_not_to_keep_the_photo_is_not_guided_by_it(product):
    assert guided_by(product) is not None
    assert guided_by(product, guidance=0.0) is None
    assert guided_by(product, content_weight=0.0) is None
    assert guided_by(product, style_weight=10.0) is None
    assert guided_by(product, method="gatys") is None


def painted(photo, style, eye, **chosen):
    settings = Settings(**{"size": 128, "steps": 4, **chosen})
    *_, result = stylize(photo, [Style(style)], settings, weights=eye)
    return result.picture


def test_guidance_does_nothing_to_a_photo_without_calm_ground(weave, eye):
    busy = speckle(128, 88)
    with_guide, without = (painted(busy, weave, eye, guidance=one) for one in (1.0, 0.0))
    assert with_guide.tobytes() == without.tobytes()


def test_guidance_keeps_calm_ground_calmer(product, eye):
    def deviation(guidance):
        picture = painted(product, rough_and_smooth(), eye, steps=16, guidance=guidance)
        return ImageStat.Stat(picture.crop((0, 0, 128, 16)).convert("L")).stddev[0]

    assert deviation(1.0) < 0.7 * deviation(0.0)


def test_a_photo_that_is_all_calm_is_painted(weave, eye):
    blank = Image.new("RGB", SIZE, "white")
    picture = painted(blank, weave, eye, guidance=1.0)
    assert max(ImageStat.Stat(picture).stddev) > 1
