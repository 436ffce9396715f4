"""Colour profiles of files that name their colours by numbers, as browsers take them."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from styletx.errors import ImageError
from styletx.text import display_name

from .opening import SAVE_AS_JPEG
from .png import read_cicp

HEAD_BYTES = 2**20  # of a file, in which its colours are named
D65, DCI = (0.3127, 0.3290), (0.314, 0.351)
BT709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
PRIMARIES = {  # by their numbers in ITU-T H.273: the white, and red, green and blue, each x and y
    1: (*D65, *BT709),
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (*D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (*DCI, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
VIDEO_CURVES, VIDEO_GAMMA = (1, 6, 14, 15), 2.4  # which browsers take for sRGB, but in PNG
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
HDR = {16: "PQ", 18: "HLG"}
SRGB_GAMMA = 0.45455  # as PNGs name it that are sRGB
D50 = np.array([0.9642, 1.0, 0.8249])  # the white of profiles
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
CURVE_POINTS = 4096
Curve = Callable[[np.ndarray], np.ndarray]  # from what is stored to light, both from 0 to 1


def color_profile(picture: Image.Image, path: Path) -> bytes | None:
    """Return the profile of a picture that is opened: its own, or one that its numbers mean, or
    None for sRGB. Raises `ImageError` for HDR."""
    own = picture.info.get("icc_profile")
    numbers = color_numbers(picture, path, bool(own))
    if numbers is None:
        return own or gamma_profile(picture)
    primaries, transfer = numbers
    if transfer in HDR:
        raise ImageError(
            f"{display_name(path.name)} is an HDR picture ({HDR[transfer]}), brighter than what is "
            f"painted here can be. {SAVE_AS_JPEG}"
        )
    gamma = GAMMAS.get(transfer)
    if transfer in VIDEO_CURVES and picture.format == "PNG":
        gamma = VIDEO_GAMMA
    curve = power(gamma) if gamma else srgb_light
    if primaries not in PRIMARIES and curve is srgb_light:
        return None
    return matrix_profile(PRIMARIES.get(primaries, PRIMARIES[1]), curve)


def color_numbers(picture: Image.Image, path: Path, has_profile: bool) -> tuple[int, int] | None:
    """Return the numbers of primaries and transfer, if the file has any that count."""
    if picture.format == "PNG":
        return read_cicp(read_head(path))
    if has_profile:
        return None
    if picture.format == "HEIF":
        named = picture.info.get("nclx_profile")
        return named and (named["color_primaries"], named["transfer_characteristics"])
    return read_nclx(read_head(path)) if picture.format == "AVIF" else None


def read_nclx(content: bytes) -> tuple[int, int] | None:
    """Return the numbers of primaries and of transfer in an AVIF."""
    at = content.find(b"colrnclx")
    return None if at < 0 else struct.unpack_from(">HH", content, at + 8)


def read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def gamma_profile(picture: Image.Image) -> bytes | None:
    """Return the profile that a PNG's gamma and chromaticities mean, if it has any that count."""
    gamma, primaries = (picture.info.get(name) for name in ("gamma", "chromaticity"))
    if picture.format != "PNG" or not gamma or "srgb" in picture.info:
        return None
    if primaries is None or len(primaries) != 8:
        primaries = PRIMARIES[1]
        if abs(gamma / SRGB_GAMMA - 1) < 0.01:
            return None
    return matrix_profile(primaries, power(1 / gamma))


def power(gamma: float) -> Curve:
    return lambda stored: stored**gamma


def srgb_light(stored: np.ndarray) -> np.ndarray:
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def matrix_profile(primaries: tuple[float, ...], curve: Curve) -> bytes | None:
    """Return an ICC profile (version 2) of primaries and one curve for all channels; None if no
    colours could have these primaries."""
    places = np.array(primaries).reshape(4, 2)
    if (places[:, 1] <= 0).any():
        return None
    white, *colors = np.column_stack([places, 1 - places.sum(axis=1)]) / places[:, 1:]
    if abs(np.linalg.det(colors)) < 1e-6:
        return None
    shares = np.linalg.solve(np.transpose(colors), white)
    cones = np.diag((BRADFORD @ D50) / (BRADFORD @ white))
    to_d50 = np.linalg.inv(BRADFORD) @ cones @ BRADFORD  # from this white
    red, green, blue = (
        to_d50 @ (share * color) for share, color in zip(shares, colors, strict=True)
    )
    levels = curve(np.linspace(0, 1, CURVE_POINTS)).clip(0, 1) * 65535
    points = levels.round().astype(">u2").tobytes()
    steps = b"curv" + struct.pack(">II", 0, CURVE_POINTS) + points
    tags = {b"wtpt": xyz(D50), b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue)}
    return profile(tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), steps))


def xyz(color: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + bytes((color * 65536).round().astype(">i4"))


def profile(tags: dict[bytes, bytes]) -> bytes:
    """Return an ICC profile of a screen with these tags."""
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x", start + len(body), 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp"
    )
    head += xyz(D50)[8:]
    return head.ljust(128, b"\0") + table + body
