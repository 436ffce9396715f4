"""The page and the API without a server: what they hand on, what they show, what they refuse."""

import inspect
import json
import time
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image
from test_runs import FACTS, PICTURE, progress, result

import app as page
from styletx import ALLOWED, Settings, StyletxError
from styletx.endpoints import speaking_plainly
from styletx.runs import Painter
from styletx.settings import Limits


@pytest.fixture
def painter(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    painter = Painter(scripted)
    yield painter
    painter.close()


def scripted(content, styles, settings):
    yield progress(1)
    yield result()


def handler(app: gr.Blocks, name: str):
    return next(fn.fn for fn in app.fns.values() if fn.name == name or fn.api_name == name)


def upload(files, name):
    return {"path": str(files / f"{name}.png")}


DEFAULTS = [getattr(Settings(), name) for name in ALLOWED]


def test_the_page_shows_a_run_from_first_to_last(painter, files):
    paint = handler(page.build_app(painter), "paint")
    *_, last = paint(upload(files, "photo"), upload(files, "painting"), *DEFAULTS)
    path, download, words, go, stop, run_id = last
    assert words == "Done: 3 steps in 0 s."
    assert path.endswith("photo-painting.png")
    assert Path(download.value["path"]).name == "photo-painting.png"
    assert (download.interactive, go.interactive, stop.interactive) == (True, True, False)
    assert len(run_id) == 32


@pytest.mark.parametrize(
    "begun", [[], [progress(1), result(step=1)]], ids=["at once", "with a picture begun"]
)
def test_a_run_that_fails_says_so_and_is_never_called_done(painter, files, begun):
    def failing(content, styles, settings):
        yield from begun
        raise StyletxError("It broke.")

    painter.stylize = failing
    paint, told = handler(page.build_app(painter), "paint"), []
    with pytest.raises(gr.Error, match="It broke"):
        for shown in paint(upload(files, "photo"), upload(files, "painting"), *DEFAULTS):
            told.append(shown)
    path, _, words, go, stop, _ = told[-1]
    assert words == "It broke."
    assert (go.interactive, stop.interactive) == (True, False)
    assert path == gr.skip()  # what was to be seen stays
    assert not any("Done" in shown[2] for shown in told)
    offered = [d.value for _, d, *_ in told if isinstance(d, gr.DownloadButton) and d.value]
    assert bool(offered) == bool(begun)


def test_a_run_stopped_in_line_leaves_the_last_picture(painter, files):
    painter.thread.submit(time.sleep, 0.5)
    paint = handler(page.build_app(painter), "paint")
    watching = paint(upload(files, "photo"), upload(files, "painting"), *DEFAULTS)
    *_, run_id = next(watching)
    painter.stop(run_id)
    *_, (path, download, words, *_) = watching
    assert words == "Stopped before it began."
    assert path == download == gr.skip()


def test_long_names_do_not_cost_the_picture(painter, files):
    for name in ("photo", "painting"):
        (files / f"{name}.png").rename(files / f"{'ü' * 100}{name}.png")
    paint = handler(page.build_app(painter), "paint")
    pictures = [upload(files, f"{'ü' * 100}{name}") for name in ("photo", "painting")]
    *_, last = paint(*pictures, *DEFAULTS)
    assert Path(last[0]).is_file()


def test_an_upload_that_is_gone_is_asked_for_again(painter, files):
    paint = handler(page.build_app(painter), "paint")
    with pytest.raises(gr.Error, match="The photo is no longer here; please upload it again"):
        list(paint(upload(files, "gone"), upload(files, "painting"), *DEFAULTS))


def test_what_is_chosen_arrives_at_the_engine(painter, files):
    arrived = {}

    def recording(content, styles, settings):
        arrived.update(content=content, styles=styles, settings=settings)
        yield result()

    painter.stylize = recording
    stylize = handler(page.build_app(painter), "stylize")
    chosen = {**dict(zip(ALLOWED, DEFAULTS, strict=True)), "size": 300, "init": "noise"}
    list(stylize(upload(files, "photo"), upload(files, "painting"), *chosen.values()))
    assert arrived["settings"] == Settings(size=300, init="noise")
    assert arrived["content"].size == (96, 64)
    assert arrived["styles"][0].picture.size == (64, 64)


@pytest.mark.parametrize("name", ["paint", "stylize"])
def test_page_and_api_refuse_in_the_same_words(painter, files, name):
    call = handler(page.build_app(painter), name)
    photo, painting = upload(files, "photo"), upload(files, "painting")
    (files / "page.png").write_text("<html>")
    for content, style, first, sentence in [
        (None, painting, 512, "Please choose a photo."),
        (photo, None, 512, "Please choose a painting."),
        ({"url": "data:image/png;base64,AAAA"}, painting, 512, "Please choose a photo."),
        (photo, painting, 9999, "size is 9999, but must lie between 64 and 2048."),
        (photo, painting, "large", "size is 'large', but must be a whole number."),
        (photo, upload(files, "page"), 512, "page.png is not a picture that can be read here."),
    ]:
        with pytest.raises(gr.Error) as refused:
            list(call(content, style, first, *DEFAULTS[1:]))
        assert sentence in str(refused.value)
        assert not refused.value.print_exception


def test_bugs_are_logged_whole_and_not_shown_to_people(caplog):
    with pytest.raises(gr.Error) as shown, speaking_plainly():
        raise ZeroDivisionError("tensor shape mismatch at 0x7f")
    assert "0x7f" not in str(shown.value)
    ticket = str(shown.value).split("quote ")[1].split()[0]
    assert ticket in caplog.text
    assert "0x7f" in caplog.text


def test_errors_for_people_reach_them_word_for_word():
    with pytest.raises(gr.Error) as shown, speaking_plainly():
        raise StyletxError("Too large. Try a size of 512.")
    assert shown.value.message == "Too large. Try a size of 512."


def test_leaving_the_page_stops_the_run(painter, files):
    painter.stylize = lambda *_: (progress(step) for step in range(10**9))
    paint = handler(page.build_app(painter), "paint")
    watching = paint(upload(files, "photo"), upload(files, "painting"), *DEFAULTS)
    next(watching)
    (run,) = painter.runs.values()
    watching.close()
    assert run.stopping


def test_every_setting_has_a_control_with_its_default_and_limits(painter):
    app = page.build_app(painter)
    controls = {block.label: block for block in app.blocks.values() if hasattr(block, "info")}
    for name, allowed in ALLOWED.items():
        control = controls[allowed.label]
        assert control.value == getattr(Settings(), name)
        assert control.info == allowed.help
        if isinstance(allowed, Limits):
            assert (control.minimum, control.maximum) == (allowed.low, allowed.high)
        else:
            assert [value for _, value in control.choices] == list(allowed.words)


def test_the_api_names_its_arguments_as_the_settings(painter):
    app = page.build_app(painter)
    endpoints = app.get_api_info()["named_endpoints"]
    assert set(endpoints) == {"/stylize", "/stop"}
    parameters = endpoints["/stylize"]["parameters"]
    assert [p["parameter_name"] for p in parameters] == ["content", "style", *ALLOWED]
    defaults = {p["parameter_name"]: p["parameter_default"] for p in parameters[2:]}
    assert defaults == {name: getattr(Settings(), name) for name in ALLOWED}
    assert list(inspect.signature(handler(app, "stylize")).parameters)[:2] == ["content", "style"]


def test_reports_are_plain_json(painter, files):
    stylize = handler(page.build_app(painter), "stylize")
    for _, report in stylize(upload(files, "photo"), upload(files, "painting"), *DEFAULTS):
        json.dumps(report)
    assert report["done"]
    assert report["steps"] == FACTS["steps"]


def test_every_example_has_its_three_pictures():
    for photo, painting in page.EXAMPLES.values():
        for path in (
            page.ASSETS / "photos" / f"{photo}.jpg",
            page.ASSETS / "paintings" / f"{painting}.jpg",
            page.ASSETS / "painted" / f"{photo}-{painting}.jpg",
        ):
            with Image.open(path) as picture:
                assert min(picture.size) >= 300 or max(picture.size) == 512


def test_a_run_whose_picture_is_small_is_shown_as_it_is(painter, files):
    assert PICTURE.size == (40, 40)
    paint = handler(page.build_app(painter), "paint")
    *_, last = paint(upload(files, "photo"), upload(files, "painting"), *DEFAULTS)
    with Image.open(last[0]) as picture:
        assert picture.size == (40, 40)
