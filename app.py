"""The web page: what people upload, what they choose, what they watch."""

import argparse
import logging
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from styletx import StyletxError
from styletx.controls import (
    LOOK,
    Components,
    brushed,
    lay_out_beginnings,
    lay_out_inputs,
    lay_out_masks,
    lay_out_paintings,
    lay_out_settings,
    looked_at,
    twice_as_large,
)
from styletx.endpoints import DEFAULTS, IN_LINE, LANE, STYLES, offer_endpoints, work
from styletx.engine import best_device
from styletx.features import vgg19
from styletx.reports import describe
from styletx.runs import Painter

Shown = Iterator[tuple[Any, ...]]  # what the page's parts become, as a run goes on
ASSETS = Path(__file__).parent / "assets"
EXAMPLES = {  # what the page offers to begin with: name, photo, painting
    "Temple, The Great Wave": ("temple", "great_wave"),
    "Astronaut, Village Street in Auvers": ("astronaut", "village_street_in_auvers"),
    "Coffee, Composition VIII": ("coffee", "composition_viii"),
    "Cat, Poppies": ("cat", "poppies"),
    "Rocket, Shrine in Snow": ("rocket", "shrine_in_snow"),
    "Dahlia, Spring": ("dahlia", "spring"),
}

HEADER = """<h1>styletx</h1>
<p>Your photo, repainted in the manner of any painting, while you watch.</p>"""
THEME = gr.themes.Default(
    primary_hue="indigo",
    neutral_hue="slate",
    radius_size="lg",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)


def build_app(painter: Painter) -> gr.Blocks:
    """The page and the API, around whoever does the work."""
    gr.set_static_paths([ASSETS])
    with gr.Blocks(title="styletx", analytics_enabled=False, delete_cache=(600, 3600)) as app:
        gr.HTML(HEADER, elem_id="heading")
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                photo, painting, go, stop = lay_out_inputs()
            with gr.Column(scale=2, min_width=320):
                picture, status, download, more, twice = lay_out_outputs()
        for given in (photo, painting):
            given.upload(
                looked_at, given, status, queue=False, preprocess=False, api_visibility="private"
            )
        examples = lay_out_examples()
        inputs: Components = {"content": photo, "style": painting, **lay_out_paintings()}
        editor, masks = lay_out_masks(photo)
        inputs |= {**masks, **lay_out_settings(), **lay_out_beginnings()}
        offer_examples(examples, inputs, status)
        shown = {"picture": picture, "download": download, "status": status}
        buttons = {"go": go, "stop": stop, "more": more, "twice": twice}
        connect(painter, inputs, editor, masks, shown, buttons)
        offer_endpoints(painter, inputs, picture)
    return app.queue(max_size=IN_LINE, api_open=False)


def connect(  # noqa: PLR0913
    painter: Painter,
    inputs: Components,
    editor: gr.ImageEditor,
    masks: Components,
    shown: Components,
    buttons: Components,
) -> None:
    """Let the buttons paint, go on, and stop."""
    current, size = gr.State(""), inputs["size"]
    outputs = [*shown.values(), *buttons.values(), current, inputs["go_on"], size]

    def paint(*values: Any) -> Shown:
        given = dict(zip(inputs, values, strict=True))
        yield from show(painter, {**given, "go_on": ""}, had_one=bool(given["go_on"]))

    def go_on(*values: Any) -> Shown:
        yield from show(painter, {**dict(zip(inputs, values, strict=True)), "begun": None})

    def larger(*values: Any) -> Shown:
        given = dict(zip(inputs, values, strict=True))
        yield from show(painter, {**given, "begun": None, "size": None})

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    quick: dict[str, Any] = {"queue": False, **private}
    look = {"inputs": editor, "outputs": list(masks.values()), **LOOK, **private}
    lane = {"inputs": list(inputs.values()), "outputs": outputs, **LANE, **private}
    for name, work_of in (("go", paint), ("more", go_on), ("twice", larger)):
        begun = buttons[name].click(
            lambda: ["Starting …", *usable(False, False, False)],
            outputs=[shown["status"], *buttons.values()],
            **quick,
        )
        begun.then(brushed, **look).then(work_of, api_name=work_of.__name__, **lane)
    buttons["stop"].click(painter.stop, current, gr.State(), api_name="keep", **quick)
    forgotten = [buttons["more"], buttons["twice"], inputs["go_on"]]
    inputs["content"].change(
        lambda: [*usable(True, False, False)[2:], ""], None, forgotten, **quick
    )


