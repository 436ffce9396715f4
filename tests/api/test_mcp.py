"""The tool for agents without the package that speaks their protocol."""

import gradio as gr
import pytest
from PIL import Image

from styletx.api.mcp import ASKED
from tests.helpers.page import both, build_page, handler


@pytest.fixture
def tool(queue):
    return handler(build_page(queue, True), "paint_for_agents")


def test_the_tool_gives_a_small_picture_and_says_where_it_is_in_full(tool, files):
    seen, told = tool(**both(files), progress=lambda *_, **__: None)
    with Image.open(seen) as picture:
        assert (picture.format, picture.size) == ("JPEG", (40, 40))
    assert told.startswith("Done: 3 steps in 0 s. In full, 40x40: ")
    assert told.endswith("photo-painting.png")


def test_the_tool_refuses_in_a_sentence_and_explains_each_argument(tool, files):
    with pytest.raises(gr.Error) as refused:
        tool(**both(files), size=9999, progress=lambda *_, **__: None)
    assert refused.value.message == "size is 9999, but must lie between 64 and 4096."
    assert all(f"    {name}: " in tool.__doc__ for name in ASKED)
