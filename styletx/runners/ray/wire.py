"""Encoding of jobs and events as safetensors: JSON and raw numbers, which run no code when read."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load, save
from torch import Tensor

from styletx.core.weights import Weights
from styletx.events import Progress, Result, Style
from styletx.imaging.files import LEFT_OUT, normalize
from styletx.settings import Settings

# Kinds of messages: an event, an error of either kind, no cluster, the end
EVENT, ERROR, BUG, GONE, END = "event", "error", "bug", "gone", "end"
KINDS = {kind.__name__: kind for kind in (Settings, Style, Progress, Result, Weights)}
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}  # by a picture's mode
TEXT = "text"  # the tensor that holds the JSON
LENGTH = 8  # bytes before each message of a stream, which tell how long it is


def encode(value: Any) -> bytes:
    """Return a value of JSON, pictures, tensors and `KINDS` as bytes."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps(flatten(value, tensors)).encode()
    return save({**tensors, TEXT: as_tensor(text)})


def decode(data: bytes) -> Any:
    """Return what `encode` was given, lists as tuples. Raises whatever, where it was not that."""
    tensors = load(data)
    return restore(json.loads(tensors[TEXT].numpy().tobytes()), tensors)


def as_tensor(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def flatten(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return a value as JSON; pictures and tensors are put into `tensors`, and named."""
    name = str(len(tensors))
    if isinstance(value, Tensor):
        tensors[name] = value.contiguous()
        return {"tensor": name}
    if isinstance(value, Image.Image):
        odd = value.mode not in CHANNELS or value.info.keys() - {LEFT_OUT}  # as a profile
        picture = normalize(value) if odd else value
        shape = (picture.height, picture.width, CHANNELS[picture.mode])
        tensors[name] = as_tensor(picture.tobytes()).reshape(shape)
        notes = {LEFT_OUT: value.info[LEFT_OUT]} if LEFT_OUT in value.info else {}
        return {"picture": name, "mode": picture.mode, "info": notes}
    if isinstance(value, list | tuple):
        return [flatten(item, tensors) for item in value]
    if isinstance(value, dict):
        return {"dict": {key: flatten(item, tensors) for key, item in value.items()}}
    if is_dataclass(value):
        parts = {  # without defaults, so that another version may have more settings
            one.name: flatten(part, tensors)
            for one in fields(value)
            if (part := getattr(value, one.name)) != one.default
        }
        return {"kind": type(value).__name__, "parts": parts}
    return value


def restore(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return what `flatten` was given."""
    match value:
        case list():
            return tuple(restore(item, tensors) for item in value)
        case {"tensor": name}:
            return tensors[name]
        case {"picture": name, "mode": mode, "info": info}:
            height, width, _ = tensors[name].shape
            picture = Image.frombytes(mode, (width, height), tensors[name].numpy().tobytes())
            picture.info.update(info)
            return picture
        case {"dict": parts}:
            return {key: restore(item, tensors) for key, item in parts.items()}
        case {"kind": kind, "parts": parts}:
            return KINDS[kind](**{key: restore(item, tensors) for key, item in parts.items()})
    return value


def frame(message: bytes) -> bytes:
    """Return a message of a stream, after its length."""
    return len(message).to_bytes(LENGTH, "big") + message


def unframe(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the messages of a stream that comes in parts."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        while (end := LENGTH + int.from_bytes(waiting[:LENGTH], "big")) <= len(waiting):
            yield bytes(waiting[LENGTH:end])
            del waiting[:end]
