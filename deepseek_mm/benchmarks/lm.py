"""`bench lm`: our language model beside what people would pick instead, in speed, memory and perplexity.

One measurement after the other, each with all cores and nothing else running; within a measurement the rivals take
turns, and what is compared is the ratio. The processes that read long prompts come first, while this one is still
small. Perplexity is that of long held-out texts under progressive attention, beside full attention: of a run with
experts of the same tokens where one is at hand, else of the base without experts, and the words say which.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from deepseek_mm.benchmarks.lm_models import BenchModel, find_model, open_decoder, open_fast, read_ours
from deepseek_mm.benchmarks.lm_peers import LLAMA, TRANSFORMERS, Open, Ours, compare_batching, compare_peers
from deepseek_mm.benchmarks.lm_prefill import measure_prompts
from deepseek_mm.benchmarks.moe import measure_moe
from deepseek_mm.benchmarks.peers import LlamaCpp, PeerProcess, Transformers, torch_threads
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine, join_results, report_missing
from deepseek_mm.config import PACKAGED_LMS
from deepseek_mm.errors import DeepSeekMMError, NothingThere
from deepseek_mm.evaluation.language import LongReport, compare_attention
from deepseek_mm.lm.backends.packaged_gguf import packaged_gguf
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.weights import MAKE, build
from deepseek_mm.runtime.quantization import WIDE, pack_linears
from deepseek_mm.threads import num_cores
from deepseek_mm.training.language_model.runs import open_base, open_run, read_long_texts

WHAT, KEY, BAR = "perplexity, progressive over full", "ppl_increase", "+2 % (aim +1 %)"
CORPUS, TRAINED_FULL = "corpus", Path("runs/lm/experts-full")  # in the cache; where the commands are given


def measure_perplexity(setting: BenchSetting, model: BenchModel) -> BenchResult:
    """The worst increase of all lengths and kinds of text; or why there is none."""
    if model.changes is None:
        return report_missing(WHAT, KEY, f"these weights were not trained for it. Train them: {MAKE}", bar=BAR)
    try:
        full, ours, against = open_both(setting, model)
        reports = read_all(setting, full, ours)
    except DeepSeekMMError as error:
        return report_missing(WHAT, KEY, str(error), bar=BAR)
    worst = max(report.ppl_increase for report in reports)
    cells = {
        f"ppl_{kind}_{length}": (report.full[length, kind], report.progressive[length, kind])
        for report in reports
        for length, kind in report.full
    }
    numbers = {key: value for key, (_, value) in cells.items()}
    numbers |= {f"{key}_full": value for key, (value, _) in cells.items()}
    detail = ", ".join(f"{key.removeprefix('ppl_')} {full:.2f} to {ours:.2f}" for key, (full, ours) in cells.items())
    line = TableLine(WHAT, f"{worst:+.2%}", beside=f"{against}: {detail}", bar=BAR)
    return BenchResult(lines=(line,), numbers=numbers | {KEY: worst}, words={f"{KEY}_against": against})


def read_all(setting: BenchSetting, full: Decoder, ours: Decoder) -> list[LongReport]:
    """Each length by itself: of a text only its beginning is read, which is what there is time for."""
    sizes, count = setting.lm, setting.lm.more_texts if setting.full else setting.lm.texts
    reports = []
    for length in sizes.expected:
        setting.note(f"perplexity of texts of {length:,} tokens, full and progressive")
        texts = read_long_texts(setting.cache / CORPUS, texts=count, length=length)
        reports.append(compare_attention(full, ours, texts, (length,), chunk=sizes.chunk))
    return reports


def open_both(setting: BenchSetting, model: BenchModel) -> tuple[Decoder, Decoder, str]:
    """Full and progressive attention, and what is compared."""
    base = open_base(setting.config.lm.name, setting.cache)
    if TRAINED_FULL.is_dir():
        return pack_weights(open_run(TRAINED_FULL, base)), open_decoder(model), "trained on the same tokens"
    words = f"without experts, beside the base as it came (there is no {TRAINED_FULL})"
    return pack_weights(base.decoder()), open_progressive(model), words


def open_progressive(model: BenchModel) -> Decoder:
    """What training made of the base's attention, without the experts."""
    shape, weights = read_ours(model)
    kept = {name: weight for name, weight in weights.items() if ".moe." not in name}
    return pack_weights(build(replace(shape, moe=None), kept, dtype=torch.bfloat16).eval().requires_grad_(False))


def pack_weights(decoder: Decoder) -> Decoder:
    """The same numbers, its matrices in the order that is fastest to multiply."""
    pack_linears(decoder, bits=WIDE)
    return decoder


def measure_lm(setting: BenchSetting) -> BenchResult:
    """Every measurement as one result."""
    with torch_threads(num_cores()):
        model = find_model(setting.config.lm.name, setting.cache, setting.note)
        results = [measure_prompts(setting, model)]
        ours = Ours(*open_fast(model), threads=num_cores(), chunk=setting.lm.chunk, says=model.says)
        results += [compare_peers(setting, ours, list_rivals(setting, model)), compare_batching(setting, ours)]
        del ours
        return join_results([*results, measure_moe(setting), measure_perplexity(setting, model)])


def list_rivals(setting: BenchSetting, model: BenchModel) -> dict[str, Open]:
    """Who is raced, and how to open it; everybody reads the same weights."""

    def llama() -> PeerProcess:
        if setting.config.lm.name not in PACKAGED_LMS:
            raise NothingThere(f"llama.cpp reads a GGUF file, and {model.folder} is none. Bench the packaged model")
        return PeerProcess(partial(LlamaCpp, packaged_gguf(), threads=num_cores()))

    return {TRANSFORMERS: lambda: Transformers.of_folder(model.folder, threads=num_cores()), LLAMA: llama}
