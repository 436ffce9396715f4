"""The depth of a test that tries many inputs: a sample of them each time, all before a release."""

import os

DEEP = os.environ.get("STYLETX_TESTS") == "deep"  # as tests/release/test_many_inputs.py sets it


def sample_or_all(few, many):
    """Return `few` where the tests are to be quick, `many` before a release."""
    return many if DEEP else few
