"""Every limit of a server is named, has a default, and can be set from outside."""

from dataclasses import fields
from itertools import product

import pytest

from styletx import Settings, StyletxError
from styletx.limits import PREFIX, ServerLimits

LIMITS = [limit.name for limit in fields(ServerLimits)]


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_set_by_a_variable_of_its_name(name):
    assert getattr(ServerLimits.of({PREFIX + name.upper(): "17"}), name) == 17
    assert ServerLimits.of({PREFIX + name.upper(): ""}) == ServerLimits.of({}) == ServerLimits()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, "many") for name in LIMITS),
        *product(["queue", "max_body"], ["nan", "inf", "-1", "1e999", "0x10", "1 2"]),
    ],
)
def test_a_variable_that_is_no_such_number_is_a_sentence(name, text):
    with pytest.raises(StyletxError, match=f"^{PREFIX}{name.upper()} is .* must be .* at least "):
        ServerLimits.of({PREFIX + name.upper(): text})


def test_half_a_run_is_refused_and_half_a_megabyte_is_not():
    with pytest.raises(StyletxError, match="must be a whole number of at least 1"):
        ServerLimits.of({"STYLETX_QUEUE": "2.5"})
    assert ServerLimits.of({"STYLETX_MAX_BODY": "2.5"}).max_body == 2.5


def test_on_a_space_there_is_a_proxy_unless_something_else_is_said():
    assert repr(ServerLimits.of({"SYSTEM": "spaces"}).proxies) == "1"  # a place in a list, no 1.0
    assert ServerLimits.of({"SYSTEM": "spaces", "STYLETX_PROXIES": "2"}).proxies == 2


def test_the_largest_size_is_that_of_the_device_unless_something_else_is_said():
    assert ServerLimits().largest("cpu") < ServerLimits().largest("cuda") == 4096
    assert ServerLimits(max_size=300).largest("cuda") == 300
    with pytest.raises(StyletxError, match="size is 512, but here at most 300 pixels are painted"):
        ServerLimits(max_size=300).check(Settings(), "cuda")


def test_the_defaults_allow_every_preset_size_and_the_classic_method_its_steps():
    for settings in (Settings(), Settings(size=2048), Settings(method="gatys", steps=2000)):
        ServerLimits().check(settings, "cpu")


def test_steps_and_pixels_together_are_bounded_and_the_sentence_says_what_is_possible():
    limits = ServerLimits(max_work=10)
    with pytest.raises(StyletxError, match="100 steps at 1000 pixels .* at most 10 steps"):
        limits.check(Settings(size=1000, steps=100), "cpu")
    limits.check(Settings(size=1000, steps=10), "cpu")
    limits.check(Settings(size=1000, steps=100, seconds=5), "cpu")  # time bounds it already
