"""The policy: the product's decoder, with low-rank changes of its last layers, and a value head on the same trunk.

The frozen lower layers are computed once, when a text is read or written, and cached; every update computes the last
layers alone. Three attention backends serve texts with common prefixes: `PrefillAttention` reads prompts and keeps
their keys, `DecodeAttention` decodes a token of every text at a time, `TreeAttention` computes a prompt with all of its
answers in one row, where each token sees what stands before it in its own answer. Answers that are the same so far
grow as one row: it splits where they part, and leaves the batch when they are over.

Shape key:  B prompts or rows, T tokens of a row, D width, V vocabulary, A answer tokens of a batch, U different ones,
            R rows that grow,
            C answers of a row, S cells of a memory, H query heads, G key/value heads, K head width
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import between
from deepseek_mm.lm.attention_backend import FullTextAttention, is_visible
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import DecoderShape, Reach
from deepseek_mm.lm.tokenizer import Tokenizer
from deepseek_mm.training.language_model.trainers import add_lora
from deepseek_mm.training.loop import load_learned
from deepseek_mm.training.ppo.problems import LONGEST_ANSWER, Puzzle

Keys = dict[int, tuple[Tensor, Tensor]]  # slot -> keys and values, both (B, S, G, K)


class PrefillAttention(FullTextAttention):
    """Whole texts, padded on the right; their keys and values are kept."""

    def __init__(self, shape: DecoderShape, segments_BT: Tensor) -> None:
        super().__init__(shape, segments_BT)
        self.kept: Keys = {}

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `AttentionBackend` says."""
        self.kept[slot] = k_BTGK, v_BTGK
        return super().__call__(slot, q_BTHK, k_BTGK, v_BTGK)


