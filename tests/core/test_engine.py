import logging
import pickle
from contextlib import closing
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

import styletx.core.engine as engine
import styletx.core.objective as objective
import styletx.errors as errors
from styletx import Result, Settings, Style, StyletxError, stylize
from styletx.core import inputs, optimizers, vgg
from styletx.core.paintings import Painting
from styletx.core.pyramid import plan
from styletx.core.tensors import to_tensor
from styletx.core.terms import RELATIVE, StyleStatisticsCache
from styletx.core.vgg import vgg19
from tests.helpers.network import small_weights
from tests.helpers.scripted import slow_steps

QUICK = Settings(size=256, steps=6)
ONE_LEVEL = Settings(size=64, steps=6)


def paint(content, style, eye, settings=QUICK):
    return list(stylize(content, [Style(style)], settings, weights=eye, report_every=0))


def first(content, style, eye, settings):
    """The first report, before any step."""
    with closing(stylize(content, [Style(style)], settings, weights=eye)) as events:
        return next(events)


PAINTED = []


@pytest.fixture
def painted(sunset, weave, eye):
    """Events of a quick run, painted once for all tests that look at it."""
    if not PAINTED:
        PAINTED.extend(paint(sunset, weave, eye))
    return PAINTED


def test_progress_counts_every_step_and_ends_in_one_result(painted):
    *progress, result = painted
    assert [event.step for event in progress] == [0, 1, 2, 3, 4, 5]
    assert [event.level for event in progress] == [1, 1, 1, 2, 2, 2]
    assert all(event.steps == 6 and event.levels == 2 for event in progress)
    assert isinstance(result, Result)
    assert (result.step, result.stopped, result.picture.size) == (6, False, (256, 171))


def test_the_picture_does_not_jump_between_levels(painted):
    *progress, result = painted
    assert {event.preview.size for event in progress} == {result.picture.size}


@pytest.mark.parametrize("steps", [1, 2, 2000])
def test_any_budget_of_steps_works(sunset, weave, eye, steps):
    with closing(
        stylize(sunset, [Style(weave)], Settings(size=64, steps=steps), weights=eye)
    ) as events:
        assert next(events).steps == steps
        if steps <= 2:
            assert list(events)[-1].step == steps


@pytest.mark.parametrize(
    ("report_every", "reported"), [(0.25, [0, 2, 4, 6, 8]), (0.1, [*range(9)]), (3600, [0])]
)
def test_reports_come_by_the_clock(sunset, weave, eye, monkeypatch, report_every, reported):
    slow_steps(monkeypatch, 0.125)
    settings, given = Settings(size=64, steps=9), {"weights": eye, "report_every": report_every}
    *progress, result = stylize(sunset, [Style(weave)], settings, **given)
    assert [event.step for event in progress] == reported
    assert isinstance(result, Result)


def test_the_objective_falls(sunset, weave, eye):
    *progress, _ = paint(sunset, weave, eye, Settings(size=64, steps=12))
    assert progress[-1].losses["total"] < 0.7 * progress[0].losses["total"]


def test_losses_are_the_weighted_values_that_are_minimised(sunset, weave, eye):
    plain = first(sunset, weave, eye, Settings(size=64, steps=1, init="noise")).losses
    heavy = Settings(size=64, steps=1, init="noise", style_weight=4, content_weight=5)
    weighed = first(sunset, weave, eye, heavy).losses
    assert set(plain) == {"content", "style", "total"}
    assert plain["total"] == pytest.approx(plain["content"] + plain["style"])
    assert weighed["style"] == pytest.approx(4 * plain["style"])
    assert weighed["content"] == pytest.approx(5 * 2 / 3 * plain["content"])  # (10 − 4) / (10 − 1)


