"""Nothing of a run stays on the server for longer than is said."""

import os
import tempfile
import time
from threading import Event
from threading import enumerate as threads

import pytest

import styletx.server.storage as storage
from styletx import StyletxError
from styletx.limits import MEGA
from styletx.server.storage import (
    CACHE_FOLDER,
    KEEP_S,
    DiskBudget,
    claim_cache,
    folder_of,
    keep_sweeping,
    sweep,
)
from tests.helpers.waiting import until


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
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
    old, young = made(folder_of("old"), KEEP_S + 5), made(folder_of("young"), KEEP_S - 60)
    sweep()
    assert not old.exists()
    assert (young / "private-1" / "0-1.jpg").exists()


def test_what_was_made_of_a_picture_later_does_not_keep_it_longer():
    old = made(folder_of("old"), 2 * KEEP_S)
    (old / "painted.png").write_bytes(b"")
    aged(old / "painted.png", KEEP_S + 5)
    (old / "painted.webp").write_bytes(b"")
    sweep()
    assert not old.exists()


def test_the_address_of_a_picture_does_not_tell_the_id_of_its_run(cache):
    assert "ab" * 16 not in str(folder_of("ab" * 16))
    assert folder_of("ab" * 16) == folder_of("ab" * 16) != folder_of("cd" * 16)


def test_a_run_that_still_paints_stays_however_long_it_takes():
    long = made(folder_of("long"), 3 * KEEP_S)
    (long / "private-1" / "9-900.jpg").write_bytes(b"")
    sweep()
    assert long.exists()


def test_what_is_not_ours_stays(cache):
    other = made(cache / "other", 3 * KEEP_S)
    sweep()
    assert other.exists()


def test_it_is_swept_at_the_start_and_then_again_until_it_is_over(monkeypatch):
    monkeypatch.setattr(storage, "SWEEP_INTERVAL_S", 0.01)
    over, before, old = Event(), set(threads()), made(folder_of("old"), KEEP_S + 5)
    keep_sweeping(until=over)
    until(lambda: not old.exists())
    older = made(folder_of("older"), KEEP_S + 5)
    until(lambda: not older.exists())
    (sweeper,) = set(threads()) - before
    over.set()
    sweeper.join(30)
    assert not sweeper.is_alive()


def test_a_cache_that_is_not_there_yet_is_nothing_to_sweep(cache):
    sweep()
    assert list(cache.iterdir()) == []


def test_what_is_not_in_our_folder_is_never_touched(cache):
    other = made(cache / "theirs", 3 * KEEP_S)
    claim_cache()
    sweep()
    assert other.exists()


def test_in_our_own_folder_uploads_go_as_well(cache):
    claim_cache()
    ours = cache / CACHE_FOLDER
    old, young = (made(ours / name, age) for name, age in (("old", KEEP_S + 5), ("young", 5)))
    sweep()
    assert (old.exists(), young.exists()) == (False, True)


def test_a_server_clears_nothing_away_that_another_may_still_need(cache, monkeypatch):
    claim_cache()
    upload, unfinished = made(cache / CACHE_FOLDER / "upload", 0), made(folder_of("at work"), 0)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(cache))
    claim_cache()
    sweep()
    assert upload.exists()
    assert unfinished.exists()


def test_where_nothing_can_be_written_the_server_says_so(cache, monkeypatch):
    (cache / "file").write_bytes(b"")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(cache / "file"))
    with pytest.raises(
        StyletxError, match="cannot be kept in .*: Not a directory. Set GRADIO_TEMP"
    ):
        claim_cache()


def test_a_clock_that_was_set_back_deletes_nothing_and_forward_what_is_old(monkeypatch):
    young, now = made(folder_of("young"), 0), time.time()
    monkeypatch.setattr(storage.time, "time", lambda: now - 10 * KEEP_S)
    sweep()
    assert young.exists()
    monkeypatch.setattr(storage.time, "time", lambda: now + 2 * KEEP_S)
    sweep()
    assert not young.exists()


def test_room_is_full_when_it_is_said_to_be_or_the_disk_is(cache, monkeypatch):
    (cache / "a" / "b").mkdir(parents=True)
    (cache / "a" / "b" / "much").write_bytes(bytes(2 * MEGA))
    assert DiskBudget(1).is_full()
    assert not DiskBudget(3).is_full()
    assert DiskBudget(1).used() == 2 * MEGA
    usage = type("Usage", (), {"free": 0})
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: usage)
    assert DiskBudget(3).is_full()


def test_a_folder_that_is_gone_has_room(cache):
    cache.rmdir()
    assert not DiskBudget(1).is_full()
    sweep()
