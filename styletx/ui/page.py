"""Layout of the page, and the API beside it."""

import gradio as gr

from styletx.api.endpoints import offer_endpoints
from styletx.api.mcp import offer_tool
from styletx.api.painting import Components
from styletx.runners.queue import JobQueue
from styletx.ui import strings

from .code_snippets import build_code
from .examples import ASSETS, build_examples, connect_examples
from .handlers import Page
from .history import build_history
from .inputs import (
    build_bar,
    build_init_image,
    build_inputs,
    build_paintings,
    build_presets,
    build_repeat,
    build_settings,
)
from .mask_editor import build_masks
from .outlines import connect_outlines
from .results import build_stage
from .script import connect_script


def build_page(queue: JobQueue, for_agents: bool = False) -> gr.Blocks:
    """Return the page and its API, which submit jobs to `queue`; `for_agents` adds a tool."""
    gr.set_static_paths([ASSETS])
    with gr.Blocks(title=strings.TITLE, analytics_enabled=False) as app:
        icon = (ASSETS / "icon.svg").read_text()
        gr.HTML(f"{icon}<h1>{strings.TITLE}</h1><p>{strings.SUBTITLE}</p>", elem_id="heading")
        with gr.Row(elem_id="desk"):
            with gr.Column(elem_id="panel"):
                photo, painting, outlines, parts = build_inputs()
                presets, controls = build_presets(queue.limits.largest(queue.device))
                parts |= {"presets": presets, **build_bar()}
                controls = build_settings(presets, controls)
            with gr.Column(elem_id="right"):
                parts |= build_stage()
                with gr.Column(elem_id="shelf"):
                    parts |= build_history()
                    tiles = build_examples()
        inputs: Components = {"content": photo, "style": painting, **build_paintings()}
        editor, masks = build_masks(photo, queue)
        inputs |= {**masks, **controls, **build_init_image()}
        painted = build_repeat()
        build_code(inputs)
        page = Page(queue, inputs, parts)
        page.connect(editor)
        page.connect_opening(app)
        page.connect_uploads(painted)
        connect_script(parts)
        connect_outlines(outlines, inputs, queue)
        connect_examples(tiles, page)
        offer_endpoints(queue, inputs, parts["picture"])
        if for_agents:
            offer_tool(queue)
    # Twice what the middleware lets wait, which refuses the rest in a sentence
    app.queue(max_size=2 * queue.limits.calls, api_open=False)
    return app  # type: ignore[no-any-return]
