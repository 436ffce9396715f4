"""MCP tool `paint` for agents, where the package for it is installed."""

from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.route_utils import get_root_url

from styletx.errors import StyletxError
from styletx.imaging.files import flatten_alpha, read_image, save
from styletx.runners.queue import JobQueue
from styletx.server.errors import as_gradio_errors
from styletx.settings import PRESETS

from .endpoints import argument_help
from .job_files import small
from .job_report import status_line
from .painting import PAINT_EVENT, paint_stream
from .schema import DEFAULTS, argument

SIDE = 768  # pixels: what an agent looks at need not be larger
ASKED = ("content", "style", "preset", "size", "style_weight")
NEEDS = "Agents need one more package: pip install 'gradio[mcp]'."


def can_serve() -> bool:
    """Return whether the MCP package is installed."""
    return find_spec("mcp") is not None


def offer_tool(queue: JobQueue) -> None:
    """Add the tool `paint` to `gr.Blocks`."""

    def paint(  # noqa: PLR0913
        content: Any,
        style: Any,
        preset: str = "",
        size: int = DEFAULTS["size"],
        style_weight: float = DEFAULTS["style_weight"],
        progress: gr.Progress = gr.Progress(),  # noqa: B008
        request: gr.Request | None = None,
    ) -> tuple[str, str]:
        chosen = dict(zip(ASKED, (content, style, preset, size, style_weight), strict=True))
        path = ""
        for shown, report in paint_stream(queue, {**DEFAULTS, **chosen}, request):
            progress((report["step"], report["steps"]), desc=status_line(report))
            path = shown or path
        with as_gradio_errors():
            if not path:
                raise StyletxError(status_line(report))
            picture = read_image(path)
            preview_path = path.removesuffix(".png") + "-small.jpg"
            save(small(flatten_alpha(picture), SIDE), preview_path, quality=85)
        width, height = picture.size
        whole = f"In full, {width}x{height}: {file_url(path, request)}"
        return preview_path, f"{status_line(report)} {whole}"

    lines = (f"    {name}: {argument_help(name)}" for name in ASKED)
    paint.__doc__ = "\n".join([argument("tool"), "", "Args:", *lines])
    inputs = [
        gr.Image(label="content", visible=False),
        gr.Image(label="style", visible=False),
        gr.Dropdown(["", *PRESETS], value="", label="preset", visible=False),
        gr.Number(DEFAULTS["size"], label="size", precision=0, visible=False),
        gr.Number(DEFAULTS["style_weight"], label="style_weight", visible=False),
    ]
    outputs = [gr.Image(visible=False, label="picture"), gr.Textbox(visible=False, label="report")]
    gr.Button(visible=False).click(
        paint, inputs, outputs, api_name="paint_for_agents", **PAINT_EVENT
    )


def file_url(path: str, request: gr.Request | None) -> str:
    """Return the URL of a file, as the client reaches this server."""
    if request is None or request.request is None:
        return path
    root = get_root_url(request.request, "/gradio_api/queue/join", None)
    return f"{root}/gradio_api/file={quote(path)}"
