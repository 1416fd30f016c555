"""Questions about pictures, answered by the language model: a net turns a picture into a few vectors among its words.

A picture is sixteen boxes, four by four; a retrieved region is one. Both go the same way: cells of the tower's map are
brought to fewer channels, the cells that a box covers are averaged, the box's place is added, and a layer makes a
vector of it that is as long as a word's.

    <picture>
    Q: is there a dog?
    A: yes
    Q: what colour is it?
    A: brown

Shape key:  B pictures, Q questions, N scripts, T tokens, P cells (81), C channels of a cell, R boxes of a picture, F
            features, D width of the model, V vocabulary
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock, Thread

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import CHANNELS, DefaultSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.towers import GRID
from deepseek_mm.errors import DeepSeekMMError, MissingWeights
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.lm.tokenizer import Tokenizer, read_tokenizer
from deepseek_mm.lm.weights import TALL, THIN, build, fingerprint_with, merge_changes, read_folder, with_changes
from deepseek_mm.lm.weights import WEIGHTS as SPEAKS
from deepseek_mm.vision.small_nets import read_weights, write_weights

WAVES = 4  # pairs of sine and cosine of each side of a box


@dataclass(frozen=True, kw_only=True, slots=True)
class GlanceConfig:
    """How pictures become vectors, and how far the model bends to read them."""

    features: int = 512
    side: int = 4  # boxes across and down that a whole picture becomes
    rank: int = 16  # of the changes of the model's matrices

    def __post_init__(self) -> None:
        between("features", self.features, 1, 65_536)
        between("side", self.side, 1, GRID)
        between("rank", self.rank, 1, 1024)


class GlanceNet(nn.Module):
    """Boxes of pictures to vectors."""

    def __init__(self, width: int, config: GlanceConfig, *, word_length: float = 1.0) -> None:
        """`word_length`: root mean square of a word's vector."""
        super().__init__()
        self.config = config
        self.bring = nn.Sequential(nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, config.features))
        self.place = nn.Linear(4 * (1 + 2 * WAVES), config.features)
        self.norm = nn.LayerNorm(config.features)
        self.out, self.length = nn.Linear(config.features, width), nn.RMSNorm(width)
        nn.init.constant_(self.length.weight, word_length)

    def forward(self, cells_BPC: Tensor, boxes_BR4: Tensor) -> Tensor:
        """(B, R, D) of boxes [left, top, right, bottom] in shares of their picture."""
        brought_BPF = self.bring(cells_BPC)
        inside_BRF = cover_shares(boxes_BR4).to(brought_BPF.dtype) @ brought_BPF
        seen_BRF = F.gelu(self.norm(inside_BRF + self.place(waves(boxes_BR4))))
        vectors_BRD: Tensor = self.length(self.out(seen_BRF).float())
        return vectors_BRD

    def whole(self, cells_BPC: Tensor) -> Tensor:
        """(B, side * side, D) of whole pictures, row by row."""
        vectors_BRD: Tensor = self(cells_BPC, squares(self.config.side).expand(len(cells_BPC), -1, -1))
        return vectors_BRD


def squares(side: int) -> Tensor:
    """(side * side, 4): the boxes that divide a picture evenly, row by row."""
    edges = torch.linspace(0, 1, side + 1)
    top, left = torch.meshgrid(edges[:-1], edges[:-1], indexing="ij")
    return torch.stack([left, top, left + 1 / side, top + 1 / side], dim=-1).flatten(0, 1)


def cover_shares(boxes_BR4: Tensor) -> Tensor:
    """(B, R, P): each cell's share of what a box covers; sums to 1. A box without an area takes the cell it lies in."""
    edges = torch.arange(GRID + 1) / GRID
    low_BR2, high_BR2 = boxes_BR4[..., :2], boxes_BR4[..., 2:]
    high_BR2 = torch.maximum(high_BR2, low_BR2 + 1e-3)
    low_BR2 = torch.minimum(low_BR2, high_BR2.new_tensor(1 - 1e-3))
    both_BR2G = torch.minimum(high_BR2[..., None], edges[1:]) - torch.maximum(low_BR2[..., None], edges[:-1])
    across_BRG, down_BRG = both_BR2G.clamp_min(0).unbind(-2)
    share_BRP = (down_BRG[..., :, None] * across_BRG[..., None, :]).flatten(-2)
    return share_BRP / share_BRP.sum(-1, keepdim=True)


