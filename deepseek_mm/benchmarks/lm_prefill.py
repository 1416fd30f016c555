"""Prompts read with progressive attention and with full attention: time, memory, and arithmetic a second.

The same weights in the same paged memory, keys and values in bfloat16, the same chunks, the scores of the last token
only. Each case is a process of its own and has the machine to itself: progressive before and after full attention by
the kernel of torch, so that neither has the better half of a noisy hour. That kernel is the slowest, and reads every
other length. Full attention by our own kernel is read as well, without a bar and at half the length: it shows how
much of the gain is the kernel, and how much is seeing less.

    python -m deepseek_mm.benchmarks.lm_prefill CASE    # a PrefillCase as JSON; the last line is a PrefillOutcome

A process of its own because peaks are told of whole processes. The weights are read first, and a short prompt, for
which the programs of the processor are prepared; then for each length the mark of the highest resident memory is set
back and read again at the end. On a GPU it is what torch has allocated. Of the ways of torch to do full attention a
boolean mask is as fast as any (measured at 8,192 tokens).

Shape key:  T tokens of the chunk, H query heads, G key/value heads, K head width, S keys, N rows
"""

import gc
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.benchmarks.lm_models import BenchModel, count_prefill_flops, measure_matmul, open_decoder, read_ours
from deepseek_mm.benchmarks.lm_peers import make_tokens
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, LMSizes, TableLine, join_results, report_missing
from deepseek_mm.errors import ModelFailed
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.block_manager import CachedText
from deepseek_mm.lm.kv_cache.paged_attention import PagedMemory, PagedPass, open_memory
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.machine import REFS, ROOT, memory_mb, set_peak_back
from deepseek_mm.runtime.memory_tuning import give_back
from deepseek_mm.threads import num_cores


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


NAMES: Mapping[Kind, str] = {"ours": "progressive", "sdpa": "full, SDPA", "full": "full, our kernel"}
SPEED_BAR, MEMORY_BAR, BUSY_BAR = "3x (aim 5x)", "-58 % (aim -80 %)", "0.5 (aim 0.7)"


@dataclass(frozen=True, slots=True)
class PrefillReadings:
    """All outcomes, in the order of their turns."""

    outcomes: Sequence[tuple[Kind, PrefillOutcome]]

    def seconds(self, kind: Kind, length: int) -> float:
        """The median of all turns."""
        return statistics.median(outcome.seconds[at] for outcome, at in self._at(kind, length))

    def peak_mb(self, kind: Kind, length: int) -> float:
        """The median of all turns."""
        return statistics.median(outcome.peak_mb[at] for outcome, at in self._at(kind, length))

    @property
    def matmul(self) -> float:
        """The best speed of matrix products that was seen."""
        return max(outcome.matmul for _, outcome in self.outcomes)

    def longest(self, kind: Kind) -> int:
        """The longest prompt that was read."""
        return max(length for each, outcome in self.outcomes if each == kind for length in outcome.lengths)

    def draw(self, file: Path, *, title: str) -> Path:
        """Time and memory by length of each kind that read several, both axes by powers of two; returns the file."""
        from matplotlib.figure import Figure

        lengths = {kind: list(each.lengths) for kind, each in reversed(self.outcomes) if len(each.lengths) > 1}
        ticks = sorted({length for some in lengths.values() for length in some})
        figure = Figure(figsize=(10, 4), layout="constrained")
        figure.suptitle(title)
        panels = (("seconds to read the prompt", self.seconds), ("peak memory above the weights, MB", self.peak_mb))
        for axes, (says, value) in zip(figure.subplots(1, 2), panels, strict=True):
            for kind, some in lengths.items():
                axes.plot(some, [value(kind, length) for length in some], marker="o", label=NAMES[kind])
            axes.set(xlabel="tokens of the prompt", ylabel=says)
            axes.set_xscale("log", base=2)
            axes.set_yscale("log", base=2)
            axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
            axes.grid(alpha=0.3)
            axes.legend()
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=120)
        return file

    def _at(self, kind: Kind, length: int) -> list[tuple[PrefillOutcome, int]]:
        found = [(outcome, list(outcome.lengths)) for each, outcome in self.outcomes if each == kind]
        return [(outcome, lengths.index(length)) for outcome, lengths in found if length in lengths]


