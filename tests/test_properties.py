"""Promises that hold for whatever comes in, tried on many inputs that nobody thought of."""

import json
import math
import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as some
from PIL import Image

from styletx import FIELDS, PRESETS, Settings, StyletxError
from styletx.core.pyramid import plan, style_image_size
from styletx.core.tensors import to_picture, to_tensor
from styletx.core.timing import StepTimer
from styletx.errors import SettingsError
from styletx.fields import ChoiceField, LayersField, NumberField
from styletx.imaging.files import drop_alpha, normalize, read_image, save
from styletx.imaging.opening import MIN_SIDE_PX
from styletx.layers import CHOICES, LAYERS, parse_layers
from styletx.layers import format_layers as layers_written
from styletx.recipe import is_input, read_recipe, to_json
from styletx.settings import settings_from
from tests.helpers.sample_size import sample_or_all
from tests.helpers.scripted import PICTURE, result

CPU = torch.device("cpu")
LENGTH = 300  # letters of a sentence that can still be read


def often(times):
    """So many inputs before a release, a tenth otherwise. Always the same, so that a test that
    passes here passes everywhere."""
    times = sample_or_all(times // 10, times)
    return settings(max_examples=times, deadline=None, derandomize=True, database=None)


def is_sentence(error):
    """On one line, with an end, and no longer than can be read."""
    told = str(error)
    assert re.fullmatch(r"[^\n\r]+[.?]", told), told[-100:]
    assert len(told) < LENGTH


def or_a_sentence(work, *given, **named):
    """Return the result; None where it is refused in a sentence."""
    try:
        return work(*given, **named)
    except StyletxError as error:
        is_sentence(error)
        return None


HUGE = some.sampled_from(
    [
        10**5000, -(10**400), "9" * 10**6, "relu1_1 " * 10**5, b"0" * 10**6, [1] * 10**5,
        Fraction(10**5000, 3), Fraction(2**31) - Fraction(1, 10**30), Decimal("1e999999"),
        np.float16(1.5), np.float32(2**31), np.longdouble("1e4000"), np.str_("photo"),
        np.zeros((9, 9)), np.bool_(True), json.loads("[" * 500 + "]" * 500), torch.zeros(9, 9),
    ]
)  # fmt: skip
PLAIN = (
    some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.binary()
)
NUMBERS = (
    some.fractions()
    | some.decimals()
    | some.complex_numbers()
    | some.integers().map(str)
    | some.integers(0, 255).map(np.uint8)
    | some.floats(width=32).map(np.float32)
)
ANYTHING = (
    HUGE
    | PLAIN
    | NUMBERS
    | some.lists(PLAIN, max_size=3)
    | some.dictionaries(some.text(), PLAIN, max_size=3)
)
WEIGHTS = some.floats(0.001, 1000).map(lambda weight: f"={weight:g}") | some.sampled_from(
    ["", "=1", "=1.0000001"]
)
LAYER_LISTS = some.lists(
    some.tuples(some.sampled_from(CHOICES), WEIGHTS).map("".join), min_size=1, max_size=4
).map(" ".join)


def possible(name):
    """The values that a setting may have."""
    allowed, default = FIELDS[name], getattr(Settings(), name)
    if isinstance(allowed, ChoiceField):
        return some.sampled_from(list(allowed.choices))
    if isinstance(allowed, LayersField):
        return LAYER_LISTS
    numbers = some.integers if isinstance(default, int) else some.floats
    return numbers(allowed.low, allowed.high)


SETTINGS = some.fixed_dictionaries({}, optional={name: possible(name) for name in FIELDS}).map(
    lambda chosen: Settings(**chosen)
)
SHAPES = some.tuples(some.integers(1, 20_000), some.integers(1, 20_000))


def check_settings(found):
    """Each field has its own type, and is within its limits."""
    for name, allowed in FIELDS.items():
        value = getattr(found, name)
        assert type(value) is type(getattr(Settings(), name))
        if isinstance(allowed, NumberField):
            assert allowed.low <= value <= allowed.high
        elif isinstance(allowed, ChoiceField):
            assert value in allowed.choices
        else:
            assert layers_written(parse_layers(name, value)) == value


@pytest.mark.parametrize("name", FIELDS)
def test_whatever_a_setting_is_given_it_is_possible_or_refused_in_a_sentence(name):
    @often(50)
    @given(ANYTHING | possible(name))
    def whatever(value):
        found = or_a_sentence(Settings, **{name: value})
        if found:
            check_settings(found)

    whatever()


@often(200)
@given(
    some.sampled_from([*PRESETS, None, ""]) | ANYTHING,
    some.dictionaries(some.sampled_from([*FIELDS]) | some.text(), ANYTHING, max_size=3),
)
@example("Oil", {"glaze": 2})
@example("Oil", {1: 2})
def test_whatever_is_chosen_besides_a_preset_it_is_possible_or_refused_in_a_sentence(name, chosen):
    found = or_a_sentence(settings_from, name, chosen)
    if found:
        check_settings(found)
        assert set(chosen) <= set(FIELDS)


LETTERS = some.text() | some.text(alphabet="relupoconv_=,.0123456789 -einaf", max_size=40)


@often(400)
@given(LETTERS | LAYER_LISTS | some.sampled_from(["\U000e0001" * 99, "relu1_1=" + "9" * 10**6]))
def test_any_text_names_layers_or_is_answered_with_a_sentence(text):
    layers = or_a_sentence(parse_layers, "style_layers", text)
    if layers:
        places = [LAYERS.index(name) for name, _ in layers]
        assert places == sorted(set(places))
        assert all(0.001 <= weight <= 1000 for _, weight in layers)
        assert parse_layers("style_layers", layers_written(layers)) == tuple(
            (name, float(f"{weight:g}")) for name, weight in layers
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures")


def noted(folder, note):
    path = folder / "painted.png"
    PICTURE.save(path)
    save(PICTURE, path, note=note)
    return path


INPUTS = some.dictionaries(
    some.sampled_from(["content", "style", "style_4", "mask_2", "keep_mask", "init_image"]),
    some.binary(min_size=32, max_size=32).map(bytes.hex),
) | some.dictionaries(some.sampled_from(["share", "share_3"]), some.floats(0, 1000))


def test_whatever_the_settings_a_picture_tells_them(folder):
    @often(60)
    @given(SETTINGS, INPUTS)
    def whatever(chosen, inputs):
        note = to_json(replace(result(), settings=chosen), inputs)
        found = read_recipe(noted(folder, note))
        assert (found.settings, found.inputs) == (chosen, inputs)

    whatever()


RECIPE = to_json(result(), {"content": "ab" * 32, "share_2": 0.5})
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=9),
    lambda deeper: some.lists(deeper, max_size=3) | some.dictionaries(some.text(), deeper),
    max_leaves=5,
)
DEEP = "[" * 900 + "]" * 900
DAMAGE = ["NaN", "-Infinity", "1e999", "9" * 5000, "null", "true", '"', "}", "{", "[", "\\ud800"]


