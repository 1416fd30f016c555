"""A number is hidden in a long text that says nothing, and asked for at the end: who still finds it?

After Kamradt's needle in a haystack (2023), with a haystack that is made up: everyday sentences without a digit in
them. The prompt is a chat; the answer is begun for the model, so that only the number is left to say. It is found if
every one of its tokens is the likeliest, which is what a greedy model would then say; how likely they were is smoother,
and tells more of a small model. The prompt is read in chunks, the answer token by token, as the product does it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import torch

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.drawings import Panel, draw_panels
from deepseek_mm.evaluation.language import CHUNK
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.engine.model_runner import PagedRunner, TokenPrompt, read_prompt
from deepseek_mm.lm.kv_cache.paged_attention import open_memory
from deepseek_mm.lm.tokenizer import Tokenizer, encode_chat
from deepseek_mm.types import Message

LENGTHS = (4_096, 8_192, 16_384)
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # 0: the needle comes first, 1: last
NEEDLE = "The secret number of the lighthouse is"
QUESTION = "What is the secret number of the lighthouse?"
WHO = ("The baker", "A neighbour", "The old teacher", "My cousin", "A tall man", "The gardener", "Her sister", "A boy")
DID = ("carried", "painted", "forgot", "sold", "repaired", "found", "borrowed", "cleaned", "hid", "described")
WHAT = ("a wooden chair", "the blue bicycle", "some bread", "an umbrella", "a letter", "the lamp", "a basket", "a coat")
WHERE = ("near the river", "behind the school", "in the kitchen", "at the station", "by the hill", "in the garden")
WHEN = ("in the morning", "after lunch", "before the rain", "last winter", "on a quiet evening", "during the holidays")


@dataclass(frozen=True, kw_only=True, slots=True)
class Haystack:
    """A prompt with a number in it, and the number."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NeedleResult:
    """The result of one search for a needle."""

    model: str
    length: int  # tokens of prompt and answer, at most
    depth: float
    exact: bool
    log_probability: float  # nats, the mean of the number's tokens; -2.3 is guessing digits


@dataclass(frozen=True, kw_only=True, slots=True)
class NeedleReport:
    """Several models that looked for the same needles."""

    found: tuple[NeedleResult, ...]

    def of(self, model: str, length: int) -> list[NeedleResult]:
        """One model's searches in texts of one length, by depth."""
        mine = (each for each in self.found if (each.model, each.length) == (model, length))
        return sorted(mine, key=lambda each: each.depth)

    @property
    def models(self) -> list[str]:
        """In the order in which they came."""
        return list(dict.fromkeys(each.model for each in self.found))

    @property
    def lengths(self) -> list[int]:
        """Lengths of the texts, the shortest first."""
        return sorted({each.length for each in self.found})

    def table(self) -> str:
        """For people: log-probabilities by depth; a star where the number was found."""
        depths = sorted({each.depth for each in self.found})
        lines = [f"{'needle at depth':<24}" + "".join(f"{depth:>9.0%}" for depth in depths) + f"{'found':>9}"]
        for model in self.models:
            for length in self.lengths:
                some = self.of(model, length)
                cells = "".join(f"{each.log_probability:>8.2f}{'*' if each.exact else ' '}" for each in some)
                hits = f"{sum(each.exact for each in some)} of {len(some)}"
                lines.append(f"{f'{model} {length:,}':<24}{cells}{hits:>9}")
        return "\n".join(lines)

    def figures(self) -> dict[str, Any]:
        """The figures by name, for machines."""
        return {"needles": [asdict(each) for each in self.found]}

    def draw(self, file: Path) -> Path:
        """A panel for each model: depth against length; rings where the number was found."""
        panels = [self._panel(model) for model in self.models]
        depths = [f"{each.depth:.0%}" for each in self.of(self.models[0], self.lengths[0])]
        lengths = [f"{length // 1024}K" if length % 1024 == 0 else str(length) for length in self.lengths]
        return draw_panels(
            panels, file, rows=depths, columns=lengths, unit="log-probability of the number, nats a token"
        )

    def _panel(self, model: str) -> Panel:
        columns = [self.of(model, length) for length in self.lengths]
        rows = list(zip(*columns, strict=True))
        return Panel(
            title=model,
            values=[[each.log_probability for each in row] for row in rows],
            marked=[[each.exact for each in row] for row in rows],
        )


