"""What the page's own script and pictures are made of."""

import io
import json
import re

import pillow_heif
import pytest
from PIL import Image, ImageChops, ImageStat

from styletx.imaging.opening import FORMATS, open_checked
from styletx.limits import ServerLimits
from styletx.settings import FIELDS, PRESETS
from styletx.ui.examples import ASSETS, EXAMPLES, painted_of, small_of
from styletx.ui.inputs import MADE_BY
from styletx.ui.script import page_script
from styletx.ui.strings import STANDARD
from styletx.ui.theme import file_name, page_css

OURS = 200_000  # bytes at most of a first visit


@pytest.fixture
def facts():
    (given,) = re.findall(r"\)\((\{.*\})\)$", page_script(ServerLimits(max_upload=7)))
    return json.loads(given)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_that_the_server_reads_the_page_lets_through(facts, sunset, kind):
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    sunset.save(file, "HEIF" if kind == "HEIC" else kind)
    head = file.getvalue()[:12].decode("latin-1")
    assert head.startswith(tuple(facts["starts"])) or head[4:8] == "ftyp"


def test_the_page_refuses_in_the_words_and_within_the_limits_of_the_server(facts, tmp_path):
    assert facts["most"] == 7_000_000
    assert "at most 7 MB can be sent" in facts["large"]
    for name, content, sentence in (("a.png", b"", "empty"), ("b.pdf", b"%PDF-1.4", "unknown")):
        (tmp_path / name).write_bytes(content)
        with (
            pytest.raises(Exception, match=re.escape(name)) as refused,
            open_checked(tmp_path / name),
        ):
            pass
        assert str(refused.value) == facts[sentence].replace("{name}", name)


def test_what_is_ours_of_a_first_visit_is_light():
    shown = [small_of(painted_of(pair)) for pair in EXAMPLES.values()]
    shown += [small_of(ASSETS / "presets" / f"{file_name(n)}.jpg") for n in (STANDARD, *PRESETS)]
    written = [ASSETS / name for name in ("page.js", "page.css", "icon.svg", "icon.png")]
    assert sum(file.stat().st_size for file in [*shown, *written]) < OURS


def test_small_pictures_show_what_the_large_ones_do():
    for pair in EXAMPLES.values():
        large, small = Image.open(painted_of(pair)), Image.open(small_of(painted_of(pair)))
        one, other = (picture.convert("RGB").resize((3, 3)) for picture in (large, small))
        if abs(large.width / large.height - small.width / small.height) < 0.1:
            assert max(ImageStat.Stat(ImageChops.difference(one, other)).mean) < 10, pair


def test_every_setting_has_a_mark_and_a_group():
    css = page_css(ASSETS / "small")
    for name in FIELDS:
        assert f"body[data-changed~='{name}'] #set-{name} " in css
    assert set(MADE_BY) <= set(FIELDS)
