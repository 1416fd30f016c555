"""`bench lm`: our language model beside what people would pick instead, in speed, memory and perplexity.

One measurement after the other, each with all cores and nothing else running; within a measurement the rivals take
turns, and what is compared is the ratio. The processes that read long prompts come first, while this one is still
small. Perplexity is that of long held-out texts under progressive attention, beside full attention: of a run with
experts of the same tokens where one is at hand, else of the base without experts, and the words say which.

What a mixture of experts saves: a dense feed-forward of width W against eight experts whose widths sum to W, top-2. The
same decoder, random weights, bf16, the gate included; both take turns in every round, each first in half of them. As in
large models the feed-forward dominates: W is 26 times the width of the model (the eight experts of Mixtral 8x7B have 28
times). Our decoder always has a feed-forward for all tokens, so here the mixture keeps one of width 32.

Shape key:  B batch, T tokens, C tokens of context, D width, E experts, H query heads, G key/value heads, R = H / G,
            K head width
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.benchmarks.lm_models import BenchModel, find_model, open_decoder, open_fast, read_ours
from deepseek_mm.benchmarks.lm_peers import (
    LLAMA,
    TRANSFORMERS,
    LlamaCpp,
    Open,
    Ours,
    PeerProcess,
    Transformers,
    compare_batching,
    compare_peers,
    torch_threads,
)
from deepseek_mm.benchmarks.lm_prefill import measure_prompts
from deepseek_mm.benchmarks.results import (
    BenchResult,
    BenchSetting,
    BenchSizes,
    TableLine,
    join_results,
    report_missing,
)
from deepseek_mm.config import PACKAGED_LMS
from deepseek_mm.errors import DeepSeekMMError, NothingThere
from deepseek_mm.evaluation.language import LongReport, compare_attention
from deepseek_mm.lm.attention_backend import AttentionBackend, FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.model_folders import packaged_gguf
from deepseek_mm.lm.moe import Expert, Routing, compute_load
from deepseek_mm.lm.shape import EXPERTS, SMOLLM2, DecoderShape, ExpertSpec, MoEShape
from deepseek_mm.lm.weights import MAKE, build
from deepseek_mm.runtime.quantization.packed_linear import WIDE, pack_linears
from deepseek_mm.threads import num_cores
from deepseek_mm.training.language_model import open_base, open_run, read_long_texts


class FixedContext:
    """A memory that does not grow: every call is the token that follows on the same tokens before it."""

    def __init__(self, shape: DecoderShape, tokens: int) -> None:
        self.positions_BT = torch.tensor([[tokens]])
        self.scale: float | Tensor = 1.0
        self._lengths = [min(tokens, shape.slot_reach(slot).window or tokens) for slot in range(shape.num_slots)]
        self._past: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `AttentionBackend` says; the own key and value stand where the last token's stood."""
        if slot not in self._past:
            length = self._lengths[slot]
            self._past[slot] = (k_BTGK.repeat(1, length, 1, 1), v_BTGK.repeat(1, length, 1, 1))
        k_BCGK, v_BCGK = self._past[slot]
        k_BCGK[:, -1:], v_BCGK[:, -1:] = k_BTGK, v_BTGK
        rows_BGRK = q_BTHK.unflatten(2, (k_BTGK.shape[2], -1))[:, 0]  # heads that share keys, as queries of one head
        seen_BGRK = F.scaled_dot_product_attention(rows_BGRK, k_BCGK.transpose(1, 2), v_BCGK.transpose(1, 2))
        return seen_BGRK.reshape(q_BTHK.shape)


class RandomDecoder:
    """A decoder of random weights that takes its turns."""

    def __init__(self, shape: DecoderShape, tokens: int) -> None:
        self.model = make_random_decoder(shape)
        self._whole, self._still = (
            FullTextAttention(shape, torch.ones(1, tokens, dtype=torch.int64)),
            FixedContext(shape, tokens),
        )

    def prefill(self, ids_BT: Tensor) -> list[Routing]:
        """Read a prompt."""
        return self._read(ids_BT, self._whole)

    def decode(self, ids_BT: Tensor) -> None:
        """Read tokens one by one, each behind a whole context."""
        for id_B1 in ids_BT.split(1, 1):
            self._read(id_B1, self._still)

    def _read(self, ids_BT: Tensor, attend: AttentionBackend) -> list[Routing]:
        """As for the next token: the last one's logits."""
        routings: list[Routing]
        hidden_BTD, routings = self.model(self.model.embed(ids_BT), attend)
        self.model.logits(hidden_BTD[:, -1:])
        return routings


def make_random_decoder(shape: DecoderShape) -> Decoder:
    """In bf16, and with experts that say something."""
    model = Decoder(shape).to(torch.bfloat16)
    for module in model.modules():
        if isinstance(module, Expert):
            nn.init.normal_(module.down.weight, std=0.02)
    return model


OWN = replace(SMOLLM2, vocab_size=1_024)  # few words: beside a few layers the head of all would weigh too much
LARGE = replace(OWN, width=960, num_heads=15, num_kv_heads=5)  # SmolLM2-360M's width and heads
SEED = 5  # of weights and tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class MoeTiming:
    """Medians of the rounds. A share saved is the median of what each round saved."""

    prefill_ms: tuple[float, float]  # a prompt: dense, mixture
    decode_ms: tuple[float, float]  # a token: dense, mixture
    prefill_saved: float
    decode_saved: float
    active: float  # share of the experts' widths that a token meets: a quarter where the load is balanced

    @property
    def saved_share(self) -> float:
        """The share that prefill and decoding both save."""
        return min(self.prefill_saved, self.decode_saved)


