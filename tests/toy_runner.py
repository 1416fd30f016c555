"""A model on paper with a memory that counts: in its language all that was said before decides what follows."""

import zlib
from array import array

import torch
from tiny_lm import MARKS, tiny_tokenizer

from deepseek_mm.lm.engine.model_runner import PromptChunk
from deepseek_mm.lm.tokenizer import Tokenizer

VOCAB = 300
END = 2
LETTERS = frozenset(range(3, 97))  # tokens that are one ASCII character


def toy_tokenizer():
    return Tokenizer(tiny_tokenizer().backend_tokenizer, template=None, marks={"eos_token": MARKS[2]}, ends={END})


def rambling(tokens):
    """Scores after `tokens`, all of which count: every answer is different, and ends by chance."""
    random = torch.Generator().manual_seed(zlib.crc32(array("i", tokens).tobytes()))
    scores_V = torch.randn(VOCAB, generator=random) - 100
    scores_V[list(LETTERS)] += 100
    scores_V[END] += 99
    return scores_V


def circling(tokens):
    """Scores that depend on the last two tokens only: sooner or later the answer goes in circles, and never ends."""
    scores_V = rambling(tokens[-2:])
    scores_V[END] = -torch.inf
    return scores_V


def reciting(script):
    """Scores that say `script`, again and again, after a prompt that ends with token 1."""

    def scores(tokens):
        scores_V = torch.zeros(VOCAB)
        if 1 in tokens:
            scores_V[script[(len(tokens) - 1 - tokens.index(1)) % len(script)]] = 1
        return scores_V

    return scores


class ToyRunner:
    """A runner: checks that it is used as `PagedRunner` says, and writes down what it was asked."""

    def __init__(self, language=rambling, *, room=10_000, context=2_000, known=0, before=lambda call: None):
        """`before` is told each call before it is answered, each prompt of a chunk too; it may wait or raise."""
        self.stops = ()  # lengths at which reading a prompt pauses
        self.vocab_size, self.context = VOCAB, context
        self.language, self.room, self.known, self.before = language, room, known, before
        self.tokens, self.length, self.most, self.calls = {}, {}, {}, []

    @property
    def pages(self):
        return sum(self.most.values()), self.room

    def fits(self, tokens):
        return sum(self.most.values()) + tokens <= self.room

    def start(self, number, prompt, *, most):
        self._note("start", number)
        assert self.fits(most)
        known = min(self.known, len(prompt.ids) - 1)
        self.tokens[number], self.length[number], self.most[number] = list(prompt.ids), known, most
        return known

    def prefill(self, parts):
        for number, count in parts:
            self._note("prefill", number, count)
        assert len({number for number, _ in parts}) == len(parts) > 0
        return [self._read(*part) for part in parts]

    def decode(self, rows):
        self._note("decode", *[number for number, _ in rows])
        assert len({number for number, _ in rows}) == len(rows)
        return torch.stack([self._go_on(number, token) for number, token in rows])

    def read_ahead(self, number, tokens):
        self._note("read_ahead", number, len(tokens))
        assert self.length[number] == len(self.tokens[number])
        assert self.length[number] + len(tokens) <= self.most[number]
        return torch.stack([self.language([*self.tokens[number], *tokens[: n + 1]]) for n in range(len(tokens))])

    def release(self, number):
        self._note("release", number)
        for held in (self.tokens, self.length, self.most):
            del held[number]

    def _read(self, number, count):
        here = self.length[number]
        assert 0 < count <= len(self.tokens[number]) - here
        count = min([count, *(stop - here for stop in self.stops if stop > here)])
        self.length[number] += count
        return PromptChunk(count, self.language(self.tokens[number][: here + count]))

    def _go_on(self, number, token):
        assert self.length[number] == len(self.tokens[number]) < self.most[number]
        self.tokens[number].append(token)
        self.length[number] += 1
        return self.language(self.tokens[number])

    def _note(self, *call):
        self.calls.append(call)
        self.before(call)
