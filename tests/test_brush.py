"""What comes from the brush is what a brush can paint, or it is refused."""

import io
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.components.image_editor import EditorData
from PIL import Image

from styletx import StyletxError
from styletx.brush import AT_ONCE, EDITED, guard_brush


@pytest.fixture
def editor(monkeypatch):
    for name in ("accept_blobs", "preprocess"):
        monkeypatch.setattr(gr.ImageEditor, name, getattr(gr.ImageEditor, name))
    guard_brush()
    return gr.ImageEditor(type="pil", layers=False)


def layer(side=16):
    file = io.BytesIO()
    Image.new("RGBA", (side, side), (255, 0, 0, 128)).save(file, "PNG")
    return file.getvalue()


def sent(content, id="a", type="layer", index="0"):
    told = {"id": id, "type": type, "index": index}
    return SimpleNamespace(data=told, files=[("file", content)])


def test_what_was_painted_is_taken_and_had_once(editor):
    editor.accept_blobs(sent(layer()))
    editor.accept_blobs(sent(layer(), type="composite", index="null"))
    painted = editor.preprocess(EditorData(background=None, layers=[], composite=None, id="a"))
    assert [one.size for one in painted["layers"]] == [(16, 16)]
    assert not editor.blob_storage


@pytest.mark.parametrize("index", ["8", "1000000000", "-1", "x", "1e9"])
def test_there_are_only_so_many_layers(editor, index):
    with pytest.raises(StyletxError, match="no layer of the brush"):
        editor.accept_blobs(sent(layer(), index=index))


@pytest.mark.parametrize("content", [b"", b"<svg/>", layer(EDITED + 1), layer()[:20]])
def test_a_layer_is_a_picture_no_larger_than_what_is_painted_over(editor, content):
    with pytest.raises(StyletxError, match="no layer of the brush"):
        editor.accept_blobs(sent(content))


def test_what_is_never_fetched_does_not_pile_up(editor):
    for place in range(5 * AT_ONCE):
        editor.accept_blobs(sent(layer(), id=str(place)))
    assert len(editor.blob_storage) == AT_ONCE


def test_layers_that_come_as_files_are_looked_at_before_they_are_decoded(editor, tmp_path):
    def files_of(name):
        return {"path": str(tmp_path / name)}

    (tmp_path / "layer.png").write_bytes(layer())
    (tmp_path / "large.png").write_bytes(layer(EDITED + 1))
    empty = {"background": None, "layers": [], "composite": None}
    good = {**empty, "layers": [files_of("layer.png")]}
    assert len(editor.preprocess(EditorData(**good))["layers"]) == 1
    assert editor.preprocess(None) is None
    for bad in (
        {**empty, "layers": [files_of("layer.png")] * 9},
        {**empty, "layers": [files_of("large.png")]},
        {**empty, "background": files_of("large.png")},
        {**empty, "composite": files_of("gone.png")},
    ):
        with pytest.raises(gr.Error, match="no layer of the brush"):
            editor.preprocess(EditorData(**bad))
