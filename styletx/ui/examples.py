"""Examples: finished pictures to click on, and any photo with any painting."""

import random
from pathlib import Path
from typing import Any

import gradio as gr

from styletx.api.painting import HIDDEN_EVENT
from styletx.recipe import STYLES
from styletx.ui import strings

from .handlers import TO_THE_PICTURE, Page, on
from .history import gallery, seen_updates
from .results import (
    comparison_html,
    disable_resume,
    download_updates,
    no_curves,
    shown_updates,
)

ASSETS = Path(__file__).parents[2] / "assets"
SHARED = ASSETS / "share.jpg"  # shown where a link to the page is shared
EXAMPLES = {  # what the page offers to begin with: name, photo, painting
    "Temple, The Great Wave": ("temple", "great_wave"),
    "Astronaut, Village Street in Auvers": ("astronaut", "village_street_in_auvers"),
    "Coffee, Composition VIII": ("coffee", "composition_viii"),
    "Cat, Poppies": ("cat", "poppies"),
    "Rocket, Shrine in Snow": ("rocket", "shrine_in_snow"),
    "Dahlia, Spring": ("dahlia", "spring"),
}


def build_examples() -> gr.Gallery:
    """Build the tiles: finished pictures to click on."""
    gr.Markdown(f"**{strings.EXAMPLES}.** {strings.EXAMPLES_HELP}", elem_id="examples-help")
    tiles = [(str(small_of(painted_of(pair))), name) for name, pair in EXAMPLES.items()]
    return gallery(strings.EXAMPLES, "examples", tiles)


def small_of(picture: Path) -> Path:
    """Return the file of the small picture that the page shows of one in the assets."""
    return ASSETS / "small" / picture.parent.name / f"{picture.stem}.avif"


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
    inputs |= {**dict.fromkeys(STYLES[1:]), "precision": ""}
    said = {"status": sentence, "said": sentence, "go": gr.Button(press)}
    return {**inputs, **disable_resume(), **said, "run": "", "finished": "", "curves": no_curves()}


def example(name: str) -> dict[str, Any]:
    """Return the updates of an example: its inputs, and its picture, to download as a JPEG."""
    pair = EXAMPLES[name]
    done = painted_of(pair)
    return {
        **pair_updates(pair, strings.example_shown(name), strings.PAINT_AGAIN),
        **download_updates(jpeg=done),
        **shown_updates(done, comparison_html(files_of(pair)[0], done)),
        **seen_updates([]),
    }


def surprise() -> dict[str, Any]:
    """Return the updates of any photo with any painting."""
    folders = (sorted((ASSETS / folder).glob("*.jpg")) for folder in ("photos", "paintings"))
    photo, painting = (random.choice(files).stem for files in folders)
    return pair_updates((photo, painting), strings.pair_chosen(photo, painting), strings.PAINT)


def connect_examples(tiles: gr.Gallery, page: Page) -> None:
    """Connect the tiles and *Surprise me*."""
    # In Gradio's queue, else no message is seen
    quick: dict[str, Any] = {"concurrency_limit": None, **HIDDEN_EVENT}
    run = page.parts["run"]

    def bring(run_id: str, selected: gr.SelectData) -> dict[Any, Any]:
        return page.unless_busy(example)(run_id, list(EXAMPLES)[selected.index])

    brought = tiles.select(bring, run, page.all_components, **quick)
    brought.then(None, js=TO_THE_PICTURE)
    # Another click on the same one is a selection again
    brought.then(lambda: gr.Gallery(selected_index=None), None, tiles, queue=False, **HIDDEN_EVENT)
    on(page.parts["surprise"], "click")(
        page.unless_busy(surprise), run, page.all_components, **quick
    )
