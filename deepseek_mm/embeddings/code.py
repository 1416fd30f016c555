"""What reads code, and questions about code: a tower of its own, a table of words beside it, and what both are given.

The tower is all-MiniLM-L6-v2 as packaged with upper layers of its own, so that the text tower, which learned to tell
photos apart, stays what it is. It reads the first tokens. The table knows each word piece by itself and reads on to
where the tower does not come: it weighs what is rare, and finds names. A vector is both, side by side; a question and
its code are read by the same weights, but a piece weighs differently in a question.

`weights/code.safetensors` holds what training changed: differences of the upper layers and the table, int8.

A tower reads a hundred tokens or so, and knows words. So names are broken up, in the code too, what every line of it
has in common is left out, and of a long docstring only the beginning is kept, so that the code itself comes into view.

Shape key:  N texts, T tokens, W width of the tower (384), K width of the table (128), D width of the space (512)
"""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from deepseek_mm.deltas import add_deltas
from deepseek_mm.embeddings.heads import SPACE_DIM
from deepseek_mm.embeddings.inference import autocast_bf16, round_linears
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import (
    MAX_TOKENS,
    WIDTH,
    fingerprint,
    in_order_of_length,
    load_text_tower,
    text_tower_folder,
)
from deepseek_mm.errors import MissingWeights
from index import Symbol

WEIGHTS = Path(__file__).parent.parent / "weights" / "code.safetensors"
TABLE_WIDTH = SPACE_DIM - WIDTH
BATCH = 64  # texts at a time
TABLE_TOKENS = 384  # that the table reads; the tower reads the first MAX_TOKENS of them


class WordTable(nn.Module):
    """The mean of the word pieces' vectors, each once, by weights that differ for questions and for code."""

    def __init__(self, pieces: int, width: int = TABLE_WIDTH) -> None:
        super().__init__()
        self.vectors = nn.Embedding(pieces, width)
        self.asked = nn.Parameter(torch.zeros(pieces))  # log weights
        self.told = nn.Parameter(torch.zeros(pieces))

    def forward(self, ids_NT: Tensor, mask_NT: Tensor, *, asks: bool) -> Tensor:
        """(N, K) of length 1. A piece counts once however often it comes."""
        weight_NT = (self.asked if asks else self.told)[ids_NT].exp() * once(ids_NT, mask_NT)
        return F.normalize((weight_NT[..., None] * self.vectors(ids_NT)).sum(dim=1).float(), dim=-1)


class CodeSide(nn.Module):
    """Tower and table."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        tower = load_text_tower(folder)
        self.model, self.tokenizer = tower.model, tower.tokenizer
        self.table = WordTable(self.model.config.vocab_size)  # type: ignore[union-attr, arg-type]
        self.share = nn.Parameter(torch.tensor(0.5), requires_grad=False)  # of the cosine that is the tower's

    def tokens(self, texts: Sequence[str], longest: int = TABLE_TOKENS) -> tuple[Tensor, Tensor]:
        """Ids and mask (N, T)."""
        made = self.tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        return made["input_ids"], made["attention_mask"]

    def tower(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, W) of length 1: the mean of the last states of the first tokens."""
        ids_NT, mask_NT = ids_NT[:, :MAX_TOKENS], mask_NT[:, :MAX_TOKENS]
        states_NTW = self.model(input_ids=ids_NT, attention_mask=mask_NT).last_hidden_state
        mask_NT1 = mask_NT[..., None].to(states_NTW.dtype)
        return F.normalize((states_NTW * mask_NT1).sum(dim=1).float(), dim=-1)

    def forward(self, texts: Sequence[str], *, asks: bool) -> Tensor:
        """(N, D): questions, or code."""
        ids_NT, mask_NT = self.tokens(texts)
        return beside(self.tower(ids_NT, mask_NT), self.table(ids_NT, mask_NT, asks=asks), self.share)


