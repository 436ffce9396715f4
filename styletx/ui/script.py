"""Script of the page, and what it is told by the server."""

import json
from html import escape

import gradio as gr

from styletx.api.painting import HIDDEN_EVENT, Components
from styletx.imaging.opening import EMPTY, FORMATS, NO_PICTURE, OTHER_STARTS, STARTS
from styletx.limits import MEGA, ServerLimits
from styletx.ui import strings

from .examples import ASSETS


def page_script(limits: ServerLimits) -> str:
    """Return the JavaScript of the page, which says what is wrong with a file before it is sent, in
    the words of the server."""
    facts = {
        "most": limits.max_upload * MEGA,
        "starts": [start.decode("latin-1") for start in (*STARTS, *OTHER_STARTS)],
        "empty": EMPTY,
        "large": strings.LARGE_FILE.replace("{most}", f"{limits.max_upload:g}"),
        "unknown": NO_PICTURE.replace("{formats}", ", ".join(FORMATS)),
    }
    return f"() => ({(ASSETS / 'page.js').read_text('utf-8')})({json.dumps(facts)})"


def connect_script(parts: Components) -> None:
    """Show what the script says, which it writes into a field that nobody sees."""
    told = gr.Textbox("", visible="hidden", elem_id="told")
    told.change(None, told, [parts["status"], parts["said"]], js="sentence => [sentence, sentence]")
    told.change(
        lambda sentence: gr.Warning(escape(sentence)),
        told,
        None,
        concurrency_limit=None,
        trigger_mode="multiple",
        **HIDDEN_EVENT,
    )
