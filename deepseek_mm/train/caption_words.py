"""Captions as numbers, what a caption model loses on them, and how its own sentences are praised.

Shape key:  N sentences, T words, V words of the vocabulary
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from deepseek_mm.evaluation.captions import RunWeights, split_caption
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.vision.attention import Seen
from deepseek_mm.vision.captioner import END, PAD, SPECIAL, START, UNKNOWN, CaptionNet, Runs, runs_of

SELDOM = 4  # a word that comes less often is unknown


@dataclass(frozen=True, slots=True)
class Sentences:
    """The captions of each photo, and the words that are known."""

    words: tuple[str, ...]
    numbers: tuple[tuple[tuple[int, ...], ...], ...]  # photo, caption, word

    @classmethod
    def of(cls, rows: Sequence[CaptionRow], *, most: int) -> "Sentences":
        """Of all rows; words in order of how often they come, captions cut to `most` words."""
        told = [[split_caption(caption)[:most] for caption in row.captions] for row in rows]
        counts = Counter(word for captions in told for caption in captions for word in caption)
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        words = (*SPECIAL, *(word for word, count in ranked if count >= SELDOM))
        number = {word: n for n, word in enumerate(words)}
        return cls(
            words,
            tuple(
                tuple(tuple(number.get(word, UNKNOWN) for word in caption) for caption in captions) for captions in told
            ),
        )

    def batch(self, photos: Sequence[int]) -> tuple[Tensor, Tensor]:
        """(N, T): every caption of the photos, begun and ended; and the place of its photo among them, (N,)."""
        told = [(place, caption) for place, photo in enumerate(photos) for caption in self.numbers[photo]]
        words_NT = torch.full((len(told), 2 + max(len(caption) for _, caption in told)), PAD)
        for row, (_, caption) in enumerate(told):
            words_NT[row, : len(caption) + 2] = torch.tensor([START, *caption, END])
        return words_NT, torch.tensor([place for place, _ in told])

    def spelt(self, words_T: Tensor) -> list[str]:
        """The words of the numbers, and that the sentence ends where it does."""
        return [self.words[n] for n in words_T.tolist() if n > UNKNOWN or n == END]


def next_word_loss(scores_NTV: Tensor, next_NT: Tensor, *, smooth: float, each: bool = False) -> Tensor:
    """Surprise at the next word, the mean of all words; or with `each` the sum of every sentence, (N,)."""
    flat = F.cross_entropy(
        scores_NTV.float().flatten(0, 1),
        next_NT.flatten(),
        ignore_index=PAD,
        label_smoothing=smooth,
        reduction="none" if each else "mean",
    )
    return flat.view_as(next_NT).sum(dim=1) if each else flat


@torch.no_grad()
def sampled(net: CaptionNet, cells: Sequence[Seen]) -> Tensor:
    """(N, T): a sentence for every row of the cells, word after word by chance."""
    count, most = len(cells[0][0]), net.config.most
    words_NT = torch.full((count, 1), START)
    past: list[Seen | None] = [None] * len(cells)
    ended_N = torch.zeros(count, dtype=torch.bool)
    for _ in range(most):
        scores_N1V, kept = net.step(words_NT[:, -1:], cells, past)
        past = list(kept)
        scores_NV = scores_N1V[:, -1].float()
        scores_NV[:, [PAD, START, UNKNOWN]] = -torch.inf
        next_N = torch.multinomial(scores_NV.softmax(-1), 1)[:, 0].masked_fill(ended_N, PAD)
        words_NT = torch.cat([words_NT, next_N[:, None]], dim=1)
        ended_N = ended_N | (next_N == END)
        if bool(ended_N.all()):
            break
    return words_NT


@dataclass(frozen=True, slots=True)
class Praise:
    """CIDEr-D against the captions of the very photos that are trained on."""

    references: tuple[tuple[Runs, ...], ...]
    rare: RunWeights

    @classmethod
    def of(cls, rows: Sequence[CaptionRow]) -> "Praise":
        """How rare a run is, is counted over these photos. That a sentence ends counts as a word of it."""
        references = tuple(
            tuple(runs_of([*split_caption(caption), SPECIAL[END]]) for caption in row.captions) for row in rows
        )
        return cls(references, RunWeights.among(references))

    def score(self, said: Sequence[Sequence[str]], photos: Sequence[int]) -> Tensor:
        """(N,): 1 is what CIDEr-D calls 10."""
        pairs = zip(said, photos, strict=True)
        return torch.tensor([self.rare.worth(runs_of(words), self.references[photo]) for words, photo in pairs])
