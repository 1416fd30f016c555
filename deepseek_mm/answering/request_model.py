"""The models that understand what is said, opened late: the tower that reads many languages and what was trained on it.

Opening takes most of a second, so it begins in a thread while other parts are opened; whoever asks first waits for it.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from deepseek_mm.embeddings.inference import autocast_bf16, round_linears
from deepseek_mm.embeddings.multilingual import PREFIX, load_multilingual_tower
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.token_encoder import load_token_encoder
from deepseek_mm.embeddings.towers import TextTower
from deepseek_mm.language.understanding import Understander, load_understander
from deepseek_mm.threads import single_threaded_for
from deepseek_mm.types import Request, Situation


class OpenModels(NamedTuple):
    """A tower as it is packaged, and the network over it."""

    tower: TextTower
    understander: Understander


class RequestModel:
    """Understands turns, and compares sentences by their meaning. From any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._soon: Future[OpenModels] | None = None

    def start(self) -> None:
        """Begin to open the models, in a thread."""
        with self._lock:
            if self._soon is None:
                opener = ThreadPoolExecutor(1, thread_name_prefix="request-model")
                self._soon = opener.submit(open_models)
                opener.shutdown(wait=False)

    def understand_many(self, turns: Sequence[tuple[str, Situation]]) -> list[Request]:
        """One request for each text and its situation, in order."""
        models = self._open()
        with single_threaded_for(len(turns)), autocast_bf16():
            return models.understander.understand_many(turns)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Floats:
        """(N, 384), unit vectors: sentences that mean alike lie near each other, in any language."""
        models = self._open()
        with single_threaded_for(len(texts)), autocast_bf16():
            pooled_NW = models.tower([PREFIX + text for text in texts])[:, -1]
        vectors_NW: Floats = F.normalize(pooled_NW.float(), dim=-1).numpy().astype(np.float32)
        return vectors_NW

    def _open(self) -> OpenModels:
        self.start()
        assert self._soon is not None, "models that are being opened"
        return self._soon.result()


def open_models() -> OpenModels:
    """Both, rounded to what the machine computes in."""
    tower = load_multilingual_tower()
    understander = load_understander(load_token_encoder(tower))
    round_linears([tower.model, understander.network])
    return OpenModels(tower, understander)