def waves(boxes_BR4: Tensor) -> Tensor:
    """(B, R, 4 * (1 + 2 * WAVES)): the sides of a box, and sines and cosines of them at rising speed."""
    speeds = math.pi * 2.0 ** torch.arange(WAVES)
    turned = boxes_BR4[..., None] * speeds
    return torch.cat([boxes_BR4[..., None], turned.sin(), turned.cos()], dim=-1).flatten(-2)


Encode = Callable[[Sequence[str]], list[list[int]]]  # texts to token numbers

PLACE = -1  # in the place of a token: a vector of a picture stands here
END = "\n"  # of an answer
DESCRIBE = "describe the photo."


@dataclass(slots=True)
class Script:
    """Token numbers, PLACE among them, and how much each counts that the model is to say."""

    encode: Encode
    ids: list[int] = field(default_factory=list)
    counts: list[float] = field(default_factory=list)

    def show(self, count: int, name: str = "") -> "Script":
        """Places for the vectors of a picture, after its name where it has one."""
        self._write(name)
        self._add([PLACE] * count, 0.0)
        return self._write(END)

    def ask(self, question: str, answer: str | None = None) -> "Script":
        """A question, and the answer that is to be said; without one the script ends where the model goes on.

        A long answer counts more than a short one, but not by its length: by the root of it.
        """
        self._write(f"Q: {question}\nA:")
        if answer is not None:
            (ids,) = self.encode([f" {answer}{END}"])
            self._add(ids, len(ids) ** -0.5)
        return self

    def _write(self, text: str) -> "Script":
        if text:
            self._add(self.encode([text])[0], 0.0)
        return self

    def _add(self, ids: Sequence[int], count: float) -> None:
        self.ids += ids
        self.counts += [count] * len(ids)


@dataclass(frozen=True, slots=True)
class Laid:
    """Scripts side by side, padded behind."""

    ids_NT: Tensor  # int64, PLACE where a vector stands
    segments_NT: Tensor  # 1 where there is a token, 0 where there is none
    counts_NT: Tensor

    def last_N(self) -> Tensor:
        """Where each script ends."""
        return self.segments_NT.sum(1) - 1


def lay(scripts: Sequence[Script]) -> Laid:
    """Side by side."""
    most = max(len(script.ids) for script in scripts)
    ids = [script.ids + [0] * (most - len(script.ids)) for script in scripts]
    there = [[1] * len(script.ids) + [0] * (most - len(script.ids)) for script in scripts]
    counts = [script.counts + [0.0] * (most - len(script.counts)) for script in scripts]
    return Laid(torch.tensor(ids), torch.tensor(there), torch.tensor(counts))


def read(decoder: Decoder, laid: Laid, vectors_RD: Tensor) -> Tensor:
    """Hidden states (N, T, D) of scripts whose places hold these vectors, in order."""
    x_NTD = decoder.embed(laid.ids_NT.clamp_min(0))
    at = (laid.ids_NT == PLACE).nonzero(as_tuple=True)
    x_NTD = x_NTD.index_put(at, vectors_RD.to(x_NTD.dtype))
    hidden_NTD, _ = decoder(x_NTD, FullTextAttention(decoder.shape, laid.segments_NT))
    found: Tensor = hidden_NTD
    return found


AT_ONCE = 32  # questions that are read together