def measure_moe(setting: BenchSetting) -> BenchResult:
    """The bench configuration, which has a bar, and the product's shape, which has none."""
    sizes = setting.sizes
    setting.note("racing a mixture of experts against a dense feed-forward")
    large = race_shapes(*make_shapes(LARGE, times=sizes.moe_times, shared=32, layers=sizes.moe_layers), sizes)
    setting.note("the same in the product's shape")
    own = race_shapes(*make_shapes(OWN, times=1, shared=OWN.ffn_width, layers=sizes.moe_layers), sizes)
    numbers = {
        "moe_time_saved_vs_dense": large.saved_share,
        "moe_prefill_saved": large.prefill_saved,
        "moe_decode_saved": large.decode_saved,
        "moe_active_share": large.active,
        "moe_time_saved_product": own.saved_share,
    }
    lines = make_lines("experts, no dense width", large, bar="-40 % (aim -60 %)")
    return BenchResult(lines=lines + make_lines("experts beside SmolLM2's own", own), numbers=numbers)


def make_lines(name: str, run: MoeTiming, *, bar: str = "") -> tuple[TableLine, ...]:
    """Lines of the table for one measurement."""
    kinds = (("prefill", run.prefill_ms, run.prefill_saved), ("decode", run.decode_ms, run.decode_saved))
    return tuple(
        TableLine(f"{name}: {kind}", f"{ours:.2f} ms, {-saved:+.0%}", beside=f"dense: {dense:.2f} ms", bar=bar)
        for kind, (dense, ours), saved in kinds
    )


def make_shapes(shape: DecoderShape, *, times: int, shared: int, layers: int) -> tuple[DecoderShape, DecoderShape]:
    """Dense and mixture: experts `times` as wide as the table's, which the dense one has beside the `shared` width.

    Where the shared width is the 32 that the mixture cannot do without, the dense one does without.
    """
    experts = tuple(replace(spec, width=times * spec.width) for spec in EXPERTS)
    extra = shared if shared == shape.ffn_width else 0
    dense = replace(shape, num_layers=layers, ffn_width=extra + sum(spec.width for spec in experts))
    return dense, replace(dense, ffn_width=shared, moe=MoEShape(layers=tuple(range(layers)), experts=experts))


@torch.inference_mode()
def race_shapes(dense: DecoderShape, mixture: DecoderShape, sizes: BenchSizes) -> MoeTiming:
    """Both read the same tokens, round after round, after one that warms up."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        runners = [RandomDecoder(shape, sizes.moe_tokens) for shape in (dense, mixture)]
        texts = torch.randint(dense.vocab_size, (sizes.moe_rounds + 1, 1, sizes.moe_tokens)).unbind()
    prefills, decodes = [], []
    for number, ids_BT in enumerate(texts):
        prefills.append(take_turns([partial(x.prefill, ids_BT) for x in runners], first=number % 2))
        steps_BT = ids_BT[:, : sizes.moe_steps]
        decodes.append(take_turns([partial(x.decode, steps_BT) for x in runners], first=number % 2))
    prefill_ms, prefill_saved = summarize_rounds(prefills[1:])
    (dense_ms, mixture_ms), decode_saved = summarize_rounds(decodes[1:])
    assert mixture.moe is not None, "a race is between a dense decoder and a mixture"
    return MoeTiming(
        prefill_ms=prefill_ms,
        decode_ms=(dense_ms / sizes.moe_steps, mixture_ms / sizes.moe_steps),
        prefill_saved=prefill_saved,
        decode_saved=decode_saved,
        active=measure_active_share(runners[1].prefill(texts[0]), mixture.moe.experts),
    )


def take_turns(calls: Sequence[Callable[[], object]], *, first: int) -> list[float]:
    """Seconds of each call, in the order given; the one that runs first is `first`."""
    seconds = [0.0] * len(calls)
    for step in range(len(calls)):
        number = (first + step) % len(calls)
        start = time.perf_counter()
        calls[number]()
        seconds[number] = time.perf_counter() - start
    return seconds


def summarize_rounds(rounds: Sequence[Sequence[float]]) -> tuple[tuple[float, float], float]:
    """Milliseconds of dense and mixture, medians; and the median of the shares that the mixture saved."""
    dense_s, mixture_s = zip(*rounds, strict=True)
    saved = statistics.median(1 - ours / plain for plain, ours in zip(dense_s, mixture_s, strict=True))
    return (1000 * statistics.median(dense_s), 1000 * statistics.median(mixture_s)), saved


def measure_active_share(routings: Sequence[Routing], experts: Sequence[ExpertSpec]) -> float:
    """The share of the experts' widths that a token meets, the mean over the layers."""
    widths_E = torch.tensor([float(spec.width) for spec in experts])
    shares = [compute_load(x, len(experts)) @ widths_E * x.experts_BTk.shape[-1] / widths_E.sum() for x in routings]
    return float(torch.stack(shares).mean())


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