def report_readings(readings: PrefillReadings, shape: DecoderShape, sizes: LMSizes) -> BenchResult:
    """All that is asked of reading prompts."""
    usual, longest = sizes.lengths[-1], readings.longest("ours")
    parts = [compare_full(readings, usual, bars=(SPEED_BAR, MEMORY_BAR))]
    if longest > usual:
        parts.append(compare_full(readings, longest, bars=("", "")))
    return join_results(
        [*parts, report_own_kernel(readings, readings.longest("full")), report_utilization(readings, shape, sizes)]
    )


def compare_full(readings: PrefillReadings, length: int, *, bars: tuple[str, str]) -> BenchResult:
    """Progressive attention beside full attention: time and memory of a prompt."""
    return join_results([_report_speed(readings, length, bars[0]), _report_memory(readings, length, bars[1])])


def _report_speed(readings: PrefillReadings, length: int, bar: str) -> BenchResult:
    name = f"prefill_{abbreviate_length(length)}"
    ours_s, full_s = (readings.seconds(kind, length) for kind in ("ours", "sdpa"))
    line = TableLine(
        f"prompt of {length:,} tokens",
        f"{full_s / ours_s:.2f}x, {ours_s:.1f} s",
        beside=f"full: {full_s:.1f} s",
        bar=bar,
    )
    numbers = {f"{name}_speedup": full_s / ours_s, f"{name}_s": ours_s, f"{name}_full_s": full_s}
    return BenchResult(lines=(line,), numbers=numbers)


def _report_memory(readings: PrefillReadings, length: int, bar: str) -> BenchResult:
    name, what = f"memory_{abbreviate_length(length)}", "  peak memory above the weights"
    ours_mb, full_mb = (readings.peak_mb(kind, length) for kind in ("ours", "sdpa"))
    if math.isnan(ours_mb):
        why = "this system does not tell how much memory was used at most"
        return report_missing(what, f"{name}_saved", why, bar=bar)
    saved = 1 - ours_mb / full_mb
    line = TableLine(what, f"{-saved:+.0%}, {ours_mb:.0f} MB", beside=f"full: {full_mb:.0f} MB", bar=bar)
    return BenchResult(
        lines=(line,), numbers={f"{name}_saved": saved, f"{name}_mb": ours_mb, f"{name}_full_mb": full_mb}
    )


def report_own_kernel(readings: PrefillReadings, length: int) -> BenchResult:
    """Full attention by our kernel, which is faster than torch's."""
    ours_s, own_s = (readings.seconds(kind, length) for kind in ("ours", "full"))
    name, says = f"prefill_{abbreviate_length(length)}", "  beside full attention by our own kernel"
    line = TableLine(says, f"{own_s / ours_s:.2f}x", beside=f"{length:,} tokens: {own_s:.1f} s")
    return BenchResult(
        lines=(line,), numbers={f"{name}_speedup_own_kernel": own_s / ours_s, f"{name}_own_kernel_s": own_s}
    )