class VisualPrompt:
    """The model, its eyes and its words."""

    def __init__(self, decoder: Decoder, net: GlanceNet, tokenizer: Tokenizer) -> None:
        self.decoder, self.net, self.tokenizer = decoder.eval(), net.eval().requires_grad_(False), tokenizer

    @torch.inference_mode()
    def weigh(
        self, questions: Sequence[str], photo_Q: Tensor, cells_BPC: Tensor, options: Sequence[Sequence[str]]
    ) -> list[Mapping[str, float]]:
        """Of each question, how probable each of its options is, by the first token of it; they sum to 1.

        Options that begin with the same token share what it has.
        """
        firsts = [[ids[0] for ids in self.tokenizer.encode_many([f" {each}" for each in some])] for some in options]
        found: list[Mapping[str, float]] = []
        vectors_BRD = self._encode_cells(cells_BPC)
        for start in range(0, len(questions), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            scripts = [self._build_script(question, vectors_BRD.shape[1]) for question in questions[some]]
            scores_QV = self._next(scripts, vectors_BRD[photo_Q[some]])
            for scores_V, ids, names in zip(scores_QV, firsts[some], options[some], strict=True):
                shares = scores_V[ids].softmax(-1).tolist() if ids else []
                found.append(dict(zip(names, shares, strict=True)))
        return found

    def _build_script(self, question: str, places: int) -> Script:
        return Script(self.tokenizer.encode_many).show(places).ask(question.lower())

    def _encode_cells(self, cells_BPC: Tensor) -> Tensor:
        with autocast_bf16():
            return self.net.whole(cells_BPC.float())

    def _next(self, scripts: Sequence[Script], vectors_QRD: Tensor) -> Tensor:
        """(Q, V): scores of what follows each script."""
        laid = lay(scripts)
        hidden_QTD = read(self.decoder, laid, vectors_QRD.flatten(0, 1))
        last_QD = hidden_QTD[torch.arange(len(scripts)), laid.last_N()]
        return self.decoder.logits(last_QD).float()


class LateVisualPrompt:
    """Looks as soon as it is open; one that cannot be opened sees nothing, and the reader answers alone."""

    def __init__(self, opened: Callable[[], VisualPrompt]) -> None:
        self._opened, self._lock = opened, Lock()
        self._glance: VisualPrompt | None = None
        self._thread: Thread | None = None

    def start(self) -> Thread:
        """Begin to open it, if nobody has."""
        with self._lock:
            if self._thread is None:
                # No daemon: a program that ends meanwhile waits for it, since torch dies badly under a thread.
                self._thread = Thread(target=self._open, name="glance")
                self._thread.start()
            return self._thread

    def weigh(
        self, questions: Sequence[str], photo_Q: Tensor, cells_BPC: Tensor, options: Sequence[Sequence[str]]
    ) -> list[Mapping[str, float]]:
        """As `VisualPrompt.weigh`; waits until it is open. Nothing of each question where it cannot be opened."""
        glance = self.open()
        if glance is None:
            return [{} for _ in questions]
        return glance.weigh(questions, photo_Q, cells_BPC, options)

    def open(self) -> VisualPrompt | None:
        """Itself, when it is open; None where it cannot be."""
        self.start().join()
        return self._glance

    def _open(self) -> None:
        with suppress(DeepSeekMMError):
            self._glance = self._opened()


WEIGHTS = Path(__file__).parents[1] / "weights" / "glance.safetensors"
MAKE = "python -m deepseek_mm train see --help"
NET = "net."  # begins the names of the net's weights; the others are the model's


def model_of(folder: Path, changes: Path = SPEAKS) -> str:
    """The fingerprint of the model that speaks: the base's weights, and what our training made of them."""
    return fingerprint_with(fingerprint(folder), changes)


def write_glance(
    file: Path, state: Mapping[str, Tensor], config: GlanceConfig, *, space: DefaultSpace, model: str
) -> None:
    """Weights as int8 with a scale a row; `space` is what it looks at, `model` the fingerprint of what speaks."""
    write_weights(file, state, {"config": asdict(config), "fingerprint": space.fingerprint, "model": model})


def read_glance(space: DefaultSpace, folder: Path, file: Path = WEIGHTS) -> VisualPrompt:
    """The model in `folder` with our changes and with eyes. MissingWeights where they are not there, or for others."""
    state, told = read_weights(file, space, make=MAKE)
    if told["model"] != model_of(folder):
        raise MissingWeights(file, make=MAKE)
    shape, weights = read_folder(folder)
    shape, weights = with_changes(shape, weights, SPEAKS, base=fingerprint(folder))
    changes = {name: value for name, value in state.items() if name.endswith((THIN, TALL))}
    decoder = build(shape, merge_changes(weights, changes), dtype=torch.bfloat16).requires_grad_(False)
    net = GlanceNet(shape.width, GlanceConfig(**told["config"]))
    net.load_state_dict({name.removeprefix(NET): value for name, value in state.items() if name.startswith(NET)})
    return VisualPrompt(decoder, net, read_tokenizer(folder))
