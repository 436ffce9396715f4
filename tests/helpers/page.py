"""The page without a server: its handlers, called as Gradio calls them."""

from contextlib import closing
from functools import cache

import gradio as gr

from styletx.api.schema import DEFAULTS
from styletx.ui import page
from tests.helpers.scripted import progress, result

build_page = cache(page.build_page)


def scripted(content, styles, settings):
    yield progress(1)
    yield result()


def handler(app: gr.Blocks, name: str):
    return next(fn.fn for fn in app.fns.values() if fn.name == name or fn.api_name == name)


def upload(files, name):
    return {"path": str(files / f"{name}.png")}


def ask(app: gr.Blocks, name: str, **given):
    """Call a handler of the page or the API with what is given, and defaults. What the page's
    change comes by the names of its parts."""
    found, api = (
        next(fn for fn in app.fns.values() if fn.api_name == wanted) for wanted in (name, "stylize")
    )
    names = dict(zip([component._id for component in api.inputs], DEFAULTS, strict=True))
    values = {**DEFAULTS, **given}
    told = found.fn(None, *(values[names[component._id]] for component in found.inputs))
    return told if found is api else translated(found.fn.__self__, told)


def translated(page, told):
    with closing(told):
        for shown in told:
            yield by_name(page, shown)


def by_name(page, told):
    """Return the updates of the page, without those that are skipped."""
    names = {part: name for name, part in {**page.inputs, **page.parts}.items()}
    return {names[part]: value for part, value in told.items() if value != gr.skip()}


def both(files):
    return {"content": upload(files, "photo"), "style": upload(files, "painting")}
