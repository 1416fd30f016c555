"""One sentence about a photo: a small net writes words over the tower's maps, and beam search finds the best one.

The cells are brought to the model's width, told where they lie, and look at each other once; then three layers of words
look back at the words so far and at all cells (Vaswani et al. 2017).

A sentence's worth is the sum of its words' log-probabilities over its length to a power (Wu et al. 2016, eq. 14,
without its constant), so that long ones are not punished for their length alone. It never says a word that it does not
know, and never the same word twice in a row. Of the sentences that were found last, the one that all of them are most
like is told (Kumar and Byrne 2004): what many likely sentences say is right more often than the likeliest one. Alike
are runs of words (Vedantam et al. 2015, eq. 2 to 4): one counts no more often than the other sentence has it. How near
a sentence lies to the photo in the shared space is added to that.

Shape key:  B photos, P cells (81), C channels of a cell, N sentences, W beams, M = B * W rows, T words, D width, V
            words of the vocabulary
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL.Image import Image
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import DefaultSpace, SpaceModel, maps_of_many, places_of
from deepseek_mm.embeddings.inference import autocast_bf16, prefetch_batches
from deepseek_mm.stage_clock import note_model
from deepseek_mm.vision.small_nets import Attention, Drop, Feed, Seen, read_weights, write_weights

LONGEST = 4  # words of a run
SPREAD = 6.0  # standard deviation of the penalty for another length

Run = tuple[Hashable, ...]
Runs = Counter[Run]
BySize = Sequence[Mapping[Run, float]]  # the weights of runs of one word, of two, ...


def runs_of(words: Sequence[Hashable]) -> Runs:
    """How often each run of one to four words comes."""
    return Counter(
        tuple(words[start : start + size]) for size in range(1, LONGEST + 1) for start in range(len(words) - size + 1)
    )


def count_weighted(runs: Runs, weight: Callable[[Run], float] = lambda run: 1.0) -> BySize:
    """By size, each run's count times its weight."""
    found: list[dict[Run, float]] = [{} for _ in range(LONGEST)]
    for run, count in runs.items():
        found[len(run) - 1][run] = count * weight(run)
    return found


def alike(mine: BySize, theirs: BySize, *, longer: int) -> float:
    """0 to 1: the mean over the sizes of runs. `longer` is by how many words the first is longer than the second."""
    cosines = [cosine(one, other) for one, other in zip(mine, theirs, strict=True)]
    return math.exp(-(longer**2) / (2 * SPREAD**2)) * sum(cosines) / LONGEST


def cosine(mine: Mapping[Run, float], theirs: Mapping[Run, float]) -> float:
    """Of two weighed sets, the first clipped to the second."""
    shared = sum(min(weight, theirs.get(run, 0.0)) * theirs.get(run, 0.0) for run, weight in mine.items())
    long = math.sqrt(sum(w * w for w in mine.values())) * math.sqrt(sum(w * w for w in theirs.values()))
    return shared / long if long else shared


def most_alike(sentences: Sequence[Sequence[Hashable]], added: Sequence[float] = ()) -> int:
    """The number of the sentence that all are most like: what most of them say, nearly as they say it.

    `added` to the mean likeness, which is 0 to 1, of each.
    """
    told = [count_weighted(runs_of(words)) for words in sentences]
    totals = [
        sum(alike(mine, theirs, longer=len(words) - len(other)) for theirs, other in zip(told, sentences, strict=True))
        for mine, words in zip(told, sentences, strict=True)
    ]
    worth = [total / len(sentences) + more for total, more in zip(totals, added or [0.0] * len(totals), strict=True)]
    return worth.index(max(worth))


PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionConfig:
    """The size of the model, and how much of it is left out in training."""

    channels: int = 2680  # of a cell
    cells: int = 81
    width: int = 384
    heads: int = 6
    layers: int = 3
    feed: int = 1024  # width of the feed-forward
    most: int = 24  # words of a caption
    dropout: float = 0.2

    def __post_init__(self) -> None:
        between("layers", self.layers, 1, 100)
        between("dropout", self.dropout, 0, 0.99)


