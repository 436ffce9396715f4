"""The plan of a run: the sizes it goes through, and the steps that each of them has."""

import pytest

from styletx import Settings, StyletxError
from styletx.core.pyramid import plan, style_image_size


def sides(shape, **chosen):
    return [max(level.size) for level in plan(shape, Settings(**chosen))]


def test_sizes_halve_from_the_final_one_and_are_painted_the_other_way_round():
    assert sides((640, 480), size=1024) == [128, 256, 512, 1024]
    assert sides((640, 480), size=700) == [175, 350, 700]
    assert sides((640, 480), size=200) == [200]


@pytest.mark.parametrize("size", [64, 128, 256, 500, 512, 1024, 2048, 4096])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 100, 2000])
def test_the_budget_of_steps_is_spent_exactly_and_every_level_has_some(size, steps):
    levels = plan((300, 200), Settings(size=size, steps=steps))
    assert sum(level.steps for level in levels) == steps
    assert min(level.steps for level in levels) >= 1


def test_all_levels_get_the_same_number_of_steps_and_the_coarse_ones_what_is_left_over():
    assert [level.steps for level in plan((512, 512), Settings(steps=50))] == [17, 17, 16]


def test_a_budget_of_one_step_goes_to_the_final_size():
    (level,) = plan((640, 480), Settings(size=512, steps=1))
    assert level.size == (512, 384)
    assert not level.refines


def test_where_time_decides_steps_do_not():
    timed = [plan((640, 480), Settings(seconds=20, steps=steps)) for steps in (1, 48)]
    assert [[level.size for level in levels] for levels in timed] == [
        [(128, 96), (256, 192), (512, 384)]
    ] * 2


def test_the_finest_of_several_levels_refines_and_so_does_every_large_one():
    assert [level.refines for level in plan((512, 512), Settings())] == [False, False, True]
    largest = plan((512, 512), Settings(size=2048))
    assert [level.refines for level in largest] == [False, False, False, True, True]
    assert plan((512, 512), Settings())[-1].style_layers == (
        ("relu1_1", 1),
        ("relu2_1", 1),
        ("relu3_1", 1),
    )


@pytest.mark.parametrize("shape", [(5000, 500), (500, 5000), (640, 427), (33, 1000)])
def test_the_shape_of_the_photo_is_kept_at_every_level(shape):
    for level in plan(shape, Settings(size=1024)):
        width, height = level.size
        assert abs(width - max(level.size) * shape[0] / max(shape)) <= 0.5
        assert abs(height - max(level.size) * shape[1] / max(shape)) <= 0.5


def test_a_panorama_starts_where_the_network_can_still_see_it():
    for level in plan((5000, 500), Settings(size=512)):
        assert min(level.size) >= 16


def test_a_shape_too_narrow_for_the_size_is_refused_with_a_size_that_works():
    with pytest.raises(StyletxError, match="would be 6 pixels wide.*at least 160"):
        plan((5000, 500), Settings(size=64))
    assert plan((5000, 500), Settings(size=160))
    with pytest.raises(StyletxError, match="less extreme shape"):
        plan((20000, 40), Settings(size=4096))


def test_paintings_are_looked_at_as_large_as_the_canvas_but_never_enlarged():
    coarse, *_, fine = plan((512, 512), Settings(size=2048))
    assert style_image_size((600, 300), coarse) == (128, 64)
    assert style_image_size((600, 300), fine) == (600, 300)


def test_a_panorama_of_a_painting_stays_wide_enough_for_the_network():
    coarse = plan((512, 512), Settings())[0]
    assert min(style_image_size((3000, 300), coarse)) >= 16
    assert style_image_size((320, 32), coarse) == (320, 32)
