"""How a picture and questions about it are written for the language model: pictures are places for vectors.

    <picture>
    Q: is there a dog?
    A: yes
    Q: what colour is it?
    A: brown

Shape key:  N scripts, T tokens, R places of all scripts, D width of the model
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder

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