class CellProjector(nn.Module):
    """Cells of the maps (B, P, C) as the words see them (B, P, D)."""

    def __init__(self, config: CaptionConfig) -> None:
        super().__init__()
        width = config.width
        self.bring = nn.Sequential(nn.LayerNorm(config.channels), nn.Linear(config.channels, width))
        self.place = nn.Parameter(torch.randn(config.cells, width) * 0.02)
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, config.heads)
        self.feed, self.drop = Feed(width, config.feed, config.dropout), Drop(config.dropout)
        self.close = nn.LayerNorm(width)

    def forward(self, cells_BPC: Tensor) -> Tensor:
        x_BPD = self.drop(self.bring(cells_BPC) + self.place)
        normed_BPD = self.norm(x_BPD)
        x_BPD = x_BPD + self.drop(self.attention(normed_BPD, self.attention.keys_values(normed_BPD)))
        x_BPD = x_BPD + self.drop(self.feed(x_BPD))
        out: Tensor = self.close(x_BPD)
        return out


class WordLayer(nn.Module):
    """Words look back, then at the cells."""

    def __init__(self, config: CaptionConfig) -> None:
        super().__init__()
        width, heads = config.width, config.heads
        self.norm_back, self.back = nn.LayerNorm(width), Attention(width, heads)
        self.norm_look, self.look = nn.LayerNorm(width), Attention(width, heads)
        self.feed, self.drop = Feed(width, config.feed, config.dropout), Drop(config.dropout)

    def forward(self, x_NTD: Tensor, cells: Seen, past: Seen | None = None) -> tuple[Tensor, Seen]:
        """The words after it, and what later words look back at."""
        normed_NTD = self.norm_back(x_NTD)
        words = self.back.keys_values(normed_NTD)
        if past is not None:
            words = (torch.cat([past[0], words[0]], dim=2), torch.cat([past[1], words[1]], dim=2))
        x_NTD = x_NTD + self.drop(self.back(normed_NTD, words, causal=past is None))
        x_NTD = x_NTD + self.drop(self.look(self.norm_look(x_NTD), cells))
        return x_NTD + self.drop(self.feed(x_NTD)), words


class CaptionNet(nn.Module):
    """Cells and words so far to the scores of the next word."""

    def __init__(self, num_words: int, config: CaptionConfig) -> None:
        super().__init__()
        self.config = config
        self.looker = CellProjector(config)
        self.word = nn.Embedding(num_words, config.width, padding_idx=PAD)
        nn.init.normal_(self.word.weight, std=config.width**-0.5)
        self.position = nn.Parameter(torch.randn(config.most + 1, config.width) * 0.02)
        self.layers = nn.ModuleList(WordLayer(config) for _ in range(config.layers))
        self.norm, self.drop = nn.LayerNorm(config.width), Drop(config.dropout)

    def cells(self, cells_BPC: Tensor) -> list[Seen]:
        """For each layer the keys and values of the cells."""
        x_BPD = self.looker(cells_BPC)
        return [layer.look.keys_values(x_BPD) for layer in self.layers]  # type: ignore[union-attr, operator]

    def forward(self, words_NT: Tensor, cells: Sequence[Seen]) -> Tensor:
        """(N, T, V): the scores of the word after each; cells have a row for each sentence."""
        scores_NTV, _ = self.step(words_NT, cells, [None] * len(self.layers))
        return scores_NTV

    def step(self, words_NT: Tensor, cells: Sequence[Seen], past: Sequence[Seen | None]) -> tuple[Tensor, list[Seen]]:
        """The same for words that follow others, whose keys and values are the past."""
        start = 0 if past[0] is None else past[0][0].shape[2]
        places_TD = self.position[start : start + words_NT.shape[1]]
        x_NTD = self.drop(self.word(words_NT) * self.config.width**0.5 + places_TD)
        kept = []
        for layer, seen, before in zip(self.layers, cells, past, strict=True):
            x_NTD, words = layer(x_NTD, seen, before)
            kept.append(words)
        scores_NTV = F.linear(self.norm(x_NTD), self.word.weight)
        return scores_NTV, kept


