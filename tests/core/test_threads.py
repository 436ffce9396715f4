"""How many threads paint: as many as there are processors to use, and no more."""

import math

import pytest
import torch

from styletx.core import threads
from styletx.core.threads import available_cpus, limit_threads


@pytest.fixture
def group(tmp_path, monkeypatch):
    """A control group without a limit, on a machine of eight processors."""
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_without_a_quota_all_processors_of_the_affinity_count(group):
    assert available_cpus(group) == 8
    write(group / "cpu.max", "max 100000\n")
    assert available_cpus(group) == 8


@pytest.mark.parametrize(("allowed", "cpus"), [(200000, 2), (150000, 2), (50000, 1), (10**7, 8)])
def test_a_quota_of_either_version_counts_rounded_up(group, allowed, cpus):
    write(group / "cpu" / "cpu.cfs_quota_us", f"{allowed}\n")
    write(group / "cpu" / "cpu.cfs_period_us", "100000\n")
    assert available_cpus(group) == cpus
    write(group / "cpu.max", f"{allowed} 100000\n")
    assert available_cpus(group) == cpus


def test_version_1_says_minus_one_where_there_is_no_limit(group):
    write(group / "cpu" / "cpu.cfs_quota_us", "-1\n")
    write(group / "cpu" / "cpu.cfs_period_us", "100000\n")
    assert threads.quota(group) == math.inf


def test_threads_are_limited_once_and_that_is_logged_unless_the_environment_says_how_many(
    monkeypatch, caplog
):
    set_to, number = [], torch.get_num_threads()
    monkeypatch.setattr(threads, "available_cpus", lambda: number - 1)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    caplog.set_level("INFO", "styletx.core.threads")
    limit_threads()
    assert set_to == [number - 1]
    assert f"painting with {number - 1} threads, not {number}" in caplog.text
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    limit_threads()
    assert set_to == [number - 1]
