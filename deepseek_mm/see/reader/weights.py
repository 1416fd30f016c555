"""The reader's weights in one file, with its answers, and how sure it may be."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from deepseek_mm.encoders.default import SeeingSpace
from deepseek_mm.rag.judge import Weights
from deepseek_mm.see.notice.notice import MultiLabelTagger
from deepseek_mm.see.reader.net import ReaderConfig, ReaderNet
from deepseek_mm.see.reader.reader import AnswerWeigher, VqaModel
from deepseek_mm.see.reader.sure import AnswerCalibration
from deepseek_mm.see.weight_file import read_weights, weights_for, write_weights

WEIGHTS = Path(__file__).parents[2] / "weights" / "reader.safetensors"
MAKE = "python -m deepseek_mm train reader --help"


def write_reader(
    file: Path,
    state: Mapping[str, Tensor],
    *,
    answers: Sequence[str],
    sure: AnswerCalibration,
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
    write_weights(file, state, told)


def read_reader(
    space: SeeingSpace,
    file: Path | None = None,
    *,
    noticer: MultiLabelTagger | None = None,
    glance: AnswerWeigher | None = None,
) -> VqaModel:
    """Ready to answer. MissingWeights without the file, or where it was trained for another space."""
    state, told = read_weights(file or weights_for(space, WEIGHTS), space, make=MAKE)
    net = ReaderNet(len(told["answers"]), ReaderConfig(**told["config"]))
    net.load_state_dict(state)
    families = {family: tuple(pair) for family, pair in told["sure"].items()}
    sure = AnswerCalibration(families, frozenset(told["nouns"]), Weights(**told["weights"]))
    return VqaModel(space, net, told["answers"], sure, noticer, glance)
