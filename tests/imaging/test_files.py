"""Picture files of every kind: read as upright sRGB pictures, and written with what they tell."""

import io
import struct

import numpy as np
import pillow_heif
import pytest
import torch
from PIL import Image, ImageCms

import styletx.imaging.files as images
from styletx import StyletxError
from styletx.core.tensors import resize_tensor, to_picture, to_tensor
from styletx.imaging.convert import SRGB
from styletx.imaging.files import (
    check_can_save,
    flatten_alpha,
    normalize,
    read_image,
    save,
)
from tests.helpers.hostile_files import chunk
from tests.helpers.pictures import close, colors, stored

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_every_accepted_format_is_read_whatever_it_is_called(photo, tmp_path, kind):
    pillow_heif.register_heif_opener()
    found = read_image(stored(photo, tmp_path / "photo.jpg", format=kind))
    assert (found.mode, found.size) == ("RGB", (64, 32))
    assert close(colors(found), colors(photo))


@pytest.mark.parametrize("brand", ["heic", "heix", "heim", "hevc", "mif1", "msf1"])
def test_heic_that_cannot_be_read_is_called_so(tmp_path, brand):
    box = struct.pack(">I", 24) + b"ftyp" + brand.encode() + bytes(4) + b"mif1heic"
    (tmp_path / "photo.jpg").write_bytes(box + bytes(4000))
    with pytest.raises(
        StyletxError, match=r"photo.jpg is a HEIC picture .* save it as JPEG or PNG"
    ):
        read_image(tmp_path / "photo.jpg")


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "RGBA", "RGBa", "CMYK", "YCbCr", "I;16", "F"]
)
def test_every_kind_of_pixel_becomes_rgb(photo, mode):
    grey = photo.convert("L")
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
        assert picture.mode == mode
    elif mode == "F":
        picture = Image.fromarray(np.asarray(grey).astype(np.float32) / 255)
    elif mode in ("La", "RGBa"):
        picture = photo.convert(mode.upper()).convert(mode)
    else:
        picture = photo.convert(mode, palette=Image.Palette.ADAPTIVE)
    wanted = photo if mode in ("P", "RGBA", "RGBa", "CMYK", "YCbCr") else grey.convert("RGB")
    if mode == "1":
        wanted = photo.convert("1").convert("RGB")
    assert flatten_alpha(normalize(picture)).mode == "RGB"
    assert close(colors(flatten_alpha(normalize(picture))), colors(wanted))


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, ending):
    levels = np.linspace(0, 65535, 64).astype(np.uint16)
    path = tmp_path / f"deep.{ending}"
    Image.fromarray(np.tile(levels, (32, 1))).save(path)
    found = np.asarray(read_image(path))[0, :, 0]
    np.testing.assert_allclose(found, levels / 257, atol=1)


XMP = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'


@pytest.mark.parametrize(
    ("kind", "told", "is_turned"),
    [
        ("JPEG", "exif", True),
        ("PNG", "exif", True),
        ("AVIF", "exif", True),  # as Pillow writes it, which turns it for those that read none
        ("HEIF", "exif", True),
        ("TIFF", "exif", True),
        ("WEBP", "exif", False),
        ("JPEG", "xmp", False),
        ("WEBP", "xmp", False),
        ("AVIF", "xmp", False),
    ],
)
def test_a_picture_held_on_its_side_is_set_upright_where_browsers_do(
    photo, tmp_path, kind, told, is_turned
):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned a quarter
    pillow_heif.register_heif_opener()
    said = {"exif": exif.tobytes(), "xmp": XMP}[told]
    path = stored(photo, tmp_path / "held", format=kind, **{told: said})
    for longest in (None, 60):
        found = read_image(path, longest)
        assert (found.height > found.width) == is_turned
    assert close(found.getpixel((5, 5)), (10, 20, 90), by=20)


def test_what_is_transparent_stays_so_and_is_white_where_it_must_be_opaque(tmp_path):
    ghost = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    ghost.paste((0, 0, 255, 128), (20, 0, 40, 40))
    read_back = read_image(stored(ghost, tmp_path / "ghost.png"))
    assert (read_back.mode, read_back.getpixel((30, 5))) == ("RGBA", (0, 0, 255, 128))
    found = flatten_alpha(read_back)
    assert found.getpixel((5, 5)) == (255, 255, 255)
    assert close(found.getpixel((30, 5)), (127, 127, 255), by=1)


