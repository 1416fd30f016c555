"""The best sentences of a caption model: beam search, several photos at once.

A sentence's worth is the sum of its words' log-probabilities over its length to a power (Wu et al. 2016, eq. 14,
without its constant), so that long ones are not punished for their length alone. It never says a word that it does not
know, and never the same word twice in a row. Of the sentences that were found last, the one that all of them are most
like is told (Kumar and Byrne 2004): what many likely sentences say is right more often than the likeliest one.

Shape key:  B photos, W beams, M = B * W rows, T words, V words of the vocabulary
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepseek_mm.see.attention import Seen
from deepseek_mm.see.caption.alike import most_alike
from deepseek_mm.see.caption.net import END, PAD, START, UNKNOWN, CaptionNet, rows_of

NEVER = -1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class BeamConfig:
    """How hard it is searched."""

    beams: int = 20
    length_power: float = 0.8  # of the length by which a sentence's log-probability is divided
    fewest: int = 5  # words before a sentence may end


@dataclass(frozen=True, slots=True)
class Sentence:
    """What was found for one photo."""

    words: tuple[int, ...]
    log_probability: float  # of the whole sentence, in nats


def agreed_sentences(nets: Sequence[CaptionNet], cells_BPC: Tensor, config: BeamConfig) -> list[Sentence]:
    """One for each photo: the one that all that were found are most like."""
    found = best_sentences(nets, cells_BPC, config)
    return [own[most_alike([sentence.words for sentence in own])] for own in found]


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
