"""The network that understands requests: layers of its own over a sentence encoder, and heads over what these read.

A vector of the situation joins a turn's tokens in front of the layers, so that "and the red one?" can mean something
else over documents than over photos. The heads see every token twice, as the encoder's lower layers and as the layers
above left it: the layers know the shapes that they were trained on by heart, the lower ones know none. Where a turn has
several acts, each is read once more by itself: what the others ask for would colour it.

Shape key:  N turns, T tokens, A acts, W width of the encoder, G tags, C cuts, L languages, F features of a situation
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepseek_mm.language.requests import ATTRIBUTES, FORMS, KINDS, NUM_FEATURES, SCOPES, SPANS

INSIDE, NEAR, DROPPED = 384, 256, 0.2
TAGS = ("", *(f"{place}-{name}" for name in SPANS for place in "BI"))
INSIDE_ACT, FIRST, JOINING = range(3)  # what a token is to the acts: of one, the first of a further one, between two
CUTS = 3
LABELS = {"kind": KINDS, "scope": SCOPES, "form": FORMS, "attribute": ATTRIBUTES}
LANGUAGES = ("en", "zh", "de", "fr", "es")
WEIGHINGS = 2  # ways in which an act's tokens are weighed


class ReadTurns(NamedTuple):
    """What the layers read: turns, or acts of which each stands for itself."""

    said_NW: Tensor  # the situation, having seen the tokens
    tokens_NTD: Tensor  # D = 2 W: after the layers, before them


class TokenLogits(NamedTuple):
    """Of a turn's tokens, and of the turn's language."""

    tags_NTG: Tensor
    cuts_NTC: Tensor
    language_NL: Tensor


class TurnActs(NamedTuple):
    """Acts: the turn of each, which tokens it has, and whether it is the only one of its turn."""

    turn_A: Tensor
    parts_AT: Tensor  # bool
    alone_A: Tensor  # bool


class RequestHeads(nn.Module):
    """What is told of tokens, and of acts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        both = 2 * width
        self.norm = nn.LayerNorm(both)
        self.near = nn.Linear(3 * both, NEAR)  # a token between its neighbours
        self.tags, self.cuts = nn.Linear(NEAR, len(TAGS)), nn.Linear(NEAR, CUTS)
        self.language = nn.Linear(both, len(LANGUAGES))
        self.weigh = nn.Linear(both, WEIGHINGS)  # how much a token counts for its act
        pooled = 2 * width + (WEIGHINGS + 1) * both + 1
        self.act = nn.Sequential(
            nn.Dropout(DROPPED), nn.Linear(pooled, INSIDE), nn.GELU(), nn.LayerNorm(INSIDE), nn.Dropout(DROPPED)
        )
        self.told = nn.ModuleDict({name: nn.Linear(INSIDE, len(labels)) for name, labels in LABELS.items()})

    def read_tokens(self, turns: ReadTurns, there_NT: Tensor) -> TokenLogits:
        """Tags, cuts and languages."""
        tokens_NTD = self.norm(turns.tokens_NTD) * there_NT[..., None]
        shown_NTD = F.dropout(tokens_NTD, DROPPED, self.training)
        padded = F.pad(shown_NTD, (0, 0, 1, 1))
        near_NTI = F.gelu(self.near(torch.cat([padded[:, :-2], shown_NTD, padded[:, 2:]], dim=-1)))
        return TokenLogits(self.tags(near_NTI), self.cuts(near_NTI), self.language(tokens_NTD[:, 0]))

    def read_acts(self, acts: ReadTurns, parts_AT: Tensor, later_A: Tensor) -> dict[str, Tensor]:
        """Logits of each label: of acts, the tokens of each (bool), and whether others went before it in its turn."""
        tokens_ATD = self.norm(acts.tokens_NTD)
        apart_AT1 = ~parts_AT[..., None]
        weights_ATZ = self.weigh(tokens_ATD).float().masked_fill(apart_AT1, -1e9).softmax(dim=1).to(tokens_ATD.dtype)
        weighed_AE = torch.einsum("atz,atd->azd", weights_ATZ, tokens_ATD).flatten(1)
        mean_AD = tokens_ATD.masked_fill(apart_AT1, 0).sum(dim=1) / parts_AT.sum(dim=1, keepdim=True).clamp_min(1)
        most_AW = tokens_ATD[..., : acts.said_NW.shape[1]].masked_fill(apart_AT1, -1e4).amax(dim=1)
        whole = [acts.said_NW, weighed_AE, most_AW, mean_AD, later_A[:, None]]
        act_AI = self.act(torch.cat([part.to(tokens_ATD.dtype) for part in whole], dim=1))
        return {name: head(act_AI) for name, head in self.told.items()}


