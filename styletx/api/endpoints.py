"""API endpoints: /stylize, /stop, /export and /recipe, each described for the API page."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr

from styletx.errors import StyletxError
from styletx.events import precision_of
from styletx.fields import ChoiceField, NumberField
from styletx.recipe import MASKS, read_recipe
from styletx.runners.queue import JobQueue
from styletx.server.errors import as_gradio_errors
from styletx.settings import FIELDS

from .images import Upload, upload_path
from .job_report import StreamItem
from .painting import LIGHT_EVENT, PAINT_EVENT, export_run, paint_stream
from .schema import DEFAULTS, argument


def offer_endpoints(
    queue: JobQueue, inputs: Mapping[str, gr.components.Component], picture: gr.components.Component
) -> None:
    """Add the endpoints to `gr.Blocks`: /stylize, with every setting and picture by name, /stop,
    /export, /recipe. `inputs` are the page's components; missing ones are added hidden."""
    unseen = {
        "preset": gr.Textbox(value="", label="preset", visible=False),
        MASKS[0]: gr.Image(label=MASKS[0], visible=False),
    }
    inputs = {**inputs, **unseen}
    ordered = [with_description(inputs[name], argument_help(name)) for name in DEFAULTS]
    outputs = [picture, gr.JSON(visible=False, label="report")]
    register(stylize_of(queue), ordered, outputs, api_name="stylize", **PAINT_EVENT)

    def stop(run_id: str) -> dict[str, bool]:
        """Keep the picture so far as the result of a run. False if no such run is going on."""
        return {"stopped": queue.stop(run_id)}

    def recipe(painted: Upload) -> dict[str, Any]:
        """Return the settings and the precision in the recipe of a picture painted here, as
        /stylize takes them."""
        with as_gradio_errors():
            path = upload_path(painted, "picture", queue)
            if path is None:
                raise StyletxError("Please give a painted picture.")
            found = read_recipe(path)
            return {**asdict(found.settings), "precision": precision_of(found.device)}

    run_id, stopped = text_argument("run_id"), gr.JSON(visible=False, label="stopped")
    register(stop, run_id, stopped, api_name="stop", queue=False)
    file, kind = gr.File(visible=False, label="picture"), text_argument("kind", "png")
    register(export, [run_id, kind], file, api_name="export", **LIGHT_EVENT)
    painted = with_description(gr.Image(visible=False, label="painted"), argument("painted"))
    settings = gr.JSON(visible=False, label="settings")
    register(recipe, painted, settings, api_name="recipe", **LIGHT_EVENT)


def register(work: Callable[..., Any], inputs: Any, outputs: Any, **how: Any) -> None:
    """Offer `work` to programs, behind a button that nobody sees, since Gradio wants one.

    Gradio shows agents every endpoint that does not say it is something else; they have a tool of
    their own.
    """
    work._mcp_type = "endpoint"  # type: ignore[attr-defined]
    gr.Button(visible=False).click(work, inputs, outputs, **how)


def stylize_of(queue: JobQueue) -> Callable[..., Iterator[StreamItem]]:
    """Return the function behind /stylize, with the arguments and defaults of `DEFAULTS`."""

    def endpoint(request: gr.Request, *arguments: Any) -> Iterator[StreamItem]:
        """Paint `content` in the manner of `style`.

        Streams the path of the picture so far and a report; the last picture is a PNG. Up to four
        paintings share the work, each in its mask if it has one. `preset` fills in what is left at
        its default, so a default cannot be chosen beside it. `go_on` is the run_id of a finished
        run, whose picture is gone on with.
        """
        yield from paint_stream(queue, dict(zip(DEFAULTS, arguments, strict=True)), request)

    called = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(n, called, default=v) for n, v in DEFAULTS.items()]
    asking = inspect.Parameter("request", called)
    endpoint.__signature__ = inspect.Signature([asking, *parameters])  # type: ignore[attr-defined]
    return endpoint


def export(run_id: str, kind: str) -> str:
    """Return the finished picture of a run as a PNG, JPEG or WebP, or the film of its making."""
    with as_gradio_errors():
        return str(export_run(run_id, kind))


def text_argument(name: str, value: str = "") -> gr.components.Component:
    """Return a hidden text component for an argument."""
    return with_description(gr.Textbox(value=value, label=name, visible=False), argument(name))


def argument_help(name: str) -> str:
    """Return the help text of an API argument, with its allowed values."""
    allowed = FIELDS.get(name)
    if allowed is None:
        return argument(name)
    if isinstance(allowed, NumberField):
        return f"{allowed.help}: {allowed.low:g} to {allowed.high:.10g}."
    if isinstance(allowed, ChoiceField):
        meanings = "; ".join(f"{word}: {meaning}" for word, meaning in allowed.choices.items())
        return f"{allowed.help}: {meanings}."
    return f"{allowed.help}."


def with_description(component: gr.components.Component, text: str) -> gr.components.Component:
    """Return the component, with the description that the API page is to show for it."""
    plain = component.api_info_as_input
    described = lambda: {**plain(), "additional_description": text}  # noqa: E731
    component.api_info_as_input = described  # type: ignore[method-assign]
    return component
