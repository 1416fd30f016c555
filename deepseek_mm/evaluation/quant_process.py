"""`python -m deepseek_mm.evaluation.quant_process PART SCHEME FILE`: one scheme's peak memory and speed, as JSON.

It runs alone, since a process never gives back the peak that it once had.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.space import EmbeddingModel
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.backends.own_model import open_decoder, our_checkpoint
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.runtime.quantization.lm_files import open_quantised_lm
from deepseek_mm.training.int8_space import open_quantised

FULL = "full"
TOKENS, TIMES, SIDE_PX = 128, 5, 260


def peak_mb() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def open_towers(scheme: str, file: Path) -> Callable[[], object]:
    """One picture and one sentence."""
    kept = scheme.replace("dynamic", "int8")
    space: EmbeddingModel = (
        DefaultSpace() if scheme == FULL else open_quantised(file, scheme=kept, dynamic=kept != scheme)
    )
    picture = Image.fromarray(np.arange(SIDE_PX * SIDE_PX * 3, dtype=np.uint8).reshape(SIDE_PX, SIDE_PX, 3))
    return lambda: (space.embed_images([picture]), space.embed_texts(["a black dog runs over the green grass"]))


def open_language(scheme: str, file: Path) -> Callable[[], object]:
    """A prompt of 128 tokens."""
    checkpoint = our_checkpoint()
    if scheme == FULL:
        decoder: Decoder = open_decoder(checkpoint)[0]
    else:
        decoder = open_quantised_lm(checkpoint, file, scheme=scheme)[0]
    ids_BT = torch.arange(TOKENS)[None] + 1_000

    @torch.inference_mode()
    def work() -> object:
        hidden, _ = decoder(decoder.embed(ids_BT), FullTextAttention(decoder.shape, torch.ones_like(ids_BT)))
        return decoder.logits(hidden[:, -1])

    return work


def main() -> None:
    """Open a scheme, use it, and print its cost as JSON."""
    part, scheme, file = sys.argv[1:]
    before, start = peak_mb(), time.perf_counter()
    work = {"towers": open_towers, "language": open_language}[part](scheme, Path(file))
    open_s = time.perf_counter() - start
    work()
    times = []
    for _ in range(TIMES):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    found = {"peak_mb": peak_mb() - before, "open_s": open_s, "work_ms": statistics.median(times)}
    sys.stdout.write(json.dumps({name: round(value, 2) for name, value in found.items()}) + "\n")


if __name__ == "__main__":
    main()