class DecodeAttention:
    """One more token of each text. The cell of a token is its place, so rows of different lengths need no padding."""

    def __init__(self, shape: DecoderShape, kept: Keys, rows_B: Tensor, *, cells: int) -> None:
        """`rows_B`: which text of those that were read each row goes on from; `cells`: the longest text to come."""
        self.shape, self.scale = shape, shape.scale_for(cells)
        self.kept = {slot: (widen(k, rows_B, cells), widen(v, rows_B, cells)) for slot, (k, v) in kept.items()}
        self.positions_BT = torch.zeros(len(rows_B), 1, dtype=torch.long)

    def step(self, positions_B: Tensor) -> None:
        """Where the next tokens stand."""
        self.positions_BT = positions_B[:, None]

    def keep(self, rows_B: Tensor) -> None:
        """Go on with these rows alone."""
        self.kept = {slot: (k[rows_B], v[rows_B]) for slot, (k, v) in self.kept.items()}

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `AttentionBackend` says."""
        keys_BSGK, values_BSGK = self.kept[slot]
        rows_B, places_B = torch.arange(len(q_BTHK)), self.positions_BT[:, 0]
        keys_BSGK[rows_B, places_B], values_BSGK[rows_B, places_B] = k_BTGK[:, 0], v_BTGK[:, 0]
        cells_S = torch.arange(keys_BSGK.shape[1])
        mask_BTS = is_visible(self.shape.slot_reach(slot), self.positions_BT[:, :, None], cells_S)
        return attend_plainly(q_BTHK, keys_BSGK, values_BSGK, mask_BTS[:, None])


class TreeAttention(FullTextAttention):
    """Rows of a prompt and its answers as a tree: what several answers begin with stands there once."""

    def __init__(self, shape: DecoderShape, before_BTT: Tensor, positions_BT: Tensor) -> None:
        """`before_BTT`: True where the second token stands before the first, or is it; `positions_BT`: how deep."""
        super().__init__(shape, torch.ones_like(positions_BT))
        self.positions_BT, self._before_BTT, self._plain = positions_BT, before_BTT, False

    def _make(self, reach: Reach) -> Tensor:
        here, there = self.positions_BT[:, :, None], self.positions_BT[:, None, :]
        return (self._before_BTT & is_visible(reach, here, there))[:, None]


def widen(x_BSGK: Tensor, rows_B: Tensor, cells: int) -> Tensor:
    """Those rows, with room for `cells`."""
    return F.pad(x_BSGK[rows_B], (0, 0, 0, 0, 0, cells - x_BSGK.shape[1]))


def attend_plainly(q_BTHK: Tensor, k_BSGK: Tensor, v_BSGK: Tensor, mask_B1TS: Tensor) -> Tensor:
    """Plain attention, (B, T, H, K)."""
    q, k, v = (x.transpose(1, 2) for x in (q_BTHK, k_BSGK, v_BSGK))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask_B1TS, enable_gqa=True).transpose(1, 2)


MATRICES = ("qkv", "out", "up", "down")


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyConfig:
    """What may change."""

    last: int = 6  # layers that are changed
    rank: int = 16  # of each matrix's change
    heat: float = 0.8  # temperature at which the policy speaks, when it learns and when it is measured

    def __post_init__(self) -> None:
        between("last", self.last, 1, 1_000)
        between("rank", self.rank, 1, 4096)
        between("heat", self.heat, 0.01, 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerGroup:
    """A prompt and its answers, with what the lower layers made of them."""

    prompt: list[int]
    answers: list[list[int]]
    lower_TD: Tensor  # of the prompt, then of the answers, as `AnswerTree` orders them


class UpperStates(NamedTuple):
    """Last hidden states, normed, of places from which tokens are told."""

    hidden_UD: Tensor
    index_A: Tensor  # which of them each answer's tokens are told from
    tokens_A: Tensor


class TokenScores(NamedTuple):
    """What the policy thinks of answers, one entry a token."""

    logprob_A: Tensor
    entropy_A: Tensor
    value_A: Tensor


class Policy(nn.Module):
    """Decoder, changes and value head; only the last two learn."""

    def __init__(self, decoder: Decoder, config: PolicyConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config, self.decoder = config, decoder.requires_grad_(False).eval()
        num_layers = decoder.shape.num_layers
        self.first = max(0, num_layers - config.last)
        self.lower, self.upper = range(self.first), range(self.first, num_layers)
        torch.manual_seed(seed)  # of what is new
        found = add_lora(nn.ModuleList(decoder.layers[self.first :]), names=MATRICES, rank=config.rank)
        self.changes = {rename_change(name, self.first): parameter for name, parameter in found.items()}
        self.value: nn.Linear = nn.Linear(decoder.shape.width, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    @property
    def parameters_by_name(self) -> dict[str, nn.Parameter]:
        """By name: the changes as `lm.weights` merges them, and the value head."""
        return {**self.changes, **{f"value.{name}": p for name, p in self.value.named_parameters()}}

    def load_learned(self, learned: Mapping[str, Tensor]) -> None:
        """Put in what was learned."""
        load_learned(self.parameters_by_name, learned)

    def upper_states(self, groups: Sequence[AnswerGroup]) -> UpperStates:
        """What the last layers make of every place from which a token of an answer is told, each place once."""
        trees = [AnswerTree(group) for group in groups]
        length = max(tree.size for tree in trees)
        x_BTD = torch.zeros(len(groups), length, self.decoder.shape.width, dtype=groups[0].lower_TD.dtype)
        before_BTT = torch.eye(length, dtype=torch.bool).repeat(len(groups), 1, 1)
        positions_BT = torch.zeros(len(groups), length, dtype=torch.long)
        places, index = list[int](), list[int]()
        for row, (group, tree) in enumerate(zip(groups, trees, strict=True)):
            x_BTD[row, : tree.size] = group.lower_TD
            before_BTT[row, : tree.size, : tree.size] = tree.before_TT()
            positions_BT[row, : tree.size] = torch.tensor(tree.positions)
            index += [len(places) + at - tree.start + 1 for answer in tree.places for at in answer]
            places += range(row * length + tree.start - 1, row * length + tree.size)
        attend = TreeAttention(self.decoder.shape, before_BTT, positions_BT)
        hidden_BTD, _ = self.decoder(x_BTD, attend, layers=self.upper)
        tokens = [token for group in groups for answer in group.answers for token in answer]
        hidden_UD = hidden_BTD.flatten(0, 1)[torch.tensor(places)]
        return UpperStates(hidden_UD, torch.tensor(index), torch.tensor(tokens))

    def score_answers(self, groups: Sequence[AnswerGroup], *, heat: float | None = None) -> TokenScores:
        """What it thinks of every token of these answers, in order, at its own temperature or another."""
        hidden_UD, index_A, tokens_A = self.upper_states(groups)
        logprob_UV = self.logits(hidden_UD, heat).log_softmax(-1)
        entropy_U = -(logprob_UV.exp() * logprob_UV).sum(-1)
        value_U = self.value(hidden_UD.float())[:, 0]
        return TokenScores(logprob_UV[index_A, tokens_A], entropy_U[index_A], value_U[index_A])

    def logits(self, hidden: Tensor, heat: float | None = None) -> Tensor:
        """Scores (..., V) at that temperature, the policy's own if none is named; float32."""
        return self.decoder.logits(hidden).float() / (heat or self.config.heat)


