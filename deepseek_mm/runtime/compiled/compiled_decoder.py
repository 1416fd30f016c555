"""A decoder whose next tokens are computed by compiled loops over the pages of the key-value cache.

torch and the loops may alternate within one text: both leave keys, summaries of pages and new pages in the same state.
The weights are packed once; for each memory they are combined with the addresses of its keys.

Shape key:  B texts, K head width
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_mm.lm.attention_backend import stretch_base
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.block_manager import CachedText, RowRange
from deepseek_mm.lm.kv_cache.key_value_store import PAGE, LayerGroup
from deepseek_mm.lm.kv_cache.paged_attention import PagedMemory, find_visible_ranges, last_row
from deepseek_mm.lm.moe import Routing
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.runtime.compiled.decode_step import step
from deepseek_mm.runtime.compiled.jit import LANES
from deepseek_mm.runtime.compiled.layout import (
    KINDS,
    PIECE,
    DecoderTables,
    Floats,
    Integers,
    TextPositions,
    Workspace,
)
from deepseek_mm.runtime.compiled.tiled_layers import TiledEmbedding, TiledLinear
from deepseek_mm.runtime.compiled.tiles import PackedMatrix, fits, pack_fp4_matrix, pack_matrix
from deepseek_mm.runtime.compiled.vectors import GROUP
from deepseek_mm.runtime.quantization.fp4 import Fp4Embedding, Fp4Linear
from deepseek_mm.runtime.quantization.packed_linear import ON_GRID


def find_positions(shape: DecoderShape, groups: Sequence[LayerGroup], texts: Sequence[CachedText]) -> TextPositions:
    """Positions of the next token of each text, whose page is allocated already."""
    places, held = [text.length for text in texts], sink_position(shape)
    seen = [
        [find_visible_ranges(group, text.tables[n], text.length) for text in texts] for n, group in enumerate(groups)
    ]
    spans = [[visible_spans(stretches) for stretches in row] for row in seen]
    ends = np.cumsum([0, *(len(stretches) for row in spans for stretches in row)])
    starts = np.arange(len(groups))[:, None] * len(texts) + np.arange(len(texts) + 1)
    return TextPositions(
        np.array([[last_row(stretches) for stretches in row] for row in seen], np.int64),
        np.array([pair for row in spans for some in row for pair in some], np.int64).reshape(-1, 2),
        ends[starts],
        np.array([[group.sinks if held and place > held else 0 for place in places] for group in groups], np.int64),
        pages_of(groups, texts),
        np.array(places, np.int64),
        *rotation_angles(shape, texts, places),
        *rotation_angles(shape, texts, [min(place, held) for place in places]),
    )


def sink_position(shape: DecoderShape) -> int:
    """The position at which layers hold their sinks, the same for all; 0: nowhere."""
    return max(shape.slot_reach(slot).held for slot in range(shape.num_slots))


def visible_spans(stretches: Sequence[RowRange]) -> list[tuple[int, int]]:
    """First row and number of rows of each range, without the token's own row."""
    pairs = [(stretch.row, stretch.size) for stretch in stretches]
    row, size = pairs[-1]
    return [*pairs[:-1], (row, size - 1)]


