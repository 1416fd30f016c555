"""Describes pictures in one sentence, with weights that were trained for the tower at hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL.Image import Image
from torch import Tensor

from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.encoders.default import DefaultSpace, SpaceModel
from deepseek_mm.encoders.maps import maps_of_many
from deepseek_mm.encoders.prefetch import prefetch_batches
from deepseek_mm.see.caption.net import SPECIAL, CaptionConfig, CaptionNet
from deepseek_mm.see.caption.search import BeamConfig, Sentence, agreed_sentences
from deepseek_mm.see.weight_file import read_weights, write_weights

WEIGHTS = Path(__file__).parents[2] / "weights" / "captions.safetensors"
MAKE = "python -m deepseek_mm train caption --help"


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence, and how likely it was a word."""

    text: str
    chance: float  # geometric mean of its words' probabilities, 0 to 1


class Captioner:
    """Pictures to sentences."""

    def __init__(
        self,
        model: SpaceModel,
        nets: Sequence[CaptionNet],
        words: Sequence[str],
        *,
        beam: BeamConfig | None = None,
        batch: int = 16,
    ) -> None:
        self.model, self.words = model, tuple(words)
        self.nets = [net.eval().requires_grad_(False) for net in nets]
        self.beam, self.batch = beam or BeamConfig(), batch

    def describe_many(self, images: Iterable[Image]) -> Iterator[Caption]:
        """A sentence for each, in order."""
        yield from self.describe_maps(maps_of_many(self.model, images))

    def describe_maps(self, maps: Iterable[Tensor]) -> Iterator[Caption]:
        """The same from what the tower makes of the pictures, (P, C) each."""
        for some in prefetch_batches(maps, size=self.batch):
            with autocast_bf16():
                found = agreed_sentences(self.nets, torch.stack(some).float(), self.beam)
            yield from map(self._to_caption, found)

    def _to_caption(self, sentence: Sentence) -> Caption:
        text = " ".join(self.words[number] for number in sentence.words)
        mean = sentence.log_probability / (len(sentence.words) + 1)
        return Caption(text=text[:1].upper() + text[1:], chance=float(torch.tensor(mean).exp()))


def write_captioner(
    file: Path, state: Mapping[str, Tensor], words: Sequence[str], config: CaptionConfig, *, fingerprint: str
) -> None:
    """Weights as int8 with a scale a row, the words beside them; `fingerprint` is that of the space it looks at."""
    write_weights(file, state, {"words": list(words), "config": asdict(config), "fingerprint": fingerprint})


def read_captioner(
    space: DefaultSpace, files: Sequence[Path] = (WEIGHTS,), *, beams: int = BeamConfig().beams
) -> Captioner:
    """With several files they vote; all have the same words. MissingWeights without one, or made for another space."""
    nets, words = [], SPECIAL
    for file in files:
        state, told = read_weights(file, space, make=MAKE)
        net = CaptionNet(len(told["words"]), CaptionConfig(**told["config"]))
        net.load_state_dict(state)
        nets.append(net)
        words = tuple(told["words"])
    return Captioner(space.model, nets, words, beam=BeamConfig(beams=beams))
