"""Where a step's time goes, beside what this machine can do at most:
`python -m tests.benchmarks.micro [SIZE]`.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

import styletx.core.engine as engine
from styletx import Settings, Style
from styletx.core.device import best_device
from styletx.core.optimizers import optimizer_for
from styletx.core.vgg import vgg19
from styletx.imaging.files import read_image

from .process import machine
from .programs import PAIRS, inputs

STEPS = 9


def main() -> None:
    say = sys.stdout.write
    photo, painting = map(read_image, inputs(PAIRS[0]))
    settings = Settings(size=int(sys.argv[1]) if len(sys.argv) > 1 else 512)
    device = best_device()
    levels, task = engine.prepare_inputs(photo, [Style(painting)], settings, None, None)
    eye = vgg19(device, factored=True)
    peak = product_peak(device, eye.precision)
    say(f"{machine()}; matrix product at most {peak:.0f} GFLOP/s in {eye.precision}\n\n")
    say("| level | step, s | GFLOP | GFLOP/s | of the peak | convolutions, s | of the peak |\n")
    say("|---|---|---|---|---|---|---|\n")
    canvas = None
    for level in levels:
        canvas, aim = engine.set_up_level(canvas, level, task, eye)
        optimizer = optimizer_for(canvas, settings, settings.learning_rate)

        def step(canvas=canvas, aim=aim, optimizer=optimizer) -> None:
            optimizer.step(engine.losses_and_gradient(canvas, aim)[1])

        seconds = statistics.median(timed(step, device) for _ in range(STEPS))
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            engine.evaluate(aim.terms, canvas, eye)
        flops = 2 * counter.get_total_flops() / 1e9  # the gradient costs as much again
        convolving = convolution_seconds(step, device)
        share = 2 * convolution_flops(counter) / 1e9 / convolving / peak
        width, height = level.size
        say(
            f"| {width}x{height} | {seconds:.3f} | {flops:.1f} | {flops / seconds:.0f} | "
            f"{flops / seconds / peak:.0%} | {convolving:.3f} | {share:.0%} |\n"
        )


def product_peak(device: torch.device, precision: torch.dtype, side: int = 4096) -> float:
    """GFLOP/s of the product of two square matrices: the best of a few."""
    one, other = (torch.rand(side, side, device=device, dtype=precision) for _ in range(2))
    return 2 * side**3 / 1e9 / min(timed(lambda: one @ other, device) for _ in range(8))


def timed(work: Callable[[], object], device: torch.device) -> float:
    wait(device)
    begun = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - begun


def wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize()


def convolution_flops(counter: FlopCounterMode) -> float:
    counts = counter.get_flop_counts()["Global"]
    return sum(count for operation, count in counts.items() if "convolution" in str(operation))


def convolution_seconds(step: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of a step that convolutions take, forward and backward."""
    cuda = device.type == "cuda"
    activities = [ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]
    with profile(activities=activities) as watched:
        for _ in range(3):
            step()
        wait(device)
    return (
        sum(
            (row.self_device_time_total if cuda else row.self_cpu_time_total)
            for row in watched.key_averages()
            if "conv" in row.key
        )
        / 3e6
    )


if __name__ == "__main__":
    main()
