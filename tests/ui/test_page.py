"""The page and the API without a server: what they hand on, what they show, what they refuse."""

import json
import re
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from threading import Thread, Timer
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import gradio as gr
import pillow_heif
import pytest
from PIL import Image, ImageOps

from styletx import FIELDS, PRESETS, Settings, StyletxError
from styletx.api import job_files
from styletx.api.job_files import EXPORT_FORMATS
from styletx.api.schema import DEFAULTS
from styletx.errors import Unwritable
from styletx.fields import ChoiceField, NumberField
from styletx.imaging.files import save
from styletx.limits import ServerLimits
from styletx.recipe import input_fingerprints, to_json
from styletx.runners.queue import JobQueue
from styletx.server.errors import as_gradio_errors
from styletx.server.storage import runs
from styletx.ui import examples, page, session
from styletx.ui.history import add_entry
from styletx.ui.inputs import doubled_settings, nearest_preset, received, repeated, shown_instead
from styletx.ui.mask_editor import BRUSHES, SOFT, masks_from_drawing, to_paint_over
from styletx.ui.outlines import outlines
from styletx.ui.results import finished_updates
from styletx.ui.theme import pictures_of_presets
from tests.helpers.page import ask, both, build_page, by_name, handler, upload
from tests.helpers.pictures import close
from tests.helpers.scripted import FACTS, PICTURE, Script, progress, result
from tests.helpers.settings import OTHER
from tests.helpers.waiting import until


def test_the_page_shows_a_run_from_first_to_last(queue, files):
    *_, last = ask(build_page(queue), "paint", **both(files))
    assert last["status"] == last["said"] == "Done: 3 steps in 0 s."
    assert last["picture"].endswith("photo-painting.png")
    assert last["png"].value["path"] == last["picture"]
    assert [kind for kind in EXPORT_FORMATS if last[kind].visible] == ["png"]  # the others follow
    assert last["stage"].visible
    assert "before.jpg" in last["compared"]
    assert pressable(last) == ["go", "more", "twice"]
    assert len(last["go_on"]) == 32
    assert last["run"] == last["go_on"]
    assert "size" not in last


def pressable(shown):
    """The buttons that are there and can be pressed."""
    buttons = {name: shown[name] for name in ("go", "stop", "more", "twice")}
    return [name for name, button in buttons.items() if button.visible and button.interactive]


@pytest.mark.parametrize(
    "begun", [[], [progress(1), result(step=1)]], ids=["at once", "with a picture begun"]
)
def test_a_run_that_fails_says_so_and_is_never_called_done(queue, files, begun):
    def failing(content, styles, settings):
        yield from begun
        raise StyletxError("It broke.")

    queue.stylize, told = failing, []
    with pytest.raises(gr.Error, match="It broke"):
        for shown in ask(build_page(queue), "paint", **both(files)):
            told.append(shown)
    assert told[-1]["status"] == told[-1]["said"] == "It broke."
    assert pressable(told[-1])[:1] == ["go"]
    assert "stop" not in pressable(told[-1])
    assert "picture" not in told[-1]  # what was to be seen stays
    assert not any("Done" in shown["status"] for shown in told)
    kept = [shown for shown in told if shown.get("picture", "").endswith(".png")]
    assert bool(kept) == bool(begun)


def test_a_run_stopped_in_line_leaves_the_last_picture(queue, files, monkeypatch):
    monkeypatch.setattr(queue, "next_job", lambda: None)  # it waits
    watching = ask(build_page(queue), "paint", **both(files))
    queue.stop(next(watching)["run"])
    *_, last = watching
    assert last["status"] == "Stopped before it began."
    assert not {"picture", "go_on"} & set(last)


def test_long_names_do_not_cost_the_picture(queue, files):
    for name in ("photo", "painting"):
        (files / f"{name}.png").rename(files / f"{'ü' * 100}{name}.png")
    photo, painting = (upload(files, f"{'ü' * 100}{name}") for name in ("photo", "painting"))
    *_, last = ask(build_page(queue), "paint", content=photo, style=painting)
    assert Path(last["picture"]).is_file()


