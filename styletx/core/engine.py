"""`stylize`: paint one picture in the style of others, and report progress."""

import logging
import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from styletx.errors import Diverged, OutOfMemory, StyletxError
from styletx.events import Events, Progress, Style, precision_of
from styletx.settings import Settings

from . import factors
from .device import best_device
from .inputs import LevelInputs, RunInputs, initial_canvas, longest_side, prepare_inputs
from .memory import keep_freed_memory, translate_out_of_memory
from .objective import build_terms
from .optimizers import optimizer_for
from .progress import ProgressTracker
from .pyramid import Level
from .tensors import resize_tensor
from .terms import StyleStatisticsCache, Term, evaluate
from .timing import TIMED_STEPS
from .vgg import FeatureExtractor, vgg19
from .weights import Weights

logger = logging.getLogger(__name__)
MAX_FALLBACKS = 3  # times that a level may fall back to its last good canvas


class LevelSetup(NamedTuple):
    """Everything a level's optimization needs: images, loss terms and the network."""

    inputs: LevelInputs
    terms: Sequence[Term]
    extractor: FeatureExtractor


def stylize(  # noqa: PLR0913
    content: Image.Image,
    styles: Sequence[Style],
    settings: Settings = Settings(),
    *,
    keep_mask: Image.Image | None = None,
    init_image: Image.Image | None = None,
    weights: str | Weights | None = None,
    precision: str | None = None,
    report_every: float = 0.25,
    resume_from: Progress | None = None,
    style_cache: StyleStatisticsCache | None = None,
) -> Events:
    """Paint `content` in the style of `styles`; close the generator to stop early.

    White in `keep_mask` stays the photo. `init_image` is painted on at larger sizes up to that of
    the settings, or at that size alone. `weights` are VGG19's or their source; `precision` is
    float32 or bfloat16, by default, or if the device lacks it, the faster one. `resume_from` is the
    last report of a run with the same inputs, which goes on in its precision; `style_cache` keeps
    statistics between runs.

    Yields `Progress` before the first step and at most every `report_every` seconds, then a
    `Result`. Raises `StyletxError`, after a `Result` of the last good picture if there is one."""
    levels, inputs = prepare_inputs(content, styles, settings, keep_mask, init_image)
    tracker = ProgressTracker(levels, settings, report_every, inputs.render)
    if resume_from is not None:
        precision = precision or precision_of(resume_from.device)
    extractor = vgg19(best_device(), weights, precision, factored=factors.suit(settings))
    inputs = resume_or_check_time(levels, inputs, extractor, tracker, resume_from)
    yield from paint_levels(levels, inputs, extractor, tracker, style_cache)


def paint_levels(
    levels: Sequence[Level],
    inputs: RunInputs,
    extractor: FeatureExtractor,
    tracker: ProgressTracker,
    style_cache: StyleStatisticsCache | None,
) -> Events:
    """Paint the levels that are not done. Yields and raises as `stylize`."""
    canvas = None
    try:
        for level in levels[tracker.levels_done :]:
            with translate_out_of_memory(levels, level):
                canvas, setup = set_up_level(canvas, level, inputs, extractor, style_cache)
                tracker.start_level(level)
                with keep_freed_memory():  # of this level: another needs other sizes
                    yield from run_level(canvas, setup, inputs.settings, tracker)
    except StyletxError:
        if canvas is not None:  # rendering it may run out of memory too
            with suppress(OutOfMemory), translate_out_of_memory(levels, level):
                yield tracker.result(canvas)
        raise
    assert canvas is not None  # there is always a level
    with translate_out_of_memory(levels, level):
        yield tracker.result(canvas)


def resume_or_check_time(
    levels: Sequence[Level],
    inputs: RunInputs,
    extractor: FeatureExtractor,
    tracker: ProgressTracker,
    resume_from: Progress | None,
) -> RunInputs:
    """Resume, or check that the time budget can be met; return the inputs to go on with. The report
    names the weights and the device from here on."""
    tracker.provenance, tracker.notes = extractor.provenance, tuple(inputs.notes)
    if resume_from is None:
        check_time_budget(levels, inputs, extractor, tracker)
        return inputs
    tracker.resume(resume_from)
    return replace(inputs, init_image=resume_from.preview)


