"""Paint one picture in the style of others, reporting as it goes: `stylize`."""

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
from styletx.events import Events, Progress, Style
from styletx.settings import Settings

from .inputs import Scene, Task, longest_side, prepare, start
from .memory import explaining_memory
from .objective import Known, Term, evaluate
from .optimizers import optimizer_for
from .progress import Log
from .pyramid import Level
from .targets import set_targets
from .tensors import enlarge
from .timing import REHEARSALS
from .vgg import FeatureExtractor, best_device, vgg19
from .weights import Weights

logger = logging.getLogger(__name__)
RETRIES = 3  # times that a run may fall back to its last good canvas


class Aim(NamedTuple):
    """What the steps of a level go by: the pictures, the wishes, and eyes to see with."""

    scene: Scene
    terms: Sequence[Term]
    extractor: FeatureExtractor


def stylize(  # noqa: PLR0913
    content: Image.Image,
    styles: Sequence[Style],
    settings: Settings = Settings(),
    *,
    keep: Image.Image | None = None,
    begun: Image.Image | None = None,
    weights: str | Weights | None = None,
    report_every: float = 0.25,
    after: Progress | None = None,
    known: Known | None = None,
) -> Events:
    """Paint `content` in the manner of `styles`; stop early by closing the generator.

    What is white in `keep` stays as it is in the photo. `begun` is a picture to go on with instead
    of beginning anew: it is painted over at its own size, and at larger ones up to the settings'.
    `after` is where this run broke off elsewhere. `known` keeps what runs see of their paintings.

    Reports before the first step, then every `report_every` seconds, then yields one `Result`.
    `weights` are VGG19's, or name their source as in `weights.load`. Raises `StyletxError`; if
    painting had begun, the `Result` with the last good picture comes first.
    """
    levels, task = prepare(content, styles, settings, keep, begun)
    log, canvas = Log(levels, settings, report_every, task.show), None
    extractor = vgg19(best_device(), weights)
    task = set_out(levels, task, extractor, log, after)
    try:
        for level in levels[log.done :]:
            with explaining_memory(levels, level):
                canvas, aim = take_aim(canvas, level, task, extractor, known)
                log.begin(level)
                yield from improvements(canvas, aim, settings, log)
    except StyletxError:
        if canvas is not None:  # which may be more than fits as well
            with suppress(OutOfMemory), explaining_memory(levels, level):
                yield log.result(canvas)
        raise
    assert canvas is not None  # there is always a level
    with explaining_memory(levels, level):
        yield log.result(canvas)


def set_out(
    levels: Sequence[Level],
    task: Task,
    extractor: FeatureExtractor,
    log: Log,
    after: Progress | None,
) -> Task:
    """What is left to do: all of it, if there is time enough, or what follows the last report."""
    log.means = extractor.means
    if after is None:
        check_time(levels, task, extractor, log)
        return task
    log.go_on(after)
    return replace(task, begun=after.preview)


def take_aim(
    painted: Tensor | None,
    level: Level,
    task: Task,
    extractor: FeatureExtractor,
    known: Known | None = None,
) -> tuple[Tensor, Aim]:
    """The canvas of a level, from what is `painted` so far, and what its steps go by."""
    scene = task.at(level, extractor.device)
    canvas = start(level, scene, task) if painted is None else enlarge(painted, level.size)
    terms = set_targets(canvas, level, scene, task.settings, extractor, known)
    return canvas, Aim(scene, terms, extractor)


def check_time(levels: Sequence[Level], task: Task, extractor: FeatureExtractor, log: Log) -> None:
    """Where there is a time to keep, see whether it can be: a step at the first level is timed, as
    the best of a few, since the first wakes everything up and any may be disturbed."""
    if not task.settings.seconds or not levels[0].steps or extractor.device.type != "cpu":
        return
    seconds = math.inf
    with explaining_memory(levels, levels[0]):
        canvas, aim = take_aim(None, levels[0], task, extractor)
        for _ in range(REHEARSALS):
            begun = log.seconds
            slope(canvas, aim)
            seconds = min(seconds, log.seconds - begun)
    shape, begun_at = task.content.size, longest_side(task.begun)
    log.pace.check(seconds, log.seconds, shape, task.settings, begun_at)


def improvements(
    canvas: Tensor, aim: Aim, settings: Settings, log: Log
) -> Generator[Progress, None, None]:
    """Take the steps of a level on `canvas`, in place, and report when that is due."""
    for step, losses in descend(canvas, aim, settings, log):
        log.note(step, losses)
        if log.due:
            yield log.progress(canvas)
    log.step = log.steps


def descend(
    canvas: Tensor, aim: Aim, settings: Settings, log: Log
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Improve `canvas` in place. When a report is due, after the first and before the last step,
    hand back control with the number of steps taken and the losses; only then does anything wait
    for the device.

    Where those are not finite, goes back to the last canvas that was seen to be good and makes half
    as large steps; raises `Diverged` when that does not help.
    """
    learning_rate = settings.learning_rate
    good, first, failures = canvas.clone(), log.step, 0
    optimizer, step, reached = optimizer_for(canvas, settings, learning_rate), first, first
    while step < log.steps:
        losses, gradient = slope(canvas, aim)
        if log.due or step in (first + 1, log.steps - 1):
            if not torch.isfinite(losses["total"] + gradient.sum()):
                canvas.copy_(good)
                step = reached
                failures, learning_rate = failures + 1, halved(learning_rate, failures)
                optimizer = optimizer_for(canvas, settings, learning_rate)
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
def slope(canvas: Tensor, aim: Aim) -> tuple[dict[str, Tensor], Tensor]:
    """The losses of the canvas, and the gradient of their total with respect to its pixels."""
    painted = canvas.detach().requires_grad_()
    losses = evaluate(aim.terms, aim.scene.around(painted), aim.extractor)
    (gradient,) = torch.autograd.grad(losses["total"], painted)
    return {name: loss.detach() for name, loss in losses.items()}, gradient