def test_an_upload_that_is_gone_is_asked_for_again(queue, files):
    given = {**both(files), "content": upload(files, "gone")}
    with pytest.raises(gr.Error, match="The photo is no longer here; please upload it again"):
        list(ask(build_page(queue), "paint", **given))


@pytest.fixture
def arrived(queue):
    """The arguments that arrive at the engine."""
    arrived = {}

    def recording(**given):
        arrived.update(given)
        yield result()

    queue.stylize = recording
    return arrived


@pytest.mark.parametrize("name", ["paint", "stylize"])
def test_every_setting_arrives_at_the_engine(queue, files, arrived, name):
    list(ask(build_page(queue), name, **both(files), **OTHER))
    assert arrived["settings"] == Settings(**OTHER)
    assert arrived["content"].size == (96, 64)
    assert [style.picture.size for style in arrived["styles"]] == [(64, 64)]
    assert set(arrived) == {"content", "styles", "settings"}


@pytest.mark.parametrize("name", ["paint", "stylize"])
def test_every_picture_arrives_at_the_engine(queue, files, arrived, name):
    Image.new("L", (96, 64), 200).save(files / "mask.png")
    photo, mask = upload(files, "photo"), upload(files, "mask")
    more = {"style_3": photo, "share": 0.25, "share_3": 0.5, "mask_3": mask, "keep_mask": mask}
    list(ask(build_page(queue), name, **both(files), **more, init_image=photo))
    first, third = arrived["styles"]
    assert (first.picture.size, first.share, first.mask) == ((64, 64), 0.25, None)
    assert (third.picture.size, third.share, third.mask.size) == ((96, 64), 0.5, (96, 64))
    assert arrived["keep_mask"].size == arrived["init_image"].size == (96, 64)


def test_a_preset_fills_in_what_is_left_at_its_default(queue, files, arrived):
    given = {**both(files), "preset": "Pure texture", "size": 300}
    list(ask(build_page(queue), "stylize", **given))
    assert arrived["settings"] == replace(PRESETS["Pure texture"], size=300)


def test_a_run_goes_on_from_what_came_of_another(queue, files, arrived):
    app = build_page(queue)
    *_, (path, report) = ask(app, "stylize", **both(files))
    assert "init_image" not in arrived
    list(ask(app, "stylize", **both(files), go_on=report["run_id"]))
    assert arrived["init_image"].tobytes() == Image.open(path).tobytes()
    asked = {**DEFAULTS, "go_on": report["run_id"]}
    assert doubled_settings(asked, queue) == {"size": 80, "steps": 48}
    arrived.clear()
    list(ask(app, "paint", **both(files), go_on=report["run_id"]))
    assert "init_image" not in arrived  # Paint begins anew
    list(ask(app, "go_on", **both(files), go_on=report["run_id"]))
    assert arrived["init_image"].size == (40, 40)
    first, *_ = ask(app, "larger", **both(files), go_on=report["run_id"])
    assert (arrived["settings"].size, first["size"]) == (80, 80)


def test_doubling_takes_the_steps_that_the_size_would_have_had(queue, files, arrived):
    *_, (path, report) = ask(build_page(queue), "stylize", **both(files))
    Image.new("RGB", (512, 341)).save(path)
    asked = {**DEFAULTS, "go_on": report["run_id"]}
    assert doubled_settings(asked, queue) == {"size": 1024, "steps": 12}
    assert doubled_settings({**asked, "method": "gatys"}, queue)["steps"] == 48


