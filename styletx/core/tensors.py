"""Pictures as tensors, and back."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from styletx.imaging.files import drop_alpha


def to_tensor(picture: Image.Image, size: tuple[int, int], device: torch.device) -> Tensor:
    """Return the picture as (1, 3, height, width) in [0, 1], its alpha dropped as by
    `drop_alpha`."""
    resized = drop_alpha(picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    pixels = np.asarray(resized, dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device)


def to_channel(grey: Image.Image, size: tuple[int, int], device: torch.device) -> Tensor:
    """Return a picture in mode L as (1, 1, height, width) in [0, 1]."""
    return to_tensor(grey.convert("RGB"), size, device)[:, :1]


def to_picture(image: Tensor) -> Image.Image:
    """Return the tensor as a picture on the CPU, detached: safe to keep, to show and to pickle."""
    pixels = image.detach().clamp(0, 1).mul(255).round().byte()
    return Image.fromarray(pixels[0].permute(1, 2, 0).cpu().numpy())


def resize_tensor(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (1, 3, H, W) in [0, 1] at another (width, height), by bicubic interpolation."""
    width, height = size
    if image.shape[2:] == (height, width):
        return image.detach()
    return interpolate(image.detach(), (height, width), mode="bicubic").clamp(0, 1)
