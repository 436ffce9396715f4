"""Programs that a test needs besides Python."""

import shutil

import pytest


def needs(*programs: str) -> None:
    """Skip the test where a program is not installed, and say which."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed on this machine")
