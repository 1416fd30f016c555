"""Measures every engine that a machine can have, at both towers, and stores the timings for this space and machine.

A pass over one picture is the latency of a question, passes over many are the throughput of filling a library: both are
timed, after a warm-up, as the median of a few. Similarity is measured through the whole space, heads included, on
pictures and captions that set no scales.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from deepseek_mm.embeddings.default import PackagedSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import SIDE_PX, squeeze, to_pixels
from deepseek_mm.lm.model_folders import first_line
from deepseek_mm.runtime.engines import BY_NAME, ENGINES, TOWERS, EngineRow, Timing, Tower
from deepseek_mm.runtime.hardware import Hardware
from deepseek_mm.runtime.planner import why_not
from deepseek_mm.runtime.towers.backends import install, parts_of
from deepseek_mm.runtime.towers.parts import PATHS, Samples, image_paths
from deepseek_mm.storage.files import atomic_write, read_json

EXACT = "torch-fp32"  # what vectors are compared with
FILE = "timings.json"
MANY = 16  # rows of the larger pass
ROUNDS = {1: 9, MANY: 3}  # passes that are timed, after one that is not
MOST_S = 0.6  # after which a pass is not repeated: an engine that slow is not chosen anyway
TOKENS = 16  # of a text that is timed


def calibrate(
    space: PackagedSpace,
    hardware: Hardware,
    folder: Path,
    *,
    rows: Sequence[EngineRow] = ENGINES,
    samples: Samples | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> list[Timing]:
    """Of both towers, in the order of the table. Engines are made in `folder` where they are not there yet.

    NothingThere where there are no photos to compare with.
    """
    lab = _EngineComparison(space, folder, samples or Samples())
    told = []
    for tower in TOWERS:
        exact_ND = lab.vectors(tower, BY_NAME[EXACT])
        for row in rows:
            if tower in row.towers and not why_not(row, hardware):
                note(f"measuring {row.name} ({tower})")
                told.append(lab.measure(tower, row, exact_ND))
    return told


class _EngineComparison:
    """Runs one space with each engine in turn; the pictures are read once."""

    def __init__(self, space: PackagedSpace, folder: Path, samples: Samples) -> None:
        self._space, self._folder, self._samples = space, folder, samples
        self._pictures, self._texts = samples.pictures(), samples.texts()

    def measure(self, tower: Tower, row: EngineRow, exact_ND: Floats) -> Timing:
        """Measure an engine; if it fails, the timing has the reason."""
        try:
            with self._with_engine(tower, row) as size_bytes:
                vectors_ND = self._embed(tower)
                one_ms, many_ms = (
                    pass_ms(self._space.model, tower, rows, side_px=self._space.side_px) for rows in ROUNDS
                )
        except Exception as error:  # noqa: BLE001  # engines are other people's: one that breaks is not chosen, and that is all
            return Timing(tower=tower, engine=row.name, refused=first_line(error))
        alike_N = (vectors_ND * exact_ND).sum(axis=1)
        return Timing(
            tower=tower,
            engine=row.name,
            one_ms=round(one_ms, 3),
            many_ms=round(many_ms, 3),
            cosine=round(float(alike_N.mean()), 6),
            worst_cosine=round(float(alike_N.min()), 6),
            size_bytes=size_bytes,
        )

    def vectors(self, tower: Tower, row: EngineRow) -> Floats:
        """(N, D) of the pictures or texts that compare."""
        with self._with_engine(tower, row):
            return self._embed(tower)

    def _embed(self, tower: Tower) -> Floats:
        return self._space.embed_images(self._pictures) if tower == "image" else self._space.embed_texts(self._texts)

    @contextmanager
    def _with_engine(self, tower: Tower, row: EngineRow) -> Iterator[int]:
        """Install the engine meanwhile; yields the bytes of its weights."""
        parts = parts_of(self._space, tower, self._samples)
        installed = install(self._space.model, parts, row, self._folder)
        try:
            yield installed.size_bytes or 4 * sum(part.num_weights for part in parts)
        finally:
            installed.remove()


def pass_ms(model: nn.Module, tower: Tower, rows: int, *, side_px: int = SIDE_PX) -> float:
    """Milliseconds of a pass through the tower's parts as they stand, divided by its rows: the median."""
    work = passes(model, tower, rows, side_px=side_px)
    work()
    times_s: list[float] = []
    while len(times_s) < ROUNDS.get(rows, 3) and sum(times_s) < MOST_S:
        start = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - start)
    return 1000 * statistics.median(times_s) / rows


def passes(model: nn.Module, tower: Tower, rows: int, *, side_px: int = SIDE_PX) -> Callable[[], None]:
    """A pass over made-up rows: how fast it is does not depend on what they show."""
    if tower == "text":
        (reader,) = (model.get_submodule(path) for path in PATHS["text"])
        ids_NT = 1000 + torch.arange(rows * TOKENS).view(rows, TOKENS)
        return lambda: _run_text(reader, input_ids=ids_NT, attention_mask=torch.ones_like(ids_NT))
    noise = np.random.default_rng(0).integers(0, 256, (rows, 8, 8, 3), dtype=np.uint8)
    pixels_BCSS = to_pixels([squeeze(Image.fromarray(square), side_px) for square in noise])
    lower, *upper = (model.get_submodule(path) for path in image_paths(model))

    @torch.inference_mode()
    def look() -> None:
        with autocast_bf16():
            middle_BCMM = lower(pixels_BCSS)
            for part in upper:
                part(middle_BCMM)

    return look


@torch.inference_mode()
def _run_text(reader: nn.Module, **tokens: torch.Tensor) -> None:
    with autocast_bf16():
        reader(**tokens, output_hidden_states=True)


def write_timings(folder: Path, timings: Iterable[Timing]) -> Path:
    """Keep them beside the engines. LibraryError where nothing can be written."""
    file = folder / FILE
    atomic_write(file, json.dumps([asdict(timing) for timing in timings], indent=1).encode())
    return file


def read_timings(folder: Path) -> tuple[Timing, ...]:
    """What was kept; nothing where it was never measured or the file is damaged."""
    with suppress(OSError, ValueError, TypeError):
        rows = read_json(folder / FILE)
        return tuple(timing for row in rows if (timing := Timing(**row)).engine in BY_NAME)
    return ()


def table(timings: Sequence[Timing]) -> str:
    """For people, the fastest first."""
    head = f"{'tower':<7}{'engine':<22}{'ms one':>8}{'ms of 16':>10}{'cosine':>9}{'worst':>9}{'MB':>7}"
    lines = [head]
    for tower in TOWERS:
        own = [timing for timing in timings if timing.tower == tower]
        for timing in sorted(own, key=lambda timing: (bool(timing.refused), timing.cost_ms)):
            lines.append(f"{tower:<7}{timing.engine:<22}{_numbers(timing)}")
    return "\n".join(lines)


def _numbers(timing: Timing) -> str:
    if timing.refused:
        return f"  refused: {timing.refused}"
    return (
        f"{timing.one_ms:>8.2f}{timing.many_ms:>10.2f}{timing.cosine:>9.4f}{timing.worst_cosine:>9.4f}"
        f"{timing.size_bytes / 1e6:>7.1f}"
    )