@pytest.mark.parametrize(
    ("setting", "loss", "level"),
    [
        ("content_weight", "content", 0),
        ("content_weight", "content", -1),
        ("detail", "content", -1),
        ("smoothness", "smoothness", 0),
        ("smoothness", "smoothness", -1),
    ],
)
def test_a_weight_twice_as_large_makes_its_loss_twice_as_large(
    sunset, weave, eye, setting, loss, level
):
    def losses(value):
        settings = Settings(size=256, **{setting: value})
        chosen = plan(sunset.size, settings)[level]
        extractor = vgg19(torch.device("cpu"), eye, torch.float32)
        _, prepared = engine.prepare_inputs(sunset, [Style(weave)], settings, None, None)
        scene = prepared.at_level(chosen, extractor.device)
        noise = torch.rand(1, 3, *chosen.size[::-1], generator=torch.Generator().manual_seed(1))
        terms = engine.build_terms(torch.zeros_like(noise), chosen, scene, settings, extractor)
        return engine.evaluate(terms, noise, extractor)

    once, twice = losses(2.0), losses(4.0)
    for name in once.keys() - {loss, "total"}:
        torch.testing.assert_close(twice[name], once[name])
    torch.testing.assert_close(twice[loss], 2 * once[loss])


def test_each_level_goes_on_from_the_one_below(sunset, weave, eye):
    events = paint(sunset, weave, eye, Settings(size=256, steps=6, learning_rate=0.001))
    below = [event for event in events[:-1] if event.level == 1][-1]
    above = next(event for event in events[:-1] if event.level == 2)
    canvas = [to_tensor(e.preview, (256, 171), torch.device("cpu")) for e in (below, above)]
    assert (canvas[0] - canvas[1]).abs().mean() < 0.01
    photo = to_tensor(sunset, (256, 171), torch.device("cpu"))
    assert (canvas[1] - photo).abs().mean() > 0.1  # recoloured at the start, and so it stays


@pytest.mark.slow
def test_the_finest_level_is_held_to_what_the_one_below_painted(sunset, weave, eye):
    def strayed(weight):
        monkey = pytest.MonkeyPatch()
        monkey.setattr(objective, "COMPOSITION", weight)
        events = paint(sunset, weave, eye, Settings(size=256, steps=12))
        monkey.undo()
        first = next(event for event in events[:-1] if event.level == 2).preview
        pictures = (first, events[-1].picture)
        small = [to_tensor(picture, (32, 21), torch.device("cpu")) for picture in pictures]
        return (small[0] - small[1]).abs().mean()

    assert strayed(50.0) < 0.7 * strayed(0.0)


@pytest.mark.parametrize(("style_weight", "recolored"), [(0.1, 0.1), (0.5, 0.5), (2.0, 1.0)])
def test_the_start_takes_on_colours_as_far_as_the_style_is_wanted(
    sunset, weave, eye, style_weight, recolored
):
    def begun(value):
        settings = Settings(size=64, steps=1, style_weight=value)
        preview = first(sunset, weave, eye, settings).preview
        return to_tensor(preview, (64, 43), torch.device("cpu"))

    photo, full = to_tensor(sunset, (64, 43), torch.device("cpu")), begun(1.0)
    torch.testing.assert_close(
        begun(style_weight).mean((2, 3)),
        photo.mean((2, 3)).lerp(full.mean((2, 3)), recolored),
        atol=0.03,
        rtol=0,
    )


def test_the_finest_level_keeps_details_and_composition(sunset, weave, eye):
    chosen = replace(QUICK, smoothness=1.0, steps=2)
    losses = paint(sunset, weave, eye, chosen)[-1].losses
    assert set(losses) == {"content", "composition", "style", "smoothness", "total"}


def test_the_estimate_of_time_left_falls_to_almost_nothing(sunset, weave, eye, monkeypatch):
    slow_steps(monkeypatch, 0.5)
    *progress, result = paint(sunset, weave, eye)
    assert progress[0].seconds_left is None
    assert progress[-1].seconds_left == pytest.approx(0.5)  # the last step
    assert [event.seconds for event in (*progress, result)] == [0.5, 1, 1.5, 2, 2.5, 3, 3]


@pytest.mark.parametrize("init", ["colors", "photo", "noise"])
def test_the_same_request_gives_the_same_picture(sunset, weave, eye, init):
    chosen = Settings(size=256, steps=2, init=init, seed=7)
    once, twice = (paint(sunset, weave, eye, chosen)[-1].picture.tobytes() for _ in range(2))
    assert once == twice