def evaluate_needle(
    models: Mapping[str, Decoder],
    tokenizer: Tokenizer,
    *,
    lengths: Sequence[int] = LENGTHS,
    depths: Sequence[float] = DEPTHS,
    progress: Callable[[str], None] = lambda line: None,
) -> NeedleReport:
    """Every model looks for one needle at each depth of texts of each length."""
    found = []
    for length in lengths:
        for depth in depths:
            haystack = hide_needle(tokenizer, length=length, depth=depth)
            for name, decoder in models.items():
                exact, log_probability = seek_needle(decoder, haystack)
                found.append(
                    NeedleResult(model=name, length=length, depth=depth, exact=exact, log_probability=log_probability)
                )
                progress(f"{name}: {length:,} tokens, depth {depth:.0%}: {'found' if exact else 'missed'}")
    return NeedleReport(found=tuple(found))


def hide_needle(tokenizer: Tokenizer, *, length: int, depth: float, seed: int = 0) -> Haystack:
    """A prompt that with its answer has at most `length` tokens, hardly fewer. Always the same for the same numbers.

    ConfigError if not even the question fits.
    """
    chance = Random(f"{seed} {length} {depth}")
    number = str(chance.randrange(10_000, 100_000))
    whole, other = tokenizer.encode_many([f"{NEEDLE} {number}", f"{NEEDLE} 0"])
    begun = next(n for n, (mine, theirs) in enumerate(zip(whole, other, strict=False)) if mine != theirs)
    bare = [*_chat(tokenizer, [], number, at=0), *whole]
    if len(bare) > length:
        raise ConfigError(
            f"a needle and its question need {len(bare)} tokens, more than {length}. Ask for longer texts"
        )
    some = [make_sentence(chance) for _ in range((length - len(bare)) // 4)]
    ends = list(accumulate(map(len, tokenizer.encode_many([f" {each}" for each in some]))))
    some = some[: sum(end <= length - len(bare) for end in ends)]
    at = sum(end <= depth * ends[len(some) - 1] for end in ends[: len(some)]) if some else 0
    prompt = (*_chat(tokenizer, some, number, at=at), *whole[:begun])
    return Haystack(prompt=prompt, answer=tuple(whole[begun:]))


def make_sentence(chance: Random) -> str:
    """One of some 30,000 sentences that say nothing of numbers."""
    return " ".join(chance.choice(words) for words in (WHO, DID, WHAT, WHERE, WHEN)) + "."


def _chat(tokenizer: Tokenizer, some: Sequence[str], number: str, *, at: int) -> list[int]:
    """The question behind its haystack, up to where the answer starts; the needle lies before sentence `at`."""
    text = " ".join([*some[:at], f"{NEEDLE} {number}.", *some[at:]])
    return encode_chat(tokenizer, [Message(role="user", text=f"{text}\n\n{QUESTION}")])


def seek_needle(decoder: Decoder, haystack: Haystack) -> tuple[bool, float]:
    """Whether the number would be said, and the mean log-probability of its tokens in nats."""
    most = len(haystack.prompt) + len(haystack.answer)
    memory = open_memory(decoder.shape, tokens=most, sequences=1, chunk=CHUNK, like=decoder.embedding.weight)
    runner = PagedRunner(decoder, memory)
    runner.start(0, TokenPrompt(ids=haystack.prompt), most=most)
    said = [read_prompt(runner, 0, len(haystack.prompt))]
    said += [runner.decode([(0, token)])[0] for token in haystack.answer[:-1]]
    logits_TV, right_T = torch.stack(said).float(), torch.tensor(haystack.answer)
    log_T = logits_TV.log_softmax(-1).gather(1, right_T[:, None])[:, 0]
    return bool((logits_TV.argmax(-1) == right_T).all()), float(log_T.mean())
