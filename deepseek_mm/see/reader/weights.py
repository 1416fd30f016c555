"""The reader's weights in one file, with its answers, and how sure it may be."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepseek_mm.deltas import pack_changes, unpack_whole
from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.errors import MissingWeights
from deepseek_mm.rag.judge import Weights
from deepseek_mm.see.reader.net import ReaderConfig, ReaderNet
from deepseek_mm.see.reader.reader import Reader
from deepseek_mm.see.reader.sure import Sure

WEIGHTS = Path(__file__).parents[2] / "weights" / "reader.safetensors"
MAKE = "python -m deepseek_mm train reader --help"


def write_reader(
    file: Path,
    state: Mapping[str, Tensor],
    *,
    answers: Sequence[str],
    sure: Sure,
    config: ReaderConfig,
    fingerprint: str,
) -> None:
    """Weights as int8 with a scale a row; `fingerprint` is that of the space whose maps it was trained on."""
    told = {
        "answers": list(answers),
        "sure": sure.told,
        "nouns": sorted(sure.nouns),
        "weights": asdict(sure.weights),
        "config": asdict(config),
        "fingerprint": fingerprint,
    }
    save_file(pack_changes({}, state, new=("",)), file, metadata={"told": json.dumps(told)})
    file.chmod(0o644)


def read_reader(space: DefaultSpace, file: Path = WEIGHTS) -> Reader:
    """Ready to answer. MissingWeights without the file, or where it was trained for another space."""
    if not file.is_file():
        raise MissingWeights(file, make=MAKE)
    with safe_open(file, framework="pt") as opened:
        told = json.loads(opened.metadata()["told"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    if told["fingerprint"] != space.fingerprint:
        raise MissingWeights(file, make=MAKE)
    net = ReaderNet(len(told["answers"]), ReaderConfig(**told["config"]))
    net.load_state_dict(unpack_whole(tensors))
    families = {family: tuple(pair) for family, pair in told["sure"].items()}
    sure = Sure(families, frozenset(told["nouns"]), Weights(**told["weights"]))
    return Reader(space, net, told["answers"], sure)
