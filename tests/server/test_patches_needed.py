"""Each patch of another library goes once that library no longer needs it."""

import asyncio
import inspect
import io
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
import safehttpx
from gradio import processing_utils, routes
from gradio.queueing import Event
from gradio.server_messages import HeartbeatMessage
from gradio.state_holder import SessionState
from gradio.utils import error_payload
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from styletx.imaging.guards import load_directory
from tests.helpers.hostile_files import tiff_bomb

MUCH = 5_000_000  # bytes


@pytest.fixture(scope="module")
def page():
    with gr.Blocks() as page:
        gr.Button("go").click(lambda: None)
    return page


def test_gradio_still_describes_every_part_of_a_page_for_each_session(page):
    assert set(SessionState(page).config_values) == set(page.blocks)


def test_gradio_still_forgets_the_messages_of_who_listens_and_then_breaks(page):
    event = Event(None, page.fns[0], None, None)
    messages = page._queue.pending_messages_per_session
    messages[event.session_hash] = asyncio.Queue()
    for number in range(2000):
        messages[str(number)] = asyncio.Queue()
    with pytest.raises(KeyError):
        page._queue.send_message(event, HeartbeatMessage())


def test_gradio_still_says_nothing_of_arguments_that_it_cannot_parse():
    assert error_payload(ValueError("no picture"), show_error=False)["error"] is None


def test_gradio_still_names_itself_where_a_link_to_a_page_is_shared():
    source = (Path(routes.STATIC_TEMPLATE_LIB) / "frontend" / "index.html").read_text()
    assert 'property="og:title" content="Gradio"' in source


def test_gradio_still_makes_as_many_layers_as_a_client_names():
    editor, take = gr.ImageEditor(render=False), inspect.unwrap(gr.ImageEditor.accept_blobs)
    layer = {"id": "a", "type": "layer", "index": "999"}
    take(editor, SimpleNamespace(data=layer, files=[("file", b"no picture")]))
    assert len(editor.blob_storage["a"].layers) == 1000


def test_gradio_still_downloads_as_much_as_a_host_sends(tmp_path, monkeypatch):
    async def public(_):
        return "1.1.1.1"

    async def answer(_, request):
        return httpx.Response(200, content=bytes(MUCH), request=request)

    monkeypatch.setattr(safehttpx, "async_validate_url", public)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
    download = processing_utils.async_ssrf_protected_download
    path = asyncio.run(download("http://example.com/a.png", str(tmp_path)))
    assert Path(path).stat().st_size == MUCH


def test_pillow_still_reads_more_of_a_tiff_than_the_file_holds():
    bomb = Counting(tiff_bomb())
    bomb.seek(int.from_bytes(bomb.getvalue()[4:8], "little"))
    load_directory(ImageFileDirectory_v2(), bomb)
    assert bomb.taken > 10 * len(bomb.getvalue())


class Counting(io.BytesIO):
    taken = 0

    def read(self, size=-1):
        content = super().read(size)
        self.taken += len(content)
        return content