class AnswerTree:
    """A prompt, and behind it its answers without their last tokens; what answers begin with alike stands once.

    Nodes come in the order in which the answers first need them.
    """

    def __init__(self, group: AnswerGroup) -> None:
        self.start = len(group.prompt)
        self.positions = list(range(self.start))
        self.parents = list(range(-1, self.start - 1))
        self.places: list[list[int]] = []  # of each answer: from where each of its tokens is told
        known = dict[tuple[int, int], int]()  # node and token behind it -> node
        for answer in group.answers:
            at, places = self.start - 1, [self.start - 1]
            for token in answer[:-1]:
                if (at, token) not in known:
                    known[at, token] = len(self.positions)
                    self.parents.append(at)
                    self.positions.append(self.positions[at] + 1)
                at = known[at, token]
                places.append(at)
            self.places.append(places)

    @property
    def size(self) -> int:
        """Tokens in all."""
        return len(self.positions)

    def before_TT(self) -> Tensor:
        """True where the second token stands before the first in its own answer, or is it."""
        before = torch.eye(self.size, dtype=torch.bool)
        before[: self.start, : self.start] = torch.ones(self.start, self.start).tril().bool()
        for node in range(self.start, self.size):
            before[node] |= before[self.parents[node]]
        return before


def rename_change(name: str, first: int) -> str:
    """A name within the changed layers -> in the whole decoder."""
    number, _, rest = name.partition(".")
    return f"layers.{int(number) + first}.{rest}"


@torch.no_grad()
def read_groups(
    policy: Policy, texts: Sequence[tuple[list[int], list[int]]], *, rows: int = 16
) -> Iterator[AnswerGroup]:
    """Prompts with an answer each that is known already, with what the lower layers make of them; in order."""
    decoder = policy.decoder
    for start in range(0, len(texts), rows):
        some = texts[start : start + rows]
        length = max(len(prompt) + len(answer) - 1 for prompt, answer in some)
        ids_BT = torch.tensor([(p + a[:-1] + [0] * length)[:length] for p, a in some])
        lengths_B = torch.tensor([len(p) + len(a) - 1 for p, a in some])
        attend = FullTextAttention(decoder.shape, (torch.arange(length) < lengths_B[:, None]).long())
        lower_BTD, _ = decoder(decoder.embed(ids_BT), attend, layers=policy.lower, final=False)
        for (prompt, answer), row_TD in zip(some, lower_BTD, strict=True):
            yield AnswerGroup(prompt=prompt, answers=[answer], lower_TD=row_TD[: len(prompt) + len(answer) - 1].clone())


ROWS = 256  # answers that grow side by side


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """What was drawn for one puzzle."""

    puzzle: Puzzle
    group: AnswerGroup
    texts: list[str]  # what fills the gap, one an answer