def test_a_picture_that_is_as_large_as_can_be_is_not_doubled(queue, files, arrived, monkeypatch):
    *_, (path, report) = ask(build_page(queue), "stylize", **both(files))
    Image.new("RGB", (4096, 64)).save(path)
    with pytest.raises(gr.Error, match="4096 pixels large, and 4096 are the most here"):
        doubled_settings({**DEFAULTS, "go_on": report["run_id"]}, queue)
    Image.new("RGB", (100, 64)).save(path)
    monkeypatch.setattr(queue, "limits", ServerLimits(max_size=128))
    with pytest.raises(gr.Error, match="100 pixels large, and 128 are the most here"):
        doubled_settings({**DEFAULTS, "go_on": report["run_id"]}, queue)


def test_the_page_offers_no_size_that_would_be_refused():
    app = page.build_page(JobQueue(limits=ServerLimits(max_size=256)))
    (size,) = [c for c in app.blocks.values() if isinstance(c, gr.Slider) and c.label == "Size"]
    assert size.maximum == 256


def test_what_is_brushed_over_the_photo_becomes_masks_with_soft_edges():
    layer = Image.new("RGBA", (200, 100))
    layer.paste(BRUSHES["keep_mask"], (0, 0, 100, 100))
    layer.paste(BRUSHES["mask_3"], (150, 0, 200, 100))
    keep, second, third, fourth = masks_from_drawing({"layers": [layer]})
    assert second is fourth is None
    with Image.open(keep) as mask:
        assert mask.size == (200, 100)
        assert [mask.getpixel((x, 50)) for x in (50, 100 + 4 * int(200 * SOFT))] == [255, 0]
        assert 0 < mask.getpixel((100, 50)) < 255
    with Image.open(third) as mask:
        assert [mask.getpixel((x, 50)) for x in (50, 190)] == [0, 255]


def test_a_photo_that_nothing_is_brushed_over_has_no_masks():
    nothing = Image.new("RGBA", (200, 100))
    assert (
        masks_from_drawing(None)
        == masks_from_drawing({"layers": []})
        == masks_from_drawing({"layers": [nothing]})
        == [None] * 4
    )


