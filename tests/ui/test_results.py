"""Pictures of this visit: beside the photo, to take away, back again."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image

from styletx.api.job_files import private_of
from styletx.recipe import input_fingerprints, read_recipe
from styletx.server.storage import folder_of
from styletx.settings import FIELDS, Settings
from styletx.ui import examples, history, strings
from styletx.ui.history import (
    add_entry,
    caption_of,
    deleted,
    restore_entry,
    two_compared,
)
from styletx.ui.results import comparison_html, finished_updates
from styletx.ui.session import restored
from tests.helpers.page import ask, both, build_page, upload
from tests.helpers.scripted import progress, result
from tests.helpers.settings import OTHER


@pytest.fixture
def visit(queue, files):
    """Paint, and take the picture into the visit; `visit.visits` are those so far."""

    def paint(**given):
        def scripted(content, styles, settings, **more):
            facts = {"settings": settings, "steps": settings.steps, "step": settings.steps}
            yield progress(1)
            yield replace(result(), **facts)

        queue.stylize = scripted
        *_, last = ask(build_page(queue), "paint", **{**both(files), **given})
        told = add_entry(last["run"], paint.visits, paint.seen, both(files)["content"])
        paint.visits, paint.seen = told["visits"], told["seen"]
        return last["run"], {**told, **finished_updates(told["finished"])}

    paint.visits, paint.seen = [], []
    return paint


def test_a_finished_picture_joins_those_of_the_visit_once(visit):
    run, told = visit(size=300)
    assert captions(told) == ["300 px · photo-painting"]
    with Image.open(told["strip"].value[0]["image"]["path"]) as thumbnail:
        assert max(thumbnail.size) <= 240
    assert told["yours"].visible
    assert add_entry(run, visit.visits, [], None) == {}
    _, told = visit()
    assert captions(told) == ["512 px · photo-painting", "300 px · photo-painting"]


def captions(told):
    return [tile["caption"] for tile in told["strip"].value]


def test_a_run_without_a_picture_joins_nothing():
    assert add_entry("", [], [], None) == add_entry("ab" * 16, [], [], None) == {}


def test_a_picture_of_another_photo_than_there_is_now_is_not_gone_on_from(visit, files):
    run, told = visit()
    assert "go_on" not in told
    told = add_entry(run, [], [], upload(files, "painting"))
    assert told["go_on"] == ""
    assert not told["more"].visible


def test_it_can_be_taken_away_in_four_kinds_with_its_name(visit):
    _, told = visit()
    names = {kind: Path(told[kind].value["path"]).name for kind in ("png", "jpeg", "webp", "film")}
    assert names == {
        "png": "photo-painting.png",
        "jpeg": "photo-painting.jpg",
        "webp": "photo-painting.webp",
        "film": "photo-painting-film.webp",
    }
    assert all(told[kind].visible for kind in names)


def test_the_strip_holds_so_many_and_no_more(visit, monkeypatch):
    runs = [visit()[0] for _ in range(3)]
    monkeypatch.setattr(history, "MAX_ENTRIES", 2)
    assert add_entry(runs[2], runs[1::-1], [], None)["visits"] == runs[:0:-1]


def test_a_click_brings_back_picture_inputs_and_settings(visit, files):
    wanted = {name: value for name, value in OTHER.items() if name != "init"}
    run, _ = visit(**wanted, style_2=upload(files, "photo"), share_2=0.5)
    visit()
    told = restore_entry(visit.visits, 1, [])
    assert {name: told[name] for name in wanted} == wanted
    assert told["content"] == str(files / "photo.png")
    assert (told["style"], told["style_2"]) == (
        str(files / "painting.png"),
        str(files / "photo.png"),
    )
    assert (told["share_2"], told["init_image"], told["style_3"]) == (0.5, None, None)
    assert Path(told["picture"]).parent == folder_of(run)
    assert (told["go_on"], told["run"], told["seen"]) == (run, run, [run])
    assert told["more"].visible


def test_an_upload_that_is_gone_meanwhile_is_named(visit, files):
    visit()
    (files / "painting.png").unlink()
    told = restore_entry(visit.visits, 0, [])
    assert told["style"] is None
    assert told["status"].endswith("Its settings are back, but no longer here: painting.")


def test_what_was_brushed_is_not_brought_back_and_that_is_said(visit, files):
    visit(keep_mask=upload(files, "photo"))
    told = restore_entry(visit.visits, 0, [])
    assert told["status"].endswith("What was painted over the photo is not.")
    assert "keep_mask" not in told


def test_a_picture_that_is_gone_says_so(visit):
    visit()
    deleted(visit.visits, visit.visits[:1])
    with pytest.raises(gr.Error, match="That picture is no longer here: an hour has passed, or it"):
        restore_entry(visit.visits, 0, [])


def test_the_picture_on_show_is_compared_with_the_one_before(visit):
    one, _ = visit(size=300)
    other, _ = visit()
    both = two_compared(visit.visits, [other, one])
    told = both["compared"]
    assert 'value="50"' in told
    assert "Left: 512 px · photo-painting. Right: 300 px · photo-painting." in told
    first, second = (told.index(str(folder_of(run))) for run in (one, other))
    assert first < second  # the left one lies on top
    again = two_compared(visit.visits, [other, one], with_photo=True)
    assert str(folder_of(one)) in again["compared"]
    assert str(folder_of(other)) not in again["compared"]
    assert (both["compare"], again["compare"]) == (strings.COMPARE_PHOTO, strings.COMPARE)
    for run in (one, other):
        deleted(visit.visits, [run])
        told = two_compared(visit.visits, [other, one])
        assert told["said"].startswith("That picture is no longer here")
        assert not told["compare"].visible


def test_a_picture_painted_after_another_is_compared_and_deleted_where_it_is_shown(visit):
    one, told = visit()
    assert (told["seen"], told["compare"].visible, told["delete"].visible) == ([one], False, True)
    other, told = visit()
    assert (told["seen"], told["compare"].visible) == ([one, other], True)


def test_a_deleted_picture_is_gone_from_page_and_server(visit):
    run, _ = visit()
    assert folder_of(run).is_dir()
    told = deleted(visit.visits, [run])
    assert not folder_of(run).exists()
    assert (told["visits"], captions(told), told["picture"], told["go_on"]) == ([], [], None, "")
    gone = ("png", "film", "more", "delete", "stage", "yours")
    assert not any(told[kind].visible for kind in gone)


def test_a_picture_that_is_not_to_be_deleted_after_all_stays(visit):
    run, _ = visit()
    assert deleted(visit.visits, []) == {}
    assert folder_of(run).is_dir()


def test_only_a_picture_of_this_visit_can_be_deleted(visit):
    run, _ = visit()
    told = deleted([], [run])
    assert told["status"].startswith("That picture is no longer here")
    assert folder_of(run).is_dir()


def test_the_slider_is_one_for_keyboards_and_screen_readers(tmp_path):
    told = comparison_html(tmp_path / "a b.jpg", tmp_path / 'c"d.png', "<b>x</b>")
    assert '<input type="range"' in told
    assert 'aria-label="How much of the left picture to see"' in told
    assert "a%20b.jpg" in told
    assert 'c%22d.png"' in told
    assert "&lt;b&gt;" in told


def test_a_caption_tells_what_was_not_left_at_its_default():
    defaults = {name: getattr(Settings(), name) for name in FIELDS}
    assert caption_of("cat-poppies", defaults) == "512 px · cat-poppies"
    assert (
        caption_of("a_b", {**defaults, "size": 300, "colors": "photo"})
        == "300 px, Keep colours · a b"
    )


def test_the_examples_were_painted_of_their_pictures_with_todays_defaults():
    for pair in examples.EXAMPLES.values():
        recipe = read_recipe(examples.painted_of(pair))
        assert recipe.settings == Settings()
        inputs = dict(zip(("content", "style"), examples.files_of(pair), strict=True))
        assert recipe.inputs == input_fingerprints(inputs, {})


def test_an_example_is_there_at_once():
    for name, pair in examples.EXAMPLES.items():
        told = examples.example(name)
        assert not told["seen"]  # none of one's own is on show
        assert told["picture"] == str(examples.painted_of(pair))
        assert (told["content"], told["style"]) == tuple(map(str, examples.files_of(pair)))
        assert told["jpeg"].visible
        assert not told["png"].visible
        assert told["go"].value == "Paint it again"
        assert {told[n] for n in ("style_2", "style_3", "style_4", "init_image")} == {None}


def test_a_surprise_is_a_pair_that_exists():
    pairs = {tuple(examples.surprise()[name] for name in ("content", "style")) for _ in range(30)}
    assert len(pairs) > 5
    assert all(Path(path).is_file() for pair in pairs for path in pair)


def test_a_browser_that_was_away_finds_its_pictures_again(visit):
    older, _ = visit(size=300)
    newer, told = visit()
    again = restored({"all": [newer, older], "own": []}, {})
    assert again["visits"] == told["visits"] == [newer, older]
    assert captions(again) == captions(told)
    assert again["status"] == strings.HERE_AGAIN
    assert "picture" not in again  # which is another tab's


def test_a_tab_finds_its_own_last_picture_whole_whatever_another_tab_has_painted(visit):
    own, _ = visit(size=300)
    other, _ = visit()
    again = restored({"all": [other, own], "own": [own]}, {})
    assert again["visits"] == [other, own]
    assert Path(again["picture"]).parent == folder_of(own)
    assert (again["go_on"], again["size"], again["seen"]) == (own, 300, [own])
    assert again["status"].startswith(strings.LAST_AGAIN)


def test_a_picture_whose_time_is_over_is_not_found_and_the_others_are(visit):
    older, _ = visit(size=300)
    newer, _ = visit()
    shutil.rmtree(folder_of(newer))
    again = restored({"all": [newer, older], "own": [newer, older]}, {})
    assert (again["visits"], again["go_on"]) == ([older], older)
    shutil.rmtree(folder_of(older))
    assert restored({"all": [], "own": [newer, older]}, {})["status"] == strings.LAST_GONE


def test_a_run_that_a_restart_has_cut_off_is_told_with_its_pictures_and_its_last_preview(visit):
    run, _ = visit(size=300)
    (picture,) = folder_of(run).glob("*.png")
    (private_of(picture) / "7-7.jpg").write_bytes(b"")
    picture.unlink()
    (arguments,) = folder_of(run).glob("private-*/given.json")
    given = json.loads(arguments.read_text())
    del given["frame"]  # as of a version that had no such setting
    arguments.write_text(json.dumps(given))
    for own in ([], [run]):
        again = restored({"all": ["x", run], "own": own}, {})
        assert again["status"] == strings.INTERRUPTED
        assert again["content"].endswith("photo.png")
        assert again["size"] == 300
        assert again["picture"].endswith("7-7.jpg")


@pytest.mark.parametrize(
    "recalled",
    [
        None,
        "x",
        5,
        [],
        {},
        {"all": [], "own": None},
        {"all": [{"run_id": "../../etc"}, 5, "../.."], "own": [None]},
    ],
)
def test_what_a_browser_makes_up_finds_nothing(recalled):
    assert restored(recalled, {}) == {}