def beside(tower_NW: Tensor, table_NK: Tensor, share: Tensor) -> Tensor:
    """(N, D) of length 1: a cosine of these is the weighted mean of both cosines."""
    return torch.cat([tower_NW * share.sqrt(), table_NK * (1 - share).sqrt()], dim=-1)


def once(ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
    """(N, T) of 0 and 1: where a piece comes for the first time, padding left out."""
    ordered_NT, place_NT = ids_NT.masked_fill(mask_NT == 0, -1).sort(dim=1, stable=True)
    first_NT = torch.ones_like(ordered_NT, dtype=torch.bool)
    first_NT[:, 1:] = ordered_NT[:, 1:] != ordered_NT[:, :-1]
    return torch.zeros_like(first_NT).scatter(1, place_NT, first_NT & (ordered_NT >= 0)).float()


class CodeReader:
    """Opens the tower when code, or a question about code, is read for the first time; from any thread."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self.weights, self._lock = weights, Lock()
        self._side: CodeSide | None = None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that a vector of code depends on, hexadecimal."""
        return fingerprint((self.weights, text_tower_folder() / "model.safetensors"))

    @torch.inference_mode()
    def read(self, texts: Sequence[str], *, asks: bool) -> Floats:
        """(N, D): questions, or code."""
        if not texts:
            return np.zeros((0, SPACE_DIM), np.float32)
        side = self._open()
        ordered, back_N = in_order_of_length(texts)
        with autocast_bf16():
            parts = [side(ordered[n : n + BATCH], asks=asks) for n in range(0, len(ordered), BATCH)]
        vectors_ND: Floats = torch.cat(parts)[back_N].numpy()
        return vectors_ND

    def _open(self) -> CodeSide:
        with self._lock:
            if self._side is None:
                self._side = load_code_side(self.weights)
            return self._side


def load_code_side(weights: Path = WEIGHTS) -> CodeSide:
    """Ready to read; MissingWeights where it was not trained."""
    if not weights.is_file():
        raise MissingWeights(weights, make="python -m deepseek_mm train code")
    side = CodeSide(text_tower_folder())
    with safe_open(weights, framework="pt") as file:
        add_deltas(side, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    round_linears([side])
    return side.eval().requires_grad_(False)


JOINTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+")  # where a name is broken up
SAID_BY_ALL = re.compile(r"\b(?:self|cls|this)\b[.,]? ?|^[ \t]+", re.MULTILINE)
MOST_CHARS = 2_000  # of what is given; the tower reads less
DOC_CHARS = 300  # of what the author says
MARKS = " \t\"'#/*!-;%"  # around the lines of docstrings and comments


def code_text(symbol: Symbol | None, text: str, path: str) -> str:
    """The words of the name, the beginning of the docstring, then the code without the docstring.

    `path` is that of the file, whose name speaks where a piece has none.
    """
    if symbol is None:
        return broken_up(f"{stem(path)}\n{text}")[:MOST_CHARS]
    doc = " ".join(symbol.doc.strip().split("\n\n")[0].split())[:DOC_CHARS]
    named = symbol.path.replace(".", " ") or stem(path)
    return broken_up("\n".join(filter(None, (named, doc, without(symbol.doc, text)))))[:MOST_CHARS]


def broken_up(text: str) -> str:
    """ "MoEConfig.from_gguf(self, path)" -> "Mo E Config.from gguf(path)": names as words, no indentation."""
    return SAID_BY_ALL.sub("", JOINTS.sub(" ", text))


def without(doc: str, text: str) -> str:
    """The text without the lines that belong to its docstring or to the comment above it."""
    said = {line.strip(MARKS) for line in doc.splitlines()} - {""}
    if not said:
        return text
    return "\n".join(line for line in text.splitlines() if line.strip(MARKS) not in said | {""})


def stem(path: str) -> str:
    """The file's name without its ending."""
    return re.split(r"[/\\]", path)[-1].partition(".")[0]