def test_a_palette_with_a_transparent_colour_becomes_white_there(tmp_path):
    palette = Image.new("P", (40, 40), 0)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.paste(1, (20, 0, 40, 40))
    found = flatten_alpha(read_image(stored(palette, tmp_path / "palette.png", transparency=0)))
    assert found.getpixel((5, 5)) == (255, 255, 255)
    assert found.getpixel((30, 5)) == (0, 255, 0)


def test_an_alpha_channel_that_hides_nothing_is_left_out(photo, tmp_path):
    assert read_image(stored(photo.convert("RGBA"), tmp_path / "whole.png")).mode == "RGB"


def test_a_transparent_picture_is_saved_on_white_where_the_format_knows_no_transparency(tmp_path):
    ghost = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    for name, corner in (("ghost.png", (255, 0, 0, 0)), ("ghost.jpg", (255, 255, 255))):
        save(ghost, tmp_path / name)
        with Image.open(tmp_path / name) as found:
            assert found.getpixel((5, 5)) == corner


def test_the_first_frame_of_an_animation_is_used(photo, tmp_path):
    later = Image.new("RGB", photo.size, "black")
    path = tmp_path / "moving.gif"
    photo.save(path, save_all=True, append_images=[later, later])
    assert close(colors(read_image(path)), colors(photo))


def wide_gamut_profile():
    """A matrix profile whose red and green primaries are swapped: unmistakable when applied."""
    profile = bytearray(SRGB.tobytes())
    tags = {}
    (count,) = struct.unpack(">I", profile[128:132])
    for i in range(count):
        start = 132 + 12 * i
        tags[bytes(profile[start : start + 4])] = start
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    swapped = profile[red + 4 : red + 12], profile[green + 4 : green + 12]
    profile[green + 4 : green + 12], profile[red + 4 : red + 12] = swapped
    return bytes(profile)


def test_colours_are_what_the_embedded_profile_says(tmp_path):
    red = Image.new("RGB", (40, 40), (255, 0, 0))
    path = stored(red, tmp_path / "profiled.png", icc_profile=wide_gamut_profile())
    assert close(read_image(path).getpixel((5, 5)), (0, 255, 0), by=3)


def test_a_broken_profile_is_ignored(photo, tmp_path):
    path = stored(photo, tmp_path / "broken.png", icc_profile=b"this is no profile")
    assert colors(read_image(path)) == colors(photo)


def test_a_grey_profile_and_a_grey_picture_go_together(tmp_path):
    grey = Image.new("L", (40, 40), 128)
    path = stored(grey, tmp_path / "grey.png", icc_profile=SRGB.tobytes())
    assert close(read_image(path).getpixel((5, 5)), (128, 128, 128), by=3)


