"""The web page: what people upload, what they choose, what they watch."""

import argparse
import logging
import random
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from styletx.api.endpoints import offer_endpoints
from styletx.api.mcp import NEEDS, can_serve, offer_tool
from styletx.api.painting import HIDDEN_EVENT, Components
from styletx.config import ServerLimits
from styletx.errors import StyletxError
from styletx.recipe import STYLES
from styletx.runners import select
from styletx.runners.queue import JobQueue
from styletx.server.serve import serve
from styletx.ui import strings
from styletx.ui.code_snippets import build_code
from styletx.ui.history import build_history
from styletx.ui.inputs import (
    build_init_image,
    build_inputs,
    build_paintings,
    build_repeat,
    build_settings,
    repeated,
    upload_message,
)
from styletx.ui.mask_editor import build_masks
from styletx.ui.page import LOOK_UP, Page, on
from styletx.ui.results import (
    build_results,
    comparison_html,
    disable_resume,
    download_updates,
    no_curves,
)
from styletx.ui.theme import THEME, pictures_of_presets

ASSETS = Path(__file__).parent / "assets"
EXAMPLES = {  # what the page offers to begin with: name, photo, painting
    "Temple, The Great Wave": ("temple", "great_wave"),
    "Astronaut, Village Street in Auvers": ("astronaut", "village_street_in_auvers"),
    "Coffee, Composition VIII": ("coffee", "composition_viii"),
    "Cat, Poppies": ("cat", "poppies"),
    "Rocket, Shrine in Snow": ("rocket", "shrine_in_snow"),
    "Dahlia, Spring": ("dahlia", "spring"),
}


def build_app(painter: JobQueue, for_agents: bool = False) -> gr.Blocks:
    """The page and the API, around whoever does the work; on request with a tool for agents."""
    gr.set_static_paths([ASSETS])
    with gr.Blocks(title=strings.TITLE, analytics_enabled=False) as app:
        icon = (ASSETS / "icon.svg").read_text()
        gr.HTML(
            f"{icon}<div><h1>{strings.TITLE}</h1><p>{strings.LINE}</p></div>", elem_id="heading"
        )
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                photo, painting, buttons = build_inputs()
            with gr.Column(scale=2, min_width=320):
                parts = {**buttons, **build_results(), "run": gr.State({})}
        tiles = lay_out_examples()
        parts |= build_history()
        inputs: Components = {"content": photo, "style": painting, **build_paintings()}
        editor, masks = build_masks(photo, painter)
        largest = painter.allowance.largest(painter.device)
        inputs |= {**masks, **build_settings(largest), **build_init_image()}
        painted = build_repeat()
        build_code(inputs)
        page = Page(painter, inputs, parts)
        page.connect(editor)
        kept = [parts["kept"], parts["latest"]]
        app.load(page.find_again, kept, page.all_components, concurrency_limit=2, **HIDDEN_EVENT)
        offer_pairs(tiles, page)
        offer_looks(page, painted)
        offer_endpoints(painter, inputs, parts["picture"])
        if for_agents:
            offer_tool(painter)
    line = 2 * painter.allowance.calls  # which is refused before, in words of our own
    return app.queue(max_size=line, api_open=False)


def lay_out_examples() -> dict[str, gr.Button]:
    """Finished pictures to click on."""
    gr.Markdown(f"**{strings.EXAMPLES}**")
    with gr.Row(elem_id="examples"):
        return {
            name: gr.Button(name, icon=painted_of(pair), elem_classes="tile", min_width=140)
            for name, pair in EXAMPLES.items()
        }


def painted_of(pair: tuple[str, str]) -> Path:
    return ASSETS / "painted" / f"{'-'.join(pair)}.jpg"


def files_of(pair: tuple[str, str]) -> tuple[Path, Path]:
    photo, painting = pair
    return ASSETS / "photos" / f"{photo}.jpg", ASSETS / "paintings" / f"{painting}.jpg"


def brought(pair: tuple[str, str], told: str, press: str) -> dict[str, Any]:
    """A photo and a painting as what is given, and no other picture: what changes, by name."""
    photo, painting = files_of(pair)
    given = {"content": str(photo), "style": str(painting), "init_image": None}
    given |= dict.fromkeys(STYLES[1:])
    said = {"status": told, "said": told, "go": gr.Button(press)}
    return {**given, **disable_resume(), **said, "run": {}, "finished": {}, "curves": no_curves()}