def show(painter: Painter, given: dict[str, Any], had_one: bool = True) -> Shown:
    """A run as the page shows it: the picture, the file, a line of words, the buttons, the run that
    can be stopped, the one that can be gone on from, and the size, which is doubled where none is
    given. `had_one` says whether there is a picture already."""
    size: Any = gr.skip()
    try:
        if given["size"] is None:
            given = {**given, **twice_as_large(given)}
            size = given["size"]
        for path, report in work(painter, {**DEFAULTS, **given}):
            done = report["done"]
            file = gr.DownloadButton(value=path if done else None, interactive=done)
            # until there is a new picture, the last one stays
            new = (path, file) if path else (gr.skip(), gr.skip())
            kept = report["run_id"] if done and path else gr.skip()
            had_one = had_one or bool(done and path)
            states = usable(done, not done, done and had_one)
            yield *new, describe(report), *states, report["run_id"], kept, size
    except gr.Error as error:
        states = usable(True, False, had_one)
        yield gr.skip(), gr.skip(), error.message, *states, "", gr.skip(), gr.skip()
        raise


def usable(idle: bool, at_work: bool, can_go_on: bool) -> list[gr.Button]:
    """Which of the buttons Paint, Stop, Go on and Twice the size can be pressed."""
    return [gr.Button(interactive=now) for now in (idle, at_work, can_go_on, can_go_on)]


def lay_out_outputs() -> tuple[gr.Image, gr.Markdown, gr.DownloadButton, gr.Button, gr.Button]:
    """The picture as it is painted, a line on how far it is, the file to keep, and how to go on."""
    picture = gr.Image(
        label="Painted",
        interactive=False,
        height=466,
        buttons=["fullscreen"],
        elem_id="painted",
    )
    status = gr.Markdown("Choose a photo and a painting, or one of the examples.", elem_id="status")
    with gr.Row():
        download = gr.DownloadButton("Download PNG", interactive=False, elem_id="download")
        more = gr.Button("Go on from here", interactive=False, elem_id="more")
        twice = gr.Button("Twice the size", interactive=False, elem_id="twice")
    return picture, status, download, more, twice


def lay_out_examples() -> gr.Gallery:
    """Finished pictures to click on."""
    painted = [
        (str(ASSETS / "painted" / f"{photo}-{painting}.jpg"), name)
        for name, (photo, painting) in EXAMPLES.items()
    ]
    gr.Markdown("**Examples**: click one, then press Paint.")
    return gr.Gallery(
        painted,
        label="Examples",
        show_label=False,
        columns=len(EXAMPLES),
        allow_preview=False,
        buttons=[],
        object_fit="cover",
        elem_id="examples",
    )


def offer_examples(examples: gr.Gallery, inputs: Components, status: gr.Markdown) -> None:
    """A click on one brings its photo and its painting, and takes all other pictures away."""
    names = ("content", *STYLES, "begun")

    def bring(selected: gr.SelectData) -> list[str | None]:
        name, (photo, painting) = list(EXAMPLES.items())[selected.index]
        brought = [
            str(ASSETS / "photos" / f"{photo}.jpg"),
            str(ASSETS / "paintings" / f"{painting}.jpg"),
        ]
        return [*brought, *[None] * (len(names) - 2), f"{name}: press Paint."]

    outputs = [*(inputs[name] for name in names), status]
    examples.select(bring, None, outputs, queue=False, api_visibility="private").then(
        None, js="() => document.querySelector('#given').scrollIntoView()"
    )


def interrupt(painter: Painter, *_: object) -> None:
    """End every run with the picture so far, then the server as Ctrl-C does."""
    painter.close()
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> None:
    """Load the network, then serve the page until it is interrupted or terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", help="address to listen on (or GRADIO_SERVER_NAME)")
    parser.add_argument("--port", type=int, help="port to listen on (or GRADIO_SERVER_PORT)")
    parser.add_argument("--share", action="store_true", default=None, help="make a public link")
    parser.add_argument("--auth", metavar="NAME:PASSWORD", help="ask visitors for these")
    chosen = parser.parse_args(arguments)
    if chosen.auth and ":" not in chosen.auth:
        parser.error("--auth is written NAME:PASSWORD")
    logging.basicConfig(format="%(message)s")
    try:
        vgg19(best_device())
    except StyletxError as error:
        parser.exit(1, f"{error}\n")
    painter = Painter()
    for sent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sent, partial(interrupt, painter))
    try:
        build_app(painter).launch(
            server_name=chosen.host,
            server_port=chosen.port,
            share=chosen.share,
            auth=tuple(chosen.auth.split(":", 1)) if chosen.auth else None,
            theme=THEME,
            css_paths=ASSETS / "page.css",
            max_file_size="40mb",
            enable_monitoring=False,
            run_history=False,
            ssr_mode=False,
            footer_links=["api"],
        )
    except OSError as error:  # the port is taken
        parser.exit(1, f"The server could not start. {error}\n")
    finally:
        painter.close()


if __name__ == "__main__":
    main()