def test_another_seed_gives_another_noise(sunset, weave, eye):
    one, two = (
        first(sunset, weave, eye, replace(QUICK, init="noise", seed=seed)).preview.tobytes()
        for seed in (1, 2)
    )
    assert one != two


def test_it_starts_from_the_photo_in_the_paintings_colours(weave, painted):
    begun = to_tensor(painted[0].preview, (64, 43), torch.device("cpu"))
    painting = to_tensor(weave, (64, 64), torch.device("cpu"))
    torch.testing.assert_close(begun.mean((2, 3)), painting.mean((2, 3)), atol=0.08, rtol=0)


def test_several_paintings_share_as_they_are_told(sunset, weave, eye):
    meadow = Image.new("RGB", (64, 64), (20, 200, 60))
    meadow.paste((30, 190, 70), (0, 0, 64, 32))
    settings = Settings(size=64, steps=3)

    def greenness(*shares):
        styles = [Style(weave, shares[0]), Style(meadow, shares[1])]
        *_, result = stylize(sunset, styles, settings, weights=eye)
        red, green, blue = result.picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        return green - (red + blue) / 2

    mixed = greenness(1, 1)
    assert greenness(1, 0) < mixed < greenness(0, 1)
    assert greenness(2, 2) == mixed


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ([], "at least one painting"),
        ([-1.0], "share of painting 1 is -1.0, but must lie between 0 and 1000"),
        ([float("nan")], "share of painting 1 is nan"),
        ([True], "share of painting 1 is True, but must be a number"),
        ([1.0] * 5, "There are 5 paintings, but at most 4 can be mixed."),
        ([0.0, 0.0], "Every painting has a share of 0"),
    ],
)
def test_impossible_paintings_are_explained(sunset, weave, eye, shares, sentence):
    with pytest.raises(StyletxError, match=sentence):
        next(stylize(sunset, [Style(weave, share) for share in shares], QUICK, weights=eye))


def test_it_can_be_stopped(sunset, weave, eye):
    with closing(stylize(sunset, [Style(weave)], QUICK, weights=eye, report_every=0)) as events:
        assert next(events).step == 0
        kept = Result.from_progress(next(events))
    assert kept.stopped
    assert kept.picture.size == (256, 171)


def test_everything_that_crosses_the_border_can_be_pickled(weave, eye, painted):
    for value in (QUICK, Style(weave), eye, *painted):
        again = pickle.loads(pickle.dumps(value))
        assert type(again) is type(value)


@pytest.mark.parametrize("error", [e for e in vars(errors).values() if isinstance(e, type)])
def test_errors_keep_their_wording_across_processes(error):
    assert str(pickle.loads(pickle.dumps(error("Too large.")))) == "Too large."


def test_it_works_where_gradients_are_switched_off(sunset, weave, eye, painted):
    with torch.no_grad():
        result = paint(sunset, weave, eye)[-1]
    assert result.picture.tobytes() == painted[-1].picture.tobytes()


def break_steps(monkeypatch, broken):
    """Let the losses of these evaluations, counted from 1, be NaN."""
    count, evaluate = [0], engine.evaluate

    def flaky(*asked):
        losses = evaluate(*asked)
        count[0] += 1
        return {n: v * float("nan") for n, v in losses.items()} if count[0] in broken else losses

    monkeypatch.setattr(engine, "evaluate", flaky)


def learning_rates(monkeypatch):
    """Those given to the optimiser, as they are given."""
    rates, begin = [], optimizers.LBFGS.__init__

    def noted(self, canvas, learning_rate):
        rates.append(learning_rate)
        begin(self, canvas, learning_rate)

    monkeypatch.setattr(optimizers.LBFGS, "__init__", noted)
    return rates


