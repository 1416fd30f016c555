"""What progressive attention costs in perplexity: long held-out texts, prose and code, with full attention beside it.

Where a run of full attention with experts of the same tokens is at hand, the shipped weights are compared with that as
a whole. Else the experts are left out, what is left is compared with the base as it came, and the words say so.
"""

from dataclasses import replace
from pathlib import Path

import torch

from deepseek_mm.bench.lm_open import Model, open_decoder, read_ours
from deepseek_mm.bench.result import Line, Result, Setting
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.evaluate.long import LongReport, long_perplexity
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.weights import MAKE, build
from deepseek_mm.runtime.quantization import WIDE, pack_linears
from deepseek_mm.train.runs import long_texts, open_base, open_run

KEY, BAR = "ppl_increase", "+2 % (aim +1 %)"
CORPUS, TRAINED_FULL = "corpus", Path("runs/lm/experts-full")  # in the cache; where the commands are given


def words_expected(setting: Setting, model: Model) -> Result:
    """The worst increase of all lengths and kinds of text; or why there is none."""
    if model.changes is None:
        return not_measured(f"these weights were not trained for it. Train them: {MAKE}")
    try:
        full, ours, against = rivals(setting, model)
        reports = read_all(setting, full, ours)
    except DeepSeekMMError as error:
        return not_measured(str(error))
    worst = max(report.ppl_increase for report in reports)
    cells = {
        f"ppl_{kind}_{length}": (report.full[length, kind], report.progressive[length, kind])
        for report in reports
        for length, kind in report.full
    }
    numbers = {key: value for key, (_, value) in cells.items()}
    numbers |= {f"{key}_full": value for key, (value, _) in cells.items()}
    detail = ", ".join(f"{key.removeprefix('ppl_')} {full:.2f} to {ours:.2f}" for key, (full, ours) in cells.items())
    line = Line(what="perplexity, progressive over full", value=f"{worst:+.2%}", beside=f"{against}: {detail}", bar=BAR)
    return Result(lines=(line,), numbers=numbers | {KEY: worst}, words={f"{KEY}_against": against})


def not_measured(why: str) -> Result:
    """The row without its number."""
    said = f"not measured: {why}"
    return Result(lines=(Line(what="perplexity, progressive over full", value=said, bar=BAR),), words={KEY: said})


def read_all(setting: Setting, full: Decoder, ours: Decoder) -> list[LongReport]:
    """Each length by itself: of a text only its beginning is read, which is what there is time for."""
    sizes, count = setting.lm, setting.lm.more_texts if setting.full else setting.lm.texts
    reports = []
    for length in sizes.expected:
        setting.note(f"perplexity of texts of {length:,} tokens, full and progressive")
        texts = long_texts(setting.cache / CORPUS, texts=count, length=length)
        reports.append(long_perplexity(full, ours, texts, (length,), chunk=sizes.chunk))
    return reports


def rivals(setting: Setting, model: Model) -> tuple[Decoder, Decoder, str]:
    """Full and progressive attention, and what is compared."""
    base = open_base(setting.config.lm.name, setting.cache)
    if TRAINED_FULL.is_dir():
        return quick(open_run(TRAINED_FULL, base)), open_decoder(model), "trained on the same tokens"
    words = f"without experts, beside the base as it came (there is no {TRAINED_FULL})"
    return quick(base.decoder()), progressive(model), words


def progressive(model: Model) -> Decoder:
    """What training made of the base's attention, without the experts."""
    shape, weights = read_ours(model)
    kept = {name: weight for name, weight in weights.items() if ".moe." not in name}
    return quick(build(replace(shape, moe=None), kept, dtype=torch.bfloat16).eval().requires_grad_(False))


def quick(decoder: Decoder) -> Decoder:
    """The same numbers, its matrices in the order that is fastest to multiply."""
    pack_linears(decoder, bits=WIDE)
    return decoder