class AnswerWriter:
    """Draws answers from a policy."""

    def __init__(self, policy: Policy, tokenizer: Tokenizer) -> None:
        self.policy, self.tokenizer = policy, tokenizer
        self.ends = tokenizer.ends

    def write(self, puzzles: Sequence[Puzzle], count: int, *, seed: int, greedy: bool = False) -> list[Rollout]:
        """`count` answers of each puzzle, in the order of the puzzles; `greedy`: the last of them is the likeliest."""
        ids = [self.tokenizer(puzzle.prompt)["input_ids"] for puzzle in puzzles]
        order = sorted(range(len(puzzles)), key=lambda n: len(ids[n]))
        size, done = max(1, ROWS // count), dict[int, Rollout]()
        chance = torch.Generator().manual_seed(seed)
        for start in range(0, len(order), size):
            numbers = order[start : start + size]
            batch = RolloutBatch(self, [puzzles[n] for n in numbers], [ids[n] for n in numbers], count)
            done |= zip(numbers, batch.run(chance, greedy=greedy), strict=True)
        return [done[n] for n in range(len(puzzles))]


@dataclass(kw_only=True, slots=True)
class Stem:
    """A text that grows, and the answers that are the same so far."""

    prompt: int
    members: list[int]
    tokens: list[int]  # behind the prompt
    text: str = ""


class RolloutBatch:
    """Some prompts, and the answers that grow behind them; answers that begin alike grow as one."""

    def __init__(self, writer: AnswerWriter, puzzles: list[Puzzle], prompts: list[list[int]], count: int) -> None:
        self.writer, self.policy = writer, writer.policy
        self.puzzles, self.prompts, self.count = puzzles, prompts, count
        self.answers: list[list[list[int]]] = [[[] for _ in range(count)] for _ in prompts]
        self.lower: list[dict[tuple[int, ...], Tensor]] = [{} for _ in prompts]  # tokens behind the prompt -> state

    @torch.no_grad()
    def run(self, chance: torch.Generator, *, greedy: bool) -> Iterator[Rollout]:
        """Grow until all are over."""
        lower_BTD, hidden_BD, kept = self.read_prompts()
        longest, every = max(map(len, self.prompts)) + LONGEST_ANSWER, list(range(self.count))
        stems = [Stem(prompt=n, members=every, tokens=[]) for n in range(len(self.prompts))]
        growing = DecodeAttention(self.policy.decoder.shape, kept, torch.arange(len(stems)), cells=longest)
        logits_RV = self.policy.logits(hidden_BD)
        while stems:
            tokens = draw_tokens(logits_RV, [len(stem.members) for stem in stems], chance)
            if greedy:
                tokens = self.replace_last(stems, tokens, logits_RV)
            parents, stems = self.split(stems, tokens)
            if stems:
                growing.keep(torch.tensor(parents))
                logits_RV = self.grow(stems, growing)
        return self.make_rollouts(lower_BTD)

    def read_prompts(self) -> tuple[Tensor, Tensor, Keys]:
        """The prompts' lower states (B, T, D), last hidden states (B, D), and keys."""
        decoder, length = self.policy.decoder, max(map(len, self.prompts))
        ids_BT = torch.tensor([prompt + [0] * (length - len(prompt)) for prompt in self.prompts])
        lengths_B = torch.tensor([len(prompt) for prompt in self.prompts])
        filling = PrefillAttention(decoder.shape, (torch.arange(length) < lengths_B[:, None]).long())
        lower_BTD, _ = decoder(decoder.embed(ids_BT), filling, layers=self.policy.lower, final=False)
        hidden_BTD, _ = decoder(lower_BTD, filling, layers=self.policy.upper)
        return lower_BTD, hidden_BTD[torch.arange(len(ids_BT)), lengths_B - 1], filling.kept

    def split(self, stems: list[Stem], tokens: list[list[int]]) -> tuple[list[int], list[Stem]]:
        """The stems with a token more, one for each that was drawn, and from which row each comes; without those that
        are over, whose answers are kept.
        """
        parents, grown = [], []
        for row, (stem, drawn_tokens) in enumerate(zip(stems, tokens, strict=True)):
            for token in dict.fromkeys(drawn_tokens):
                members = [m for m, each in zip(stem.members, drawn_tokens, strict=True) if each == token]
                text = stem.text + self.writer.tokenizer.decode([token])
                new = Stem(prompt=stem.prompt, members=members, tokens=[*stem.tokens, token], text=text)
                if self.is_over(new):
                    self.answers[stem.prompt] = [
                        new.tokens if n in members else old for n, old in enumerate(self.answers[stem.prompt])
                    ]
                else:
                    parents.append(row)
                    grown.append(new)
        return parents, grown

    def replace_last(self, stems: list[Stem], tokens: list[list[int]], logits_RV: Tensor) -> list[list[int]]:
        """The tokens, but for the last answer of each prompt the likeliest one."""
        best, last = logits_RV.argmax(-1).tolist(), self.count - 1
        return [
            [top if member == last else token for member, token in zip(stem.members, row, strict=True)]
            for stem, row, top in zip(stems, tokens, best, strict=True)
        ]

    def is_over(self, stem: Stem) -> bool:
        """Whether an answer has come to its end."""
        ended = len(stem.tokens) == LONGEST_ANSWER or stem.tokens[-1] in self.writer.ends
        return ended or self.puzzles[stem.prompt].is_over(stem.text)

    def grow(self, stems: list[Stem], growing: DecodeAttention) -> Tensor:
        """Read the stems' last tokens; scores (R, V) of the next ones."""
        decoder = self.policy.decoder
        growing.step(torch.tensor([len(self.prompts[stem.prompt]) + len(stem.tokens) - 1 for stem in stems]))
        x_R1D = decoder.embed(torch.tensor([[stem.tokens[-1]] for stem in stems]))
        lower_R1D, _ = decoder(x_R1D, growing, layers=self.policy.lower, final=False)
        for stem, state_D in zip(stems, lower_R1D[:, 0], strict=True):
            self.lower[stem.prompt][tuple(stem.tokens)] = state_D
        hidden_R1D, _ = decoder(lower_R1D, growing, layers=self.policy.upper)
        return self.policy.logits(hidden_R1D[:, 0])

    def make_rollouts(self, lower_BTD: Tensor) -> Iterator[Rollout]:
        """What came of each prompt."""
        for number, (puzzle, prompt) in enumerate(zip(self.puzzles, self.prompts, strict=True)):
            answers, states = self.answers[number], self.lower[number]
            starts = [tuple(answer[:end]) for answer in answers for end in range(1, len(answer))]
            nodes = [states[tokens] for tokens in dict.fromkeys(starts)]
            lower_TD = torch.cat([lower_BTD[number, : len(prompt)], *(state[None] for state in nodes)])
            group = AnswerGroup(prompt=prompt, answers=answers, lower_TD=lower_TD)
            yield Rollout(puzzle=puzzle, group=group, texts=[puzzle.cut(self.decode(answer)) for answer in answers])

    def decode(self, tokens: list[int]) -> str:
        """What was written, without a mark of its end."""
        return self.writer.tokenizer.decode(tokens[:-1] if tokens[-1] in self.writer.ends else tokens)


def draw_tokens(logits_RV: Tensor, counts: Sequence[int], chance: torch.Generator) -> list[list[int]]:
    """So many tokens of each row, each drawn by itself."""
    sums_RV = logits_RV.softmax(-1).cumsum(-1)
    at_RC = torch.rand(len(counts), max(counts), generator=chance) * sums_RV[:, -1:]
    tokens_RC = torch.searchsorted(sums_RV, at_RC).clamp(max=logits_RV.shape[-1] - 1)
    return [row[:count] for row, count in zip(tokens_RC.tolist(), counts, strict=True)]
