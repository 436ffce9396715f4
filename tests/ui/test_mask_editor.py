"""Layers from the brush: what a brush can paint, or a refusal."""

import io
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.components.image_editor import EditorData
from PIL import Image

from styletx import StyletxError
from styletx.imaging.opening import MIN_SIDE_PX
from styletx.server import gradio_patches
from styletx.server.gradio_patches import EDITOR_SIDE_PX, patch_image_editor
from styletx.ui.mask_editor import BRUSHES, masks_from_drawing, to_paint_over


@pytest.fixture
def editor(monkeypatch):
    for name in ("accept_blobs", "preprocess"):
        monkeypatch.setattr(gr.ImageEditor, name, getattr(gr.ImageEditor, name))
    patch_image_editor()
    return gr.ImageEditor(type="pil", layers=False)


def layer(side=16, height=None):
    file = io.BytesIO()
    Image.new("RGBA", (side, height or side), (255, 0, 0, 128)).save(file, "PNG")
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
    with pytest.raises(StyletxError, match="not a layer of the brush"):
        editor.accept_blobs(sent(layer(), index=index))


@pytest.mark.parametrize("size", [(4200, 120), (120, 9000), (40_000, 160)], ids=str)
def test_panoramas_of_any_shape_can_be_brushed_over(editor, tmp_path, queue, size):
    Image.new("RGB", size).save(tmp_path / "photo.png")
    photo = {"path": str(tmp_path / "photo.png")}
    shown, _ = to_paint_over(queue, photo, True, "")
    assert min(shown.size) >= MIN_SIDE_PX
    editor.accept_blobs(sent(layer(*shown.size)))
    painted = editor.preprocess(EditorData(background=None, layers=[], composite=None, id="a"))
    line = Image.new("RGBA", shown.size)
    line.paste(BRUSHES["keep_mask"], tuple(side // 4 for side in (0, 0, *shown.size)))
    keep, *_ = masks_from_drawing({"layers": [*painted["layers"], line]})
    with Image.open(keep) as mask:
        assert mask.size == shown.size
        assert mask.getpixel(tuple(side // 8 for side in mask.size)) == 255


@pytest.mark.parametrize("content", [b"", b"<svg/>", layer(EDITOR_SIDE_PX + 1), layer()[:20]])
def test_a_layer_is_a_picture_no_larger_than_what_is_painted_over(editor, content):
    with pytest.raises(StyletxError, match="not a layer of the brush"):
        editor.accept_blobs(sent(content))


def test_what_is_never_fetched_does_not_pile_up(editor, monkeypatch):
    monkeypatch.setattr(gradio_patches, "MAX_DRAWINGS", 5)
    for place in range(20):
        editor.accept_blobs(sent(layer(), id=str(place)))
    assert list(editor.blob_storage) == ["15", "16", "17", "18", "19"]
    monkeypatch.setattr(gradio_patches, "MAX_DRAWING_BYTES", 3 * len(layer()))
    editor.accept_blobs(sent(layer(), id="20"))
    assert list(editor.blob_storage) == ["18", "19", "20"]


def test_the_photo_itself_is_not_kept_a_second_time(editor):
    for kind in ("background", "composite"):
        editor.accept_blobs(sent(layer(), type=kind, index="null"))
    painted = editor.preprocess(EditorData(background=None, layers=[], composite=None, id="a"))
    assert (painted["background"], painted["layers"]) == (None, [])


def test_what_was_painted_and_is_gone_is_not_taken_for_nothing(editor):
    """A face that was to be kept is not painted over without a word."""
    with pytest.raises(gr.Error, match="no longer here; please paint it over again"):
        editor.preprocess(EditorData(background=None, layers=[], composite=None, id="gone"))


def test_layers_that_come_as_files_are_looked_at_before_they_are_decoded(editor, tmp_path):
    def files_of(name):
        return {"path": str(tmp_path / name)}

    (tmp_path / "layer.png").write_bytes(layer())
    (tmp_path / "large.png").write_bytes(layer(EDITOR_SIDE_PX + 1))
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
        with pytest.raises(gr.Error, match="not a layer of the brush"):
            editor.preprocess(EditorData(**bad))