def pages_of(groups: Sequence[LayerGroup], texts: Sequence[CachedText]) -> np.ndarray:
    """The pages of every text in the group whose layers choose among them, (B, most); unused ones are 0."""
    found = np.zeros((len(texts), 1 + max(text.length for text in texts) // PAGE), np.int64)
    for number in [n for n, group in enumerate(groups) if group.tops][:1]:
        for b, text in enumerate(texts):
            blocks = range(1 + text.length // PAGE)
            found[b, : len(blocks)] = [text.tables[number].pages[block] for block in blocks]
    return found


def rotation_angles(shape: DecoderShape, texts: Sequence[CachedText], places: Sequence[int]) -> tuple[Floats, Floats]:
    """Cosines and sines of the angles, (B, K / 2)."""
    steps_J = np.arange(0, shape.head_width, 2) / shape.head_width
    bases_B = np.array([stretch_base(shape.rope_base, text.scale, shape.head_width) for text in texts])
    angles_BJ = np.array(places)[:, None] * bases_B[:, None] ** -steps_J
    return np.cos(angles_BJ).astype(np.float32), np.sin(angles_BJ).astype(np.float32)


MOST = 16  # texts at once, up to which it is faster than torch's products (measured: docs/log/)
HEAD_WIDTHS = (16, 32, 64, 128)


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightBits:
    """Bits of the weights, where their shape allows; as `runtime.quantization.pack_for_decode`."""

    layers: int = 4
    head: int = 8
    gates: int = 16
    most_off: float = ON_GRID


def find_obstacle(decoder: Decoder) -> str:
    """Why the loops cannot run this decoder; "" if they can."""
    shape = decoder.shape
    if decoder.embedding.weight.device.type != "cpu" or decoder.embedding.weight.dtype != torch.bfloat16:
        return "it is not in bfloat16 on the processor"
    if len({shape.slot_reach(slot).held for slot in range(shape.num_slots)} - {0}) > 1:
        return "its layers hold their sinks at different places"
    widths = {shape.head_width, *([shape.moe.gate_width // shape.moe.gate_heads] if shape.moe else [])}
    if not widths <= set(HEAD_WIDTHS):
        return f"its heads are {sorted(widths)} wide, and not {HEAD_WIDTHS}"
    linears = [module for module in decoder.modules() if isinstance(module, nn.Linear)]
    floating = [module for module in decoder.modules() if isinstance(module, Fp4Linear | TiledLinear)]
    if any(layer.in_features % GROUP for layer in floating) or not (linears or floating):
        return "its matrices are in few bits already, and neither in FP4 nor in tiles"
    added = {layer.qkv for layer in decoder.layers}  # the only ones that may add something
    if any((linear.bias is not None and linear not in added) or not fits(linear.weight) for linear in linears):
        return f"it has matrices whose inputs are no multiple of {GROUP}, or that add something"
    return ""


class CompiledDecoder:
    """A decoder's packed weights. `find_obstacle` must be empty."""

    def __init__(self, decoder: Decoder, bits: WeightBits | None = None) -> None:
        self.shape, self._bits = decoder.shape, bits or WeightBits()
        self._embedding = decoder.embedding
        self._held: list[tuple[Tensor, Tensor]] = []  # keeps alive what the addresses point to
        self._net = self._lay_out(decoder)

    def bind(self, memory: PagedMemory) -> "CompiledStepper":
        """A stepper over this memory, whose keys are in bfloat16 as the decoder is."""
        slots = [slot_row(self.shape, memory, slot) for slot in range(self.shape.num_slots)]
        return CompiledStepper(self, self._net._replace(slots=np.array(slots, np.int64)), memory)

    def embed_tokens(self, ids: Sequence[int]) -> Floats:
        """Vectors of tokens, (B, D). Not by torch: its other threads go on looking for work for milliseconds after
        they had some, on cores that the loops need.
        """
        if isinstance(self._embedding, Fp4Embedding | TiledEmbedding):
            return self._embedding.rows(ids)
        words_VD = self._embedding.weight.detach().view(torch.int16).numpy().view(np.uint16)  # bfloat16
        found: Floats = (words_VD[list(ids)].astype(np.uint32) << 16).view(np.float32)
        return found

    def _lay_out(self, decoder: Decoder) -> DecoderTables:
        """All but the slots."""
        moe = self.shape.moe
        layers: list[Any] = list(decoder.layers)
        mixed = [layer.moe for layer in layers if layer.moe is not None]
        experts = [[self._rows([expert.up, expert.down], self._bits.layers) for expert in m.experts] for m in mixed]
        gates = [self._rows([g.enter, g.split_up, g.join, g.score], self._bits.gates) for g in (m.gate for m in mixed)]
        places = {number: place for place, number in enumerate(moe.layers if moe else ())}
        norms = [norm for layer in layers for norm in (layer.attention_norm, layer.ffn_norm)]
        return DecoderTables(
            num_layers=self.shape.num_layers,
            num_experts=len(moe.experts) if moe else 0,
            eps=self.shape.norm_eps,
            matrices=np.stack([self._rows([x.qkv, x.out, x.up, x.down], self._bits.layers) for x in layers]),
            biases=biases_of(layers),
            head_norms=head_norms_of(layers, self.shape),
            norms=np.stack([vector_of(norm.weight) for norm in (*norms, decoder.norm)]),
            head=self._rows([decoder.head], self._bits.head)[0],
            slots=np.zeros((0, 9), np.int64),
            moe_of=np.array([places.get(number, -1) for number in range(len(layers))], np.int64),
            gates=np.array(gates, np.int64).reshape(-1, 4, 6),
            gate_norms=norms_of([[m.gate.norm] for m in mixed]),
            inner_norms=norms_of([[m.gate.layer_norm, m.gate.last_norm] for m in mixed]),
            experts=np.array(experts, np.int64).reshape(len(mixed), len(moe.experts) if moe else 0, 2, 6),
            kinds=np.array([KINDS[spec.activation] for spec in (moe.experts if moe else ())], np.int64),
        )

    def _rows(self, linears: Sequence[nn.Linear], bits: int) -> Integers:
        """Matrices as `layout` describes them, (so many, 6)."""
        packed = [self._pack(linear, bits) for linear in linears]
        self._held += [each.held for each in packed]
        return np.stack([each.row for each in packed])

    def _pack(self, linear: nn.Module, bits: int) -> PackedMatrix:
        if isinstance(linear, TiledLinear):
            return linear.packed
        if isinstance(linear, Fp4Linear):
            return pack_fp4_matrix(linear.matrix)
        assert isinstance(linear, nn.Linear), "another kind is an obstacle"
        return pack_matrix(linear.weight, bits, most_off=self._bits.most_off)


class CompiledStepper:
    """`lm.engine.model_runner.DecodeStep` over one memory, on as many threads as torch has."""

    most = MOST

    def __init__(self, loops: CompiledDecoder, net: DecoderTables, memory: PagedMemory) -> None:
        self._loops, self._net, self._memory = loops, net, memory
        self._works: dict[tuple[int, int], Workspace] = {}
        self._others = ThreadPoolExecutor(64, "lm-step")  # they begin when they are first needed
        self._one_by_one = threading.Lock()

    def step(self, texts: Sequence[CachedText]) -> tuple[Tensor, list[Routing]]:
        """As in `DecodeStep`."""
        memory, shape, size = self._memory, self._loops.shape, torch.get_num_threads()
        for text in texts:
            memory.blocks.grow(text, 1)
        where = find_positions(shape, memory.blocks.groups, texts)
        with self._one_by_one:
            work = self._work(len(texts), size)
            work.x[:] = self._loops.embed_tokens([text.ids[text.length] for text in texts])
            self._run(work, where, size)
            scores_BV = torch.from_numpy(work.logits[:, : shape.vocab_size].copy())
            chosen_MBk = torch.from_numpy(work.chosen.copy())
        nothing = torch.empty(0)  # nobody asks for the gates' scores
        return scores_BV, [Routing(nothing, chosen_Bk[:, None], nothing) for chosen_Bk in chosen_MBk]

    def warm_up(self) -> None:
        """Compile everything now: half a minute the first time, a moment from the cache."""
        text = self._memory.start([0], most=1)
        try:
            self.step([text])
        finally:
            self._memory.blocks.drop(text, remember=False)

    def _run(self, work: Workspace, where: TextPositions, size: int) -> None:
        others = [self._others.submit(step, self._net, work, where, rank, size) for rank in range(1, size)]
        step(self._net, work, where, 0, size)
        for other in others:
            other.result()

    def _work(self, texts: int, size: int) -> Workspace:
        if (texts, size) not in self._works:
            self._works[texts, size] = allocate_workspace(self._loops.shape, texts, size)
        return self._works[texts, size]


def slot_row(shape: DecoderShape, memory: PagedMemory, slot: int) -> list[int]:
    """An attention as `layout` describes it."""
    cache, reach = memory.cache, shape.slot_reach(slot)
    (number,) = (n for n, group in enumerate(memory.blocks.groups) if slot in group.slots)
    group = shape.num_heads // shape.num_kv_heads if slot < shape.num_layers else 1
    keys, values = cache.keys[slot], cache.values[slot]
    row = [number, group, reach.blocks, int(bool(reach.held and reach.sinks))]
    row += [keys.data_ptr(), values.data_ptr(), keys.stride(0) * keys.itemsize]
    summaries = cache.summaries.get(slot)
    return [*row, *((0, 0) if summaries is None else (summaries.data_ptr(), summaries.stride(0) * summaries.itemsize))]


def vector_of(x: Tensor) -> Floats:
    found: Floats = x.detach().float().numpy()
    return found


def biases_of(layers: Sequence[Any]) -> Floats:
    """What is added to queries, keys and values, (L, F); (0, 0) where nothing is."""
    found = [vector_of(layer.qkv.bias) for layer in layers if getattr(layer.qkv, "bias", None) is not None]
    return np.stack(found) if found else np.zeros((0, 0), np.float32)


def head_norms_of(layers: Sequence[Any], shape: DecoderShape) -> Floats:
    """The norm of query heads and that of key heads, (L, 2, K); (0, 2, 0) where there are none."""
    norms = [vector_of(layer.head_norm.weight).reshape(-1, shape.head_width) for layer in layers if layer.head_norm]
    found = [norm_NK[[0, shape.num_heads]] for norm_NK in norms]
    return np.stack(found) if found else np.zeros((0, 2, 0), np.float32)


def norms_of(rows: Sequence[Sequence[nn.LayerNorm]]) -> Floats:
    """Weight and bias of every norm in a row, (rows, 2 * norms, width)."""
    pairs = [[vector_of(x) for norm in row for x in (norm.weight, norm.bias)] for row in rows]
    return np.array(pairs, np.float32) if pairs else np.zeros((0, 2, 0), np.float32)


def allocate_workspace(shape: DecoderShape, b: int, x: int) -> Workspace:
    """Buffers for `b` texts and `x` threads."""
    moe, heads, groups, k, d, f = (
        shape.moe, shape.num_heads, shape.num_kv_heads, shape.head_width, shape.width, shape.ffn_width,
    )  # fmt: skip
    w, h, top, experts = (moe.gate_width, moe.gate_heads, moe.top_k, len(moe.experts)) if moe else (0, 1, 0, 0)
    widest = max((spec.width for spec in moe.experts), default=0) if moe else 0
    inputs = max(d, f, heads * k, 3 * w, widest)
    sizes = {
        "x": (b, d), "normed": (x, b, d), "sums": (x, b, inputs // GROUP, 2),
        "qkv": (b, (heads + 2 * groups) * k), "queries": (x, b, 2, heads, k), "keys": (x, b, groups, k),
        "states": (x, b, heads, 2), "seen": (x, b, heads, k), "scores": (x, max(heads, h), PIECE),
        "together": (x, b, heads * k), "out": (b, d), "up": (b, 2 * f), "inside": (b, f),
        "logits": (b, round_up_to_tile(shape.vocab_size)), "gate_normed": (x, b, d), "gate_entered": (x, b, w),
        "gate_inner": (x, b, w), "gate_up": (x, b, 5 * w), "gate_joined": (x, b, 3 * w),
        "gate_scores": (x, b, round_up_to_tile(experts)), "gate_states": (x, b, h, 2), "gate_seen": (x, b, h, w // h),
        "weights": (x, b, top), "expert_up": (b, top, 2 * widest), "expert_inside": (b, top, widest),
    }  # fmt: skip
    arrays: dict[str, Any] = {name: np.zeros(size, np.float32) for name, size in sizes.items()}
    counts = {"sync": (16,), "visited": (x, b, top), "chosen": (len(moe.layers) if moe else 0, b, top)}
    arrays["levels"] = np.zeros((x, b, inputs), np.int8)
    return Workspace(**arrays | {name: np.zeros(size, np.int64) for name, size in counts.items()})


def round_up_to_tile(outputs: int) -> int:
    """Round a number of outputs up to whole tiles."""
    return -(-outputs // LANES) * LANES