def test_a_gradient_that_breaks_is_not_followed(sunset, weave, eye, monkeypatch, caplog):
    slope, count = engine.losses_and_gradient, [0]

    def flaky(*asked):
        losses, gradient = slope(*asked)
        count[0] += 1
        return losses, gradient * (float("inf") if count[0] == 2 else 1)

    monkeypatch.setattr(engine, "losses_and_gradient", flaky)
    *progress, result = paint(sunset, weave, eye, ONE_LEVEL)
    assert "back to the last good canvas" in caplog.text
    assert result.step == 6
    assert all(torch.isfinite(torch.tensor(list(e.losses.values()))).all() for e in progress)


def test_a_step_that_breaks_is_taken_back_with_half_the_step_size(
    sunset, weave, eye, monkeypatch, caplog
):
    break_steps(monkeypatch, {3})
    rates = learning_rates(monkeypatch)
    with caplog.at_level(logging.WARNING):
        *progress, result = paint(sunset, weave, eye, ONE_LEVEL)
    assert (result.step, result.stopped) == (6, False)
    assert all(torch.isfinite(torch.tensor(list(e.losses.values()))).all() for e in progress)
    assert "learning rate now 0.025" in caplog.text
    assert rates[:2] == [0.05, 0.025]


def test_steps_that_led_astray_unseen_are_taken_again(sunset, weave, eye, monkeypatch):
    settings, counted, slope = Settings(size=64, steps=10), [0], engine.losses_and_gradient

    def counting(*asked):
        counted[0] += 1
        return slope(*asked)

    monkeypatch.setattr(engine, "losses_and_gradient", counting)
    break_steps(monkeypatch, {10})  # the last, where the canvas is looked at again
    seldom = stylize(sunset, [Style(weave)], settings, weights=eye, report_every=3600)
    begun, result = seldom
    assert (result.step, result.stopped) == (10, False)
    assert counted[0] == 10 + 9  # all but the first, after which it was seen to be good
    assert result.losses["total"] < 0.75 * begun.losses["total"]


