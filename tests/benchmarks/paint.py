"""A process of its own that paints one picture with `stylize`, and keeps what it looks like on the
way: `python -m tests.benchmarks.paint PHOTO PAINTING OUT.png [--classic] [SETTING=VALUE …]`.

For each picture it keeps, named after its step, it writes a line that begins with that step; for
each report with an estimate, a line with "left", the seconds so far and the seconds left.
"""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import styletx.engine as engine
from styletx import Progress, Settings, Style, stylize
from styletx.features import Features
from styletx.images import read, save, to_tensor
from styletx.losses import gram
from styletx.objective import Term
from styletx.pyramid import ALL_LAYERS, CONTENT_LAYER, Level, fit

POINTS = 10  # pictures kept of a run, beside the first


def main(arguments: Sequence[str]) -> None:
    pictures = [word for word in arguments if "=" not in word and word != "--classic"]
    photo, painting, out = map(Path, pictures)
    values = dict(word.split("=") for word in arguments if "=" in word)
    settings = Settings(
        **{name: type(getattr(Settings(), name))(value) for name, value in values.items()}
    )
    recipe = {"plan": one_size, "set_targets": gatys} if "--classic" in arguments else {}
    with patch.multiple(engine, **recipe) if recipe else nullcontext():
        follow(photo, painting, out, settings)


def follow(photo: Path, painting: Path, out: Path, settings: Settings) -> None:
    seen = -1
    for event in stylize(read(photo), [Style(read(painting))], settings):
        picture = event.preview if isinstance(event, Progress) else event.picture
        if isinstance(event, Progress) and event.seconds_left is not None:
            sys.stdout.write(f"left {event.seconds:.3f} {event.seconds_left:.3f}\n")
        part = event.step * POINTS // event.steps
        if part > seen:
            seen = part
            save(picture, out.with_name(f"{event.step:0{len(str(event.steps))}}.png"))
            sys.stdout.write(f"{event.step} {event.seconds:.3f}\n")
    save(picture, out)


def one_size(shape: tuple[int, int], settings: Settings) -> tuple[Level, ...]:
    return (Level(fit(shape, settings.size), settings.steps, refines=False),)


def gatys(canvas: object, level: Level, task: engine.Task) -> list[Term]:
    """The objective of Gatys et al. (2016), equations 1 and 4, with α/β = 10⁻³: squared errors of
    features and of Gram matrices as they are, whatever their scale. Start, optimiser and borders
    are ours."""
    eye = task.extractor
    photo = eye(to_tensor(task.content, level.size, eye.device), {CONTENT_LAYER})[CONTENT_LAYER]
    (style,) = task.styles
    painting = eye(engine.seen_at(level, style, eye.device), ALL_LAYERS)
    wanted = {layer: gram(painting[layer]) for layer in ALL_LAYERS}

    def content(_: object, features: Features) -> object:
        return (features[CONTENT_LAYER].float() - photo.float()).square().sum() / 2

    def manner(_: object, features: Features) -> object:
        errors = (  # G is divided by M already, and by N here: 1 / 4N²M²
            (gram(features[layer]) - target).square().sum() / (4 * len(target) ** 2)
            for layer, target in wanted.items()
        )
        return sum(errors) / len(wanted)

    return [
        Term("content", 1e-3, (CONTENT_LAYER,), content),
        Term("style", 1.0, ALL_LAYERS, manner),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
