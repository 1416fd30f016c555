"""One way of reading prompts, in a process of its own: how long it takes, and how much memory above the weights.

    python -m deepseek_mm.benchmarks.lm_case CASE       # a PrefillCase as JSON; the last line is a PrefillOutcome

A process of its own because peaks are told of whole processes. The weights are read first, and a short prompt, for
which the programs of the processor are prepared; then for each length the mark of the highest resident memory is set
back and read again at the end. On a GPU it is what torch has allocated. Of the ways of torch to do full attention a
boolean mask is as fast as any (measured at 8,192 tokens).

Shape key:  T tokens of the chunk, H query heads, G key/value heads, K head width, S keys, N rows
"""

import gc
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.benchmarks.lm_models import BenchModel, measure_matmul, open_decoder
from deepseek_mm.benchmarks.peers import make_tokens
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.block_manager import CachedText
from deepseek_mm.lm.kv_cache.paged_attention import PagedMemory, PagedPass, open_memory
from deepseek_mm.machine import REFS, memory_mb, set_peak_back
from deepseek_mm.runtime.memory_tuning import give_back


class FullAttention:
    """An `AttentionBackend` over the next `count` tokens of one text, of a decoder whose layers see everything."""

    def __init__(self, memory: PagedMemory, texts: Sequence[CachedText], count: int) -> None:
        (text,) = texts
        self._paged = PagedPass(memory, texts, count)  # has the pages, and the attention of the gates
        self.ids_BT, self.positions_BT = self._paged.ids_BT, self._paged.positions_BT
        self.scale = self._paged.scale
        self._cache, self._layers = memory.cache, memory.shape.num_layers
        (table,) = (table for group, table in zip(memory.blocks.groups, text.tables, strict=True) if 0 in group.slots)
        end = text.length + count
        (self._all,) = table.row_ranges(0, end)
        (new,) = table.row_ranges(text.length, end)
        device = memory.cache.device
        self._rows_N = torch.arange(new.row, new.row + new.size, device=device)
        self._seen_TS = torch.ones(count, end, dtype=torch.bool, device=device).tril(text.length)

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `AttentionBackend` says."""
        if slot >= self._layers:
            return self._paged(slot, q_BTHK, k_BTGK, v_BTGK)
        self._cache.write(slot, self._rows_N, k_BTGK[0], v_BTGK[0])
        k_GSK, v_GSK = self._cache.view(slot, self._all.row, self._all.size)
        seen = F.scaled_dot_product_attention(
            q_BTHK.transpose(1, 2), k_GSK[None], v_GSK[None], attn_mask=self._seen_TS, enable_gqa=True
        )
        return seen.transpose(1, 2)


Kind = Literal["ours", "sdpa", "full"]  # progressive; full attention by torch's kernel; by our own
ATTEND: dict[Kind, Callable[[PagedMemory, Sequence[CachedText], int], PagedPass | FullAttention]] = {
    "ours": PagedPass,
    "sdpa": FullAttention,
    "full": PagedPass,
}
WARM = 4  # chunks of the prompt that warms up


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefillCase:
    """Which prompts are read, by which model, and how."""

    folder: str
    changes: str | None
    kind: Kind
    lengths: Sequence[int]
    chunk: int
    threads: int
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefillOutcome:
    """Arithmetic speed, seconds and peak memory of one case."""

    matmul: float  # floating point operations a second of bf16 matrix products: the best, before and after
    lengths: Sequence[int]
    seconds: Sequence[float]  # of each length
    peak_mb: Sequence[float]  # above the weights; NaN where the system does not tell


def main(words: Sequence[str]) -> int:
    """Run the case given as JSON on the command line."""
    torch.set_num_threads((case := PrefillCase(**json.loads(words[0]))).threads)
    model = BenchModel(folder=Path(case.folder), changes=Path(case.changes) if case.changes else None)
    decoder = open_decoder(model, full=case.kind != "ours", device=case.device)
    sys.stdout.write(json.dumps(asdict(run_case(case, decoder))) + "\n")
    return 0


@torch.inference_mode()
def run_case(case: PrefillCase, decoder: Decoder) -> PrefillOutcome:
    """Every length once, after a short prompt that warms up."""
    before = measure_matmul(case.device)
    decoder.embedding.weight.sum()  # it is mapped from its file, and becomes resident as it is read
    time_prompt(decoder, case, WARM * case.chunk)
    seconds, peaks = [], []
    for length in case.lengths:
        with measure_peak(case.device) as peak:
            seconds.append(time_prompt(decoder, case, length))
        peaks += peak
    best = max(before, measure_matmul(case.device))
    return PrefillOutcome(matmul=best, lengths=case.lengths, seconds=seconds, peak_mb=peaks)


def time_prompt(decoder: Decoder, case: PrefillCase, length: int) -> float:
    """Seconds for a prompt of so many tokens, chunk by chunk, to the scores of what follows its last one."""
    like = decoder.embedding.weight
    memory = open_memory(decoder.shape, tokens=length, sequences=1, chunk=case.chunk, like=like)
    text = memory.start(make_tokens(length, decoder.shape.vocab_size), most=length)
    start = time.perf_counter()
    while text.length < length:
        attend = ATTEND[case.kind](memory, [text], memory.blocks.step(text, length - text.length))
        hidden_BTD, _ = decoder(decoder.embed(attend.ids_BT), attend)
        memory.blocks.advance(text, hidden_BTD.shape[1])
    float(decoder.logits(hidden_BTD[:, -1]).amax())  # waits for a GPU
    return time.perf_counter() - start


@contextmanager
def measure_peak(device: str) -> Iterator[list[float]]:
    """Megabytes by which memory rises at most meanwhile; the list has them afterwards."""
    peak: list[float] = []
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        yield peak
        peak.append((torch.cuda.max_memory_allocated() - before) / 1e6)
        return
    gc.collect()
    give_back()
    if not REFS.exists():
        yield peak
        peak.append(math.nan)
        return
    set_peak_back()
    before_mb = memory_mb("VmRSS")
    yield peak
    peak.append(memory_mb("VmHWM") - before_mb)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
