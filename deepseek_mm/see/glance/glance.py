"""Questions about pictures, answered by the language model with eyes: how probable short answers are, or a sentence.

Shape key:  Q questions, B pictures, P cells, C channels of a cell, R vectors of a picture, V vocabulary
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.tokenizer import Tokenizer
from deepseek_mm.see.glance.net import GlanceNet
from deepseek_mm.see.glance.script import END, Script, lay, read

MOST = 24  # tokens that are said
AT_ONCE = 32  # questions that are read together


class VisualPrompt:
    """The model, its eyes and its words."""

    def __init__(self, decoder: Decoder, net: GlanceNet, tokenizer: Tokenizer) -> None:
        self.decoder, self.net, self.tokenizer = decoder.eval(), net.eval().requires_grad_(False), tokenizer
        self.ends = {tokenizer.encode_many([END])[0][0], *tokenizer.ends}

    @torch.inference_mode()
    def weigh(
        self, questions: Sequence[str], photo_Q: Tensor, cells_BPC: Tensor, options: Sequence[Sequence[str]]
    ) -> list[Mapping[str, float]]:
        """Of each question, how probable each of its options is, by the first token of it; they sum to 1.

        Options that begin with the same token share what it has.
        """
        firsts = [[ids[0] for ids in self.tokenizer.encode_many([f" {each}" for each in some])] for some in options]
        found: list[Mapping[str, float]] = []
        vectors_BRD = self._seen(cells_BPC)
        for start in range(0, len(questions), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            scripts = [self._asked(question, vectors_BRD.shape[1]) for question in questions[some]]
            scores_QV = self._next(scripts, vectors_BRD[photo_Q[some]])
            for scores_V, ids, names in zip(scores_QV, firsts[some], options[some], strict=True):
                shares = scores_V[ids].softmax(-1).tolist() if ids else []
                found.append(dict(zip(names, shares, strict=True)))
        return found

    @torch.inference_mode()
    def say(self, question: str, cells_PC: Tensor, *, most: int = MOST) -> str:
        """The likeliest answer, word by word."""
        vectors_BRD = self._seen(cells_PC[None])
        script = self._asked(question, vectors_BRD.shape[1])
        said: list[int] = []
        while len(said) < most:
            token = int(self._next([script], vectors_BRD)[0].argmax())
            if token in self.ends:
                break
            said.append(token)
            script.ids.append(token)
            script.counts.append(0.0)
        return self.tokenizer.decode(said).strip()

    def _asked(self, question: str, places: int) -> Script:
        return Script(self.tokenizer.encode_many).show(places).ask(question.lower())

    def _seen(self, cells_BPC: Tensor) -> Tensor:
        with autocast_bf16():
            return self.net.whole(cells_BPC.float())

    def _next(self, scripts: Sequence[Script], vectors_QRD: Tensor) -> Tensor:
        """(Q, V): scores of what follows each script."""
        laid = lay(scripts)
        hidden_QTD = read(self.decoder, laid, vectors_QRD.flatten(0, 1))
        last_QD = hidden_QTD[torch.arange(len(scripts)), laid.last_N()]
        return self.decoder.logits(last_QD).float()
