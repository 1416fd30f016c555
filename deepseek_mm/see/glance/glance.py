"""Questions about pictures, answered by the language model with eyes: how probable short answers are, or a sentence.

Shape key:  Q questions, B pictures, P cells, C channels of a cell, R vectors of a picture, V vocabulary
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock, Thread

import torch
from torch import Tensor

from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.errors import DeepSeekMMError, MissingWeights
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.lm.tokenizer import Tokenizer, read_tokenizer
from deepseek_mm.lm.weights import TALL, THIN, build, fingerprint_with, merge_changes, read_folder, with_changes
from deepseek_mm.lm.weights import WEIGHTS as SPEAKS
from deepseek_mm.see.glance.net import GlanceConfig, GlanceNet
from deepseek_mm.see.glance.script import END, Script, lay, read
from deepseek_mm.see.weight_file import read_weights, write_weights

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
        vectors_BRD = self._encode_cells(cells_BPC)
        for start in range(0, len(questions), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            scripts = [self._build_script(question, vectors_BRD.shape[1]) for question in questions[some]]
            scores_QV = self._next(scripts, vectors_BRD[photo_Q[some]])
            for scores_V, ids, names in zip(scores_QV, firsts[some], options[some], strict=True):
                shares = scores_V[ids].softmax(-1).tolist() if ids else []
                found.append(dict(zip(names, shares, strict=True)))
        return found

    @torch.inference_mode()
    def say(self, question: str, cells_PC: Tensor, *, most: int = MOST) -> str:
        """The likeliest answer, word by word."""
        vectors_BRD = self._encode_cells(cells_PC[None])
        script = self._build_script(question, vectors_BRD.shape[1])
        said: list[int] = []
        while len(said) < most:
            token = int(self._next([script], vectors_BRD)[0].argmax())
            if token in self.ends:
                break
            said.append(token)
            script.ids.append(token)
            script.counts.append(0.0)
        return self.tokenizer.decode(said).strip()

    def _build_script(self, question: str, places: int) -> Script:
        return Script(self.tokenizer.encode_many).show(places).ask(question.lower())

    def _encode_cells(self, cells_BPC: Tensor) -> Tensor:
        with autocast_bf16():
            return self.net.whole(cells_BPC.float())

    def _next(self, scripts: Sequence[Script], vectors_QRD: Tensor) -> Tensor:
        """(Q, V): scores of what follows each script."""
        laid = lay(scripts)
        hidden_QTD = read(self.decoder, laid, vectors_QRD.flatten(0, 1))
        last_QD = hidden_QTD[torch.arange(len(scripts)), laid.last_N()]
        return self.decoder.logits(last_QD).float()


class LateVisualPrompt:
    """Looks as soon as it is open; one that cannot be opened sees nothing, and the reader answers alone."""

    def __init__(self, opened: Callable[[], VisualPrompt]) -> None:
        self._opened, self._lock = opened, Lock()
        self._glance: VisualPrompt | None = None
        self._thread: Thread | None = None

    def start(self) -> Thread:
        """Begin to open it, if nobody has."""
        with self._lock:
            if self._thread is None:
                # No daemon: a program that ends meanwhile waits for it, since torch dies badly under a thread.
                self._thread = Thread(target=self._open, name="glance")
                self._thread.start()
            return self._thread

    def weigh(
        self, questions: Sequence[str], photo_Q: Tensor, cells_BPC: Tensor, options: Sequence[Sequence[str]]
    ) -> list[Mapping[str, float]]:
        """As `VisualPrompt.weigh`; waits until it is open. Nothing of each question where it cannot be opened."""
        glance = self.open()
        if glance is None:
            return [{} for _ in questions]
        return glance.weigh(questions, photo_Q, cells_BPC, options)

    def open(self) -> VisualPrompt | None:
        """Itself, when it is open; None where it cannot be."""
        self.start().join()
        return self._glance

    def _open(self) -> None:
        with suppress(DeepSeekMMError):
            self._glance = self._opened()


WEIGHTS = Path(__file__).parents[2] / "weights" / "glance.safetensors"
MAKE = "python -m deepseek_mm train see --help"
NET = "net."  # begins the names of the net's weights; the others are the model's


def model_of(folder: Path, changes: Path = SPEAKS) -> str:
    """The fingerprint of the model that speaks: the base's weights, and what our training made of them."""
    return fingerprint_with(fingerprint(folder), changes)


def write_glance(
    file: Path, state: Mapping[str, Tensor], config: GlanceConfig, *, space: DefaultSpace, model: str
) -> None:
    """Weights as int8 with a scale a row; `space` is what it looks at, `model` the fingerprint of what speaks."""
    write_weights(file, state, {"config": asdict(config), "fingerprint": space.fingerprint, "model": model})


def read_glance(space: DefaultSpace, folder: Path, file: Path = WEIGHTS) -> VisualPrompt:
    """The model in `folder` with our changes and with eyes. MissingWeights where they are not there, or for others."""
    state, told = read_weights(file, space, make=MAKE)
    if told["model"] != model_of(folder):
        raise MissingWeights(file, make=MAKE)
    shape, weights = read_folder(folder)
    shape, weights = with_changes(shape, weights, SPEAKS, base=fingerprint(folder))
    changes = {name: value for name, value in state.items() if name.endswith((THIN, TALL))}
    decoder = build(shape, merge_changes(weights, changes), dtype=torch.bfloat16).requires_grad_(False)
    net = GlanceNet(shape.width, GlanceConfig(**told["config"]))
    net.load_state_dict({name.removeprefix(NET): value for name, value in state.items() if name.startswith(NET)})
    return VisualPrompt(decoder, net, read_tokenizer(folder))
