"""The reader's weights in one file, with its answers, and how sure it may be."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from deepseek_mm.encoders.default import SeeingSpace
from deepseek_mm.rag.judge import Weights
from deepseek_mm.see.kept import read_kept, weights_for, write_kept
from deepseek_mm.see.notice.notice import Noticer
from deepseek_mm.see.reader.net import ReaderConfig, ReaderNet
from deepseek_mm.see.reader.reader import Glances, Reader
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
    write_kept(file, state, told)


def read_reader(
    space: SeeingSpace, file: Path | None = None, *, noticer: Noticer | None = None, glance: Glances | None = None
) -> Reader:
    """Ready to answer. MissingWeights without the file, or where it was trained for another space."""
    state, told = read_kept(file or weights_for(space, WEIGHTS), space, make=MAKE)
    net = ReaderNet(len(told["answers"]), ReaderConfig(**told["config"]))
    net.load_state_dict(state)
    families = {family: tuple(pair) for family, pair in told["sure"].items()}
    sure = Sure(families, frozenset(told["nouns"]), Weights(**told["weights"]))
    return Reader(space, net, told["answers"], sure, noticer, glance)