def report_utilization(readings: PrefillReadings, shape: DecoderShape, sizes: LMSizes) -> BenchResult:
    """Arithmetic a second as a share of what the machine does at best, for a usual prompt and for a long one."""
    share, longest = (
        count_prefill_flops(shape, length) / readings.seconds("ours", length) / readings.matmul
        for length in (sizes.busy, sizes.lengths[-1])
    )
    return BenchResult(
        lines=(
            TableLine(
                f"share of the machine's arithmetic, {sizes.busy:,} tokens",
                f"{share:.2f} ({longest:.2f} at {sizes.lengths[-1]:,})",
                beside=f"bf16 product: {readings.matmul / 1e9:,.0f} GFLOP/s",
                bar=BUSY_BAR,
            ),
        ),
        numbers={
            "mfu_prefill": share,
            f"mfu_prefill_{abbreviate_length(sizes.lengths[-1])}": longest,
            "matmul_gflops": readings.matmul / 1e9,
        },
    )


def abbreviate_length(length: int) -> str:
    """A length as it stands in a key: 16k."""
    return f"{length // 1024}k" if length % 1024 == 0 else str(length)


TURNS: tuple[Kind, ...] = ("ours", "sdpa", "ours", "full")
Run = Callable[[PrefillCase], PrefillOutcome]


def measure_prompts(setting: BenchSetting, model: BenchModel) -> BenchResult:
    """On the processor; and on a GPU, where torch has one, with keys of its own."""
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    return join_results([race_kinds(setting, model, device) for device in devices])


def race_kinds(setting: BenchSetting, model: BenchModel, device: str, run: Run | None = None) -> BenchResult:
    """All turns on one device, summed up and drawn."""
    run, lengths = run or run_in_process, setting.lm.prompts(full=setting.full)
    outcomes: list[tuple[Kind, PrefillOutcome]] = []
    for kind in TURNS:
        again = any(kind == earlier for earlier, _ in outcomes)  # the curve is read once
        its_own = lengths[-1:] if again else choose_lengths(kind, lengths, usual=setting.lm.lengths[-1])
        setting.note(f"reading prompts of up to {its_own[-1]:,} tokens, {NAMES[kind]}, {device}")
        outcomes.append((kind, run(make_case(setting, model, kind, its_own, device))))
    readings = PrefillReadings(outcomes)
    found = report_readings(readings, read_ours(model)[0], setting.lm)
    mark = "" if device == "cpu" else f"{device}_"
    plot = readings.draw(setting.out / f"{mark}lm.png", title=f"{model.says}, {device}")
    words = {**found.words, "plot": str(plot), "weights": model.says}
    head = (TableLine(f"on the GPU ({device}):", ""),) if mark else ()
    return BenchResult(
        lines=(*head, *found.lines),
        numbers={mark + key: value for key, value in found.numbers.items()},
        words={mark + key: said for key, said in words.items()},
    )


def choose_lengths(kind: Kind, lengths: Sequence[int], *, usual: int) -> tuple[int, ...]:
    """Of all prompts those that one kind reads; the `usual` one has the bars."""
    if kind == "full":
        return tuple(lengths[-2:-1])
    if kind == "sdpa":
        return tuple(n for at, n in enumerate(lengths) if at % 2 == 0 or n in (usual, lengths[-1]))
    return tuple(lengths)


def make_case(
    setting: BenchSetting, model: BenchModel, kind: Kind, lengths: tuple[int, ...], device: str
) -> PrefillCase:
    """What one process does."""
    return PrefillCase(
        folder=str(model.folder),
        changes=str(model.changes) if model.changes else None,
        kind=kind,
        lengths=lengths,
        chunk=setting.lm.chunk,
        threads=num_cores(),
        device=device,
    )


def run_in_process(case: PrefillCase) -> PrefillOutcome:
    """The case in a process of its own. ModelFailed says what it died of."""
    command = [sys.executable, "-m", "deepseek_mm.benchmarks.lm_prefill", json.dumps(asdict(case))]
    environ = {**os.environ, "OMP_NUM_THREADS": str(case.threads), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        last = next(iter(done.stderr.strip().splitlines()[-1:]), f"it ended with {done.returncode}")
        raise ModelFailed(f"reading prompts ({NAMES[case.kind]}) failed: {last}. Free memory and run the bench again")
    return PrefillOutcome(**json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
