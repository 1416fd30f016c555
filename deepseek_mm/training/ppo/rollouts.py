"""Rollouts: prompts are read once, then all answers are sampled a token at a time.

Answers that are the same so far are one row: it splits where they part, and leaves the batch when they are over. The
lower layers' states of every token are kept, for the updates.

Shape key:  B prompts, R rows, C answers of a row, T tokens, D width, V vocabulary
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepseek_mm.lm.tokenizer import Tokenizer
from deepseek_mm.training.ppo.policy import AnswerGroup, DecodeAttention, Keys, Policy, PrefillAttention
from deepseek_mm.training.ppo.problems import LONGEST_ANSWER, Puzzle

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