@some.composite
def damaged(draw):
    """A recipe of which some letters are others."""
    text = RECIPE
    for _ in range(draw(some.integers(1, 3))):
        place = draw(some.integers(0, len(text)))
        removed = draw(some.integers(0, 20))
        added = draw(some.sampled_from([*DAMAGE, DEEP]) | some.text(max_size=3))
        text = text[:place] + added + text[place + removed :]
    return text


@some.composite
def rewritten(draw):
    """A recipe of which some parts are others."""
    told = json.loads(RECIPE)
    for part in (told, told["settings"], told["inputs"]):
        for name in draw(some.lists(some.sampled_from(sorted(part)), max_size=2)):
            part[name] = draw(JSON)
    return json.dumps(told)


def test_a_recipe_that_is_damaged_is_read_or_refused_in_a_sentence(folder):
    @often(150)
    @given(damaged() | rewritten() | JSON.map(json.dumps))
    @example(RECIPE.replace('"' + "ab" * 32 + '"', DEEP))
    @example(RECIPE.replace("0.5", "true"))
    @example(RECIPE.replace('"' + "ab" * 32 + '"', "1" * 64))
    def whatever(note):
        note = note.encode("utf-8", "replace").decode().strip("\0")
        assume(note)
        found = or_a_sentence(read_recipe, noted(folder, note))
        if found:
            check_settings(found.settings)
            assert all(is_input(name, value) for name, value in found.inputs.items())
            assert all(type(value) in (str, int, float) for value in found.inputs.values())

    whatever()


@often(300)
@given(SHAPES, SETTINGS, some.integers(0, 5000))
@example((20_000, 1), Settings(size=4096), 0)
@example((1, 1), Settings(size=4096, steps=1), 0)
def test_any_plan_goes_from_coarse_to_fine_in_the_steps_asked_for(shape, chosen, begun):
    levels = or_a_sentence(plan, shape, chosen, begun)
    if levels is None:
        assert min(shape) * chosen.size / max(shape) < MIN_SIDE_PX
        return
    longest = [max(level.size) for level in levels]
    assert longest == sorted(set(longest))
    assert longest[-1] == chosen.size
    for level in levels:
        assert min(level.size) >= MIN_SIDE_PX
        for side, whole in zip(level.size, shape, strict=True):
            assert abs(side - whole * max(level.size) / max(shape)) <= 0.5
    check_steps([level.steps for level in levels], chosen)


