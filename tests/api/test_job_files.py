"""Reports of a run and the files that it leaves: previews, the result, and what is said."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from styletx import Progress
from styletx.api import job_files
from styletx.api.job_files import EXPORT_FORMATS, MAX_FRAMES, JobFiles, convert_picture
from styletx.api.job_report import report, screen_reader_line, status_line
from styletx.recipe import read_recipe
from tests.helpers.scripted import FACTS, PICTURE, SETTINGS, progress, result


def facts(event, stopping=False, ahead=0, wait=None, late=False, left=False):
    run = SimpleNamespace(id="abc", settings=SETTINGS, stopping=stopping, timed_out=late)
    run.abandoned = left
    return report(run, event, ahead, wait)


@pytest.fixture
def told(files):
    """The files of a run that has just begun."""
    return JobFiles(files / "run", "cat-poppies", files / "photo.png", {"content": "ab" * 32})


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(job_files.time, "monotonic", lambda: now.seconds)
    return now


def test_previews_are_small_jpegs_at_most_two_a_second(told, clock):
    large = Progress(**FACTS, step=1, preview=PICTURE.resize((1600, 800)), seconds_left=None)
    paths = []
    for _ in range(11):
        paths.append(told.show(large))
        clock.seconds += 0.125
    assert len(set(paths)) == 3
    with Image.open(paths[0]) as preview:
        assert (preview.format, preview.size) == ("JPEG", (768, 384))


def test_the_latest_previews_are_there_and_no_more_than_a_film_needs(told, clock):
    for step in range(4 * MAX_FRAMES):
        latest = told.show(progress(step))
        clock.seconds += 1
    left = {str(path) for path in told.private.glob("[0-9]*.jpg")}
    assert len(left) <= MAX_FRAMES + 3
    assert {str(path) for path in told.latest} <= left
    assert latest == str(told.latest[-1])


def test_each_preview_has_a_name_of_its_own_so_that_browsers_fetch_it(told, clock):
    names = set()
    for _ in range(5):
        names.add(told.show(progress(7)))
        clock.seconds += 1
    assert len(names) == 5


def test_the_result_is_a_png_under_the_name_of_its_pictures_with_its_recipe(told):
    path = told.show(result())
    assert path.endswith("cat-poppies.png")
    with Image.open(path) as picture:
        assert picture.tobytes() == PICTURE.tobytes()
    assert read_recipe(Path(path)).inputs == {"content": "ab" * 32}


def test_beside_the_result_lie_the_photo_at_its_size_and_a_thumbnail(told):
    told.show(replace(result(), picture=PICTURE.resize((600, 400))))
    with Image.open(told.private / "before.jpg") as before:
        assert before.size == (600, 400)
    with Image.open(told.folder / "thumbnail.jpg") as thumbnail:
        assert thumbnail.size == (240, 160)


@pytest.mark.parametrize("size", [(512, 26), (64, 4096)])
def test_a_very_long_picture_can_be_taken_away_as_every_kind(told, clock, size):
    told.show(replace(progress(1), preview=PICTURE.resize(size)))
    path = Path(told.show(replace(result(), picture=PICTURE.resize(size))))
    for kind in EXPORT_FORMATS:
        with Image.open(convert_picture(path, kind)) as picture:
            assert kind == "film" or picture.size == size


def test_before_the_first_preview_there_is_no_picture(told):
    assert told.show(None) is None


def test_reports_have_the_same_names_from_first_to_last():
    told = [facts(None, ahead=2), facts(progress(1)), facts(result()), facts(None, stopping=True)]
    assert len({tuple(sorted(report)) for report in told}) == 1
    assert [report["done"] for report in told] == [False, False, True, True]
    assert [report["stopped"] for report in told] == [False, False, False, True]
    assert told[0]["settings"]["size"] == SETTINGS.size
    json.dumps(told)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (facts(None), "Starting …"),
        (facts(None, ahead=1), "Waiting for 1 picture to be finished first."),
        (facts(None, ahead=3), "Waiting for 3 pictures to be finished first."),
        (
            facts(None, ahead=2, wait=34.4),
            "Waiting for 2 pictures to be finished first: about 34 s.",
        ),
        (facts(progress(2)), "Size 1 of 1 · step 2 of 3 · 0 s"),
        (
            facts(replace(progress(2), restarts=1)),
            "Size 1 of 1 · step 2 of 3 · 0 s · moved to another worker",
        ),
        (facts(result()), "Done: 3 steps in 0 s."),
        (facts(replace(result(step=1), steps=1)), "Done: 1 step in 0 s."),
        (facts(replace(result(), notes=("No frame.",))), "Done: 3 steps in 0 s. No frame."),
        (facts(result(step=2)), "Stopped after 2 of 3 steps, 0 s. The picture so far is yours."),
        (
            facts(result(step=2), late=True),
            "Its time was over after 2 of 3 steps, 0 s. The picture so far is yours.",
        ),
        (
            facts(result(step=2), left=True),
            "Others were waiting: stopped after 2 of 3 steps, 0 s. The picture so far is yours.",
        ),
        (facts(None, stopping=True), "Stopped before it began."),
        (
            facts(None, stopping=True, left=True),
            "Its place in the line could not be kept any longer: press Paint to ask again.",
        ),
    ],
)
def test_every_state_has_its_words(told, words):
    assert status_line(told) == words


def test_the_time_left_is_told_when_it_is_known():
    event = Progress(**FACTS, step=2, preview=PICTURE, seconds_left=7.4)
    assert status_line(facts(event)).endswith("· about 7 s left")


def test_who_listens_hears_what_happens_and_not_every_step():
    steps = [facts(progress(step)) for step in range(1, 3)]
    assert {screen_reader_line(told) for told in steps} == {"Painting size 1 of 1."}
    waiting = [facts(None, ahead=1, wait=seconds) for seconds in (None, 3.0, 2.0)]
    assert {screen_reader_line(told) for told in waiting} == {
        "Waiting for 1 picture to be finished first."
    }
    assert screen_reader_line(facts(result())) == "Done: 3 steps in 0 s."
