"""Code snippets of a run: the same picture from Python, curl and the command line."""

import json
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


def curl(given: Mapping[str, Any], url: str) -> str:
    """Return a shell script for curl: upload, submit, wait, fetch."""
    told = chosen(given)
    uploads = [
        f'{name}=$(curl -s -F {shlex.quote(form(told[name]))} "$url/upload" '
        "| sed 's/^\\[\"//; s/\"]$//')\n"
        for name in told
        if name in PICTURES
    ]
    within = {n: json.dumps(v).replace("'", "'\\''") for n, v in told.items() if n not in PICTURES}
    within |= {
        name: '{"path": "\'"$' + name + '"\'", "meta": {"_type": "gradio.FileData"}}'
        for name in told
        if name in PICTURES
    }
    data = ",\n  ".join(f'"{name}": {value}' for name, value in within.items())
    return (
        f"url={shlex.quote(url.rstrip('/') + '/gradio_api')}\n"
        f"{''.join(uploads)}"
        "run=$(curl -s \"$url/call/v2/stylize\" -H 'Content-Type: application/json' -d '{\n"
        f"  {data}\n"
        '}\' | sed \'s/.*"event_id": *"\\([^"]*\\)".*/\\1/\')\n'
        'curl -sN "$url/call/v2/stylize/$run" > told.txt\n'
        'picture=$(grep -o \'"url": *"[^"]*\\.png"\' told.txt | tail -n 1 | cut -d \'"\' -f 4)\n'
        'if [ "$picture" ]; then curl -s -o painted.png "$picture"; else cat told.txt; exit 1; fi\n'
    )


def form(name: str) -> str:
    """Quote a path for curl's -F, which gives some letters a meaning."""
    return 'files=@"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def command_line(given: Mapping[str, Any], url: str = "") -> str:
    """Return the command for a shell with styletx installed."""
    return " ".join(["python -m styletx", *words(chosen(given)), "-o painted.png"]) + "\n"


def words(told: Chosen) -> Iterator[str]:
    """Yield the words of that command: pictures, then options."""
    styles = [name for name in STYLES if name in told]
    places = [STYLES.index(name) for name in styles]
    yield from (shlex.quote(path_of(told[name])) for name in ("content", *styles))
    if any(SHARES[place] in told for place in places):
        yield f"--shares {' '.join(str(told.get(SHARES[place], 1)) for place in places)}"
    if any(MASKS[place] in told for place in places):
        masks = (shlex.quote(path_of(told.get(MASKS[place]))) for place in places)
        yield f"--masks {' '.join(masks)}"
    for name, option in {
        "keep_mask": "keep-mask",
        "init_image": "init",
        "preset": "preset",
    }.items():
        if name in told:
            word = told[name] if name == "preset" else path_of(told[name])
            yield f"--{option} {shlex.quote(word)}"
    for name in FIELDS:
        if name in told and not (name == "init" and "init_image" in told):
            yield f"--{name.replace('_', '-')} {shlex.quote(str(told[name]))}"


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
    "curl": curl,
    "command-line": command_line,
}
