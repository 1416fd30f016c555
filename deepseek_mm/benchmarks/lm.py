"""`bench lm`: is our language model faster, and smaller in memory, than what people would pick instead?

One measurement after the other, each with all cores and nothing else running; within a measurement the rivals take
turns, and what is compared is the ratio. The processes that read long prompts come first, while this one is still
small.
"""

from collections.abc import Sequence
from functools import partial

from deepseek_mm.benchmarks.llama_cpp import LlamaCpp
from deepseek_mm.benchmarks.lm_open import Model, find_model, open_fast
from deepseek_mm.benchmarks.lm_ours import Ours
from deepseek_mm.benchmarks.lm_peers import LLAMA, TRANSFORMERS, Open, at_once, beside_peers
from deepseek_mm.benchmarks.lm_prefill import prompts
from deepseek_mm.benchmarks.lm_words import words_expected
from deepseek_mm.benchmarks.moe import moe_beside_dense
from deepseek_mm.benchmarks.peer import torch_threads
from deepseek_mm.benchmarks.peer_apart import Apart
from deepseek_mm.benchmarks.peer_transformers import Transformers
from deepseek_mm.benchmarks.result import Result, Setting
from deepseek_mm.config import PACKAGED_LMS
from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.backends.packaged_gguf import packaged_gguf
from deepseek_mm.threads import num_cores


def measure(setting: Setting) -> Sequence[Result]:
    """All rows."""
    with torch_threads(num_cores()):
        model = find_model(setting.config.lm.name, setting.cache, setting.note)
        results = [prompts(setting, model)]
        ours = Ours(*open_fast(model), threads=num_cores(), chunk=setting.lm.chunk, says=model.says)
        results += [beside_peers(setting, ours, rivals(setting, model)), at_once(setting, ours)]
        del ours
        return [*results, moe_beside_dense(setting), words_expected(setting, model)]


def rivals(setting: Setting, model: Model) -> dict[str, Open]:
    """Who is raced, and how to open it; everybody reads the same weights."""

    def llama() -> Apart:
        if setting.config.lm.name not in PACKAGED_LMS:
            raise NothingThere(f"llama.cpp reads a GGUF file, and {model.folder} is none. Bench the packaged model")
        return Apart(partial(LlamaCpp, packaged_gguf(), threads=num_cores()))

    return {TRANSFORMERS: lambda: Transformers.of_folder(model.folder, threads=num_cores()), LLAMA: llama}
