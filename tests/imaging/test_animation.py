"""The film of the making, from what was kept of a run."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image, ImageSequence

from styletx import StyletxError
from styletx.api import job_files
from styletx.api.job_files import MAX_FRAMES, JobFiles, convert_picture
from styletx.imaging.animation import FIRST_MS, FRAME_MS, LAST_MS, save_animation
from styletx.imaging.files import read_metadata
from tests.helpers.scripted import progress, result

RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def pictures(folder, *colors, size=(600, 400)):
    paths = [folder / f"{place}.png" for place in range(len(colors))]
    for path, color in zip(paths, colors, strict=True):
        Image.new("RGB", size, color).save(path)
    return paths


def frames_of(path):
    with Image.open(path) as film:
        return [
            (frame.convert("RGB").getpixel((5, 5)), frame.info["duration"], frame.size)
            for frame in ImageSequence.Iterator(film)
        ]


def near(color, other):
    return max(abs(a - b) for a, b in zip(color, other, strict=True)) < 12


def test_a_film_goes_from_the_photo_through_the_previews_to_the_picture(tmp_path):
    photo, first, second, last = pictures(tmp_path, RED, GREEN, (99, 99, 99), BLUE)
    save_animation(photo, [first, second], last, tmp_path / "film.webp")
    shown = frames_of(tmp_path / "film.webp")
    assert [
        near(color, wanted)
        for (color, _, _), wanted in zip(shown, (RED, GREEN, (99, 99, 99), BLUE), strict=True)
    ] == [True] * 4
    assert {size for _, _, size in shown} == {(512, 341)}
    times = [time for _, time, _ in shown]
    assert times == [FIRST_MS, FRAME_MS, FRAME_MS, LAST_MS]


@pytest.fixture
def run(files, monkeypatch, request):
    """A run of 30 previews, or as many as are asked for, a second apart, and its files."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(job_files.time, "monotonic", lambda: now.seconds)
    told = JobFiles(files / "run", "photo-painting", files / "photo.png", {})
    for step in range(getattr(request, "param", 30)):
        told.show(
            replace(progress(step), preview=Image.new("RGB", (40, 40), (step * 37 % 256, 90, 90)))
        )
        now.seconds += 1
    return told, Path(told.show(result()))


@pytest.mark.parametrize("run", [200], indirect=True)
def test_however_long_a_run_is_its_film_is_short_and_whole(run, files):
    told, _ = run
    steps = [int(frame.stem.split("-")[1]) for frame in told.frames]
    assert MAX_FRAMES / 2 < len(steps) <= MAX_FRAMES
    assert steps[0] == 0
    assert steps[-1] > 190
    assert len({b - a for a, b in pairwise(steps)}) == 1
    assert len(list(told.private.glob("[0-9]*.jpg"))) <= MAX_FRAMES + 3


def test_a_finished_picture_is_taken_away_in_every_format_with_its_recipe(run):
    _, path = run
    formats = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
    for kind, wanted in formats.items():
        away = convert_picture(path, kind)
        with Image.open(away) as picture:
            assert (picture.format, picture.size) == (wanted, (40, 40))
            assert picture.info["icc_profile"]
        assert read_metadata(away) == read_metadata(path) != ""
    film = convert_picture(path, "film")
    with Image.open(film) as moving:
        assert moving.n_frames == len(list(run[0].private.glob("[0-9]*.jpg"))) + 2
    made = film.stat().st_mtime_ns
    assert convert_picture(path, "film").stat().st_mtime_ns == made  # once is enough


def test_a_film_that_cannot_be_written_says_so(tmp_path):
    photo, last = pictures(tmp_path, RED, BLUE)
    with pytest.raises(StyletxError, match="The film cannot be written"):
        save_animation(photo, [], last, tmp_path / "nowhere" / "film.webp")
