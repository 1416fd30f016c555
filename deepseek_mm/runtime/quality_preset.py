"""The presets fast, balanced and best: the settings that each changes and the accuracy that it requires of engines.

The cosines are means over real photos or captions, compared with 32 bits. On 600 photos of Flickr8k a search lost
nothing by bfloat16 (0.9985), whatever computed the other tower and half of the index; by eight bits (0.994 to 0.997) it
lost up to half a point of R@10 for captions and one and a half for photos. So "balanced" excludes eight bits, "fast"
allows them, and "best" allows only rounding errors. A setting that its owner has changed is left as it is.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepseek_mm.config import Config, LMConfig, SeeConfig
from deepseek_mm.storage.files import atomic_write, read_json

FILE = "dial.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityPreset:
    """A preset: the settings that it changes and the accuracy that it requires."""

    name: str
    least_cosine: float  # of an engine's vectors with those in 32 bits, on average
    see: SeeConfig  # what is looked at
    phrasing: str = LMConfig().phrasing  # who words an answer
    says: str

    def apply_to(self, config: Config) -> Config:
        """The configuration with this preset's numbers, where they are still the default ones."""
        usual = SeeConfig()
        changed = {
            name: getattr(self.see, name)
            for name in ("max_parts", "beams", "glance")
            if getattr(config.see, name) == getattr(usual, name)
        }
        lm = replace(config.lm, phrasing=self.choose_phrasing(config.lm.phrasing))
        return replace(config, see=replace(config.see, **changed), lm=lm)

    def choose_phrasing(self, phrasing: str) -> str:
        """The preset's `phrasing`, unless the owner has chosen another."""
        return self.phrasing if phrasing == LMConfig().phrasing else phrasing


PRESETS = (
    QualityPreset(
        name="fast",
        least_cosine=0.99,
        see=SeeConfig(max_parts=3, beams=4, glance=False),
        phrasing="none",
        says="the fastest engines, three parts a photo; the language model neither looks nor rewords",
    ),
    QualityPreset(name="balanced", least_cosine=0.9975, see=SeeConfig(), says="what the project was tuned with"),
    QualityPreset(
        name="best",
        least_cosine=0.9995,
        see=SeeConfig(max_parts=8, beams=30),
        says="exact engines, eight parts a photo, descriptions searched more widely",
    ),
)
PRESETS_BY_NAME = {row.name: row for row in PRESETS}


def apply_preset(config: Config) -> Config:
    """The configuration with the preset that it names applied."""
    return PRESETS_BY_NAME[config.runtime.dial].apply_to(config)


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetResult:
    """A preset's speed and score on this machine; None where it was never measured."""

    name: str
    says: str
    seconds: float | None = None  # an ask about one photo, the median
    score: float | None = None  # percent of questions about bundled photos that were answered rightly
    questions: int = 0  # that were asked


def read_presets(folder: Path) -> tuple[PresetResult, ...]:
    """All presets, with what `plan --dial` measured on this machine. `folder` is `MachinePlan.folder`."""
    kept: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        told = read_json(folder / FILE)
        kept = told if isinstance(told, dict) else {}
    return tuple(_make_result(row, kept.get(row.name)) for row in PRESETS)


def write_presets(folder: Path, settings: Sequence[PresetResult]) -> None:
    """Store results for `read_presets`. LibraryError where nothing can be written."""
    told = {one.name: {"seconds": one.seconds, "score": one.score, "questions": one.questions} for one in settings}
    atomic_write(folder / FILE, json.dumps(told).encode())


def _make_result(row: QualityPreset, told: Any) -> PresetResult:
    """Make a preset's result; without numbers where the stored ones are not valid."""
    with suppress(TypeError):
        return PresetResult(name=row.name, says=row.says, **(told or {}))
    return PresetResult(name=row.name, says=row.says)
