"""Code snippets of a run: the same picture from Python and the command line."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from styletx.api.painting import Components
from styletx.api.schema import DEFAULTS, PICTURES
from styletx.recipe import MASKS, SHARES, STYLES
from styletx.settings import FIELDS

from .strings import CODE, CODE_HELP, CODES

Chosen = Mapping[str, Any]  # what differs from the defaults, pictures by the names of their files


def chosen(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the API arguments that are not at their defaults. Pictures have their uploaded names;
    a run to go on from is left out, since only the page has it."""
    found = {
        name: given[name]
        for name, default in DEFAULTS.items()
        if given.get(name) not in (None, default)
    }
    found.pop("go_on", None)
    for name in set(found) & set(PICTURES):
        found[name] = Path(found[name].get("orig_name") or found[name]["path"]).name
    needed = {"content": "photo.jpg"}
    if not set(found) & set(STYLES):
        needed["style"] = "painting.jpg"
    return {**needed, **found}


def python(given: Mapping[str, Any], url: str) -> str:
    """Return code for `gradio_client`."""
    arguments = [
        f"    {name}=handle_file({value!r}),\n" if name in PICTURES else f"    {name}={value!r},\n"
        for name, value in chosen(given).items()
    ]
    return (
        "from gradio_client import Client, handle_file\n\n"
        f'client = Client("{url}")\n'
        "picture, report = client.predict(\n"
        f"{''.join(arguments)}"
        '    api_name="/stylize",\n'
        ")\n"
        "print(picture)\n"
    )


def command_line(given: Mapping[str, Any], url: str = "") -> str:
    """Return the command for a shell with styletx installed."""
    return " ".join(["python -m styletx", *words(chosen(given)), "-o painted.png"]) + "\n"


def words(arguments: Chosen) -> Iterator[str]:
    """Yield the words of that command: pictures, then options."""
    styles = [name for name in STYLES if name in arguments]
    places = [STYLES.index(name) for name in styles]
    yield from (shlex.quote(path_of(arguments[name])) for name in ("content", *styles))
    if any(SHARES[place] in arguments for place in places):
        yield f"--shares {' '.join(str(arguments.get(SHARES[place], 1)) for place in places)}"
    if any(MASKS[place] in arguments for place in places):
        masks = (shlex.quote(path_of(arguments.get(MASKS[place]))) for place in places)
        yield f"--masks {' '.join(masks)}"
    for name, option in {
        "keep_mask": "keep-mask",
        "init_image": "init",
        "preset": "preset",
    }.items():
        if name in arguments:
            word = arguments[name] if name == "preset" else path_of(arguments[name])
            yield f"--{option} {shlex.quote(word)}"
    for name in FIELDS:
        if name in arguments and not (name == "init" and "init_image" in arguments):
            yield f"--{name.replace('_', '-')} {shlex.quote(str(arguments[name]))}"


def path_of(name: str | None) -> str:
    """Return a path for the command line, safe where it begins with a dash; - for none."""
    return f"./{name}" if name and name.startswith("-") else name or "-"


def build_code(inputs: Components) -> None:
    """Add the code of what is chosen, updated while it is unfolded."""
    with gr.Accordion(CODE, open=False, elem_id="code") as box:
        gr.Markdown(CODE_HELP)
        blocks = [gr.Markdown(elem_id=f"code-{language}") for language in LANGUAGES]
        address, opened = gr.Textbox("", visible="hidden"), gr.Checkbox(False, visible="hidden")

    def written(url: str, opened: bool, *values: Any) -> list[Any]:
        if not opened:
            return [gr.skip()] * len(blocks)
        given = dict(zip(inputs, values, strict=True))
        return [fenced(kind, write(given, url)) for kind, write in LANGUAGES.items()]

    quiet: dict[str, Any] = {"queue": False, "api_visibility": "private", "preprocess": False}
    here = "(_, ...others) => [window.location.origin + window.location.pathname, ...others]"
    fill: dict[str, Any] = {
        "fn": written,
        "inputs": [address, opened, *inputs.values()],
        "outputs": blocks,
        "js": here,
        "show_progress": "hidden",
        **quiet,
    }
    box.collapse(lambda: False, None, opened, **quiet)
    box.expand(lambda: True, None, opened, **quiet).then(**fill)
    changes = [component.change for component in inputs.values()]  # type: ignore[attr-defined]
    gr.on(changes, trigger_mode="always_last", **fill)


def fenced(kind: str, code: str) -> str:
    """Return code as Markdown, which Gradio shows with a copy button."""
    return f"**{CODES[kind]}**\n```{kind if kind == 'python' else 'bash'}\n{code}```"


LANGUAGES: Mapping[str, Callable[[Mapping[str, Any], str], str]] = {
    "python": python,
    "command-line": command_line,
}