def check_steps(steps, chosen):
    """They add up to what was asked for, evenly; where time decides, each level has some."""
    if not chosen.paints:
        assert steps == [0]
        return
    assert sum(steps) == (max(chosen.steps, len(steps)) if chosen.seconds else chosen.steps)
    assert 1 <= min(steps) <= max(steps) <= min(steps) + 1


@often(200)
@given(some.tuples(some.integers(32, 20_000), some.integers(32, 20_000)), SETTINGS)
def test_any_painting_is_looked_at_as_large_as_the_network_needs(shape, chosen):
    for level in plan((300, 200), chosen):
        size = style_image_size(shape, level, chosen.style_scale)
        assert min(size) >= MIN_SIDE_PX
        assert max(size) <= max(4096, *shape)


CLOCKS = some.lists(
    some.tuples(
        some.integers(0, 3), some.floats(-1e9, 1e9) | some.sampled_from([0.0, 0.0, 1e-9, 600.0])
    ),
    max_size=20,
)


@often(100)
@given(SHAPES, SETTINGS, some.lists(CLOCKS, min_size=1, max_size=6), some.floats(0, 1e6))
def test_whatever_the_clock_says_the_time_left_is_one(shape, chosen, clocks, one_step):
    chosen = replace(chosen, style_weight=1.0, colors="painting")
    levels = or_a_sentence(plan, shape, chosen)
    assume(levels)
    pace = StepTimer(levels, chosen.seconds)
    if chosen.seconds:
        or_a_sentence(pace.check_budget, one_step, 0.0, shape, chosen)
    for level, clock in zip(levels, clocks, strict=False):
        pace.start_level(level, clock[0][1] if clock else 0.0)
        step = 0
        for more, now in clock:
            step = min(step + more, pace.steps[pace.level_index])
            before = pace.steps[: pace.level_index]
            pace.observe(step, now)
            assert pace.steps[pace.level_index] >= step
            assert pace.steps[: pace.level_index] == before
            left = pace.seconds_left(step)
            assert left is None or (math.isfinite(left) and left >= 0)


# Each mode that Pillow knows, and how many bytes a pixel has
MODES = {
    "1": 0, "L": 1, "P": 1, "LA": 2, "La": 2, "PA": 2, "RGB": 3, "YCbCr": 3, "HSV": 3, "LAB": 3,
    "RGBA": 4, "RGBa": 4, "RGBX": 4, "CMYK": 4, "I": 4, "F": 4, "I;16": 2, "I;16B": 2, "I;16L": 2,
}  # fmt: skip


@some.composite
def pictures(draw):
    """Small, of any mode, of noise and of a few colours."""
    mode, size = draw(some.sampled_from([*MODES])), tuple(draw(some.integers(32, 96)) for _ in "wh")
    values = np.random.default_rng(draw(some.integers(0, 99)))
    count = size[1] * ((size[0] + 7) // 8 if mode == "1" else size[0] * MODES[mode])
    few = np.frombuffer(draw(some.binary(min_size=1, max_size=8)) + b"\0\xff", dtype=np.uint8)
    content = values.choice(few, count) if draw(some.booleans()) else values.bytes(count)
    if mode == "F":  # of which numpy complains about some kinds of NaN
        numbers = np.frombuffer(bytes(content), dtype=np.float32)
        content = np.where(np.isnan(numbers), np.float32(np.nan), numbers).tobytes()
    picture = Image.frombytes(mode, size, bytes(content))
    if mode in ("P", "PA"):
        picture.putpalette(values.bytes(768))
    if mode in ("P", "L", "RGB") and draw(some.booleans()):
        picture.info["transparency"] = (1, 2, 3) if mode == "RGB" else 7
    return picture


@often(150)
@given(pictures())
def test_any_picture_becomes_one_that_every_later_step_can_rely_on(picture):
    tidied = normalize(picture)
    assert tidied.mode in ("RGB", "RGBA")
    assert tidied.size == picture.size
    assert normalize(tidied).tobytes() == tidied.tobytes()
    tensor = to_tensor(tidied, tidied.size, CPU)
    assert 0 <= tensor.min() <= tensor.max() <= 1
    assert to_picture(tensor).tobytes() == drop_alpha(tidied).tobytes()


def test_any_picture_that_is_kept_as_png_is_the_same_when_it_is_read(folder):
    @often(60)
    @given(pictures())
    def whatever(picture):
        tidied = normalize(picture)
        save(tidied, folder / "kept.png")
        again = read_image(folder / "kept.png")
        assert (again.mode, again.tobytes()) == (tidied.mode, tidied.tobytes())

    whatever()


def test_a_refusal_is_an_error_of_the_settings():
    with pytest.raises(SettingsError):
        settings_from("Oil", {"glaze": 2})