def test_what_is_no_picture_is_said_as_soon_as_it_is_uploaded(files, queue):
    (files / "page.png").write_text("<html>")
    assert "page.png is not a picture" in received(upload(files, "page"), queue, "content")[0]
    whole = (files / "photo.png").read_bytes()
    (files / "half.png").write_bytes(whole[: len(whole) // 2])
    assert "half.png is damaged" in received(upload(files, "half"), queue, "content")[0]
    (files / "cut.png").write_bytes(whole[:-24])
    said = "Received: photo. cut.png was cut off: about 2% of the picture is missing."
    assert received(upload(files, "cut"), queue, "content")[0] == said
    assert received(upload(files, "photo"), queue, "content")[0] == "Received: photo."


def test_what_counts_of_a_painting_in_a_frame_is_shown(files, queue, weave):
    ImageOps.expand(weave.resize((200, 200)), 60, "white").save(files / "framed.png")
    framed, whole = (upload(files, name) for name in ("framed", "painting"))
    shown, button = outlines(queue, "crop", whole, framed, None)
    assert shown["visible"] and button["visible"]
    assert shown["value"].count("<figure>") == 1
    assert 'viewBox="0 0 320 320"' in shown["value"]
    (box,) = re.findall(r'd="M0 0H320V320H0ZM(\d+) (\d+)V(\d+)H(\d+)V\d+Z"', shown["value"])
    assert close([int(side) for side in box], (60, 60, 260, 260), by=3)
    assert "painting 2" in shown["value"]
    for nothing in (outlines(queue, "keep", framed), outlines(queue, "crop", whole, None)):
        assert [update["visible"] for update in nothing] == [False, False]


@pytest.mark.parametrize("kind", ["TIFF", "HEIF"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_an_upload_that_browsers_cannot_show_becomes_one_that_they_can(files, queue, kind, name):
    photo = Image.open(files / "photo.png")
    pillow_heif.register_heif_opener()
    photo.save(files / name, kind)
    given = {**upload(files, "photo"), "path": str(files / name)}
    assert shown_instead(given) == [gr.skip()]
    assert received(given, queue, "style_2")[0] == "Received: painting 2."
    with Image.open(shown_instead(given)[0]) as found:
        assert (found.format, found.size) == ("PNG", photo.size)
    with Image.open(files / name) as whole:
        assert whole.format != "PNG"  # which is what is painted
    assert shown_instead(upload(files, "photo"), None) == [gr.skip(), gr.skip()]


def test_strokes_stay_until_there_is_another_photo(files, queue):
    photo, painting = upload(files, "photo"), upload(files, "painting")
    shown, loaded = to_paint_over(queue, photo, True, "")
    assert (shown.size, loaded) == ((96, 64), photo["path"])
    assert to_paint_over(queue, photo, True, loaded) == (gr.skip(), gr.skip())  # opened again
    assert to_paint_over(queue, photo, False, loaded) == (gr.skip(), gr.skip())  # closed
    assert to_paint_over(queue, painting, True, loaded)[1] == painting["path"]
    assert to_paint_over(queue, painting, False, loaded) == (None, "")
    assert to_paint_over(queue, painting, False, "") == (gr.skip(), gr.skip())  # never opened
    assert to_paint_over(queue, None, True, loaded) == (None, "")


@pytest.mark.parametrize("sizes", [[(1025, 10)], [(40, 40), (40, 41)]])
def test_what_was_not_brushed_here_is_refused(sizes):
    with pytest.raises(gr.Error, match="has another shape than the photo"):
        masks_from_drawing({"layers": [Image.new("RGBA", size) for size in sizes]})


def test_a_refusal_leaves_the_last_picture_to_go_on_from(queue, files):
    app = build_page(queue)
    *_, last = ask(app, "paint", **both(files))
    assert pressable(last) == ["go", "more", "twice"]
    with pytest.raises(gr.Error, match="at least one painting"):
        for shown in ask(app, "paint", content=upload(files, "photo"), go_on=last["go_on"]):
            last = shown
    assert pressable(last) == ["go", "more", "twice"]


def test_a_run_without_a_picture_yet_is_waited_for(queue, files):
    queue.stylize = lambda **_: (progress(step) for step in range(10**9))
    app = build_page(queue)
    watching = ask(app, "stylize", **both(files))
    _, report = next(watching)
    with pytest.raises(gr.Error, match="has not come to a picture yet"):
        list(ask(app, "stylize", **both(files), go_on=report["run_id"]))
    watching.close()


def test_choosing_a_preset_turns_every_control(queue):
    app = build_page(queue)
    turn = handler(app, "turn")
    assert turn("Oil") == list(asdict(PRESETS["Oil"]).values())
    assert turn("Standard") == list(asdict(Settings()).values())


def test_settings_that_come_back_are_marked_against_the_preset_that_they_are_next_to():
    assert nearest_preset(asdict(Settings())) == "Standard"
    assert nearest_preset(asdict(replace(PRESETS["Oil"], size=300))) == "Oil"
    assert nearest_preset({"size": 384, "steps": 24, "of another version": 1}) == "Quick sketch"


@pytest.mark.parametrize("name", ["paint", "stylize"])
def test_page_and_api_refuse_in_the_same_words(queue, files, name):
    (files / "page.png").write_text("<html>")
    photo, no_picture, app = upload(files, "photo"), upload(files, "page"), build_page(queue)
    for given, sentence in [
        ({"content": None}, "Please choose a photo."),
        ({"style": None}, "Please choose at least one painting."),
        ({"content": {"url": "data:image/png;base64,AAAA"}}, "photo is not a picture that can"),
        ({"content": {"url": "data:image/png,x"}}, "The photo is no data: address in base64."),
        ({"size": 9999}, "size is 9999, but must lie between 64 and 4096."),
        ({"size": "large"}, "size is 'large', but must be a whole number."),
        ({"style": no_picture}, "page.png is not a picture that can be read here."),
        ({"mask_2": photo}, "Painting 2 has a mask, but no picture: add one"),
        ({"share": -1}, "The share of painting 1 is -1, but must lie between 0 and 1000."),
        ({"share": "half"}, "The share of painting 1 is 'half', but must be a number."),
        ({"share": 0}, "Every painting has a share of 0; please raise at least one."),
        ({"content_layers": "conv4_2"}, "did you mean relu4_2?"),
    ]:
        with pytest.raises(gr.Error) as refused:
            list(ask(app, name, **{**both(files), **given}))
        assert sentence in str(refused.value)
        assert not refused.value.print_exception


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"go_on": "0" * 32}, "The picture of that run is no longer here"),
        ({"go_on": "../../etc"}, "The picture of that run is no longer here"),
        ({"preset": "Water"}, "Unknown preset 'Water'"),
        ({"preset": 5}, "Unknown preset 5"),
        ({"preset": ["Oil"]}, "Unknown preset"),
        ({"share": -(10**400)}, "The share of painting 1 is -1000"),
        ({"go_on": 7}, "The picture of that run is no longer here"),
    ],
)
def test_what_only_the_api_can_ask_for_is_refused_in_a_sentence(queue, files, given, sentence):
    with pytest.raises(gr.Error, match=sentence):
        list(ask(build_page(queue), "stylize", **both(files), **given))


