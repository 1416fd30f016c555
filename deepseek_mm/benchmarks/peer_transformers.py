"""transformers beside us: the library that people pick to run a model in Python, in bfloat16, on both cores.

Its cache of keys grows by concatenation, its attention is torch's own, and only the last token's scores are worked
out: the fastest of its settings that needs no compiler on the machine.

Shape key:  B batch (1), T tokens, V vocabulary
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from deepseek_mm.benchmarks.peer import fastest_s, make_tokens, torch_threads
from deepseek_mm.lm.backends.transformers_model import best_dtype, read_checkpoint


class Transformers:
    """A Peer around a causal model of transformers."""

    def __init__(self, model: Any, *, threads: int = 2) -> None:
        self._model, self._threads = model.eval(), threads
        dtype = str(model.dtype).removeprefix("torch.")
        self.settings = f"transformers {version('transformers')}, {dtype}, {threads} threads, SDPA, a cache that grows"

    @classmethod
    def of_folder(cls, folder: Path, *, threads: int = 2) -> "Transformers":
        """The checkpoint in `folder`, as `read_checkpoint` takes it."""
        return cls(read_checkpoint(folder, dtype=best_dtype())[0], threads=threads)

    @torch.inference_mode()
    def decode_speed(self, context: int, new_tokens: int) -> float:
        """As `Peer` says."""
        with torch_threads(self._threads):
            start = self._step(make_tokens(context, self._vocab_size), None)

            def decode() -> None:
                token, cache = start
                for _ in range(new_tokens):
                    token, cache = self._step([token], cache)

            return new_tokens / fastest_s(decode, before=lambda: start[1].crop(context - start[1].get_seq_length()))

    @torch.inference_mode()
    def first_token_s(self, prompt_tokens: int) -> float:
        """As `Peer` says."""
        prompt = make_tokens(prompt_tokens, self._vocab_size)
        with torch_threads(self._threads):
            self._step(prompt[:8], None)
            return fastest_s(lambda: self._step(prompt, None), before=lambda: None)

    @property
    def _vocab_size(self) -> int:
        return int(self._model.config.get_text_config().vocab_size)

    def _step(self, tokens: list[int], cache: Any) -> tuple[int, Any]:
        """Read `tokens` after what the cache holds: the likeliest next token, and the cache."""
        ids_BT = torch.tensor([tokens])
        output = self._model(input_ids=ids_BT, cache=cache, use_cache=True, logits_to_keep=1)
        return int(output.logits[0, -1].argmax()), output.cache
