"""Settings: possible, or refused in a sentence; presets, layers and limits."""

import math
import pickle
from dataclasses import fields, replace

import pytest

from styletx import FIELDS, PRESETS, Settings, StyletxError
from styletx.fields import NumberField
from styletx.settings import settings_from


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"size": 8}, "size is 8, but must lie between 64 and 4096."),
        ({"steps": 2001}, "steps is 2001, but must lie between 1 and 2000."),
        ({"style_weight": -1.0}, "style_weight is -1.0, but must lie between 0 and 10."),
        ({"detail": math.nan}, "detail is nan, but must lie between 0 and 10."),
        ({"size": 4096.01}, "size is 4096.01, but must lie between 64 and 4096."),
        ({"size": math.inf}, "size is inf, but must lie between 64 and 4096."),
        ({"steps": 1.5}, "steps is 1.5, but must be a whole number."),
        ({"seed": "seven"}, "seed is 'seven', but must be a whole number."),
        ({"learning_rate": None}, "learning_rate is None, but must be a number."),
        ({"smoothness": True}, "smoothness is True, but must be a number."),
        ({"init": "content"}, "init is 'content', but must be colors, photo or noise."),
        ({"init": None}, "init is None, but must be colors, photo or noise."),
    ],
)
def test_impossible_settings_are_refused_in_a_sentence(chosen, sentence):
    with pytest.raises(StyletxError) as refused:
        Settings(**chosen)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("conv4_2", "style_layers names 'conv4_2'; did you mean relu4_2?"),
        ("sky", "style_layers names 'sky'; there are relu1_1, relu1_2, pool1,"),
        ("relu6_1", "style_layers names 'relu6_1'; did you mean relu"),
        (
            "relu1_1=heavy",
            "style_layers gives relu1_1 the weight 'heavy', but it must be a number.",
        ),
        (
            "relu1_1=0",
            "style_layers gives relu1_1 the weight 0, but it must lie between 0.001 and 1000.",
        ),
        (
            "relu1_1=nan",
            "style_layers gives relu1_1 the weight nan, but it must lie between 0.001 and 1000.",
        ),
        ("pool5", "style_layers names 'pool5'; did you mean pool4?"),
        ("", "style_layers names no layer; write for example relu4_2."),
        (5, "style_layers is 5, but must name layers, as in relu4_2."),
    ],
)
def test_layers_that_are_none_are_answered_with_one_that_is(text, sentence):
    with pytest.raises(StyletxError) as refused:
        Settings(style_layers=text)
    assert str(refused.value).startswith(sentence)


def test_layers_come_in_the_networks_order_however_they_are_written():
    chosen = Settings(style_layers="relu3_1=2, relu1_1=1.0 pool2=0.5")
    assert chosen.style_layers == "relu1_1 pool2=0.5 relu3_1=2"


def test_a_preset_fills_in_what_is_not_chosen_whatever_its_spelling():
    assert settings_from("Fine detail", {"steps": 7}) == replace(PRESETS["Fine detail"], steps=7)
    assert settings_from("fine-detail", {}) == PRESETS["Fine detail"]
    assert settings_from("", {"size": 300}) == Settings(size=300)
    with pytest.raises(StyletxError, match="Unknown preset 'Water'. Available: Quick sketch"):
        settings_from("Water", {})


def test_presets_differ_from_each_other_and_from_the_default():
    assert len({Settings(), *PRESETS.values()}) == len(PRESETS) + 1


def test_a_huge_value_does_not_make_a_huge_sentence():
    with pytest.raises(StyletxError) as refused:
        Settings(size="9" * 10_000)
    assert len(str(refused.value)) < 200
    with pytest.raises(StyletxError, match="size is 9999"):
        Settings(size=int("9" * 4000))


@pytest.mark.parametrize("name", [n for n, a in FIELDS.items() if isinstance(a, NumberField)])
def test_both_limits_themselves_are_allowed(name):
    limits = FIELDS[name]
    for value in (limits.low, limits.high):
        assert getattr(Settings(**{name: value}), name) == value


def test_whole_numbers_from_sliders_and_json_become_integers():
    assert Settings(size=512.0, style_weight=2) == Settings(size=512, style_weight=2.0)
    assert isinstance(Settings(size=512.0).size, int)


def test_every_setting_says_what_it_does():
    assert set(FIELDS) == {field.name for field in fields(Settings)}
    assert all(allowed.label and allowed.help for allowed in FIELDS.values())


def test_settings_travel_and_vary():
    chosen = Settings(size=256, init="noise")
    assert pickle.loads(pickle.dumps(chosen)) == chosen
    with pytest.raises(StyletxError):
        replace(chosen, size=1)
