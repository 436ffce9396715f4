"""Memory that is kept from step to step, and given back at the end."""

import ctypes
import resource
import sys
from pathlib import Path

import pytest
import torch

from styletx.core.memory import keep_freed_memory

BYTES = 48 << 20  # more than glibc keeps by itself

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc"
)


def page_faults_of_a_step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(BYTES, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_what_steps_free_later_ones_have_without_asking_the_system():
    asked = page_faults_of_a_step()
    with keep_freed_memory():
        assert min(page_faults_of_a_step() for _ in range(20)) <= asked / 20


def test_at_the_end_it_is_given_back():
    asked = page_faults_of_a_step()
    with keep_freed_memory():
        page_faults_of_a_step()
        kept = resident()
    assert resident() < kept - BYTES / 2
    assert page_faults_of_a_step() > asked / 2


def test_other_systems_do_what_they_do(monkeypatch):
    asked = page_faults_of_a_step()
    monkeypatch.setattr(sys, "platform", "darwin")
    with keep_freed_memory():
        assert page_faults_of_a_step() > asked / 2
