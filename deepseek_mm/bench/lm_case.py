"""One way of reading prompts, in a process of its own: how long it takes, and how much memory above the weights.

    python -m deepseek_mm.bench.lm_case CASE       # a Case as JSON; the last line it writes is an Outcome

A process of its own because peaks are told of whole processes. The weights are read first, and a short prompt, for
which the processor's programs are prepared; then for each length the mark of the highest resident memory is set back
to what is resident, and read again at the end: keys and values, claimed when the prompt begins, and everything that is
worked out on the way. On a GPU it is what torch has allocated.

Shape key:  T tokens
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

from deepseek_mm.bench.lm_flops import matmul_speed
from deepseek_mm.bench.lm_open import Model, open_decoder
from deepseek_mm.bench.lm_plain import Plain
from deepseek_mm.bench.peer import made_up
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.block_manager import CachedText
from deepseek_mm.lm.kv_cache.paged_attention import PagedMemory, PagedPass, open_memory
from deepseek_mm.machine import REFS, memory_mb, set_peak_back
from deepseek_mm.runtime.memory_tuning import give_back

Kind = Literal["ours", "sdpa", "full"]  # progressive; full attention by torch's kernel; by our own
ATTEND: dict[Kind, Callable[[PagedMemory, Sequence[CachedText], int], PagedPass | Plain]] = {
    "ours": PagedPass,
    "sdpa": Plain,
    "full": PagedPass,
}
WARM = 4  # chunks of the prompt that warms up


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is read, and how."""

    folder: str
    changes: str | None
    kind: Kind
    lengths: Sequence[int]
    chunk: int
    threads: int
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of it."""

    matmul: float  # floating point operations a second of bf16 matrix products: the best, before and after
    lengths: Sequence[int]
    seconds: Sequence[float]  # of each length
    peak_mb: Sequence[float]  # above the weights; NaN where the system does not tell


def main(words: Sequence[str]) -> int:
    """Run the case that is named."""
    torch.set_num_threads((case := Case(**json.loads(words[0]))).threads)
    model = Model(folder=Path(case.folder), changes=Path(case.changes) if case.changes else None)
    decoder = open_decoder(model, full=case.kind != "ours", device=case.device)
    sys.stdout.write(json.dumps(asdict(run_case(case, decoder))) + "\n")
    return 0


@torch.inference_mode()
def run_case(case: Case, decoder: Decoder) -> Outcome:
    """Every length once, after a short prompt that warms up."""
    before = matmul_speed(case.device)
    decoder.embedding.weight.sum()  # it is mapped from its file, and becomes resident as it is read
    read(decoder, case, WARM * case.chunk)
    seconds, peaks = [], []
    for length in case.lengths:
        with peak_of(case.device) as peak:
            seconds.append(read(decoder, case, length))
        peaks += peak
    best = max(before, matmul_speed(case.device))
    return Outcome(matmul=best, lengths=case.lengths, seconds=seconds, peak_mb=peaks)


def read(decoder: Decoder, case: Case, length: int) -> float:
    """Seconds for a prompt of so many tokens, chunk by chunk, to the scores of what follows its last one."""
    like = decoder.embedding.weight
    memory = open_memory(decoder.shape, tokens=length, sequences=1, chunk=case.chunk, like=like)
    text = memory.start(made_up(length, decoder.shape.vocab_size), most=length)
    start = time.perf_counter()
    while text.length < length:
        attend = ATTEND[case.kind](memory, [text], memory.blocks.step(text, length - text.length))
        hidden_BTD, _ = decoder(decoder.embed(attend.ids_BT), attend)
        memory.blocks.advance(text, hidden_BTD.shape[1])
    float(decoder.logits(hidden_BTD[:, -1]).amax())  # waits for a GPU
    return time.perf_counter() - start


@contextmanager
def peak_of(device: str) -> Iterator[list[float]]:
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
