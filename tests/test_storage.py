"""Nothing of a run stays on the server for longer than is said."""

import os
import time
from threading import Event

import pytest

import styletx.storage as storage
from styletx.storage import KEPT, folder_of, keep_sweeping, sweep


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def made(folder, seconds_ago):
    """A folder with previews and a picture, all of them so old."""
    (folder / "previews").mkdir(parents=True)
    (folder / "previews" / "0-1.jpg").write_bytes(b"")
    (folder / "before.jpg").write_bytes(b"")
    then = time.time() - seconds_ago
    for path in (folder / "before.jpg", folder / "previews", folder):
        os.utime(path, (then, then))
    return folder


def test_after_an_hour_everything_of_a_run_is_gone():
    old, young = made(folder_of("old"), KEPT + 5), made(folder_of("young"), KEPT - 60)
    sweep()
    assert not old.exists()
    assert (young / "previews" / "0-1.jpg").exists()


def test_a_run_that_still_paints_stays_however_long_it_takes():
    long = made(folder_of("long"), 3 * KEPT)
    (long / "previews" / "9-900.jpg").write_bytes(b"")
    sweep()
    assert long.exists()


def test_what_is_not_ours_stays(cache):
    other = made(cache / "other", 3 * KEPT)
    sweep()
    assert other.exists()


def test_it_is_swept_at_the_start_and_then_again_until_it_is_over(monkeypatch):
    monkeypatch.setattr(storage, "EVERY", 0.02)
    over, old = Event(), made(folder_of("old"), KEPT + 5)
    keep_sweeping(until=over)
    wait_until_gone(old)
    wait_until_gone(made(folder_of("older"), KEPT + 5))
    over.set()
    time.sleep(0.1)
    last = made(folder_of("last"), KEPT + 5)
    time.sleep(0.1)
    assert last.exists()


def wait_until_gone(folder):
    deadline = time.monotonic() + 5
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_cache_that_is_not_there_yet_is_nothing_to_sweep(cache):
    sweep()
    assert list(cache.iterdir()) == []
