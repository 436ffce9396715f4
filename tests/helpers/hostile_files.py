"""Picture files that are broken, odd or meant to harm, made from a seed; and, as a program, what
`styletx.imaging` makes of each, in a process of its own so that its time and memory are seen."""

import functools
import gzip
import io
import json
import random
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import EpsImagePlugin, Image

REFUSED = "refused"
KINDS = ("PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
ENDINGS = {"JPEG": "jpg"} | {kind: kind.lower() for kind in KINDS}
TO_UPRIGHT = (None, 0, 3, 1, 5, 4, 6, 2)  # as Pillow counts its transpositions
INVERSE = {2: 4, 4: 2}


@functools.cache
def sample():
    """A dark corner and a bright one, so that a turned picture cannot pass for an upright one."""
    across, down = np.meshgrid(np.linspace(20, 230, 96), np.linspace(10, 200, 64))
    pixels = np.stack([across, down, 255 - across], axis=2).round().astype(np.uint8)
    return Image.fromarray(pixels)


def stored(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@functools.cache
def plain(kind):
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}, "AVIF": {"quality": 90}}
    return stored(sample(), kind, **options.get(kind, {}))


def segment(kind, content):
    return b"\xff" + bytes([kind]) + struct.pack(">H", len(content) + 2) + content


def chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(width, height, depth, color, pixels, extra=b""):
    """`pixels` is the compressed stream; `extra` are chunks before it."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
    return start + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(number):
    """Return zeros, compressed by zlib, of which no more than a megabyte is ever held."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, zlib.DEFLATED, -15)
    end = rest.compress(bytes(number % 2**20)) + rest.flush()
    checksum = struct.pack(">HH", number % 65521, 1)
    return b"\x78\xda" + block * (number // 2**20) + end + checksum


def black(width, height, depth=8, color=2, extra=b""):
    """A black PNG, transparent where it can be."""
    bytes_each = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color] * depth // 8
    return png(width, height, depth, color, zeros(height * (1 + width * bytes_each)), extra)


def deep(kind):
    """The sample with 16 bits, in grey or in colour."""
    source = np.asarray(sample().convert(kind)).astype(">u2") * 257
    rows = source.reshape(64, -1).astype(">u2")
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return png(96, 64, 16, 0 if kind == "L" else 2, content)


