"""Picture files that are broken, odd or meant to harm: each a picture or a sentence."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletx.errors import ImageError
from styletx.imaging import guards
from styletx.imaging.convert import EIGHT_OF_SIXTEEN
from styletx.imaging.files import read_image
from tests.helpers.paths import ROOT
from tests.helpers.sample_size import sample_or_all

HOSTILE = ROOT / "tests" / "helpers" / "hostile_files.py"
FILES, WITH_WARNINGS = sample_or_all((300, 250), (1000, 500))  # of which some 200 are special
LARGE = sample_or_all(["palette.png", "wide.jpg", "fits.webp", "strips.tiff"], [])
WORK, WORK_OF_LARGE, MEMORY = 2, 30, 500  # seconds of a processor, ten times the usual; MiB
HARMLESS = re.compile(r"[^\x00-\x1f\x7f-\x9f\u202a-\u202e<>]{10,300}\.")
FROM_A_PROGRAM = re.compile(
    r"\bError\b|Exception|line \d|\b0x[0-9a-f]{6}|File \"|PIL|errno|object at", re.I
)
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells a process its peak"
)


def outcomes(folder, *options, seed=1, number=FILES, chosen=()):
    """Return the outcome of each file, in a process of its own; how that ended is the first
    promise."""
    words = [str(HOSTILE), str(folder), str(seed), str(number), *chosen]
    done = subprocess.run([sys.executable, *options, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return outcomes(tmp_path_factory.mktemp("hostile"))


def names(found):
    return [one["name"] for one in found]


def check_promises(found, most_work=WORK):
    """Those that hold for whatever file there is."""
    assert not [one for one in found if "crash" in one]
    for one in found:
        for sentence in one.get("sentences", []):
            assert HARMLESS.fullmatch(sentence), sentence
            assert not FROM_A_PROGRAM.search(sentence.removeprefix(one["name"])), sentence
    assert not [(one["name"], one["work"]) for one in found if one["work"] > most_work]
    assert not [(one["name"], one["memory"]) for one in found if one["memory"] > MEMORY]
    for one in found:
        if "size" in one:
            short, long = sorted(one["size"])
            assert one["mode"] in ("RGB", "RGBA")
            assert short >= 16 and (long <= 4096 or short == 16)
        else:
            assert one["sentences"]


def check_expected(found):
    refused = [one for one in found if one["expected"] == "refused"]
    pictures = [one for one in found if one["expected"] == "picture"]
    assert refused and not names(one for one in refused if "size" in one)
    assert pictures and not [one for one in pictures if one.get("difference", 99) > 4]


@pytest.mark.slow
def test_bad_files_are_pictures_or_sentences_and_cost_little(small):
    assert len(small) == FILES
    check_promises(small)


@pytest.mark.slow
def test_what_must_be_refused_is_and_what_is_only_odd_is_read(small):
    check_expected(small)


@pytest.mark.slow
def test_some_of_the_spoilt_files_are_read_and_most_are_not(small):
    spoilt = [one for one in small if not one["expected"]]
    read = sum("size" in one for one in spoilt)
    assert 0 < read < len(spoilt) / 2


@pytest.mark.slow
def test_what_is_refused_at_the_first_look_is_refused_with_the_same_words_when_it_is_read(small):
    refused = [one["sentences"] for one in small if "sentences" in one]
    assert len(refused) > 100
    assert not [said for said in refused if len(said) != 2 or said[0] != said[1]]


@pytest.mark.slow
def test_where_warnings_are_errors_they_are_sentences_as_well(tmp_path):
    check_promises(outcomes(tmp_path, "-W", "error", seed=2, number=WITH_WARNINGS))


@pytest.mark.slow
def test_pictures_as_large_as_allowed_are_read_in_little_memory(tmp_path):
    found = outcomes(tmp_path, number=0, chosen=LARGE)
    check_promises(found, WORK_OF_LARGE)
    check_expected(found)
    assert not names(one for one in found if one["expected"] != "refused" and "size" not in one)


@pytest.mark.parametrize("name", ["x" * 4000 + ".png", "a\0b.png", "gone\n\x1b[31m<b>.png"])
def test_a_name_that_no_file_can_have_is_shown_short_and_harmless(tmp_path, name):
    with pytest.raises(ImageError, match="There is no file") as refused:
        read_image(tmp_path / name)
    assert HARMLESS.fullmatch(str(refused.value))


def test_sixteen_bits_are_rounded_as_numbers_are():
    levels = np.arange(65536, dtype=np.float32)
    wanted = (levels / 65535 * 255).round().astype(int).tolist()
    assert wanted == EIGHT_OF_SIXTEEN


def test_a_jpeg_has_as_many_scans_as_programs_write(tmp_path, monkeypatch):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (64, 64), "teal").save(path, progressive=True)  # ten scans
    monkeypatch.setattr(guards, "MAX_SCANS", 10)
    read_image(path)
    film = path.read_bytes() + b"\xff\xda\0\x02" * 99  # what follows the picture is none of it
    path.write_bytes(film)
    read_image(path)
    monkeypatch.setattr(guards, "MAX_SCANS", 9)
    with pytest.raises(ImageError, match="JPEG in more than 9 scans"):
        read_image(path)


def test_a_large_picture_reduced_before_its_colours_looks_as_if_it_had_been_afterwards(
    tmp_path, monkeypatch, sunset
):
    half = sunset.resize((300, 200))
    half.putalpha(Image.linear_gradient("L").resize((300, 200)))
    pictures = [half, half.convert("RGB"), half.convert("L"), half.convert("LA")]
    pictures += [half.convert("CMYK"), half.quantize(200), half.convert("L").convert("I;16")]
    pictures += [half.convert("RGB").quantize(200), half.convert("L").convert("F")]
    for index, picture in enumerate(pictures):
        path = tmp_path / f"{index}.tiff"
        if picture.mode == "P":
            path = path.with_suffix(".png")
        picture.save(path)
        wanted = read_image(path, 150)
        with monkeypatch.context() as patch:
            patch.setattr("styletx.imaging.files.LARGE_PIXELS", 0)
            found = read_image(path, 150)
        assert (found.mode, found.size) == (wanted.mode, wanted.size)
        levels = [np.asarray(each, np.int16) for each in (found, wanted)]
        assert np.abs(levels[0] - levels[1]).mean() < 1.5, picture.mode