def test_bugs_are_logged_whole_and_not_shown_to_people(caplog):
    with pytest.raises(gr.Error) as shown, as_gradio_errors():
        raise ZeroDivisionError("tensor shape mismatch at 0x7f")
    assert "0x7f" not in str(shown.value)
    ticket = str(shown.value).split("quote ")[1].split()[0]
    assert ticket in caplog.text
    assert "0x7f" in caplog.text


def test_errors_for_people_reach_them_word_for_word():
    with pytest.raises(gr.Error) as shown, as_gradio_errors():
        raise StyletxError("Too large. Try a size of 512.")
    assert shown.value.message == "Too large. Try a size of 512."


def test_leaving_stops_the_run_of_a_program(queue, files):
    queue.stylize = lambda **_: (progress(step) for step in range(10**9))
    watching = ask(build_page(queue), "stylize", **both(files))
    next(watching)
    (run,) = queue.jobs.values()
    watching.close()
    assert run.stopping


@pytest.fixture
def tab(queue, files, monkeypatch):
    """A page that begins a run, and is away; `tab.page` is what handles its events."""
    monkeypatch.setattr(queue, "listeners", Counter({"tab": 1}))
    script, app = Script(), build_page(queue)
    script.events, queue.stylize = [progress(1), result()], script
    (page,) = {fn.fn.__self__ for fn in app.fns.values() if fn.api_name == "paint"}
    given = {**DEFAULTS, **both(files), "size": 300}
    scope = {"headers": [], "client": ("1.1.1.1", 1)}
    asking = SimpleNamespace(request=SimpleNamespace(scope=scope), session_hash="tab")
    watching = page.paint(asking, *(given[name] for name in page.inputs))
    run_id = by_name(page, next(watching))["run"]
    script.rest()
    until(lambda: page.runs[run_id].latest[0])
    watching.close()
    del queue.listeners["tab"]
    yield SimpleNamespace(page=page, script=script, id=run_id, asking=asking)
    script.go_on()


def recalled(tab, **more):
    """Return the updates of a page that is opened again in a tab, or in another one."""
    return by_name(tab.page, tab.page.find_again({"all": [tab.id], "own": [tab.id], **more}))


@pytest.mark.parametrize("more", [{}, {"own": []}], ids=["reloaded", "opened anew"])
def test_a_page_that_comes_back_finds_its_run_at_work_and_watches_it_to_the_end(queue, tab, more):
    told = recalled(tab, **more)
    assert (told["lost"], told["size"]) == (tab.id, 300)
    assert told["content"].endswith("photo.png")
    tab.asking.session_hash = "reloaded"
    watching = (by_name(tab.page, shown) for shown in tab.page.return_to(tab.asking, tab.id))
    first = next(watching)
    assert pressable(first) == ["stop"]
    assert first["picture"].endswith(".jpg")
    queue.listeners["reloaded"] = 1
    tab.script.go_on()
    *_, last = watching
    assert last["status"].startswith("Done: 3 steps")
    assert last["picture"].endswith(".png")
    assert "lost" not in recalled(tab)
    said = "Your last picture is here again, and so are those of the last hour. "
    assert recalled(tab)["status"].startswith(said)


