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
    """A folder with previews and a thumbnail, all of them so old."""
    (folder / "private-1").mkdir(parents=True)
    (folder / "private-1" / "0-1.jpg").write_bytes(b"")
    (folder / "thumbnail.jpg").write_bytes(b"")
    for path in (folder / "thumbnail.jpg", folder / "private-1", folder):
        aged(path, seconds_ago)
    return folder


def aged(path, seconds_ago):
    then = time.time() - seconds_ago
    os.utime(path, (then, then))


def test_after_an_hour_everything_of_a_run_is_gone():
    old, young = made(folder_of("old"), KEPT + 5), made(folder_of("young"), KEPT - 60)
    sweep()
    assert not old.exists()
    assert (young / "private-1" / "0-1.jpg").exists()


def test_what_was_made_of_a_picture_later_does_not_keep_it_longer():
    old = made(folder_of("old"), 2 * KEPT)
    (old / "painted.png").write_bytes(b"")
    aged(old / "painted.png", KEPT + 5)
    (old / "painted.webp").write_bytes(b"")
    sweep()
    assert not old.exists()


def test_the_address_of_a_picture_does_not_tell_the_id_of_its_run(cache):
    assert "ab" * 16 not in str(folder_of("ab" * 16))
    assert folder_of("ab" * 16) == folder_of("ab" * 16) != folder_of("cd" * 16)


def test_a_run_that_still_paints_stays_however_long_it_takes():
    long = made(folder_of("long"), 3 * KEPT)
    (long / "private-1" / "9-900.jpg").write_bytes(b"")
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
