import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image
from test_runs import FACTS, PICTURE, SETTINGS, progress, result

import styletx.reports as reports
from styletx import Progress
from styletx.reports import Files, report
from styletx.words import described


def facts(event, stopping=False, ahead=0):
    run = SimpleNamespace(id="abc", settings=SETTINGS, stopping=stopping)
    return report(run, event, ahead)


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(reports.time, "monotonic", lambda: now.seconds)
    return now


def test_previews_are_small_jpegs_at_most_two_a_second(tmp_path, clock):
    large = Progress(**FACTS, step=1, preview=PICTURE.resize((1600, 800)), seconds_left=None)
    files = Files(tmp_path / "run", "name")
    paths = []
    for _ in range(11):
        paths.append(files.show(large))
        clock.seconds += 0.125
    assert len(set(paths)) == 3
    with Image.open(paths[0]) as preview:
        assert (preview.format, preview.size) == ("JPEG", (768, 384))


def test_old_previews_of_a_run_are_removed(tmp_path, clock):
    files = Files(tmp_path / "run", "name")
    for step in range(20):
        latest = files.show(progress(step))
        clock.seconds += 1
    left = sorted(str(path) for path in (tmp_path / "run").iterdir())
    assert len(left) == 3
    assert latest in left


def test_each_preview_has_a_name_of_its_own_so_that_browsers_fetch_it(tmp_path, clock):
    files, names = Files(tmp_path / "run", "name"), set()
    for _ in range(5):
        names.add(files.show(progress(7)))
        clock.seconds += 1
    assert len(names) == 5


def test_the_result_is_a_png_under_the_name_of_its_pictures(tmp_path):
    path = Files(tmp_path / "run", "cat-poppies").show(result())
    assert path.endswith("cat-poppies.png")
    with Image.open(path) as picture:
        assert picture.tobytes() == PICTURE.tobytes()


def test_before_the_first_preview_there_is_no_picture(tmp_path):
    assert Files(tmp_path / "run", "name").show(None) is None


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
        (facts(progress(2)), "Size 1 of 1 · step 2 of 3 · 0 s"),
        (facts(result()), "Done: 3 steps in 0 s."),
        (facts(replace(result(step=1), steps=1)), "Done: 1 step in 0 s."),
        (facts(result(step=2)), "Stopped after 2 of 3 steps, 0 s. The picture so far is yours."),
        (facts(None, stopping=True), "Stopped before it began."),
    ],
)
def test_every_state_has_its_words(told, words):
    assert described(told) == words


def test_the_time_left_is_told_when_it_is_known():
    event = Progress(**FACTS, step=2, preview=PICTURE, seconds_left=7.4)
    assert described(facts(event)).endswith("· about 7 s left")
