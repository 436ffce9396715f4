"""Picture files as people bring them: cut off, huge, with odd numbers for their colours."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageStat, JpegImagePlugin, PngImagePlugin

import styletx.imaging.files as images
from styletx import Settings, Style, StyletxError
from styletx.core.inputs import prepare_inputs
from styletx.imaging import opening
from styletx.imaging.files import LEFT_OUT, read_image, save
from tests.helpers.hostile_files import chunk
from tests.helpers.pictures import close, colors, stored


def cut(path, kind, share, **options):
    """A file of noise that ends after a share of its bytes, or so many before its end."""
    levels = np.random.default_rng(0).normal(128, 60, (300, 400)).clip(0, 255)
    noise = Image.fromarray(levels.astype(np.uint8)).convert("RGB")
    stored(noise, path, format=kind, **options)
    content = path.read_bytes()
    path.write_bytes(content[: share if share < 0 else int(share * len(content))])
    return noise


@pytest.mark.parametrize("share", [-2, 0.995, 0.98, 0.95])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "progressive"])
def test_a_file_without_its_last_bytes_is_read_and_says_so(tmp_path, kind, share):
    path, options = tmp_path / "cut", {"progressive": True} if kind == "progressive" else {}
    noise = cut(path, "JPEG" if options else kind, share, **options)
    for longest in (None, 100):
        found = read_image(path, longest)
        upper = (0, 0, found.width, found.height * 9 // 10)
        wanted = noise.resize(found.size, Image.Resampling.LANCZOS).crop(upper)
        assert close(ImageStat.Stat(found.crop(upper)).mean, ImageStat.Stat(wanted).mean, by=3)
        said = found.info.get(LEFT_OUT, "")
        assert ("cut was cut off: " in said) == (share != -2)  # of which nothing is missing


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "progressive"])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_file_of_which_much_is_missing_is_damaged(tmp_path, kind, share):
    path, options = tmp_path / "cut", {"progressive": True} if kind == "progressive" else {}
    cut(path, "JPEG" if options else kind, share, **options)
    for longest in (None, 100):
        with pytest.raises(StyletxError, match="cut is damaged and cannot be read"):
            read_image(path, longest)


def test_texts_and_a_profile_of_any_length_do_not_matter(photo, tmp_path):
    texts = PngImagePlugin.PngInfo()
    for add in (texts.add_text, texts.add_itxt):
        for packed in (True, False):
            add("workflow", "x" * 1_200_000, zip=packed)
    path = stored(photo, tmp_path / "long.png", pnginfo=texts, icc_profile=bytes(2_000_000))
    assert colors(read_image(path)) == colors(photo)


def tiff(channels, bits, kind, samples):
    """An uncompressed TIFF of 64x32 pixels, such as Pillow does not write."""
    size = struct.pack(f"<{channels}H", *[bits] * channels)
    more = size + struct.pack(f"<{channels}H", *[kind] * channels)
    start = 8 + 2 + 12 * 11 + 4
    tags = [(256, 4, 1, 64), (257, 4, 1, 32), (258, 3, channels, start), (259, 3, 1, 1)]
    tags += [(262, 3, 1, 2 if channels > 2 else 1), (273, 4, 1, start + len(more))]
    tags += [(277, 3, 1, channels), (278, 4, 1, 32), (279, 4, 1, len(samples))]
    tags += [(338, 3, 1, 2), (339, 3, channels, start + len(size))]
    if channels == 2:  # which fit into their entries
        tags[2], tags[10] = (258, 3, 2, bits << 16 | bits), (339, 3, 2, kind << 16 | kind)
    table = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, 11) + table + bytes(4) + more + samples


@pytest.mark.parametrize(
    ("channels", "bits", "kind", "words"),
    [
        (3, 32, 3, "3 channels with 32 bits, floating point"),
        (2, 16, 1, "2 channels with 16 bits"),
    ],
)
def test_an_unusual_tiff_is_named(tmp_path, channels, bits, kind, words):
    content = tiff(channels, bits, kind, bytes(64 * 32 * channels * bits // 8))
    (tmp_path / "odd.tif").write_bytes(content)
    with pytest.raises(StyletxError, match=rf"odd.tif is a TIFF of {words}, which cannot be read"):
        read_image(tmp_path / "odd.tif")


@pytest.mark.parametrize("longest", [None, 40])
def test_a_transparent_level_of_sixteen_bits_is_transparent(tmp_path, monkeypatch, longest):
    levels = np.full((64, 64), 40_000, np.uint16)
    levels[:, :32] = 1000
    path = stored(Image.fromarray(levels), tmp_path / "grey.png")
    content = path.read_bytes()
    path.write_bytes(content[:33] + chunk(b"tRNS", struct.pack(">H", 1000)) + content[33:])
    monkeypatch.setattr(images, "LARGE_PIXELS", 0)
    found = read_image(path, longest)
    right = found.width - 5
    assert (found.getpixel((5, 5))[3], found.getpixel((right, 5))[3]) == (0, 255)
    assert close(found.getpixel((right, 5))[:3], (156, 156, 156), by=2)


P3 = (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


def gama(gamma):
    return chunk(b"gAMA", struct.pack(">I", gamma))


@pytest.mark.parametrize(
    ("chunks", "wanted"),  # as Chromium 156 shows it
    [
        (gama(100_000), (229, 168, 122)),
        (gama(30_000), (178, 59, 14)),
        (gama(0), (200, 100, 50)),
        (gama(45_455), (200, 100, 50)),
        (
            gama(45_455) + chunk(b"cHRM", struct.pack(">8I", *[round(p * 1e5) for p in P3])),
            (216, 93, 24),
        ),
        (chunk(b"sRGB", b"\0") + gama(100_000), (200, 100, 50)),
        (chunk(b"cICP", b"\x0c\x0d\0\1"), (215, 93, 31)),
        (chunk(b"cICP", b"\1\1\0\1"), (197, 91, 39)),
        (chunk(b"cICP", b"\1\x0d\0\1") + gama(100_000), (200, 100, 50)),
        (chunk(b"cICP", b"\2\2\0\1"), (200, 100, 50)),
    ],
)
def test_colours_named_by_numbers_in_a_png_are_as_browsers_show_them(tmp_path, chunks, wanted):
    path = stored(Image.new("RGB", (40, 40), (200, 100, 50)), tmp_path / "named.png")
    content = path.read_bytes()
    path.write_bytes(content[:33] + chunks + content[33:])
    assert close(read_image(path).getpixel((5, 5)), wanted, by=3)


def test_a_grey_picture_has_its_gamma_as_well(tmp_path):
    path = stored(Image.new("L", (40, 40), 100), tmp_path / "grey.png")
    content = path.read_bytes()
    path.write_bytes(content[:33] + gama(100_000) + content[33:])
    assert close(read_image(path).getpixel((5, 5)), (168, 168, 168), by=2)


def nclx(path, primaries, transfer):
    pixels = Image.new("RGB", (40, 40), (200, 100, 50))
    content = stored(pixels, path, quality=100, subsampling="4:4:4").read_bytes()
    at = content.index(b"nclx") + 4
    path.write_bytes(content[:at] + struct.pack(">HH", primaries, transfer) + content[at + 4 :])
    return path


@pytest.mark.parametrize(
    ("primaries", "transfer", "wanted"),  # as Chromium 156 shows it
    [
        (1, 13, (200, 100, 50)),
        (1, 8, (229, 168, 122)),
        (9, 1, (241, 76, 29)),
        (2, 2, (200, 100, 50)),
    ],
)
def test_colours_named_by_numbers_in_an_avif_are_as_browsers_show_them(
    tmp_path, primaries, transfer, wanted
):
    found = read_image(nclx(tmp_path / "named.avif", primaries, transfer))
    assert close(found.getpixel((5, 5)), wanted, by=3)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_called_so(tmp_path, transfer, name):
    with pytest.raises(StyletxError, match=rf"bright.avif is an HDR picture \({name}\)"):
        read_image(nclx(tmp_path / "bright.avif", 9, transfer))


def test_a_large_jpeg_is_decoded_reduced(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "MAX_PIXELS", 12_000)
    monkeypatch.setattr(images, "MAX_PIXELS", 12_000)
    path = stored(photo.resize((300, 150)), tmp_path / "large.jpg")
    assert [read_image(path, most).size for most in (None, 200, 100)] == [
        (150, 75),
        (150, 75),
        (100, 50),
    ]
    sentence = "large.jpg has 400x200 pixels, .* at most 0.072 million can be used"
    with pytest.raises(StyletxError, match=sentence):
        read_image(stored(photo.resize((400, 200)), path), 100)
    for progressive in (True, False):
        fine = stored(photo.resize((300, 150)), path, subsampling=0, progressive=progressive)
        if not progressive:  # but with a scan for each channel, the first for the first
            content, own = fine.read_bytes(), bytes.fromhex("ffda 0008 01 0100 003f00")
            begin = content.index(b"\xff\xda")
            fine.write_bytes(content[:begin] + own + content[begin + 14 :])
        with pytest.raises(StyletxError, match="at most 0.02 million can be used"):
            read_image(fine, 100)
    with pytest.raises(StyletxError, match="at most 0.012 million can be used"):
        read_image(stored(photo.resize((300, 150)), tmp_path / "large.png"), 100)


def test_a_jpeg_to_keep_has_colours_as_fine_as_its_brightness(photo, tmp_path):
    save(photo, tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as found:
        assert JpegImagePlugin.get_sampling(found) == 0  # 4:4:4


def test_a_picture_that_nobody_could_see_is_refused(photo, tmp_path):
    with pytest.raises(StyletxError, match="The photo is fully transparent"):
        prepare_inputs(Image.new("RGBA", (40, 40)), [Style(photo)], Settings(), None, None)
