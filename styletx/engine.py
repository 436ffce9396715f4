"""Paint one picture in the style of others, reporting as it goes: `stylize`."""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from .color import recolor
from .descent import LBFGS
from .errors import Diverged, OutOfMemory, StyletxError
from .events import Events, Log, Style
from .features import FeatureExtractor, best_device, vgg19
from .images import enlarge, tidy, to_tensor
from .objective import (
    Term,
    evaluate,
    follow_style,
    keep_composition,
    keep_content,
    stay_smooth,
)
from .pace import REHEARSALS
from .pyramid import COARSEST, Level, brush_size, plan
from .settings import Settings
from .weights import Weights

logger = logging.getLogger(__name__)

CONTENT, DETAIL, COMPOSITION, SMOOTHNESS = 0.3, 0.05, 5.0, 1.0  # what a weight of 1 stands for
RETRIES = 3  # times that a run may fall back to its last good canvas


class Task(NamedTuple):
    """What one run is asked for: tidy pictures, shares that add up to 1, and eyes to see with."""

    content: Image.Image
    styles: Sequence[Style]
    settings: Settings
    extractor: FeatureExtractor


def stylize(
    content: Image.Image,
    styles: Sequence[Style],
    settings: Settings = Settings(),
    *,
    weights: str | Weights | None = None,
    report_every: float = 0.25,
) -> Events:
    """Paint `content` in the manner of `styles`; stop early by closing the generator.

    Reports before the first step, then at most every `report_every` seconds, then yields one
    `Result`. `weights` are VGG19's, or name their source as in `weights.load`. Raises
    `StyletxError`; if painting had begun, the `Result` with the last good picture comes first.
    """
    content, styles = tidy(content), ready(styles)
    levels = plan(content.size, settings)
    log, canvas = Log(levels, settings, report_every), None
    task = Task(content, styles, settings, vgg19(best_device(), weights))
    if settings.seconds and task.extractor.device.type == "cpu":
        with explaining_memory(levels, levels[0]):
            seconds = rehearse(levels[0], task)
        log.pace.check(seconds, log.seconds, content.size, settings)
    try:
        for level in levels:
            with explaining_memory(levels, level):
                canvas = start(canvas, level, task)
                terms = set_targets(canvas, level, task)
                log.begin(level)
                for step, losses in descend(canvas, terms, task, log):
                    log.note(step, losses)
                    if log.due:
                        yield log.progress(canvas)
                log.step = log.steps
    except StyletxError:
        if canvas is not None:
            yield log.result(canvas)
        raise
    assert canvas is not None  # there is always a level
    yield log.result(canvas)


def ready(styles: Sequence[Style]) -> list[Style]:
    """The styles with tidy pictures, and shares that add up to 1."""
    if not styles:
        raise StyletxError("Please choose at least one painting.")
    for style in styles:
        if not 0 <= style.share < math.inf:
            raise StyletxError(f"A painting's share is {style.share:g}, but must be 0 or more.")
    whole = sum(style.share for style in styles)
    if not whole:
        raise StyletxError("Every painting has a share of 0; please raise at least one.")
    return [Style(tidy(style.picture), style.share / whole) for style in styles]


def start(painted: Tensor | None, level: Level, task: Task) -> Tensor:
    """The canvas of this level: the last one enlarged; at first, noise, or the photo in the
    painting's colours, as far as the style is wanted."""
    if painted is not None:
        return enlarge(painted, level.size)
    device, settings = task.extractor.device, task.settings
    photo = to_tensor(task.content, level.size, device)
    if settings.init == "noise":
        generator = torch.Generator().manual_seed(settings.seed)
        return torch.rand(photo.shape, generator=generator).to(device)
    recolored = torch.zeros_like(photo)
    for style in task.styles:
        recolored += style.share * recolor(photo, seen_at(level, style, device))
    return photo.lerp(recolored, min(1.0, settings.style_weight)).clamp(0, 1)