def rows_of(seen: Seen, rows_M: Tensor) -> Seen:
    """Some rows of keys and values, in another order or more than once."""
    return seen[0].index_select(0, rows_M), seen[1].index_select(0, rows_M)


NEVER = -1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class BeamConfig:
    """How hard it is searched."""

    beams: int = 20
    length_power: float = 0.8  # of the length by which a sentence's log-probability is divided
    fewest: int = 5  # words before a sentence may end
    likeness: float = 1.0  # of a sentence's cosine to the photo, beside the likeness of sentences


@dataclass(frozen=True, slots=True)
class Sentence:
    """What was found for one photo."""

    words: tuple[int, ...]
    log_probability: float  # of the whole sentence, in nats


@torch.inference_mode()
def best_sentences(nets: Sequence[CaptionNet], cells_BPC: Tensor, config: BeamConfig) -> list[list[Sentence]]:
    """Of each photo, the best first: as many as beams, or all that there are.

    Several nets, which share a vocabulary, vote with the mean of their probabilities.
    """
    batch, beams, most = len(cells_BPC), config.beams, nets[0].config.most
    fan_M = torch.arange(batch).repeat_interleave(beams)
    cells = [[rows_of(seen, fan_M) for seen in net.cells(cells_BPC)] for net in nets]
    pasts: list[list[Seen | None]] = [[None] * len(net.layers) for net in nets]
    words_MT = torch.full((batch * beams, 1), START)
    worth_M = torch.full((batch, beams), NEVER)
    worth_M[:, 0] = 0.0  # all beams begin alike: one is enough
    worth_M = worth_M.flatten()
    ended_M = torch.zeros(batch * beams, dtype=torch.bool)
    for length in range(most):
        told = [net.step(words_MT[:, -1:], c, p) for net, c, p in zip(nets, cells, pasts, strict=True)]
        chance_MV = torch.stack([scores_M1V[:, -1].float().softmax(-1) for scores_M1V, _ in told]).mean(0)
        gain_MV = mask_words(chance_MV.clamp_min(1e-12).log(), words_MT[:, -1], ended_M, early=length < config.fewest)
        worth_MV = worth_M[:, None] + gain_MV
        lengths_M1 = (~ended_M).float()[:, None] + (words_MT != PAD).sum(dim=1, keepdim=True) - 1
        ranked = worth_MV / lengths_M1.clamp_min(1) ** config.length_power
        _, best_BW = ranked.view(batch, -1).topk(beams, dim=-1)
        rows_M = (best_BW // chance_MV.shape[-1] + torch.arange(batch)[:, None] * beams).flatten()
        next_M = (best_BW % chance_MV.shape[-1]).flatten()
        worth_M = worth_MV[rows_M, next_M]
        words_MT = torch.cat([words_MT[rows_M], next_M[:, None]], dim=1)
        ended_M = ended_M[rows_M] | (next_M == END)
        pasts = [[*(rows_of(seen, rows_M) for seen in kept)] for _, kept in told]
        if bool(ended_M.all()):
            break
    found = [sentence_of(words_T, float(worth)) for words_T, worth in zip(words_MT, worth_M, strict=True)]
    by_photo = (found[row : row + beams] for row in range(0, batch * beams, beams))
    return [[one for one in own if one.log_probability > NEVER / 2] for own in by_photo]


def mask_words(gain_MV: Tensor, last_M: Tensor, ended_M: Tensor, *, early: bool) -> Tensor:
    """Log-probabilities of the next word: sentences that have ended stay as they are, and some words are not said."""
    gain_MV = gain_MV.clone()
    gain_MV[:, [PAD, START, UNKNOWN]] = NEVER
    gain_MV[torch.arange(len(last_M)), last_M] = NEVER
    if early:
        gain_MV[:, END] = NEVER
    gain_MV[ended_M] = NEVER
    gain_MV[ended_M, PAD] = 0.0
    return gain_MV


def sentence_of(words_T: Tensor, worth: float) -> Sentence:
    """Without what is no word."""
    return Sentence(tuple(word for word in words_T.tolist() if word > UNKNOWN), worth)


WEIGHTS = Path(__file__).parents[1] / "weights" / "captions.safetensors"
MAKE = "python -m deepseek_mm train caption --help"


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence, and how likely it was a word."""

    text: str
    chance: float  # geometric mean of its words' probabilities, 0 to 1
    likeness: float = 0.0  # cosine to the photo in the shared space


Compare = Callable[[Sequence[str], Tensor], Sequence[float]]  # sentences and a photo's cells (P, C) -> their likeness


class Captioner:
    """Pictures to sentences."""

    def __init__(
        self,
        model: SpaceModel,
        nets: Sequence[CaptionNet],
        words: Sequence[str],
        *,
        compare: Compare | None = None,
        beam: BeamConfig | None = None,
        batch: int = 16,
    ) -> None:
        """`compare` says how near sentences lie to a photo; without it their likeness to each other decides."""
        self.model, self.words, self.compare = model, tuple(words), compare
        self.nets = [net.eval().requires_grad_(False) for net in nets]
        self.beam, self.batch = beam or BeamConfig(), batch

    def describe_many(self, images: Iterable[Image]) -> Iterator[Caption]:
        """A sentence for each, in order."""
        yield from self.describe_maps(maps_of_many(self.model, images))

    def describe_maps(self, maps: Iterable[Tensor]) -> Iterator[Caption]:
        """The same from what the tower makes of the pictures, (P, C) each."""
        note_model("captioner")
        for some in prefetch_batches(maps, size=self.batch):
            cells_BPC = torch.stack(some)
            with autocast_bf16():
                found = best_sentences(self.nets, cells_BPC.float(), self.beam)
            yield from map(self._choose, found, cells_BPC)

    def _choose(self, sentences: Sequence[Sentence], cells_PC: Tensor) -> Caption:
        """The one that all are most like and that is near the photo."""
        texts = [" ".join(self.words[number] for number in each.words) for each in sentences]
        near = self.compare(texts, cells_PC) if self.compare else [0.0] * len(texts)
        best = most_alike([each.words for each in sentences], [self.beam.likeness * cosine for cosine in near])
        mean = sentences[best].log_probability / (len(sentences[best].words) + 1)
        text = texts[best]
        return Caption(text=text[:1].upper() + text[1:], chance=math.exp(mean), likeness=near[best])


def compare_in_space(space: DefaultSpace, texts: Sequence[str], cells_PC: Tensor) -> list[float]:
    """Cosine of each text to the picture with these cells."""
    vector_D = places_of(space.model, cells_PC[None])[0][0].float().numpy()
    cosines: list[float] = (space.embed_english(texts) @ vector_D).tolist()
    return cosines


def write_captioner(
    file: Path, state: Mapping[str, Tensor], words: Sequence[str], config: CaptionConfig, *, fingerprint: str
) -> None:
    """Weights as int8 with a scale a row, the words beside them; `fingerprint` is that of the space it looks at."""
    write_weights(file, state, {"words": list(words), "config": asdict(config), "fingerprint": fingerprint})


def read_captioner(space: DefaultSpace, files: Sequence[Path] = (WEIGHTS,)) -> Captioner:
    """With several files they vote; all have the same words. MissingWeights without one, or made for another space."""
    nets, words = [], SPECIAL
    for file in files:
        state, told = read_weights(file, space, make=MAKE)
        net = CaptionNet(len(told["words"]), CaptionConfig(**told["config"]))
        net.load_state_dict(state)
        nets.append(net)
        words = tuple(told["words"])
    return Captioner(space.model, nets, words, compare=partial(compare_in_space, space))
