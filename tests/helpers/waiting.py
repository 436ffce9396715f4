"""Waiting for what is to happen, however long a busy machine takes for it."""

import time


def until(condition, seconds=60):
    """Wait until a condition holds, and return what it returned; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < deadline, f"what was waited for did not come in {seconds} s"
        time.sleep(0.005)
    return met
