"""The paint command: python -m styletx photo.jpg painting.jpg -o painted.png --size 768"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from styletx.core.device import set_device
from styletx.core.engine import stylize
from styletx.core.pyramid import max_useful_side
from styletx.core.regions import check_styles
from styletx.core.threads import limit_threads
from styletx.errors import StyletxError
from styletx.events import Event, Events, Progress, Result, Style, precision_of
from styletx.imaging.files import check_can_save, read_image, save
from styletx.imaging.guards import install_pillow_guards
from styletx.recipe import (
    MASKS,
    SHARES,
    STYLES,
    Inputs,
    Recipe,
    differing_inputs,
    input_fingerprints,
    read_recipe,
    to_json,
)
from styletx.settings import INITS, Settings, settings_from
from styletx.text import count, input_name

from .options import add_device, add_preset, add_settings, add_weights, settings_in
from .parser import Parser, run_command


def paint(arguments: list[str]) -> int:
    """Return 0 when the picture was painted, else 1 with a sentence on stderr; argparse exits with
    2."""
    install_pillow_guards()
    return run_command(partial(paint_picture, parser().parse_args(arguments)))


def paint_picture(given: argparse.Namespace) -> None:
    """Read the pictures, paint, save. Raises `StyletxError`, if it can before the work begins."""
    chosen = settings_in(given)
    init_path = Path(chosen.pop("init")) if is_picture(chosen.get("init")) else None
    recipe = read_recipe(given.recipe) if given.recipe else None
    settings = settings_of(recipe, given.preset, chosen)
    shares, masks = shares_and_masks(given)
    paintings = list(zip(given.paintings, shares, masks, strict=True))
    check_styles(paintings)
    others = (given.keep_mask, init_path, given.recipe)
    read_from = [given.photo, *given.paintings, *given.masks, *others]
    check_can_save(given.output, instead_of=[path for path in read_from if path])
    most = max_useful_side(settings)
    styles = [
        Style(read_image(p, most), share, read_image(m, most) if m else None)
        for p, share, m in paintings
    ]
    keep_mask, init_image = (
        read_image(path, most) if path else None for path in (given.keep_mask, init_path)
    )
    photo = read_image(given.photo, most)
    limit_threads()
    set_device(given.device)
    events = stylize(
        photo,
        styles,
        settings,
        keep_mask=keep_mask,
        init_image=init_image,
        weights=given.weights,
        precision=precision_of(recipe.device) if recipe else None,
    )
    named_shares = dict(zip(SHARES, shares, strict=False))
    inputs = input_fingerprints(named_inputs(given, init_path), named_shares)
    for name in differing_inputs(recipe, inputs) if recipe else ():
        difference = f"{input_name(name)} is not what {given.recipe.name} was painted with"
        sys.stderr.write(f"Note: {difference}.\n")
    show_progress(events, given.output, inputs)


def shares_and_masks(given: argparse.Namespace) -> tuple[list[float], list[Path | None]]:
    """Return a share and a mask, or None, for each painting. Raises `StyletxError`."""
    number = len(given.paintings)
    for thing, besides in (("share", given.shares), ("mask", given.masks)):
        if len(besides) not in (0, number):
            raise StyletxError(
                f"For {count(number, 'painting')} you gave {count(len(besides), thing)}; "
                "give as many, or none."
            )
    return list(given.shares) or [1.0] * number, list(given.masks) or [None] * number


def settings_of(recipe: Recipe | None, name: str | None, chosen: Mapping[str, Any]) -> Settings:
    """Return the settings of the recipe or of the preset, with the `chosen` ones replaced."""
    if recipe is None:
        return settings_from(name, chosen)
    if name:
        raise StyletxError("Please give either a preset or a recipe, not both.")
    return replace(recipe.settings, **chosen)


def named_inputs(given: argparse.Namespace, init_path: Path | None) -> dict[str, Path | None]:
    """Return the pictures by their API arguments' names."""
    styles, masks = (
        zip(n, p, strict=False) for n, p in ((STYLES, given.paintings), (MASKS, given.masks))
    )
    return {
        "content": given.photo,
        **dict(styles),
        **dict(masks),
        "keep_mask": given.keep_mask,
        "init_image": init_path,
    }


def is_picture(init: object) -> bool:
    """Return whether --init names a file rather than one of its choices."""
    if not isinstance(init, str) or init in ("", *INITS):  # argparse makes a list of --init=--
        return False
    try:
        return Path(init).suffix != "" or Path(init).is_file()
    except OSError:  # too long a word to be one
        return False


def show_progress(events: Events, output: Path, inputs: Inputs) -> None:
    """Show a progress bar, and save the result with its recipe; on Ctrl-C, the picture so far."""
    latest: Event | None = None
    with tqdm(unit="step", disable=None) as bar:
        try:
            for latest in events:
                bar.total = latest.steps
                bar.update(latest.step - bar.n)
                if isinstance(latest, Result):
                    save(latest.picture, output, note=to_json(latest, inputs))
                    width, height = latest.picture.size
                    name = str(output).encode(errors="replace").decode()  # whatever its bytes are
                    bar.write(f"{name}: {width}x{height} pixels in {latest.seconds:.0f} s")
                    for note in latest.notes:
                        bar.write(note)
        except KeyboardInterrupt as stop:
            if not isinstance(latest, Progress):
                raise StyletxError("Stopped before anything was painted.") from stop
            save(latest.preview, output, note=to_json(latest, inputs))
            raise StyletxError(
                f"Stopped after {latest.step} of {latest.steps} steps; {output} holds the picture "
                "so far."
            ) from stop


def parser() -> argparse.ArgumentParser:
    """Return the parser: pictures, and an option for every setting."""
    parser = Parser(
        "python -m styletx",
        description="Repaint a photo in the manner of one or more paintings.",
        epilog="Besides, `python -m styletx batch PHOTOS` paints many, `python -m styletx deploy "
        "OWNER/NAME` puts the app on a Space of the Hugging Face Hub, and `python -m styletx push "
        "PICTURE... OWNER/NAME` finished pictures into a dataset there; --help says more.",
    )
    add_pictures(parser)
    add_preset(parser)
    parser.add_argument(
        "--recipe",
        type=Path,
        metavar="PICTURE",
        help="a picture painted here, whose settings are to be taken",
    )
    add_weights(parser)
    add_device(parser)
    add_settings(parser, init_picture=True)
    return parser


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for what is read and written."""
    parser.add_argument("photo", type=Path, help="the picture to repaint")
    parser.add_argument(
        "paintings", type=Path, nargs="+", metavar="painting", help="the pictures in whose manner"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("painted.png"),
        help="where to write the result (default painted.png)",
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        default=(),
        help="how much there is of each painting, beside the others",
    )
    parser.add_argument(
        "--masks",
        type=mask_path,
        nargs="+",
        default=(),
        metavar="MASK",
        help="for each painting a picture that is white where it alone paints, or - for none",
    )
    parser.add_argument(
        "--keep-mask", type=Path, help="a picture that is white where the photo stays"
    )


def mask_path(word: str) -> Path | None:
    return None if word == "-" else Path(word)