def test_results_carry_the_srgb_profile_and_their_pixels(photo, tmp_path):
    save(photo, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as found:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(found.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert found.tobytes() == photo.tobytes()


def bomb(width, height):
    """A PNG of 100 bytes that claims to be enormous."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def jpeg(photo, **options):
    file = io.BytesIO()
    photo.save(file, "JPEG", **options)
    return file.getvalue()


def damaged(photo, kind):
    """A file of this kind whose header is whole and whose pixels are not."""
    file = io.BytesIO()
    photo.resize((200, 100)).save(file, kind)
    content = bytearray(file.getvalue())
    if kind == "TIFF":
        return bytes(content[:4000])
    content[-60:] = b"\xff" * 60
    return bytes(content)


REFUSED = [
    ("empty.jpg", lambda _: b"", "empty.jpg is empty."),
    (
        "page.jpg",
        lambda _: b"<html><script>alert(1)</script></html>",
        "page.jpg is not a picture that can be read here. Please use one of JPEG, PNG, ",
    ),
    ("drawing.svg", lambda _: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    ("cut.jpg", lambda p: jpeg(p)[:-300], "cut.jpg is damaged and cannot be read."),
    ("stub.png", lambda _: bomb(100, 100), "stub.png is damaged and cannot be read."),
    (
        "bomb.png",
        lambda _: bomb(30000, 30000),
        "bomb.png has far more pixels than the 40 million that can be used.",
    ),
    (
        "large.png",
        lambda _: bomb(9000, 5000),
        "large.png has 9000x5000 pixels, 45 million; at most 40 million can be used.",
    ),
    (
        "speck.jpg",
        lambda p: jpeg(p.resize((1, 1))),
        "speck.jpg is 1x1 pixels; each side needs at least 16.",
    ),
    ("line.jpg", lambda p: jpeg(p.resize((200, 3))), "line.jpg is 200x3 pixels"),
    ("cut.avif", lambda p: damaged(p, "AVIF"), "cut.avif is damaged and cannot be read."),
    ("cut.tiff", lambda p: damaged(p, "TIFF"), "cut.tiff is damaged and cannot be read."),
    ("script.eps", lambda _: b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), REFUSED, ids=[r[0] for r in REFUSED])
def test_what_cannot_be_used_is_refused_in_a_sentence(photo, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content(photo))
    with pytest.raises(StyletxError) as refused:
        read_image(tmp_path / name)
    assert sentence in str(refused.value)
    assert str(refused.value).endswith(".")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StyletxError, match="There is no file .*gone.jpg"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(StyletxError, match="is a folder, not a picture"):
        read_image(tmp_path)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_large_pictures_are_reduced_as_they_are_read(photo, tmp_path, ending):
    path = stored(photo.resize((1500, 750)), tmp_path / f"large.{ending}")
    found = read_image(path, longest=256)
    assert found.size == (256, 128)
    assert close((found.getpixel((20, 64)), found.getpixel((230, 64))), colors(photo))
    assert read_image(path, longest=4000).size == (1500, 750)
    assert read_image(stored(photo.resize((1500, 60)), path), longest=256).size == (400, 16)


def test_what_a_profile_said_is_not_done_twice(tmp_path):
    red = Image.new("RGB", (40, 40), (255, 0, 0))
    path = stored(red, tmp_path / "profiled.png", icc_profile=wide_gamut_profile())
    once = read_image(path)
    assert normalize(once).tobytes() == once.tobytes()


def test_the_same_picture_makes_the_same_file_on_another_day(photo, tmp_path, monkeypatch):
    save(photo, tmp_path / "one.png")
    profile = bytearray(SRGB.tobytes())
    profile[24:36] = struct.pack(">6H", 1999, 12, 31, 23, 59, 59)
    monkeypatch.setattr(images, "SRGB", ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    save(photo, tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_place_that_cannot_be_written_is_known_beforehand(tmp_path):
    check_can_save(tmp_path / "out.PNG")
    with pytest.raises(StyletxError, match="must end in one of .png"):
        check_can_save(tmp_path / "out.xyz")
    with pytest.raises(StyletxError, match="There is no folder"):
        check_can_save(tmp_path / "nowhere" / "out.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(StyletxError, match="folder.png may not be written"):
        check_can_save(tmp_path / "folder.png")
    photo = stored(Image.new("RGB", (40, 40)), tmp_path / "photo.png")
    with pytest.raises(StyletxError, match="would be written over itself"):
        check_can_save(tmp_path / ".." / tmp_path.name / "photo.png", instead_of=[photo])


def test_a_failed_write_is_a_sentence(photo, tmp_path):
    (tmp_path / "out.png").mkdir()
    with pytest.raises(StyletxError, match="cannot be written: Is a directory."):
        save(photo, tmp_path / "out.png")


def test_pictures_survive_the_way_to_tensors_and_back(photo):
    there = to_tensor(photo, photo.size, CPU)
    assert there.shape == (1, 3, 32, 64)
    assert to_picture(there).tobytes() == photo.tobytes()


def test_enlarging_keeps_a_picture_within_its_range():
    board = ((torch.arange(16)[:, None] + torch.arange(16)) % 2).float().expand(1, 3, 16, 16)
    larger = resize_tensor(board, (40, 30))
    assert larger.shape == (1, 3, 30, 40)
    assert 0 <= larger.min() <= larger.max() <= 1