def test_when_it_stays_broken_the_last_good_picture_comes_before_the_error(
    sunset, weave, eye, monkeypatch
):
    break_steps(monkeypatch, set(range(3, 100)))
    seen = []
    rates = learning_rates(monkeypatch)
    with pytest.raises(StyletxError, match="infinite 4 times.*last good picture") as broken:
        for event in stylize(sunset, [Style(weave)], ONE_LEVEL, weights=eye, report_every=0):
            seen.append(event)
    assert isinstance(seen[-1], Result)
    assert seen[-1].stopped
    assert seen[-1].picture.tobytes() == seen[-2].preview.tobytes()
    assert f"learning rate of {rates[-1]:.2g}" in str(broken.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA error: out of memory"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_comes_with_a_size_that_fits(sunset, weave, eye, monkeypatch, error):
    build_terms = engine.build_terms

    def full(canvas, level, *asked):
        if max(level.size) > 200:
            raise error
        return build_terms(canvas, level, *asked)

    monkeypatch.setattr(engine, "build_terms", full)
    seen = []
    with pytest.raises(StyletxError, match="256x171 pixels do not fit.*A size of 128 did fit."):
        for event in stylize(sunset, [Style(weave)], replace(QUICK, steps=2), weights=eye):
            seen.append(event)
    assert isinstance(seen[-1], Result)


@pytest.mark.parametrize("where", ["build_terms", ""])
def test_where_the_last_picture_does_not_fit_either_it_is_the_same_sentence(
    sunset, weave, eye, monkeypatch, where
):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(engine.ProgressTracker, "result", full)
    if where:
        build_terms = engine.build_terms
        monkeypatch.setattr(
            engine, where, lambda *a: full() if max(a[1].size) > 200 else build_terms(*a)
        )
    with pytest.raises(StyletxError, match="256x171 pixels do not fit.*A size of 128 did fit."):
        paint(sunset, weave, eye, replace(QUICK, steps=2))


@pytest.mark.parametrize(
    ("size", "advice"), [(240, "Try a size of 120."), (100, "use a larger machine.")]
)
def test_where_not_even_one_level_fits_half_is_worth_a_try(
    sunset, weave, eye, monkeypatch, size, advice
):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(engine, "build_terms", full)
    with pytest.raises(StyletxError) as told:
        paint(sunset, weave, eye, Settings(size=size))
    assert str(told.value).endswith(advice)


def test_other_runtime_errors_are_bugs_and_stay_what_they_are(sunset, weave, eye, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(engine, "build_terms", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        paint(sunset, weave, eye)


def test_a_picture_too_small_is_refused_in_words(weave, eye):
    with pytest.raises(StyletxError, match="3x200 pixels"):
        paint(Image.new("RGB", (3, 200)), weave, eye)


@pytest.mark.parametrize("shape", [(1000, 100), (100, 1000)])
def test_panoramas_keep_their_shape(weave, eye, shape):
    result = paint(Image.linear_gradient("L").resize(shape), weave, eye, replace(QUICK, steps=1))[
        -1
    ]
    assert result.picture.size in ((256, 26), (26, 256))


def test_a_panorama_of_a_painting_keeps_its_shape(sunset, weave, eye, monkeypatch):
    seen = []
    monkeypatch.setattr(inputs, "to_tensor", lambda *a: seen.append(a[1]) or to_tensor(*a))
    paint(sunset, weave.resize((640, 64)), eye, replace(QUICK, steps=2))
    assert {width // height for width, height in seen} == {1, 10}


def test_a_photo_lying_on_its_side_is_planned_upright(weave, eye):
    photo = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
    photo.getexif()[0x0112] = 6
    assert first(photo, weave, eye, QUICK).preview.size == (171, 256)


class Waits(TorchDispatchMode):
    """Counts how often a value is fetched from the device, which makes the program wait for it."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.slow
def test_between_reports_nothing_waits_for_the_device(sunset, weave, eye):
    def waits(steps):
        settings = Settings(size=64, steps=steps)
        with Waits() as counted:
            list(stylize(sunset, [Style(weave)], settings, weights=eye, report_every=3600))
        return counted.count

    assert 0 < waits(3) == waits(40)


def test_a_time_to_keep_decides_how_many_steps_there_are(sunset, weave, eye, monkeypatch):
    slow_steps(monkeypatch, 0.125)
    settings = Settings(size=128, steps=1, seconds=2)
    *progress, result = stylize(sunset, [Style(weave)], settings, weights=eye)
    assert result.seconds == pytest.approx(2, rel=0.1)
    assert result.step == result.steps > 10
    assert progress[-1].seconds + progress[-1].seconds_left == pytest.approx(2, rel=0.1)


def test_a_time_too_short_is_refused_before_anything_is_painted(sunset, weave, eye, monkeypatch):
    slow_steps(monkeypatch, 0.3)
    settings = Settings(size=256, seconds=1)
    with pytest.raises(StyletxError, match="In 1 s this machine cannot paint 256 pixels"):
        next(stylize(sunset, [Style(weave)], settings, weights=eye))


@pytest.mark.slow
def test_the_size_that_is_named_instead_is_painted_in_that_time(sunset, weave, eye, monkeypatch):
    """On a machine that takes as long for a step as there are pixels."""
    clock, slope = slow_steps(monkeypatch, 0), engine.losses_and_gradient

    def step(canvas, aim):
        clock.pass_(canvas.numel() / 2e6)
        return slope(canvas, aim)

    monkeypatch.setattr(engine, "losses_and_gradient", step)
    with pytest.raises(StyletxError, match="In 1 s this machine cannot paint 2048") as refused:
        next(stylize(sunset, [Style(weave)], Settings(size=2048, seconds=1), weights=eye))
    size = int(str(refused.value).split("a size of ")[1].split(",")[0])
    *_, result = stylize(sunset, [Style(weave)], Settings(size=size, seconds=1), weights=eye)
    assert max(result.picture.size) == size > 64
    assert result.seconds < 1.2


@pytest.mark.parametrize("broke_off", [0, 2, 3, 5])
def test_a_run_that_broke_off_is_finished_from_its_last_report(
    sunset, weave, eye, painted, broke_off
):
    """Nothing differs but what the optimiser remembered."""
    *progress, whole = painted
    last = pickle.loads(pickle.dumps(progress[broke_off]))
    given = {"weights": eye, "report_every": 0, "resume_from": last}
    *rest, result = stylize(sunset, [Style(weave)], QUICK, **given)
    assert [(event.level, event.step) for event in rest] == [
        (event.level, event.step) for event in progress[broke_off:]
    ]
    assert (result.step, result.steps, result.levels) == (6, 6, 2)
    assert {event.restarts for event in (*rest, result)} == {1}
    assert rest[0].seconds > last.seconds
    before, first = (
        to_tensor(event.preview, (256, 171), torch.device("cpu")) for event in (last, rest[0])
    )
    assert (first - before).abs().mean() < 0.02
    assert rest[-1].losses["total"] < 1.2 * progress[-1].losses["total"]
    assert result.picture.size == whole.picture.size


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_goes_on_in_the_precision_that_it_began_with(
    sunset, weave, eye, painted, monkeypatch, precision
):
    monkeypatch.setattr(vgg, "named_precision", lambda _, name: getattr(torch, name))
    begun = replace(painted[0], device=f"another machine, {precision}")
    events = stylize(sunset, [Style(weave)], QUICK, weights=eye, resume_from=begun)
    with closing(events):
        assert next(events).device == f"cpu, {precision}"


@pytest.mark.parametrize("level", [1, 2])
def test_a_run_with_a_time_to_keep_keeps_it_where_it_goes_on(
    sunset, weave, eye, monkeypatch, level
):
    slow_steps(monkeypatch, 0.125)
    settings = Settings(size=256, steps=2, seconds=2)
    with closing(stylize(sunset, [Style(weave)], settings, weights=eye)) as events:
        last = next(event for event in events if event.level == level and event.step)
    *rest, result = stylize(sunset, [Style(weave)], settings, weights=eye, resume_from=last)
    assert all(event.step >= last.step for event in rest)
    assert result.step == result.steps > last.step
    assert result.seconds == pytest.approx(2, rel=0.3)


@pytest.mark.slow
def test_a_painting_is_looked_at_once_by_runs_that_share_what_is_known(
    sunset, weave, eye, monkeypatch
):
    extractor = vgg19(torch.device("cpu"), eye, torch.float32)
    monkeypatch.setattr(engine, "vgg19", lambda *_, **__: extractor)
    looks = []
    forward = extractor.forward
    monkeypatch.setattr(extractor, "forward", lambda *a: looks.append(a) or forward(*a))

    def run(picture, known, **settings):
        looks.clear()
        chosen = Settings(size=256, steps=2, **settings)
        result = list(stylize(picture, [Style(weave)], chosen, style_cache=known))[-1]
        return len(looks), result.picture.tobytes()

    known = StyleStatisticsCache()
    alone, painted = run(sunset, None)
    assert run(sunset, known) == (alone, painted)
    assert run(sunset, known) == (alone - 2, painted)  # one for each size
    assert run(sunset.rotate(180), known)[0] == alone - 2
    assert run(sunset, known, style_scale=2)[0] == alone  # at other sizes than before
    assert run(sunset, known, colors="photo")[0] == alone  # in other colours
    assert run(sunset, known, method="gatys") == run(sunset, None, method="gatys")
    other = small_weights(1)
    assert list(stylize(sunset, [Style(weave)], Settings(size=64, steps=1), style_cache=known))
    monkeypatch.setattr(engine, "vgg19", vgg19)
    first, second = (
        list(
            stylize(
                sunset, [Style(weave)], Settings(size=64, steps=2), weights=other, style_cache=k
            )
        )
        for k in (known, None)
    )
    assert first[-1].picture.tobytes() == second[-1].picture.tobytes()


def test_no_more_is_known_than_was_said(weave, eye):
    extractor = vgg19(torch.device("cpu"), eye, torch.float32)
    known = StyleStatisticsCache(max_entries=2)
    for side in (32, 48, 64, 32):
        image = to_tensor(weave, (side, side), torch.device("cpu"))
        known.get(Painting(image, None, 1.0), ("relu1_1",), RELATIVE, extractor)
    assert len(known.statistics) == 2