def set_targets(canvas: Tensor, level: Level, task: Task) -> list[Term]:
    """L = α·L_content + β·L_style at this level, with everything that does not change computed
    once. At the finest level, content is the photo's details, and the coarse composition is kept
    as well."""
    extractor, settings = task.extractor, task.settings
    alpha, beta = settings.content_weight, settings.style_weight
    photo = extractor(to_tensor(task.content, level.size, extractor.device), {level.content_layer})
    if level.refines:
        terms = [
            keep_content(photo, alpha * DETAIL * settings.detail),
            keep_composition(canvas, COMPOSITION),
        ]
    else:
        terms = [keep_content(photo, alpha * CONTENT)]
    for style in task.styles:
        painting = extractor(seen_at(level, style, extractor.device), level.style_layers)
        terms.append(follow_style(painting, beta * style.share))
    if settings.smoothness:
        terms.append(stay_smooth(SMOOTHNESS * settings.smoothness))
    return terms


def rehearse(level: Level, task: Task) -> float:
    """Seconds that a step at this level takes: the best of a few, since the first wakes everything
    up and any may be disturbed."""
    canvas = start(None, level, task)
    terms, seconds = set_targets(canvas, level, task), math.inf
    for _ in range(REHEARSALS):
        begun = time.monotonic()
        slope(canvas, terms, task.extractor)
        seconds = min(seconds, time.monotonic() - begun)
    return seconds


def seen_at(level: Level, style: Style, device: torch.device) -> Tensor:
    """The painting (1, 3, H, W) as large as it is looked at beside a canvas of this level."""
    return to_tensor(style.picture, brush_size(style.picture.size, level), device)


def descend(
    canvas: Tensor, terms: Sequence[Term], task: Task, log: Log
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Improve `canvas` in place. When a report is due, after the first and before the last step,
    hand back control with the number of steps taken and the losses; only then does anything wait
    for the device.

    Where those are not finite, goes back to the last canvas that was seen to be good and makes half
    as large steps; raises `Diverged` when that does not help.
    """
    learning_rate = task.settings.learning_rate
    good, reached, failures = canvas.clone(), 0, 0
    optimizer, step = LBFGS(canvas, learning_rate), 0
    while step < log.steps:
        losses, gradient = slope(canvas, terms, task.extractor)
        if log.due or step in (1, log.steps - 1):
            if not torch.isfinite(losses["total"] + gradient.sum()):
                canvas.copy_(good)
                step = reached
                failures, learning_rate = failures + 1, halved(learning_rate, failures)
                optimizer = LBFGS(canvas, learning_rate)
                continue
            yield step, losses
            if step == log.steps:  # there is less time than there was
                return
            good.copy_(canvas)
            reached = step
        optimizer.step(gradient)
        step += 1


def halved(learning_rate: float, failures: int) -> float:
    """The learning rate for another attempt after so many before; raises `Diverged` after a few."""
    if failures == RETRIES:
        raise Diverged(
            f"The numbers became infinite {failures + 1} times, the last time with a learning rate "
            f"of {learning_rate:.2g}. Try a much smaller one; this is the last good picture."
        )
    logger.warning(
        "losses not finite: back to the last good canvas, learning rate now %g", learning_rate / 2
    )
    return learning_rate / 2


@torch.enable_grad()
def slope(
    canvas: Tensor, terms: Sequence[Term], extractor: FeatureExtractor
) -> tuple[dict[str, Tensor], Tensor]:
    """The losses of the canvas, and the gradient of their total with respect to its pixels."""
    image = canvas.detach().requires_grad_()
    losses = evaluate(terms, image, extractor)
    (gradient,) = torch.autograd.grad(losses["total"], image)
    return {name: loss.detach() for name, loss in losses.items()}, gradient


@contextmanager
def explaining_memory(levels: Sequence[Level], level: Level) -> Iterator[None]:
    """Turn the one failure that people can act on into advice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        width, height = level.size
        raise OutOfMemory(
            f"{width}x{height} pixels do not fit into the memory of this device. "
            + size_that_fits(levels, level)
        ) from error


def size_that_fits(levels: Sequence[Level], level: Level) -> str:
    """Advice: the level below did fit; where there is none, half the size is a fair guess."""
    below = levels[: levels.index(level)]
    if below:
        return f"A size of {max(below[-1].size)} did fit."
    half = max(level.size) // 2
    if half >= COARSEST // 2:
        return f"Try a size of {half}."
    return "Close other programs or use a larger machine."


def is_out_of_memory(error: Exception) -> bool:
    """On the CPU, and in some libraries below torch, it has no error of its own."""
    told = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in told
        for words in ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")
    )