def set_up_level(
    painted: Tensor | None,
    level: Level,
    inputs: RunInputs,
    extractor: FeatureExtractor,
    style_cache: StyleStatisticsCache | None = None,
) -> tuple[Tensor, LevelSetup]:
    """Return the first canvas of a level, from what is `painted` so far, and its setup."""
    level_inputs = inputs.at_level(level, extractor.device)
    canvas = (
        initial_canvas(level, level_inputs, inputs)
        if painted is None
        else resize_tensor(painted, level.size)
    )
    terms = build_terms(canvas, level, level_inputs, inputs.settings, extractor, style_cache)
    return canvas, LevelSetup(level_inputs, terms, extractor)


def check_time_budget(
    levels: Sequence[Level],
    inputs: RunInputs,
    extractor: FeatureExtractor,
    tracker: ProgressTracker,
) -> None:
    """Raise `SettingsError` if a time budget cannot be met, on the CPU only. A few steps of the
    first level are timed and the fastest counts: the first is slow, and any may be disturbed."""
    if not inputs.settings.seconds or not levels[0].steps or extractor.device.type != "cpu":
        return
    seconds = math.inf
    with translate_out_of_memory(levels, levels[0]):
        canvas, setup = set_up_level(None, levels[0], inputs, extractor)
        for _ in range(TIMED_STEPS):
            started = tracker.seconds
            losses_and_gradient(canvas, setup)
            seconds = min(seconds, tracker.seconds - started)
    shape, init_side = inputs.content.size, longest_side(inputs.init_image)
    tracker.timer.check_budget(seconds, tracker.seconds, shape, inputs.settings, init_side)


def run_level(
    canvas: Tensor, setup: LevelSetup, settings: Settings, tracker: ProgressTracker
) -> Generator[Progress, None, None]:
    """Optimize `canvas` in place through a level, and yield reports when due."""
    for step, losses in optimize(canvas, setup, settings, tracker):
        tracker.record(step, losses)
        if tracker.report_due:
            yield tracker.progress(canvas)
    tracker.step = tracker.steps


def optimize(
    canvas: Tensor, setup: LevelSetup, settings: Settings, tracker: ProgressTracker
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Optimize `canvas` in place; yield (steps taken, losses) whenever a report is due, and also
    after the first and before the last step. Only then does anything wait for the device.

    If the losses are not finite, return to the last good canvas with half the learning rate. Raises
    `Diverged` if that does not help.
    """
    learning_rate = settings.learning_rate
    good, first, failures = canvas.clone(), tracker.step, 0
    optimizer, step, reached = optimizer_for(canvas, settings, learning_rate), first, first
    while step < tracker.steps:
        losses, gradient = losses_and_gradient(canvas, setup)
        if tracker.report_due or step in (first + 1, tracker.steps - 1):
            if not torch.isfinite(losses["total"] + gradient.sum()):
                canvas.copy_(good)
                step = reached
                learning_rate = reduced_learning_rate(learning_rate, failures)
                failures += 1
                optimizer = optimizer_for(canvas, settings, learning_rate)
                continue
            yield step, losses
            if step == tracker.steps:  # there is less time than there was
                return
            good.copy_(canvas)
            reached = step
        optimizer.step(gradient)
        step += 1


def reduced_learning_rate(learning_rate: float, failures: int) -> float:
    """Return half the learning rate; raise `Diverged` once `failures` reached `MAX_FALLBACKS`."""
    if failures == MAX_FALLBACKS:
        raise Diverged(
            f"The losses became infinite {failures + 1} times, the last time with a learning rate "
            f"of {learning_rate:.2g}. Try a much smaller one; this is the last good picture."
        )
    logger.warning(
        "losses not finite: back to the last good canvas, learning rate now %g", learning_rate / 2
    )
    return learning_rate / 2


@torch.enable_grad()
def losses_and_gradient(canvas: Tensor, setup: LevelSetup) -> tuple[dict[str, Tensor], Tensor]:
    """Return the losses of the canvas, and the gradient of their total with respect to its
    pixels."""
    painted = canvas.detach().requires_grad_()
    losses = evaluate(setup.terms, setup.inputs.around(painted), setup.extractor)
    (gradient,) = torch.autograd.grad(losses["total"], painted)
    return {name: loss.detach() for name, loss in losses.items()}, gradient