def exif_bomb(entries=5000, size=10_000):
    """EXIF whose entries all mean the same bytes: 50 KB that are 50 MB to who believes them."""
    start = 8 + 2 + 12 * entries + 4
    table = (struct.pack("<HHII", 1000 + i, 3, size // 2, start) for i in range(entries))
    return b"II*\0" + struct.pack("<IH", 8, entries) + b"".join(table) + bytes(4 + size)


def strips(height):
    """A TIFF 32 pixels wide in as many strips as rows, all of them the same 32 bytes."""
    data = 8 + 2 + 12 * 9 + 4
    tags = [(256, 1, 32), (257, 1, height), (258, 1, 8), (259, 1, 1), (262, 1, 1)]
    tags += [(273, height, data + 32), (277, 1, 1), (278, 1, 1)]
    tags += [(279, height, data + 32 + 4 * height)]
    table = b"".join(struct.pack("<HHII", tag, 4, many, value) for tag, many, value in tags)
    slots = struct.pack("<I", data) * height + struct.pack("<I", 32) * height
    return b"II*\0" + struct.pack("<IH", 8, 9) + table + bytes(4 + 32) + slots


def scanned(width, height, times):
    """A progressive JPEG that passes over its pixels again and again."""
    content = stored(Image.new("RGB", (width, height), "teal"), "JPEG", progressive=True)
    last = content.rfind(b"\xff\xda")
    return content[:last] + content[last:-2] * times + b"\xff\xd9"


def tiff_bomb():
    content = plain("TIFF")
    (place,) = struct.unpack("<I", content[4:8])
    (own,) = struct.unpack("<H", content[place : place + 2])
    table = content[place + 2 : place + 2 + 12 * own]
    table += b"".join(struct.pack("<HHII", 40_000 + i, 7, 12_000, 0) for i in range(8000))
    head = content[:4] + struct.pack("<I", len(content)) + content[8:]
    return head + struct.pack("<H", own + 8000) + table + bytes(4 + 12_000)


def comment_bomb():
    content = plain("GIF")
    start = 13 + 3 * (2 << (content[10] & 7)) * (content[10] >> 7)
    return content[:start] + b"!\xfe" + b"\x01a" * 50_000 + b"\0" + content[start:]


def giants():
    """Headers that claim what no machine could hold."""
    for side in (30_000, 2**31 - 1):
        yield (
            f"giant-{side}.png",
            black(side, 1)[:16] + struct.pack(">II", side, side) + b"\x08\x02",
        )
        bmp = bytearray(plain("BMP"))
        bmp[18:26] = struct.pack("<ii", side, side)
        yield f"giant-{side}.bmp", bytes(bmp)
    gif = bytearray(plain("GIF"))
    gif[6:10] = b"\xff" * 4
    yield "giant.gif", bytes(gif)
    tiff = plain("TIFF")
    for tag, side in ((256, 96), (257, 64)):
        for kind in (3, 4):
            old = struct.pack("<HHII", tag, kind, 1, side)
            tiff = tiff.replace(old, struct.pack("<HHII", tag, 4, 1, 60_000))
    yield "giant.tiff", tiff
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x3f\x00" * 2 + plain("WEBP")[12:]
    yield "giant.webp", b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    claim = struct.pack(">II", 60_000, 60_000)
    yield "giant.avif", plain("AVIF").replace(struct.pack(">II", 96, 64), claim)
    yield "bomb.png", black(30_000, 30_000, color=0)
    yield "large.png", black(13_000, 13_000, color=0)


def bombs():
    """Small files that would be long in reading, or large once they are read."""
    jpeg = plain("JPEG")
    exif = exif_bomb()
    parts = [segment(0xE1, b"Exif\0\0" + exif[i : i + 60_000]) for i in range(0, len(exif), 60_000)]
    yield "exif.jpg", jpeg[:2] + b"".join(parts) + jpeg[2:]
    yield "exif.png", stored(sample(), "PNG", exif=exif)
    filler = b"II*\0\x08" + bytes(len(exif) - 5)
    yield "exif.avif", stored(sample(), "AVIF", exif=filler).replace(filler, exif)
    yield "segments.jpg", jpeg[:2] + segment(0xE5, b"") * 50_000 + jpeg[2:]
    yield "padding.jpg", jpeg[:2] + b"\xff" * 200_000 + jpeg[2:]
    yield "chunks.png", black(64, 64, extra=chunk(b"teXt", b"") * 20_000)
    yield "texts.png", black(64, 64, extra=chunk(b"tEXt", b"") * 20_000)
    yield "comments.gif", comment_bomb()
    yield "tags.tiff", tiff_bomb()
    yield "strips.tiff", strips(120_000)
    yield "scans.jpg", scanned(64, 64, 3000)


def strangers():
    """Files that are no picture of the accepted formats, whatever they are called."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2**22))
    page = "<html><script>alert(1)</script></html>"
    contents = {
        "empty": b"",
        "zip": file.getvalue(),
        "gzip": gzip.compress(bytes(2**22)),
        "brands": b"\xff\xff\xff\xffftypxxxx",  # as many as 4 GB hold
        "drawing": b"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'/>",
        "entities": b'<!DOCTYPE a [<!ENTITY b "b">]><svg>&b;</svg>',
        "page": page.encode(),
        "words": b"A thousand words.\n" * 99,
        "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF",
        "script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\nquit\n%%EOF",
        "farbfeld": b"P6 64 64 255\n" + bytes(64 * 64 * 3),
        "icon": stored(sample(), "ICO"),
        "noughts": bytes(5000),
    }
    for name, content in contents.items():
        for ending in ("jpg", "png", "eps"):
            yield f"{name}.{ending}", content


def specks():
    for kind, ending in ENDINGS.items():
        yield f"speck.{ending}", stored(sample().resize((1, 1)), kind)
    yield "line.png", stored(Image.new("RGB", (1, 20_000)), "PNG")
    yield "line.jpg", stored(Image.new("L", (20_000, 1)), "JPEG")


def animated():
    later = [Image.new("RGB", (96, 64), color) for color in ("black", "white")]
    for kind in ("GIF", "WEBP", "PNG"):
        content = stored(sample(), kind, save_all=True, append_images=later, duration=50)
        yield f"moving.{ENDINGS[kind]}", content, sample()


def turned():
    """Each way to hold a camera."""
    for way, to_upright in enumerate(TO_UPRIGHT, 1):
        exif = Image.Exif()
        exif[0x0112] = way
        held = sample()
        if to_upright is not None:
            held = held.transpose(Image.Transpose(INVERSE.get(to_upright, to_upright)))
        for kind in ("JPEG", "PNG", "TIFF", "AVIF"):  # which takes the tag out of `exif`
            yield f"held-{way}.{ENDINGS[kind]}", stored(held, kind, exif=exif), sample()


def odd(chance):
    """Unusual, and to be read all the same."""
    jpeg, gif = plain("JPEG"), plain("GIF")
    yield "inks.jpg", stored(sample().convert("CMYK"), "JPEG", quality=95), sample()
    yield "inks.tiff", stored(sample().convert("CMYK"), "TIFF"), sample()
    yield "grey16.png", deep("L"), sample().convert("L").convert("RGB")
    yield "colour16.png", deep("RGB"), sample()
    half = Image.new("RGBA", (96, 64), (200, 0, 0, 128)).quantize(16)
    yield "palette.png", stored(half, "PNG"), Image.new("RGB", (96, 64), (227, 127, 127))
    noise = chance.randbytes(3000)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        yield f"profile.{ENDINGS[kind]}", stored(sample(), kind, icc_profile=noise), sample()
    for number in range(10):
        head = b"Exif\0\0" + (b"II*\0\x08\0\0\0" if number % 2 else b"")
        wild = head + chance.randbytes(chance.randint(0, 900))
        yield f"exif-{number}.jpg", jpeg[:2] + segment(0xE1, wild) + jpeg[2:], sample()
        yield f"exif-{number}.png", stored(sample(), "PNG", exif=wild), sample()
        yield f"exif-{number}.webp", stored(sample(), "WEBP", exif=wild), sample()
    yield "unread.webp", stored(sample(), "WEBP", exif=exif_bomb()), sample()
    file = io.BytesIO(jpeg)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("run.exe", b"MZ" * 99)
    yield "archive.jpg", file.getvalue(), sample()
    yield "page.gif", gif + b"<html><script>alert(1)</script></html>", sample()
    yield "script.png", plain("PNG") + b"/* */ alert(1) //", sample()
    for kind in ENDINGS:
        for ending in ("jpg", "png", "eps", "exe"):
            yield f"{kind}-as.{ending}", plain(kind), sample()
    big = chunk(b"zTXt", b"a\0\0" + zeros(2**27)) + chunk(b"iCCP", b"a\0\0" + zeros(2**27))
    yield "texts.png", black(64, 64, extra=big), None


def names():
    """Names that mean something to a terminal, a page or a shell, or nothing to anybody."""
    for name in (
        "-rf.png",
        "--help",
        "a\nTraceback (most recent call last).png",
        "\x1b[31mred\x07.png",
        "<img src=x onerror=alert(1)>.png",
        "\u202egnp.exe",
        "поезд-写真-🖼️.png",
        "x" * 250 + ".png",
        "$(reboot);`reboot`|&.png",
        "%s%n{0}{name}.png",
        "C:\\windows\\a.png",
        " .png",
    ):
        yield name, plain("PNG"), sample()
        yield name[:-1] + "_", plain("PNG")[:80], REFUSED


def special(chance):
    for kind in (giants, bombs, strangers, specks):
        for name, content in kind():
            yield f"{kind.__name__}-{name}", content, REFUSED
    yield from animated()
    yield from turned()
    yield from odd(chance)
    yield from names()


def spoilt(content, chance):
    """Cut off, or with bits turned over anywhere or in the header."""
    way = chance.choice(("cut", "flipped", "header"))
    if way == "cut":
        return way, content[: chance.randrange(len(content))]
    changed = bytearray(content)
    within = min(200, len(changed)) if way == "header" else len(changed)
    for _ in range(chance.randint(1, 64)):
        changed[chance.randrange(within)] ^= 1 << chance.randrange(8)
    return way, bytes(changed)


def files(seed, number):
    """(name, bytes, expected) of at least so many: `REFUSED`, a picture that the file must look
    like, or None where a sentence will do as well as a picture."""
    chance = random.Random(seed)
    known = list(special(chance))
    yield from known
    whole = [(ENDINGS[kind], plain(kind)) for kind in ENDINGS]
    whole += [(name.rpartition(".")[2], content) for name, content, _ in animated()]
    whole += [("tiff", stored(sample(), "TIFF", compression="tiff_lzw"))]
    whole += [("jpg", stored(sample(), "JPEG", progressive=True))]
    whole += [("png", stored(sample().quantize(16), "PNG")), ("png", deep("RGB"))]
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "words"
    whole += [("jpg", stored(sample(), "JPEG", exif=exif, icc_profile=bytes(200)))]
    for index in range(number - len(known)):
        ending, content = chance.choice(whole)
        way, content = spoilt(content, chance)
        yield f"{index}-{way}.{ending}", content, None


def wide(kind, **options):
    return stored(Image.new("RGB", (8000, 5000)), kind, **options)


def fitting(kind, **options):
    return stored(Image.new("RGB", (6000, 5000)), kind, **options)


PALETTE = chunk(b"PLTE", bytes(768)) + chunk(b"tRNS", b"\x80")
LARGE = {  # what is honest, or nearly, and as large as is allowed: how it is made, and expected
    "grey16.png": (lambda: black(8000, 5000, 16, 0), None),
    "grey_alpha.png": (lambda: black(8000, 5000, 8, 4), None),
    "colour16.png": (lambda: black(8000, 5000, 16, 2), None),
    "alpha.png": (lambda: black(8000, 5000, 8, 6), None),
    "square.png": (lambda: black(6000, 6000), (4096, 4096)),
    "palette.png": (lambda: black(8000, 5000, 8, 3, PALETTE), None),
    "wide.jpg": (lambda: wide("JPEG", progressive=True), (4096, 2560)),
    "wide.tiff": (lambda: wide("TIFF", compression="tiff_lzw"), (4096, 2560)),
    "wide.gif": (lambda: stored(Image.new("L", (8000, 5000)), "GIF"), (4096, 2560)),
    "inks.jpg": (lambda: stored(Image.new("CMYK", (7900, 5000)), "JPEG", progressive=True), None),
    "depth.tiff": (lambda: stored(Image.new("F", (8000, 5000)), "TIFF"), (4096, 2560)),
    "fits.webp": (lambda: fitting("WEBP", method=0), (4096, 3413)),
    "fits.avif": (lambda: fitting("AVIF", speed=10), (4096, 3413)),
    "wide.webp": (lambda: wide("WEBP", method=0), REFUSED),
    "scans.jpg": (lambda: scanned(8000, 5000, 2000), REFUSED),
    "few_scans.jpg": (lambda: scanned(8000, 5000, 30), None),
    "strips.tiff": (lambda: strips(1_200_000), REFUSED),
}


def large(*chosen):
    """Those chosen, or all, each made when its turn comes."""
    for name in chosen or LARGE:
        make, expected = LARGE[name]
        black_one = Image.new("RGB", expected) if isinstance(expected, tuple) else expected
        yield name, make(), black_one


def memory(what, process="self"):
    """In MiB. `ru_maxrss` would not do: its peak is inherited from whoever started the process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) / 1024


def outcome(path, expected):
    from styletx.errors import ImageError
    from styletx.imaging.files import flatten_alpha, read_image
    from styletx.settings import MAX_SIZE

    found = {"name": path.name, "expected": expected if isinstance(expected, str) else ""}
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, worked = memory("VmRSS"), time.process_time()
    for longest in (512, MAX_SIZE):
        try:
            picture = read_image(path, longest)
        except ImageError as error:
            found["sentences"] = [*found.get("sentences", []), str(error)]
        except BaseException as error:  # noqa: BLE001  that there is none is the promise
            found["crash"] = repr(error)
        else:
            found |= {"mode": picture.mode, "size": picture.size}
    found["work"] = time.process_time() - worked
    found["memory"] = memory("VmHWM") - before
    if isinstance(expected, Image.Image):
        found["expected"] = "picture"
        if found.get("size") == expected.size:
            levels = [np.asarray(each, np.int16) for each in (flatten_alpha(picture), expected)]
            found["difference"] = float(np.abs(levels[0] - levels[1]).mean())
    return found


def main(folder, seed, number, *chosen):
    """A line of JSON for each file. With number 0 the large ones, or those of them chosen."""
    from styletx.imaging.guards import install_pillow_guards

    install_pillow_guards()

    def ghostscript(*_, **__):
        raise SystemExit("PostScript was run")

    EpsImagePlugin.Ghostscript = ghostscript
    for name, content, expected in files(seed, number) if number else large(*chosen):
        path = Path(folder) / name
        path.write_bytes(content)
        del content
        print(json.dumps(outcome(path, expected)), flush=True)  # noqa: T201
        path.unlink()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
