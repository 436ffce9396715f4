"""Device: the one that was chosen, else the best that works."""

import logging
import os
import re
from functools import cache

import torch
from torch.nn.functional import conv2d

from styletx.errors import SettingsError
from styletx.text import quote, shorten

logger = logging.getLogger(__name__)
DEVICE_VARIABLE = "STYLETX_DEVICE"  # the environment variable that names it
CPU = torch.device("cpu")


def set_device(name: str | None) -> None:
    """Have this process, and those that it starts, paint on the device of this name, if any."""
    if name is not None:
        os.environ[DEVICE_VARIABLE] = name


def best_device() -> torch.device:
    """Return the device that STYLETX_DEVICE names, by default a graphics card if one works, else
    the CPU. Call it when work starts: the answer may differ between processes. Raises
    `SettingsError` for a device that there is not or that cannot be used."""
    name = os.environ.get(DEVICE_VARIABLE) or "auto"
    if name == "auto":
        return first_that_works()
    if not re.fullmatch(r"cpu|mps|cuda(:\d{1,3})?", name):
        raise SettingsError(
            f"The device is {quote(name)}, but must be auto, cpu, cuda, mps, or one of several "
            "cards as cuda:1."
        )
    device = torch.device(name)
    if reason := defect(device):
        raise SettingsError(
            f"The device {name} cannot be used here: {reason}. Choose another, or auto."
        )
    return device


@cache
def first_that_works() -> torch.device:
    """Return a graphics card, or the CPU where there is none or it fails, which is logged."""
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    for name in (name for name, there in found.items() if there):
        reason = defect(device := torch.device(name))
        if not reason:
            return device
        logger.warning("the card %s cannot be used, another device paints: %s", name, reason)
    return CPU


@cache
def defect(device: torch.device) -> str:
    """Return why a small computation on this device fails, or "" if it does not: torch also sees
    cards that are too old or too new for it, in use, or broken."""
    try:
        ones = torch.ones(1, 3, 8, 8, device=device)
        conv2d(ones, ones).sum().item()  # waits for the device to finish
    except Exception as error:  # noqa: BLE001
        first, *_ = str(error).splitlines() or [type(error).__name__]
        return shorten(first, 200).rstrip(".")
    return ""
