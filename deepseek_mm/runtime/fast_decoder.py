"""Opens the product's decoder in its fastest form on this machine: prompts by torch, tokens by compiled loops.

Reading a prompt is arithmetic, which torch does at the processor's speed. When tokens are written one by one, half of
the time goes into passing small tensors around, which the loops avoid. A decoder that the loops do not support is run
by torch alone.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.config import EDGE_LM, OUR_LM, PACKAGED_LMS, LMConfig
from deepseek_mm.errors import BadCheckpoint, MissingWeights
from deepseek_mm.hub import in_cache
from deepseek_mm.lm import open_generator
from deepseek_mm.lm.backends.own_model import LateModel, Opens, OwnModel
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.engine.model_runner import DecodeStep
from deepseek_mm.lm.generator import Generator, Over, Prepare, Progress, silence
from deepseek_mm.lm.kv_cache.paged_attention import PagedMemory
from deepseek_mm.lm.model_folders import find_folder, find_source, fingerprint, read_shape, title_of
from deepseek_mm.lm.shape import to_product_shape
from deepseek_mm.lm.weights import WEIGHTS, fingerprint_with, read_changes
from deepseek_mm.runtime.model_memory import fit_memory, memory_needed
from deepseek_mm.runtime.planner import Plan
from deepseek_mm.runtime.quantization.packed_linear import WIDE, pack_for_decode, pack_linears

if TYPE_CHECKING:  # numba is loaded where loops are wanted
    from deepseek_mm.runtime.compiled.compiled_decoder import CompiledDecoder

PACKED, PLAIN = "packed", "plain"  # of a plan's language models
EDGE = "edge-lm"  # the student
OTHERS = ("fp4", "int8", EDGE)  # files that quantize made, and the student


def open_planned(config: LMConfig, plan: Plan, *, cache: Path, progress: Progress) -> tuple[Generator, Plan]:
    """The model that `config` names as the plan wants it, and what became of the plan.

    Where the plan's file is refused, the packed model opens instead, and `progress` and the plan tell why; what
    `lm.bits` asks for is not replaced. Raises what `open_generator` raises.
    """
    if config.bits == "auto" and plan.lm in OTHERS:
        wanted = replace(config, name=EDGE_LM) if plan.lm == EDGE else replace(config, bits=plan.lm)
        try:
            return open_fast(wanted, cache=cache, progress=progress), plan
        except (BadCheckpoint, MissingWeights) as error:
            line = f"not {plan.lm}, since its file does not open ({error}): {PACKED} instead"
            progress(line)
            plan = replace(plan, lm=PACKED, fell_back=(*plan.fell_back, line))
    return open_fast(config, cache=cache, progress=progress, plain=plan.lm == PLAIN), plan


def open_late(config: LMConfig, plan: Plan, *, cache: Path, opened: Callable[[], object]) -> LateModel | None:
    """The packaged language model, to be opened when it is wanted; None where the settings or the plan want another.

    `opened` is called when it is open. Raises what finding its files raises.
    """
    if config.name != OUR_LM or not config.trained_here or config.bits != "auto" or plan.lm in OTHERS:
        return None
    folder = find_folder(OUR_LM, cache=cache, progress=silence)
    read_changes(WEIGHTS, base=fingerprint(folder), shape=to_product_shape(read_shape(folder)))

    def open_now() -> OwnModel:
        model = open_fast(config, cache=cache, plain=plan.lm == PLAIN)
        assert isinstance(model, OwnModel), "the packaged model runs in our own decoder"
        opened()
        return model

    return LateModel(open_now, name=OUR_LM, fingerprint=fingerprint_with(fingerprint(folder), WEIGHTS))


def open_fast(config: LMConfig, *, cache: Path, progress: Progress | None = None, plain: bool = False) -> Generator:
    """The model that `config` names, in the bits that it asks for, made fast unless it is to be plain.

    Raises what `open_generator` raises.
    """
    opens: Opens | None = None
    if config.name == EDGE_LM and config.trained_here:
        from deepseek_mm.runtime.quantization.lm_files import open_student

        opens = open_student
    elif config.bits != "auto":
        from deepseek_mm.runtime.quantization.lm_files import opens_in

        opens = opens_in(config.bits, cache)
    prepare: Prepare | None = None if plain else make_fast if config.name != EDGE_LM else make_small
    source = find_named(config)
    if source is not None:
        title = title_of(config.vlm or config.name)
        fit = fit_memory(memory_needed(source, cache=cache, title=title, plain=plain))
        config = replace(config, memory_tokens=config.memory_tokens or fit.tokens)
        if fit.way == "tiles":
            from deepseek_mm.runtime.compiled.tiled_layers import open_tiled

            prepare, opens = make_tiled, open_tiled
    return open_generator(config, cache=cache, progress=progress, prepare=prepare, opens=opens)


def find_named(config: LMConfig) -> Path | None:
    """The folder or file of a model that comes from elsewhere and runs in this process; None for any other.

    Raises what `find_source` raises; of one that sees and is not here, whoever opens it says more.
    """
    if config.vlm:
        return Path(config.vlm).expanduser() if Path(config.vlm).expanduser().is_dir() else in_cache(config.vlm)
    if config.url or config.name in (*PACKAGED_LMS, EDGE_LM, "none"):
        return None
    return find_source(config.name)


def make_fast(decoder: Decoder) -> Over:
    """Swaps the decoder's layers for faster ones, in place. What comes back makes the next tokens over some memory."""
    from deepseek_mm.runtime.compiled.compiled_decoder import CompiledDecoder, find_obstacle

    if find_obstacle(decoder):
        pack_for_decode(decoder)
        return torch_alone
    loops, head = CompiledDecoder(decoder), decoder.head
    pack_linears(decoder, bits=WIDE)
    decoder.head = head  # the matrix of words, which all models of these weights share; as fast, and equal to the bit
    close_files(decoder)
    return partial(_warm_steps, loops)


def make_tiled(decoder: Decoder) -> Over:
    """For a decoder whose weights lie in tiles (`open_tiled`): the loops read the same ones, and nothing is added."""
    from deepseek_mm.runtime.compiled.compiled_decoder import CompiledDecoder, find_obstacle

    return torch_alone if find_obstacle(decoder) else partial(_warm_steps, CompiledDecoder(decoder))


def _warm_steps(loops: "CompiledDecoder", memory: PagedMemory) -> DecodeStep:
    steps = loops.bind(memory)
    steps.warm_up()
    return steps


def close_files(decoder: Decoder) -> None:
    """Copies the small weights that were not packed, so that the file they are mapped from is closed."""
    shared = getattr(decoder.head, "weight", None)  # one in FP4 has codes instead
    for parameter in decoder.parameters():
        if parameter is not shared:
            parameter.data = parameter.data.clone()


def make_small(decoder: Decoder) -> Over:
    """The same without loops, whose compiler takes 180 MB of memory: what is opened so is small, and little slower."""
    pack_for_decode(decoder)
    return torch_alone


def torch_alone(memory: PagedMemory) -> DecodeStep | None:
    """No other way than the decoder's."""
    return None