def test_a_run_that_two_pages_watch_is_painted_for_the_one_that_stays(queue, tab):
    pages = []
    for name in ("one", "other"):
        tab.asking.session_hash, queue.listeners[name] = name, 1
        watching = tab.page.return_to(tab.asking, tab.id)
        next(watching)
        pages.append(watching)
    run = queue.jobs[tab.id]
    assert run.client.session == "one"
    del queue.listeners["one"]
    Thread(target=list, args=pages[1:], daemon=True).start()
    until(lambda: run.client.session == "other")
    tab.script.go_on()
    until(lambda: tab.id not in tab.page.runs)


def test_another_tab_leaves_a_run_alone_that_its_own_tab_watches(queue, tab, monkeypatch):
    monkeypatch.setattr(session, "LOOK_EVERY_S", 0)
    queue.listeners["tab"] = 1
    assert recalled(tab, own=[]) == {}


def test_a_tab_that_was_closed_just_now_is_waited_for_to_be_noticed(queue, tab):
    queue.listeners["tab"] = 1
    Timer(0.3, queue.listeners.clear).start()
    assert recalled(tab, own=[])["lost"] == tab.id


ENDS = {
    "finished": ([result()], "Done: 3 steps in 0 s."),
    "failed": ([StyletxError("It broke.")], "It broke."),
    "stopped": ([], "Others were waiting: stopped after 1 of 3 steps, 0 s. The picture so far is"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("own", [True, False], ids=["reloaded", "opened anew"])
def test_what_became_of_a_run_while_its_page_was_away_is_shown_and_said(queue, tab, end, own):
    events, sentence = ENDS[end]
    tab.script.events[1:] = events
    if end == "stopped":
        queue.jobs[tab.id].abandon()
    tab.script.go_on()
    until(lambda: tab.id not in tab.page.runs)
    told = recalled(tab, own=[tab.id] if own else [])
    assert told["status"].startswith(sentence)
    assert "That was while this page was away." in told["status"]
    assert told["content"].endswith("photo.png")
    assert told["picture"].endswith(".png")
    if own:
        assert "away" not in recalled(tab)["status"]
    else:
        assert "picture" not in recalled(tab, own=[])  # which is told once


def test_every_setting_has_a_control_with_its_default_and_limits(queue):
    app = build_page(queue)
    controls = {block.label: block for block in app.blocks.values() if hasattr(block, "info")}
    for name, allowed in FIELDS.items():
        control = controls[allowed.label]
        assert control.value == getattr(Settings(), name)
        assert control.info == allowed.help
        if isinstance(allowed, NumberField):
            assert (control.minimum, control.maximum) == (allowed.low, reach(allowed))
        elif isinstance(allowed, ChoiceField):
            assert [value for _, value in control.choices] == list(allowed.choices)


def reach(allowed):
    """How far a slider goes; the test of the page types what is beyond."""
    return min(allowed.high, allowed.reach)


def test_the_api_names_its_arguments_as_the_settings(queue):
    app = build_page(queue)
    endpoints = app.get_api_info()["named_endpoints"]
    assert set(endpoints) == {"/stylize", "/stop", "/export", "/recipe"}
    parameters = endpoints["/stylize"]["parameters"]
    assert [p["parameter_name"] for p in parameters] == list(DEFAULTS)
    assert list(DEFAULTS)[: 2 + len(FIELDS)] == ["content", "style", *FIELDS]
    assert all(p["parameter_has_default"] for p in parameters)
    assert [p["parameter_default"] for p in parameters] == list(DEFAULTS.values())


def test_reports_are_plain_json(queue, files):
    for _, report in ask(build_page(queue), "stylize", **both(files)):
        json.dumps(report)
    assert report["done"]
    assert report["steps"] == FACTS["steps"]


def test_every_example_has_its_three_pictures():
    for photo, painting in examples.EXAMPLES.values():
        for path in (
            examples.ASSETS / "photos" / f"{photo}.jpg",
            examples.ASSETS / "paintings" / f"{painting}.jpg",
            examples.ASSETS / "painted" / f"{photo}-{painting}.jpg",
        ):
            with Image.open(path) as picture:
                assert min(picture.size) >= 300 or max(picture.size) == 512


def test_a_run_whose_picture_is_small_is_shown_as_it_is(queue, files):
    assert PICTURE.size == (40, 40)
    *_, last = ask(build_page(queue), "paint", **both(files))
    with Image.open(last["picture"]) as picture:
        assert picture.size == (40, 40)


def test_what_is_wrong_is_said_at_the_field_that_it_is_in(queue, files):
    app = build_page(queue)
    (page,) = {fn.fn.__self__ for fn in app.fns.values() if fn.api_name == "paint"}
    (files / "page.png").write_text("<html>")

    def told(**given):
        values = {**DEFAULTS, **both(files), **given}
        checks = page.checked(*(values[name] for name in page.inputs))
        wrong = {
            n: c["message"] for n, c in zip(page.inputs, checks, strict=True) if not c["is_valid"]
        }
        words = by_name(page, page.show_problems(*(values[name] for name in page.inputs)))
        assert words.get("status", "") == " ".join(wrong.values())
        return wrong

    assert told() == {}
    assert told(content=None) == {"content": "Please choose a photo."}
    assert told(style=None) == {"style": "Please choose at least one painting."}
    assert told(style=None, style_2=upload(files, "photo")) == {}
    assert list(told(mask_2=upload(files, "page"), size=9)) == ["mask_2", "size"]
    assert "did you mean relu4_2?" in told(style_layers="conv4_2")["style_layers"]


def test_a_painted_picture_brings_its_settings_back(files, queue):
    wanted = Settings(**{**OTHER, "size": 300})
    kept = files / "painted.png"
    inputs = input_fingerprints(
        {"content": files / "photo.png", "style": files / "painting.png"}, {}
    )
    save(PICTURE, kept, note=to_json(replace(result(), settings=wanted), inputs))
    now = {**DEFAULTS, **both(files)}
    told = repeated({"path": str(kept)}, now, queue)
    assert {name: told[name] for name in FIELDS} == asdict(wanted)
    assert told["status"].endswith("The pictures are those it was painted from: press Paint.")
    now |= {"style": None, "style_3": upload(files, "photo"), "keep_mask": upload(files, "photo")}
    told = repeated({"path": str(kept)}, now, queue)["status"]
    assert told.endswith("differs in: painting, painting 3, what is to stay the photo.")
    with pytest.raises(gr.Error, match=r"photo.png holds no recipe"):
        repeated(upload(files, "photo"), dict(DEFAULTS), queue)


def test_a_painted_picture_is_repeated_in_its_precision_until_the_photo_changes(files, queue):
    kept, given = files / "painted.png", []

    def paint(content, styles, settings, **more):
        given.append(more)
        return Script()(content, styles, settings)

    queue.stylize, page = paint, build_page(queue)
    save(PICTURE, kept, note=to_json(replace(result(), device="cpu, bfloat16"), {}))
    told = repeated({"path": str(kept)}, dict(DEFAULTS), queue)
    list(ask(page, "paint", **both(files), precision=told["precision"]))
    forget = handler(page, "forget")
    told = by_name(forget.__self__, forget())
    list(ask(page, "paint", **both(files), precision=told["precision"]))
    assert given == [{"precision": "bfloat16"}, {}]


def test_a_painted_picture_brings_its_shares_back(files, queue):
    kept = files / "painted.png"
    save(PICTURE, kept, note=to_json(result(), {"share_2": 0.25}))
    told = repeated({"path": str(kept)}, dict(DEFAULTS), queue)
    assert [told[name] for name in ("share", "share_2", "share_3")] == [1, 0.25, 1]


def test_a_failure_after_a_good_picture_leaves_it_for_the_strip(queue, files):
    def failing(content, styles, settings):
        yield from (progress(1), result(step=1))
        raise StyletxError("It broke.")

    queue.stylize, last = failing, {}
    with pytest.raises(gr.Error):
        for shown in ask(build_page(queue), "paint", **both(files)):
            last |= shown
    assert not (last["compare"].visible or last["delete"].visible)  # of the one before
    told = add_entry(last["run"], [], [], both(files)["content"])
    assert len(told["strip"].value) == 1
    assert pressable(last) == ["go", "more", "twice"]


def test_a_disk_that_takes_nothing_is_a_sentence_without_paths_and_nothing_of_the_run_stays(
    queue, files, monkeypatch
):
    def full(*_, **__):
        raise Unwritable("/secret/folder cannot be written: full.") from OSError(28, "It is full")

    monkeypatch.setattr(job_files, "save", full)
    with pytest.raises(gr.Error) as refused:
        list(ask(build_page(queue), "paint", **both(files)))
    assert refused.value.message == "The server cannot keep files now: It is full."
    assert not list(runs().glob("*"))


def test_the_photo_may_be_gone_when_the_picture_is_finished(queue, files):
    def slow(content, styles, settings):
        yield progress(1)
        until(lambda: list(runs().glob("*/private-*/before.jpg")))  # that was seen
        (files / "photo.png").unlink()
        yield result()

    queue.stylize = slow
    *_, last = ask(build_page(queue), "paint", **both(files))
    assert Path(last["picture"]).is_file()
    assert "before.jpg" in last["compared"]
    assert finished_updates(last["run"])["film"].visible


def test_nothing_is_brought_while_a_run_would_paint_over_it(queue, files):
    app = build_page(queue)
    (page,) = {fn.fn.__self__ for fn in app.fns.values() if fn.api_name == "paint"}
    bring = page.unless_busy(lambda: {"status": "brought"})
    queue.stylize = lambda **_: (progress(step) for step in range(10**9))
    watching = ask(app, "paint", **both(files))
    run = next(watching)["run"]
    assert by_name(page, bring(run)) == {}
    queue.stop(run)
    until(lambda: not queue.jobs)
    assert by_name(page, bring(run)) == {"status": "brought"}
    assert by_name(page, bring("")) == {"status": "brought"}


def test_what_breaks_off_before_there_is_a_run_leaves_paint_to_be_pressed(queue):
    app = build_page(queue)
    (page,) = {fn.fn.__self__ for fn in app.fns.values() if fn.api_name == "paint"}
    for go_on, wanted in (("", ["go"]), ("ab" * 16, ["go", "more", "twice"])):
        told = by_name(page, page.recover(go_on, "Starting …"))
        assert pressable(told) == wanted
        assert told["status"] == "Nothing was begun; the message says why."
        assert "status" not in by_name(page, page.recover(go_on, "It broke."))  # which says more


@pytest.mark.parametrize(
    "folder", [PurePosixPath("/home/it's C# (50%)/ä"), PureWindowsPath(r"C:\it's C#\presets")]
)
def test_pictures_of_presets_are_found_wherever_the_clone_lies(folder):
    found = re.findall(r"url\('([^']*)'\)", pictures_of_presets(folder))
    names = ["standard", "quick-sketch", "oil", "fine-detail", "pure-texture", "classic-gatys"]
    wanted = [f"{folder.as_posix()}/{name}.avif" for name in (*names, "keep-colours")]
    addresses = [urlsplit(f"http://here/{address}") for address in found]
    assert [unquote(one.path) for one in addresses] == [f"/gradio_api/file={w}" for w in wanted]
