"""Whether a model of the catalogue fits this machine, why or why not, and which one is recommended for it.

Memory is that of the machine or its container, less what the system and the packaged models need. A model that fits may
still be too slow to be recommended: without a GPU the processor reads every weight for every word.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.models.catalogue import MB, ModelCard, RunBy, Way
from deepseek_mm.runtime.hardware import BFLOAT16, Hardware

GB = 1000  # MB
KEPT_MB = 2_000  # of memory, for the system and the packaged models
SPARE_MB = 500  # of disk, that stay free after a download
UNPACKED_BYTES = 2.0  # of each weight: our decoder unpacks a GGUF file once, beside it, in bfloat16
CORE_PARAMETERS_M = 150  # millions of weights for each core that still answer within seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """Whether a model fits, and why."""

    fits: bool
    reason: str  # a sentence without a full stop
    memory_mb: int  # that it needs the way it would be run here
    way: Way


def judge_fit(card: ModelCard, hardware: Hardware, *, free_disk_mb: int | None = None) -> Fit:
    """Whether it can work on this machine. A disk whose free space is given has to hold the download as well."""
    way = choose_way(card, hardware)
    needed, room = card.memory_mb[way], hardware.size_bytes // MB - KEPT_MB
    disk = disk_needed_mb(card)
    free_now = hardware.available_bytes // MB

    def say(fits: bool, reason: str) -> Fit:
        return Fit(fits=fits, reason=reason, memory_mb=needed, way=way)

    if needed > room:
        less = card.memory_mb["4 bits"]  # as local servers usually have it
        other = f"; a local server such as Ollama needs {show_mb(less)}" if less <= min(room, needed - 1) else ""
        return say(False, f"needs {show_mb(needed)} of memory, and models have {show_mb(max(0, room))} here{other}")
    if free_disk_mb is not None and disk + SPARE_MB > free_disk_mb:
        return say(False, f"needs {show_mb(disk)} on the disk, and {show_mb(free_disk_mb)} are free")
    if needed > free_now:
        return say(
            True, f"needs {show_mb(needed)} of memory, and {show_mb(free_now)} are free now: close other programs"
        )
    return say(True, f"needs {show_mb(needed)} of memory, and models have {show_mb(room)} here")


def recommend(cards: Sequence[ModelCard], hardware: Hardware, *, free_disk_mb: int | None = None) -> ModelCard | None:
    """The best one that fits this machine and is not too slow on it; None where none is."""
    most = CORE_PARAMETERS_M * hardware.workers
    able = [
        card
        for card in cards
        if card.rank > 0 and card.parameters_m <= most and judge_fit(card, hardware, free_disk_mb=free_disk_mb).fits
    ]
    return max(able, key=lambda card: card.rank, default=None)


def choose_way(card: ModelCard, hardware: Hardware) -> Way:
    """How its weights lie in memory when it is run here."""
    if card.kind == "space":
        return "float32"
    plain: Way = "bf16" if hardware.flags & BFLOAT16 else "float32"  # as transformers opens it on this processor
    ways: Mapping[RunBy, Way] = {"server": "4 bits", "own": "int8", "transformers": plain}
    return ways[card.run_by]


def disk_needed_mb(card: ModelCard) -> int:
    """Of the files that are fetched, and of what is made from them."""
    return card.disk_mb + (round(card.parameters_m * UNPACKED_BYTES) if card.run_by == "own" else 0)


def free_disk_mb(folder: Path) -> int | None:
    """On the disk where the folder lies or would lie; None where the system does not tell."""
    place = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    try:
        return shutil.disk_usage(place).free // MB
    except OSError:
        return None


def show_mb(size: int) -> str:
    """ "640 MB" or "1.5 GB"."""
    return f"{size} MB" if size < GB else f"{size / GB:.1f} GB"