class RequestNetwork(nn.Module):
    """The layers and the heads."""

    def __init__(self, upper: nn.Module, width: int) -> None:
        super().__init__()
        self.upper = upper
        self.situation = nn.Linear(NUM_FEATURES, width)
        self.heads = RequestHeads(width)

    def read(self, lower_NTW: Tensor, there_NT: Tensor, features_NF: Tensor) -> ReadTurns:
        """Turns, as far as their tokens are there."""
        said_N1W = self.situation(features_NF)[:, None].to(lower_NTW.dtype)
        joined_NSW = torch.cat([said_N1W, lower_NTW], dim=1)
        there_NS = torch.cat([torch.ones_like(there_NT[:, :1]), there_NT], dim=1)
        states_NSW: Tensor = self.upper(joined_NSW, there_NS[:, None, None])[-1]
        return ReadTurns(states_NSW[:, 0], torch.cat([states_NSW[:, 1:], lower_NTW.to(states_NSW.dtype)], dim=-1))

    def read_seen(self, lower_NTW: Tensor, seen_NT: Tensor, features_NF: Tensor) -> ReadTurns:
        """The same where few of the tokens are seen, without paying for the others; these are zeros."""
        longest = int(seen_NT.sum(dim=1).max())
        places_NS = (~seen_NT).int().argsort(dim=1, stable=True)[:, :longest]
        few_NSW = lower_NTW.take_along_dim(places_NS[..., None], dim=1)
        said_NW, few_NSD = self.read(few_NSW, seen_NT.take_along_dim(places_NS, dim=1), features_NF)
        all_NTD = few_NSD.new_zeros(*seen_NT.shape, few_NSD.shape[-1])
        rows_N1 = torch.arange(len(seen_NT))[:, None]
        return ReadTurns(said_NW, all_NTD.index_put((rows_N1, places_NS), few_NSD))

    def read_acts(
        self, turns: ReadTurns, lower_NTW: Tensor, there_NT: Tensor, features_NF: Tensor, acts: TurnActs
    ) -> dict[str, Tensor]:
        """Logits of each label; acts that share a turn are read again by themselves."""
        turn_A, parts_AT, alone_A = acts
        later_A = ~parts_AT[:, 0]
        edges_AT = torch.zeros_like(parts_AT)
        edges_AT[:, 0] = True
        read = ReadTurns(turns.said_NW[turn_A], turns.tokens_NTD[turn_A])
        (shared,) = (~alone_A).nonzero(as_tuple=True)
        if len(shared):
            own = turn_A[shared]
            seen_AT = parts_AT[shared] | mark_edges(there_NT[own])
            again = self.read_seen(lower_NTW[own], seen_AT, features_NF[own])
            read = ReadTurns(*(old.index_put((shared,), new) for old, new in zip(read, again, strict=True)))
        return self.heads.read_acts(read, parts_AT | edges_AT, later_A)


def mark_edges(there_NT: Tensor) -> Tensor:
    """(N, T) bool: the first and the last token of each turn."""
    edges_NT = torch.zeros_like(there_NT)
    edges_NT[:, 0] = True
    edges_NT[torch.arange(len(there_NT)), there_NT.sum(dim=1) - 1] = True
    return edges_NT


def mark_parts(parts: Sequence[Sequence[int]], tokens: int) -> Tensor:
    """(A, T) bool: the tokens of each act."""
    marked_AT = torch.zeros(len(parts), tokens, dtype=torch.bool)
    for act, part in enumerate(parts):
        marked_AT[act, list(part)] = True
    return marked_AT