def example(name: str) -> dict[str, Any]:
    """An example with what became of it, which can be taken away as it lies here, as a JPEG."""
    pair = EXAMPLES[name]
    done = painted_of(pair)
    return {
        **brought(pair, strings.example_shown(name), strings.PAINT_AGAIN),
        **download_updates(jpeg=done),
        "picture": str(done),
        "compared": comparison_html(files_of(pair)[0], done, strings.PHOTO_LEFT),
    }


def surprise() -> dict[str, Any]:
    """Any photo and any painting."""
    folders = (sorted((ASSETS / folder).glob("*.jpg")) for folder in ("photos", "paintings"))
    photo, painting = (random.choice(files).stem for files in folders)
    return brought((photo, painting), strings.pair_chosen(photo, painting), strings.PAINT)


def offer_pairs(tiles: dict[str, gr.Button], page: Page) -> None:
    """A click on an example brings it; *Surprise me* any pair."""
    # In Gradio's queue, else no message is seen
    quick: dict[str, Any] = {"concurrency_limit": None, **HIDDEN_EVENT}
    run = page.parts["run"]
    for name, tile in tiles.items():
        work = page.unless_busy(partial(example, name))
        tile.click(work, run, page.all_components, **quick).then(None, js=LOOK_UP)
    on(page.parts["surprise"], "click")(
        page.unless_busy(surprise), run, page.all_components, **quick
    )


def offer_looks(page: Page, painted: gr.Image) -> None:
    """Check every upload as soon as it is there; restore the recipe of a painted picture."""
    quick: dict[str, Any] = {"concurrency_limit": None, "preprocess": False, **HIDDEN_EVENT}
    for name in ("content", "style"):
        field = page.inputs[name]
        on(field, "upload")(
            partial(upload_message, painter=page.painter), field, page.parts["status"], **quick
        )

    def repeat(file: Any, *values: Any) -> Any:
        try:
            return page.updates(repeated(file, page.arguments(values), page.painter))
        except gr.Error as error:  # which would mark everything that could have changed
            gr.Warning(error.message)
            return page.updates({"status": error.message, "said": error.message})

    painted.upload(repeat, [painted, *page.inputs.values()], page.all_components, **quick)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", help="address to listen on (or GRADIO_SERVER_NAME)")
    parser.add_argument("--port", type=int, help="port to listen on (or GRADIO_SERVER_PORT)")
    parser.add_argument("--share", action="store_true", default=None, help="make a public link")
    parser.add_argument("--mcp", action="store_true", help="offer the tool paint to agents")
    parser.add_argument("--auth", metavar="NAME:PASSWORD", help="ask visitors for these")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Load the network, then serve the page until it is interrupted or terminated."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # also while the network is loaded
    parser = options()
    chosen = parser.parse_args(arguments)
    if chosen.auth and ":" not in chosen.auth:
        parser.error("--auth is written NAME:PASSWORD")
    if chosen.mcp and not can_serve():
        parser.error(NEEDS)
    logging.basicConfig(format="%(message)s")
    for told in ("runners.job", "runners.ray.runner"):  # a line for each, and for each change
        logging.getLogger(f"styletx.{told}").setLevel(logging.INFO)
    try:
        painter = JobQueue(runner := select.get_runner(), ServerLimits.of())
        runner.warm_up()
        serve(
            lambda: build_app(painter, chosen.mcp),
            painter,
            runner,
            server_name=chosen.host,
            server_port=chosen.port,
            share=chosen.share,
            auth=tuple(chosen.auth.split(":", 1)) if chosen.auth else None,
            theme=THEME,
            css_paths=ASSETS / "page.css",
            css=pictures_of_presets(ASSETS / "presets"),
            js=(ASSETS / "page.js").read_text(),
            favicon_path=ASSETS / "icon.png",
            run_history=False,
            ssr_mode=False,
            footer_links=["api"],
            mcp_server=chosen.mcp,
        )
    except StyletxError as error:
        parser.exit(1, f"{error}\n")
    except (OSError, OverflowError) as error:  # the port is taken, or none
        parser.exit(1, f"The server could not start. {error}\n")


if __name__ == "__main__":
    main()
