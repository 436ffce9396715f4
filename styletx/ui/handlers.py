"""Event handlers of the page: upload, paint, stop, go on, compare, restore, delete."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from styletx.api.images import Upload
from styletx.api.job_report import STARTING, StreamItem, screen_reader_line, status_line
from styletx.api.painting import (
    HIDDEN_EVENT,
    LIGHT_EVENT,
    PAINT_EVENT,
    Components,
    client_of,
    submit_job,
    validate,
)
from styletx.api.schema import DEFAULTS, Arguments
from styletx.recipe import STYLES
from styletx.runners.job import Client
from styletx.runners.queue import JobQueue
from styletx.server.errors import as_gradio_errors
from styletx.ui import strings

from .history import (
    History,
    add_entry,
    deleted,
    restore_entry,
    two_compared,
)
from .inputs import doubled_settings, received, repeated, shown_instead
from .lasting_run import LastingRun
from .loss_chart import LossChart
from .mask_editor import BRUSHES, BRUSHING, masks_from_drawing
from .results import (
    before_after,
    disable_resume,
    download_updates,
    finished_updates,
    no_curves,
    resume,
)
from .session import FORGET, RECALL, REMEMBER, became, restored

Shown = dict[str, Any]  # what the page's parts become, by name
TO_THE_PICTURE = "() => window.scrollTo(0, 0)"
ASK_BEFORE = f"(visits, seen) => [visits, confirm({json.dumps(strings.REALLY)}) ? seen : []]"
TO_THE_SETTINGS = "() => document.querySelector('#presets').scrollIntoView({ block: 'center' })"


def show(
    items: Iterator[StreamItem], had_one: bool = True, resized: bool = False
) -> Iterator[Shown]:
    """Yield the updates of a job. `had_one` says whether a picture is there already, to go on
    from, `resized` whether the page does not know the size yet."""
    curves, stale = LossChart(), {}
    try:
        for path, report in items:
            done = report["done"]
            had_one = had_one or bool(done and path)
            shown = {
                "status": status_line(report),
                "said": screen_reader_line(report),
                "run": report["run_id"],
                **usable(done, not done, done and had_one),
            }
            if resized:
                shown["size"], resized = report["settings"]["size"], False
            if path:  # until there is a new picture, the last one stays
                shown |= {"picture": path, "stage": gr.Column(visible=True)}
                shown |= dict.fromkeys(("compare", "delete"), gr.Button(visible=False))
                shown |= download_updates(png=path if done else None)
                stale = {"compared": ""}  # if it stays, since the run fails
            if drawn := curves.see(report):
                shown["curves"] = drawn
            if done and path:
                shown |= {"go_on": report["run_id"], "compared": before_after(Path(path))}
            yield shown
    except gr.Error as error:
        message = {"status": error.message, "said": error.message}
        yield {**message, **stale, **usable(True, False, had_one)}
        raise


def usable(idle: bool, at_work: bool, can_go_on: bool) -> Shown:
    """Return which buttons are there: Stop is where Paint was."""
    stop = gr.Button(visible=not idle, interactive=at_work)
    return {"go": gr.Button(visible=idle), "stop": stop, **resume(can_go_on)}


class Page:
    """Components and event handlers. `inputs` are named like the API arguments; `parts` are the
    other components that change."""

    def __init__(self, queue: JobQueue, inputs: Components, parts: Components) -> None:
        self.queue, self.inputs, self.parts = queue, inputs, parts
        self.runs: dict[str, LastingRun] = {}  # those that are not over, by their ids

    @property
    def all_components(self) -> list[gr.components.Component]:
        return [*self.inputs.values(), *self.parts.values()]

    def updates(self, changes: Shown) -> dict[Any, Any]:
        """Return updates by component, and one skipped: Gradio would take {} for a value."""
        every = {**self.inputs, **self.parts}
        return {self.parts["said"]: gr.skip(), **{every[name]: changes[name] for name in changes}}

    def arguments(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return the values by API argument, with defaults for those without a component."""
        return {**DEFAULTS, **dict(zip(self.inputs, values, strict=True))}

    def checked(self, *values: Any) -> list[Any]:
        """Return a validation for each input."""
        wrong = validate(self.arguments(values), self.queue)
        return [gr.validate(name not in wrong, wrong.get(name, "")) for name in self.inputs]

    def show_problems(self, *values: Any) -> dict[Any, Any]:
        """Show all that is wrong in one place; Gradio reads out only what fields say."""
        changes = " ".join(dict.fromkeys(validate(self.arguments(values), self.queue).values()))
        return self.updates({"status": changes} if changes else {})

    def begin(self, *values: Any) -> dict[Any, Any]:
        changes = {"status": STARTING, "said": STARTING, "curves": no_curves()}
        return self.updates({**changes, **usable(False, False, False)})

    def recover(self, go_on: str, status: str) -> dict[Any, Any]:
        """Restore the buttons after an error."""
        changes = {"status": strings.NOT_BEGUN} if status == STARTING else {}
        return self.updates({**changes, **usable(True, False, bool(go_on))})

    def paint(self, request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
        arguments = self.arguments(values)
        yield from self.run(request, {**arguments, "go_on": ""}, had_one=bool(arguments["go_on"]))

    def go_on(self, request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
        yield from self.run(request, {**self.arguments(values), "init_image": None})

    def larger(self, request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
        yield from self.run(request, {**self.arguments(values), "init_image": None, "size": None})

    def run(
        self, request: gr.Request, arguments: Arguments, had_one: bool = True
    ) -> Iterator[dict[Any, Any]]:
        resized = arguments["size"] is None
        for changes in show(self.items(request, arguments), had_one, resized):
            yield self.updates(changes)

    def items(self, request: gr.Request, arguments: Arguments) -> Iterator[StreamItem]:
        """Begin a run that goes on when the page is gone, and watch it."""
        if arguments["size"] is None:
            arguments = {**arguments, **doubled_settings(arguments, self.queue)}
        client = self.visitor(request)
        with as_gradio_errors():
            job, files = submit_job(self.queue, arguments, client)
        yield from LastingRun(self.queue, job, files).begin(self.runs).watch(client)

    def visitor(self, request: gr.Request) -> Client:
        return client_of(request, self.queue.limits, may_return=True)

    def find_again(self, recalled: object) -> dict[Any, Any]:
        return self.updates(restored(recalled, self.runs))

    def return_to(self, request: gr.Request, run_id: str) -> Iterator[dict[Any, Any]]:
        """Show a run again that this page had begun before it was away."""
        run = self.runs.get(str(run_id))
        if run is None:  # it has just ended
            yield self.updates(became(str(run_id), self.runs))
            return
        for changes in show(run.watch(self.visitor(request)), had_one=False):
            yield self.updates(changes)

    def stop(self, run_id: str) -> bool:
        return self.queue.stop(run_id)

    def remember(
        self, run_id: str, visits: History, seen: Sequence[str], content: Upload
    ) -> dict[Any, Any]:
        """Add the picture of an ended run to the history at once."""
        return self.updates(add_entry(run_id, visits, seen, content))

    def prepare_downloads(self, finished: str) -> dict[Any, Any]:
        """Return the downloads and the comparison of a picture."""
        return self.updates(finished_updates(finished) if finished else {})

    def forget(self) -> dict[Any, Any]:
        """Reset the masks and the picture to go on from or to repeat, since the photo has
        changed."""
        gone = {**dict.fromkeys(BRUSHES), **disable_resume(), "precision": ""}
        return self.updates({"go": gr.Button(strings.PAINT), **gone})

    def bring_back(
        self, run_id: str, visits: History, seen: Sequence[str], selected: gr.SelectData
    ) -> dict[Any, Any]:
        return self.unless_busy(restore_entry)(run_id, visits, selected.index, seen)

    def compare(self, label: str, visits: History, seen: Sequence[str]) -> dict[Any, Any]:
        return self.updates(two_compared(visits, seen, label == strings.COMPARE_PHOTO))

    def delete(self, visits: History, seen: Sequence[str]) -> dict[Any, Any]:
        return self.updates(deleted(visits, seen))

    def unless_busy(self, work: Callable[..., Shown]) -> Callable[..., dict[Any, Any]]:
        """Wrap `work` so that it does nothing while this visitor's run would overwrite its
        result."""

        def careful(run_id: str, *values: Any) -> dict[Any, Any]:
            if str(run_id) in self.queue.jobs:
                gr.Info(strings.BUSY)
                return self.updates({})
            return self.updates(work(*values))

        return careful

    def connect(self, editor: gr.ImageEditor) -> None:
        """Connect all buttons."""
        parts, visits, seen = self.parts, self.parts["visits"], self.parts["seen"]
        everything = self.all_components
        self.connect_paint_buttons(editor)
        light = {**LIGHT_EVENT, **HIDDEN_EVENT}
        quick = {"queue": False, **HIDDEN_EVENT}
        self.connect_exchange()
        on(parts["run"], "change")(None, parts["run"], None, js=REMEMBER)
        self.connect_end(
            on(parts["lost"], "change")(
                self.return_to, parts["lost"], everything, **PAINT_EVENT, **HIDDEN_EVENT
            )
        )
        on(parts["stop"], "click")(self.stop, parts["run"], gr.State(), api_name="keep", **quick)
        on(self.inputs["content"], "input")(self.forget, None, everything, **quick)
        back = on(parts["strip"], "select")(
            self.bring_back, [parts["run"], visits, seen], everything, **light
        )
        back.then(None, js=TO_THE_PICTURE)
        self.connect_downloads(back)
        compared = [parts["compare"], visits, seen]
        on(parts["compare"], "click")(self.compare, compared, everything, **light)
        on(parts["delete"], "click")(
            self.delete, [visits, seen], everything, js=ASK_BEFORE, **light
        )

    def connect_exchange(self) -> None:
        """Let photo, painting and result change their places, in the browser alone."""
        photo, painting = self.inputs["content"], self.inputs["style"]
        swapped = on(self.parts["swap"], "click")(
            None, [photo, painting], [photo, painting], js="(one, other) => [other, one]"
        )
        used = [
            on(self.parts[f"as_{name}"], "click")(
                None,
                self.parts["picture"],
                [self.inputs[name], self.parts["status"]],
                js=f"picture => [picture, {json.dumps(strings.received(name))}]",
            )
            for name in strings.USE_AS
        ]
        for changed in (swapped, used[0]):
            changed.then(self.forget, None, self.all_components, queue=False, **HIDDEN_EVENT)
        on(self.parts["others"], "click")(None, js=TO_THE_SETTINGS)
        on(self.parts["go"], "click")(None, js=TO_THE_PICTURE)
        on(self.parts["afresh"], "click")(None, js=FORGET)

    def connect_opening(self, app: gr.Blocks) -> None:
        """Show what the browser recalls, whenever the page is opened. Where that is nothing, no
        call is made: its end would wipe out what the fields say of a click before it."""
        recalled = gr.JSON(visible=False)  # which the browser fills in
        app.load(None, None, recalled, js=RECALL)
        found = on(recalled, "change")(
            self.find_again, recalled, self.all_components, concurrency_limit=2, **HIDDEN_EVENT
        )
        self.connect_downloads(found)

    def connect_paint_buttons(self, editor: gr.ImageEditor) -> None:
        """Chain the steps of a paint button: validate, make masks from the drawing, paint, keep.
        Gradio continues after an error by `failure` alone."""
        parts, inputs = self.parts, list(self.inputs.values())
        raw = {"inputs": inputs, "outputs": self.changed, **HIDDEN_EVENT}
        for name, work_of in (("go", self.paint), ("more", self.go_on), ("twice", self.larger)):
            on(parts[name], "click")(self.show_problems, queue=False, preprocess=False, **raw)
            begun = on(parts[name], "click")(
                self.begin, validator=self.checked, concurrency_limit=None, preprocess=False, **raw
            )
            masks = [self.inputs[mask] for mask in BRUSHES]
            brush = begun.success(masks_from_drawing, editor, masks, **BRUSHING, **HIDDEN_EVENT)
            self.connect_failure(brush)
            self.connect_end(
                brush.success(work_of, api_name=work_of.__name__, **{**raw, **PAINT_EVENT})
            )

    @property
    def changed(self) -> list[gr.components.Component]:
        """Return what a run changes: the fewer, the sooner shown."""
        return [*self.parts.values(), self.inputs["go_on"], self.inputs["size"]]

    def connect_failure(self, step: Any) -> None:
        """Restore the buttons if a step of a run fails."""
        told = [self.inputs["go_on"], self.parts["status"]]
        step.failure(self.recover, told, self.changed, queue=False, **HIDDEN_EVENT)

    def connect_end(self, worked: Any) -> None:
        """Keep the picture of a run once it is over, however that was."""
        self.connect_failure(worked)
        parts = self.parts
        for ended in (worked.success, worked.failure):
            kept = ended(
                self.remember,
                [parts["run"], parts["visits"], parts["seen"], self.inputs["content"]],
                self.changed,
                queue=False,
                preprocess=False,
                trigger_mode="multiple",
                **HIDDEN_EVENT,
            )
            self.connect_downloads(kept)

    def connect_downloads(self, step: Any) -> None:
        """Prepare the downloads of the picture that a step shows, which takes a while."""
        light = {**LIGHT_EVENT, **HIDDEN_EVENT}
        step.success(self.prepare_downloads, self.parts["finished"], self.changed, **light)

    def connect_uploads(self, painted: gr.Image) -> None:
        """Check every upload as soon as it is there; restore the recipe of a painted picture."""
        quick: dict[str, Any] = {"concurrency_limit": None, "preprocess": False, **HIDDEN_EVENT}
        fields = {name: self.inputs[name] for name in ("content", *STYLES, "init_image")}
        made, all_fields = gr.State(), list(fields.values())
        for name, field in fields.items():
            look = partial(received, queue=self.queue, name=name)
            on(field, "upload")(look, field, [self.parts["status"], made], **quick)
        # Only then: a call that ends wipes out what all fields say
        made.change(shown_instead, all_fields, all_fields, **quick)

        def repeat(file: Any, *values: Any) -> Any:
            try:
                return self.updates(repeated(file, self.arguments(values), self.queue))
            except gr.Error as error:  # which would mark everything that could have changed
                gr.Warning(error.message)
                return self.updates({"status": error.message, "said": error.message})

        painted.upload(repeat, [painted, *self.inputs.values()], self.all_components, **quick)


def on(component: gr.components.Component, event: str) -> Callable[..., Any]:
    """Return the listener of a component's event, which its general type does not declare."""
    listener: Callable[..., Any] = getattr(component, event)
    return listener
