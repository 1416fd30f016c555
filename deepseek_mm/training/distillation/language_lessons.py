"""The student's language model: a fifth of the teacher's layers and a third of its words, trained to imitate it.

A byte-pair tokenizer that stops merging early is whole, and its vocabulary is the first part of the old one. So the
teacher reads the student's tokens too: its logits and its hidden states behind every fifth layer are the targets.

Shape key:  B rows, T tokens of a row, D width, V the student's vocabulary
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.config import between
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.lm.weights import build
from deepseek_mm.training.corpus.token_shards import PackedRows
from deepseek_mm.training.language_model.reach import compute_stages, measure_off
from deepseek_mm.training.language_model.stages import draw_in_turn

COPIED = ("tokenizer_config.json", "chat_template.jinja", "generation_config.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechConfig:
    """The student's size, and the weights of what it is taught; 0 leaves it out."""

    depth: int = 6  # layers
    vocabulary: int = 16_384  # tokens, the first of the teacher's
    reads: int = 2_048  # tokens that it reads
    length: int = 256  # tokens of a row
    rows: int = 8  # of a step
    limit: int = 1_600  # rows of each domain at most
    words: float = 1.0  # divergence from the teacher's scores, nats a token
    thoughts: float = 1.0  # difference of the hidden states
    saved: int = 20  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("depth", self.depth, 2, 1000)
        between("vocabulary", self.vocabulary, 512, 1 << 20)


def write_short_tokenizer(folder: Path, out: Path, config: SpeechConfig) -> Path:
    """The tokenizer of a model's folder with fewer merges, and a config.json of the student's shape; `out`."""
    out.mkdir(parents=True, exist_ok=True)
    told = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    (out / "tokenizer.json").write_text(
        json.dumps(shorten_tokenizer(told, config.vocabulary), ensure_ascii=False), "utf-8"
    )
    for name in COPIED:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    shape = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape |= {"vocab_size": config.vocabulary, "num_hidden_layers": config.depth}
    shape |= {"max_position_embeddings": config.reads}
    (out / "config.json").write_text(json.dumps(shape, indent=1), "utf-8")
    return out


def shorten_tokenizer(told: dict[str, Any], size: int) -> dict[str, Any]:
    """A byte-pair tokenizer (its JSON) of the first `size` tokens; merges are in the order of what they make."""
    model = told["model"]
    vocab = {token: number for token, number in model["vocab"].items() if number < size}
    merges = [pair for pair in model["merges"] if "".join(pair if isinstance(pair, list) else pair.split(" ")) in vocab]
    return told | {"model": model | {"vocab": vocab, "merges": merges}}


def pick_layers(depth: int, of: int) -> list[int]:
    """Numbers of the teacher's layers that the student begins with: evenly apart, the first and the last one too."""
    return [round(n * (of - 1) / (depth - 1)) for n in range(depth)]


def list_layer_ends(depth: int, of: int) -> list[int]:
    """Behind how many of the teacher's layers stands what the student should think behind each of its own."""
    return [round((n + 1) * of / depth) for n in range(depth)]


def make_student_shape(base: DecoderShape, config: SpeechConfig) -> DecoderShape:
    """Full attention, no experts: it reads little, and soon."""
    return replace(
        base, num_layers=config.depth, vocab_size=config.vocabulary, context=config.reads, reaches=(), moe=None,
        rope_scale=1.0,
    )  # fmt: skip


def make_student_decoder(base: DecoderShape, weights: Mapping[str, Tensor], config: SpeechConfig) -> Decoder:
    """The student before it has learned: some of the teacher's layers, and the first of its words."""
    taken: dict[str, Tensor] = {"norm.weight": weights["norm.weight"].clone()}
    taken["embedding.weight"] = weights["embedding.weight"][: config.vocabulary].clone()
    for mine, theirs in enumerate(pick_layers(config.depth, base.num_layers)):
        old, new = f"layers.{theirs}.", f"layers.{mine}."
        own = {name: value for name, value in weights.items() if name.startswith(old) and ".moe." not in name}
        taken |= {new + name.removeprefix(old): value.clone() for name, value in own.items()}
    return build(make_student_shape(base, config), taken, dtype=torch.float32)


@dataclass(frozen=True, slots=True)
class SpeechLessons:
    """Teacher and student read the same rows."""

    teacher: Decoder
    student: Decoder
    rows: PackedRows
    config: SpeechConfig
    seed: int = 0

    def loss(self, step: int) -> dict[str, Tensor]:
        """Parts by name; "loss" is made smaller."""
        numbers = draw_in_turn(step, len(self.rows), self.config.rows, f"speech {self.seed}")
        return self.compare_rows(self.rows.take(numbers))

    def compare_rows(self, rows: PackedRows) -> dict[str, Tensor]:
        """The same of some rows. What is no document is not compared."""
        there_BT = rows.segments_NT > 0
        with torch.no_grad():
            taught = compute_stages(
                self.teacher, rows.ids_NT, self._parts(list_layer_ends(self.config.depth, self._depth))
            )
            known_VD = self.teacher.head.weight[: self.config.vocabulary]
            right_NV = F.linear(taught[-1][there_BT], known_VD).float().log_softmax(-1)
        with autocast_bf16():
            learned = compute_stages(self.student, rows.ids_NT, self._parts(range(1, self.config.depth + 1)))
            said_NV = self.student.logits(learned[-1][there_BT])
        words = F.kl_div(said_NV.float().log_softmax(-1), right_NV, log_target=True, reduction="batchmean")
        pairs = zip(learned, taught, strict=True)
        thoughts = torch.stack([measure_off(mine[there_BT], theirs[there_BT]) for mine, theirs in pairs]).mean()
        loss = self.config.words * words + self.config.thoughts * thoughts
        return {"loss": loss, "words": words, "thoughts": thoughts}

    @property
    def _depth(self) -> int:
        return self.teacher.shape.num_layers

    def _parts(self, ends: Sequence[int]) -> list[range]:
        return [range(start, end) for start, end in pairwise((0, *ends))]
