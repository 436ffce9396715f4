"""Examples: finished pictures to click on, and any photo with any painting."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from styletx.api.painting import HIDDEN_EVENT
from styletx.recipe import STYLES
from styletx.ui import strings

from .handlers import SCROLL_TO_PICTURE, Page, on
from .results import comparison_html, disable_resume, download_updates, no_curves

ASSETS = Path(__file__).parents[2] / "assets"
EXAMPLES = {  # what the page offers to begin with: name, photo, painting
    "Temple, The Great Wave": ("temple", "great_wave"),
    "Astronaut, Village Street in Auvers": ("astronaut", "village_street_in_auvers"),
    "Coffee, Composition VIII": ("coffee", "composition_viii"),
    "Cat, Poppies": ("cat", "poppies"),
    "Rocket, Shrine in Snow": ("rocket", "shrine_in_snow"),
    "Dahlia, Spring": ("dahlia", "spring"),
}


def build_examples() -> dict[str, gr.Button]:
    """Build the tiles: finished pictures to click on."""
    gr.Markdown(f"**{strings.EXAMPLES}**")
    with gr.Row(elem_id="examples"):
        return {
            name: gr.Button(name, icon=painted_of(pair), elem_classes="tile", min_width=140)
            for name, pair in EXAMPLES.items()
        }


def painted_of(pair: tuple[str, str]) -> Path:
    """Return the file of the finished picture."""
    return ASSETS / "painted" / f"{'-'.join(pair)}.jpg"


def files_of(pair: tuple[str, str]) -> tuple[Path, Path]:
    """Return the files of photo and painting."""
    photo, painting = pair
    return ASSETS / "photos" / f"{photo}.jpg", ASSETS / "paintings" / f"{painting}.jpg"


def pair_updates(pair: tuple[str, str], sentence: str, press: str) -> dict[str, Any]:
    """Return the updates, by name, that make a photo and a painting the only inputs."""
    photo, painting = files_of(pair)
    inputs = {"content": str(photo), "style": str(painting), "init_image": None}
    inputs |= dict.fromkeys(STYLES[1:])
    said = {"status": sentence, "said": sentence, "go": gr.Button(press)}
    return {**inputs, **disable_resume(), **said, "run": "", "finished": "", "curves": no_curves()}


def example(name: str) -> dict[str, Any]:
    """Return the updates of an example: its inputs, and its picture, to download as a JPEG."""
    pair = EXAMPLES[name]
    done = painted_of(pair)
    return {
        **pair_updates(pair, strings.example_shown(name), strings.PAINT_AGAIN),
        **download_updates(jpeg=done),
        "picture": str(done),
        "compared": comparison_html(files_of(pair)[0], done, strings.PHOTO_LEFT),
    }


def surprise() -> dict[str, Any]:
    """Return the updates of any photo with any painting."""
    folders = (sorted((ASSETS / folder).glob("*.jpg")) for folder in ("photos", "paintings"))
    photo, painting = (random.choice(files).stem for files in folders)
    return pair_updates((photo, painting), strings.pair_chosen(photo, painting), strings.PAINT)


def connect_examples(tiles: dict[str, gr.Button], page: Page) -> None:
    """Connect the tiles and *Surprise me*."""
    # In Gradio's queue, else no message is seen
    quick: dict[str, Any] = {"concurrency_limit": None, **HIDDEN_EVENT}
    run = page.parts["run"]
    for name, tile in tiles.items():
        work = page.unless_busy(partial(example, name))
        tile.click(work, run, page.all_components, **quick).then(None, js=SCROLL_TO_PICTURE)
    on(page.parts["surprise"], "click")(
        page.unless_busy(surprise), run, page.all_components, **quick
    )
