import math
import pickle
from dataclasses import fields, replace

import pytest

from styletx import ALLOWED, Settings, StyletxError
from styletx.settings import Limits


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"size": 8}, "size is 8, but must lie between 64 and 2048."),
        ({"steps": 2001}, "steps is 2001, but must lie between 1 and 2000."),
        ({"style_weight": -1.0}, "style_weight is -1.0, but must lie between 0 and 10."),
        ({"detail": math.nan}, "detail is nan, but must lie between 0 and 10."),
        ({"size": 2048.01}, "size is 2048.01, but must lie between 64 and 2048."),
        ({"size": math.inf}, "size is inf, but must lie between 64 and 2048."),
        ({"steps": 1.5}, "steps is 1.5, but must be a whole number."),
        ({"seed": "seven"}, "seed is 'seven', but must be a whole number."),
        ({"learning_rate": None}, "learning_rate is None, but must be a number."),
        ({"smoothness": True}, "smoothness is True, but must be a number."),
        ({"init": "photo"}, "init is 'photo', but must be content or noise."),
        ({"init": None}, "init is None, but must be content or noise."),
    ],
)
def test_impossible_settings_are_refused_in_a_sentence(chosen, sentence):
    with pytest.raises(StyletxError) as refused:
        Settings(**chosen)
    assert str(refused.value) == sentence


def test_a_huge_value_does_not_make_a_huge_sentence():
    with pytest.raises(StyletxError) as refused:
        Settings(size="9" * 10_000)
    assert len(str(refused.value)) < 200
    with pytest.raises(StyletxError, match="size is 9999"):
        Settings(size=int("9" * 4000))


@pytest.mark.parametrize("name", [n for n, a in ALLOWED.items() if isinstance(a, Limits)])
def test_both_limits_themselves_are_allowed(name):
    limits = ALLOWED[name]
    for value in (limits.low, limits.high):
        assert getattr(Settings(**{name: value}), name) == value


def test_whole_numbers_from_sliders_and_json_become_integers():
    assert Settings(size=512.0, style_weight=2) == Settings(size=512, style_weight=2.0)
    assert isinstance(Settings(size=512.0).size, int)


def test_every_setting_says_what_it_does():
    assert set(ALLOWED) == {field.name for field in fields(Settings)}
    assert all(allowed.label and allowed.help for allowed in ALLOWED.values())


def test_settings_travel_and_vary():
    chosen = Settings(size=256, init="noise")
    assert pickle.loads(pickle.dumps(chosen)) == chosen
    with pytest.raises(StyletxError):
        replace(chosen, size=1)
