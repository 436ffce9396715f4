import pytest

from styletx import Settings, StyletxError
from styletx.core.pyramid import plan
from styletx.core.timing import StepTimer

SHAPE = (640, 427)


def run(levels, pace, seconds_per_cost, between=3):
    """Let a clock run as a machine of that speed would, looking at it every few steps; what it
    shows at each look: the time and the time left, and in the end the time."""
    now, told = 0.0, []
    for level in levels:
        now += 2 * level.cost * seconds_per_cost  # its targets
        pace.start_level(level, now)
        step = 0
        while step < pace.steps[pace.level_index]:
            if step % between == 0:
                pace.observe(step, now)
                told.append((now, pace.seconds_left(step)))
            now += level.cost * seconds_per_cost * (1 if step else 2)  # the first is slow
            step += 1
    return told, now


@pytest.mark.parametrize(("size", "budget"), [(128, 5), (256, 600), (512, 20), (2048, 5)])
def test_a_run_ends_within_a_tenth_of_its_budget(size, budget):
    levels = plan(SHAPE, Settings(size=size, seconds=budget))
    one_pass = sum(4 * level.cost for level in levels)
    for passes in (3, 30, 300):
        speed = budget / passes / one_pass
        pace = StepTimer(levels, budget)
        pace.check_budget(levels[0].cost * speed, 0, SHAPE, Settings(size=size))
        _, took = run(levels, pace, speed, between=1)
        assert abs(took - budget) < 0.1 * budget


def test_a_machine_that_turns_out_slower_takes_fewer_steps():
    levels = plan(SHAPE, Settings(seconds=10))
    pace = StepTimer(levels, 10)
    pace.check_budget(0.02, 0, SHAPE, Settings())
    _, took = run(levels, pace, 2 * 0.02 / levels[0].cost, between=1)
    assert took == pytest.approx(10, rel=0.1)


def test_without_a_budget_the_steps_are_those_of_the_plan():
    levels = plan(SHAPE, Settings(steps=50))
    pace = StepTimer(levels)
    run(levels, pace, 1e-6)
    assert pace.steps == [17, 17, 16]


def test_with_a_budget_all_levels_get_about_the_same_number_of_steps():
    levels = plan(SHAPE, Settings(seconds=20))
    pace = StepTimer(levels, 20)
    pace.check_budget(0.05, 0, SHAPE, Settings())
    run(levels, pace, 0.05 / levels[0].cost, between=1)
    assert max(pace.steps) - min(pace.steps) <= 1


def test_nothing_is_foretold_before_a_step_was_timed():
    levels = plan(SHAPE, Settings())
    pace = StepTimer(levels)
    pace.start_level(levels[0], 1.0)
    pace.observe(0, 1.0)
    assert pace.seconds_left(0) is None


@pytest.mark.parametrize("size", [256, 512, 2048])
def test_the_time_left_is_right_where_levels_cost_what_is_expected(size):
    levels = plan(SHAPE, Settings(size=size))
    told, took = run(levels, StepTimer(levels), 1e-6)
    assert told[2][1] is not None
    for now, left in told[2:]:
        assert now + left == pytest.approx(took, rel=0.05)


def refusal(shape, one_step, now=0.0, **chosen):
    settings = Settings(**chosen)
    with pytest.raises(StyletxError, match=f"In {settings.seconds:g} s this machine cannot") as no:
        StepTimer(plan(shape, settings), settings.seconds).check_budget(
            one_step, now, shape, settings
        )
    return str(no.value)


@pytest.mark.parametrize("shape", [SHAPE, (300, 400), (1600, 130)])
@pytest.mark.parametrize("size", [288, 512, 2048])
def test_a_size_too_large_for_the_time_is_refused_with_one_that_is_not(shape, size):
    told = refusal(shape, 1.0, size=size, seconds=2)
    if "Choose a size of" in told:
        settings = Settings(size=int(told.split("a size of ")[1].split(",")[0]), seconds=2)
        levels = plan(shape, settings)
        as_fast = 1.0 * levels[0].cost / plan(shape, Settings(size=size, seconds=2))[0].cost
        StepTimer(levels, 2).check_budget(as_fast, 0, shape, settings)
    else:
        assert "Give it more time" in told


def test_a_smaller_size_is_found():
    assert "takes about 23.3 s" in refusal(SHAPE, 0.06, size=2048, seconds=5)
    assert "Choose a size of" in refusal(SHAPE, 0.06, size=2048, seconds=5)


def test_where_no_size_is_small_enough_more_time_is_asked_for():
    assert "Give it more time" in refusal(SHAPE, 30, size=64, seconds=1)


def test_time_that_has_passed_already_is_not_there_to_paint_in():
    settings = Settings(seconds=5)
    StepTimer(plan(SHAPE, settings), 5).check_budget(0.06, 0.0, SHAPE, settings)
    refusal(SHAPE, 0.06, now=4.9, seconds=5)


def test_a_clock_that_does_not_move_is_no_trouble():
    settings = Settings(seconds=5)
    levels = plan(SHAPE, settings)
    pace = StepTimer(levels, 5)
    pace.check_budget(0.0, 0.0, SHAPE, settings)
    pace.start_level(levels[0], 0.0)
    for step in (1, 1, 2):
        pace.observe(step, 0.0)
    assert pace.steps[0] > 1000
    assert pace.seconds_left(2) < 5.1


def test_the_size_advised_for_going_on_can_be_gone_on_with():
    settings = Settings(size=2048, seconds=10)
    with pytest.raises(StyletxError, match="Choose a size of") as no:
        StepTimer(plan(SHAPE, settings, 512), 10).check_budget(3.0, 0.0, SHAPE, settings, 512)
    size = int(str(no.value).split("a size of ")[1].split(",")[0])
    speed = 3.0 / plan(SHAPE, settings, 512)[0].cost
    smaller = Settings(size=size, seconds=10)
    levels = plan(SHAPE, smaller, 512)
    StepTimer(levels, 10).check_budget(speed * levels[0].cost, 0.0, SHAPE, smaller, 512)
