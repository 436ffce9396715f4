"""Uploads: looked at once and read once, no larger than is of use."""

import base64
import io

import pytest
from PIL import Image

import styletx.api.images as images
from styletx import Settings, StyletxError
from styletx.api.images import check_upload, load_images, upload_path
from styletx.errors import Busy, ImageError
from styletx.runners.queue import JobQueue


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.effect_noise((90, 60), 90).convert("RGB").save(path)
    return path


@pytest.fixture
def read(monkeypatch):
    """Which files were read, how large."""
    asked, real = [], images.read_image

    def noting(path, most):
        asked.append((path, most))
        return real(path, most)

    monkeypatch.setattr(images, "read_image", noting)
    return asked


def test_each_file_is_read_once_however_often_it_is_named(photo, read):
    paintings = [(photo, 1.0, photo), (photo, 2.0, None), (None, 1.0, None)]
    given = load_images(photo, paintings, {"keep_mask": photo, "init_image": None}, Settings())
    assert len(read) == 1
    assert [style.share for style in given["styles"]] == [1.0, 2.0]
    assert given["content"] is given["styles"][0].mask is given["keep_mask"]
    assert "init_image" not in given


@pytest.mark.parametrize(
    ("chosen", "most"),
    [
        ({"size": 512}, 2048),
        ({"size": 1500}, 3000),
        ({"size": 512, "style_scale": 3}, 3072),
        ({"size": 512, "style_scale": 0.25}, 2048),
        ({"size": 4096}, 4096),
    ],
)
def test_nothing_is_read_larger_than_is_of_use(photo, read, chosen, most):
    load_images(photo, [(photo, 1.0, None)], {}, Settings(**chosen))
    assert read == [(photo, most)]


def test_between_two_pictures_it_is_seen_whether_that_is_over(photo, tmp_path, read):
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    with pytest.raises(Busy, match="stopped before it began"):
        load_images(photo, [(other, 1.0, None)], {}, Settings(), over=lambda: bool(read))
    assert len(read) == 1


def test_what_is_gone_when_its_turn_comes_is_asked_for_again(photo, tmp_path):
    with pytest.raises(StyletxError, match="no longer here; please upload it again") as refused:
        load_images(photo, [(tmp_path / "gone.png", 1.0, None)], {}, Settings())
    assert str(tmp_path) not in str(refused.value)


def test_a_file_is_looked_at_once_as_long_as_it_is_the_same(photo, monkeypatch):
    looked, real = [], images.read_image
    monkeypatch.setattr(images, "read_image", lambda *given: looked.append(given) or real(*given))
    images.look.cache_clear()
    for _ in range(5):
        check_upload(photo, 40)
    assert len(looked) == 1
    photo.write_bytes(b"not a picture any more")
    for _ in range(5):
        with pytest.raises(ImageError, match="is not a picture that can be read here"):
            check_upload(photo, 40)
    assert len(looked) == 2


def data(content):
    return {"url": "data:image/png;base64," + base64.b64encode(content).decode()}


def test_a_picture_as_data_is_kept_among_the_uploads(photo, cache):
    path = upload_path(data(photo.read_bytes()), "photo", JobQueue())
    assert path.is_relative_to(cache)
    assert path.read_bytes() == photo.read_bytes()


def test_nothing_need_be_drawn_on_a_mask_but_on_other_pictures(cache, queue):
    file = io.BytesIO()
    Image.new("RGBA", (64, 64)).save(file, "PNG")
    assert upload_path(data(file.getvalue()), "mask", queue).is_file()
    with pytest.raises(ImageError, match="photo is fully transparent: there is nothing to see"):
        upload_path(data(file.getvalue()), "photo", queue)


@pytest.mark.parametrize("content", [b"", b"<svg/>", bytes(5000)])
def test_of_data_that_is_no_picture_nothing_stays(cache, content):
    with pytest.raises(ImageError):
        upload_path(data(content), "photo", JobQueue())
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_data_is_not_kept_where_there_is_no_room():
    queue = JobQueue()
    queue.is_disk_full = lambda: True
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    with pytest.raises(Busy, match="storage is full"):
        upload_path(data(file.getvalue()), "photo", queue)
