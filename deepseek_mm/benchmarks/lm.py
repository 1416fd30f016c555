"""`bench lm`: is our language model faster, and smaller in memory, than what people would pick instead?

One measurement after the other, each with all cores and nothing else running; within a measurement the rivals take
turns, and what is compared is the ratio. The processes that read long prompts come first, while this one is still
small.
"""

from collections.abc import Sequence
from functools import partial

from deepseek_mm.benchmarks.llama_cpp import LlamaCpp
from deepseek_mm.benchmarks.lm_open import BenchModel, find_model, open_fast
from deepseek_mm.benchmarks.lm_ours import Ours
from deepseek_mm.benchmarks.lm_peers import LLAMA, TRANSFORMERS, Open, compare_batching, compare_peers
from deepseek_mm.benchmarks.lm_prefill import measure_prompts
from deepseek_mm.benchmarks.lm_words import measure_perplexity
from deepseek_mm.benchmarks.moe import measure_moe
from deepseek_mm.benchmarks.peer import torch_threads
from deepseek_mm.benchmarks.peer_apart import PeerProcess
from deepseek_mm.benchmarks.peer_transformers import Transformers
from deepseek_mm.benchmarks.result import BenchResult, BenchSetting
from deepseek_mm.config import PACKAGED_LMS
from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.backends.packaged_gguf import packaged_gguf
from deepseek_mm.threads import num_cores


def measure_lm(setting: BenchSetting) -> Sequence[BenchResult]:
    """All rows."""
    with torch_threads(num_cores()):
        model = find_model(setting.config.lm.name, setting.cache, setting.note)
        results = [measure_prompts(setting, model)]
        ours = Ours(*open_fast(model), threads=num_cores(), chunk=setting.lm.chunk, says=model.says)
        results += [compare_peers(setting, ours, list_rivals(setting, model)), compare_batching(setting, ours)]
        del ours
        return [*results, measure_moe(setting), measure_perplexity(setting, model)]


def list_rivals(setting: BenchSetting, model: BenchModel) -> dict[str, Open]:
    """Who is raced, and how to open it; everybody reads the same weights."""

    def llama() -> PeerProcess:
        if setting.config.lm.name not in PACKAGED_LMS:
            raise NothingThere(f"llama.cpp reads a GGUF file, and {model.folder} is none. Bench the packaged model")
        return PeerProcess(partial(LlamaCpp, packaged_gguf(), threads=num_cores()))

    return {TRANSFORMERS: lambda: Transformers.of_folder(model.folder, threads=num_cores()), LLAMA: llama}
