"""Chooses the engines and models for a machine from its hardware and its timings; a pure function, with its reason.

    GPU               TensorRT, else bfloat16 by CUDA
    NPU               OpenVINO
    CPU               eight bits or bfloat16: the fastest of the engines that are accurate enough for the preset
    little memory     the language model's student, else it in four bits; in a new library the towers' student; the
                      smallest engines

`fell_back` lists each preferred choice that is not available, the reason, and what would make it available.

The presets fast, balanced and best change settings, and say how accurate engines must be. Their cosines are means over
real photos or captions, compared with 32 bits. On 600 photos of Flickr8k a search lost nothing by bfloat16 (0.9985),
whatever computed the other tower and half of the index; by eight bits (0.994 to 0.997) it lost up to half a point of
R@10 for captions and one and a half for photos. So "balanced" excludes eight bits, "fast" allows them, and "best"
allows only rounding errors. A setting that its owner has changed is left as it is.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from deepseek_mm.config import Config, LMConfig, SeeConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.runtime.engines import (
    AS_IT_IS,
    BY_NAME,
    ENGINES,
    EXTRA,
    IMAGE_MODELS,
    LANGUAGE_MODELS,
    REQUIRED,
    TOWERS,
    EngineRow,
    ModelRow,
    Timing,
    Tower,
)
from deepseek_mm.runtime.hardware import BFLOAT16, GIB, Hardware
from deepseek_mm.storage.files import atomic_write, read_json

FILE = "dial.json"
LOOKS = ("max_parts", "beams", "glance")  # settings of `see` that presets change, which hold from the next picture on


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
        changed = {name: getattr(self.see, name) for name in LOOKS if getattr(config.see, name) == getattr(usual, name)}
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
        see=SeeConfig(max_parts=20, beams=30),
        says="exact engines, twenty parts a photo, descriptions searched more widely",
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


Branch = Literal["gpu", "npu", "cpu", "small"]
SMALL_BYTES = 4 * GIB  # of memory, below which a plan is small
WISHED = {  # engines of a branch in the order in which they are wished for; the last resort is the processor
    "gpu": ("onnxruntime-tensorrt", "cuda-bf16"),
    "npu": ("openvino-npu",),
    "cpu": (),
    "small": (),
}
LIGHT = ("torch", "trained")  # makers whose engines bring no libraries: OpenVINO's take more than any tower saves
PROVIDER = {"onnxruntime-tensorrt": "TensorrtExecutionProvider"}  # that ONNX Runtime must bring


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Which engine computes each tower, and which models run."""

    branch: Branch
    image: str  # engines, names of ENGINES
    text: str
    image_model: str  # of IMAGE_MODELS
    lm: str  # of LANGUAGE_MODELS
    dial: str
    measured: bool  # by a calibration; else by what is known of such machines
    reason: str  # a sentence or two
    fell_back: tuple[str, ...] = ()  # what was wished for, why it is not so, and what would help

    def engine(self, tower: Tower) -> EngineRow:
        """What computes this tower."""
        return BY_NAME[self.image if tower == "image" else self.text]

    @property
    def short(self) -> str:
        """One line for a page's footer."""
        source = "measured" if self.measured else "not measured"
        return f"{self.dial}: pictures {self.image}, text {self.text}, language model {self.lm} ({source})"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanConstraints:
    """What is fixed about the models before a plan is made."""

    lm: str = ""  # of LANGUAGE_MODELS, as its owner asks for; empty leaves it to the plan
    image_model: str = ""  # of IMAGE_MODELS, as the space that is open has it; empty is the one that is wished for
    lacking: Mapping[str, str] = field(default_factory=dict)  # models that cannot be had here, and why


def choose(
    hardware: Hardware,
    measured: Sequence[Timing] = (),
    *,
    dial: str = "balanced",
    engine: str = "auto",
    given: PlanConstraints = PlanConstraints(),
) -> Plan:
    """The plan for this machine. `measured` is a calibration's, or nothing; `engine` a name that overrules it.

    ConfigError for an engine or a step of the dial that nobody knows.
    """
    row, branch = dial_row(dial), branch_of(hardware)
    if engine not in ("auto", *BY_NAME):
        raise ConfigError(f"runtime.engine={engine} is unknown. Choose auto or one of: {', '.join(BY_NAME)}")
    picks = [_pick(tower, hardware, measured, row, engine) for tower in TOWERS]
    lm, image_model, missed = _models(branch, given)
    known = any(timing.engine == pick.engine for timing, pick in ((t, p) for t in measured for p in picks))
    fell_back = (*missed, *(line for pick in picks for line in pick.fell_back))
    where = " ".join(
        [_describe_branch(branch, hardware), *(pick.reason for pick in picks), *_describe_models(lm, image_model)]
    )
    unverified = [name for name in dict.fromkeys(pick.engine for pick in picks) if not BY_NAME[name].verified]
    return Plan(
        branch=branch,
        image=picks[0].engine,
        text=picks[1].engine,
        image_model=image_model,
        lm=lm,
        dial=dial,
        measured=known,
        reason=where + "".join(f" {name} is not verified on hardware." for name in unverified),
        fell_back=tuple(dict.fromkeys(fell_back)),
    )


def dial_row(dial: str) -> QualityPreset:
    """The preset of this name."""
    if dial not in PRESETS_BY_NAME:
        raise ConfigError(f"runtime.dial={dial} must be one of: {', '.join(PRESETS_BY_NAME)}")
    return PRESETS_BY_NAME[dial]


def branch_of(hardware: Hardware) -> Branch:
    """The branch of a machine: a GPU first, since it has its own memory; then little memory, an NPU, the processor."""
    if hardware.gpu:
        return "gpu"
    if hardware.size_bytes < SMALL_BYTES:
        return "small"
    return "npu" if hardware.npus else "cpu"


def why_not(row: EngineRow, hardware: Hardware) -> str:
    """Why this machine cannot have the engine; empty if it can."""
    for package in row.needs:
        if not hardware.has(package) and not (package == "onnxruntime" and hardware.has("onnxruntime-gpu")):
            named = package if package in REQUIRED else f"'deepseek-mm[{EXTRA.get(package, 'engines')}]'"
            return f"the package {package} is not installed (pip install {named})"
    if row.device == "cuda" and not hardware.gpu:
        return "there is no GPU that torch can use"
    if row.device == "npu" and not hardware.npus:
        return "there is no NPU that OpenVINO knows"
    provider = PROVIDER.get(row.name)
    if provider and provider not in hardware.providers:
        return f"this ONNX Runtime has no {provider}"
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pick:
    """One tower's engine."""

    engine: str
    reason: str
    fell_back: tuple[str, ...] = ()


def _pick(tower: Tower, hardware: Hardware, measured: Sequence[Timing], dial: QualityPreset, engine: str) -> _Pick:
    timings = {timing.engine: timing for timing in measured if timing.tower == tower}
    if engine != "auto":
        return _pick_named(tower, engine, hardware, timings)
    wished = [name for name in WISHED[branch_of(hardware)] if tower in BY_NAME[name].towers]
    fell_back: list[str] = []
    for name in wished:
        why = _hindrance(BY_NAME[name], hardware, timings.get(name), dial)
        if not why:
            return _Pick(engine=name, reason=f"{_name(tower)}: {name}.", fell_back=tuple(fell_back))
        fell_back.append(f"{_name(tower)}: not {name}, since {why}")
    return _on_the_processor(tower, hardware, timings, dial, tuple(fell_back))


def _pick_named(tower: Tower, engine: str, hardware: Hardware, timings: dict[str, Timing]) -> _Pick:
    """The engine that its owner asked for, if it can be had."""
    row = BY_NAME[engine]
    why = why_not(row, hardware) or (timings[engine].refused if engine in timings else "")
    if tower not in row.towers:
        why = "it is for the other tower"
    if why:
        line = f"{_name(tower)}: not {engine}, as runtime.engine asks for, since {why}"
        return _Pick(engine=AS_IT_IS, reason=f"{_name(tower)}: {AS_IT_IS}.", fell_back=(line,))
    return _Pick(engine=engine, reason=f"{_name(tower)}: {engine}, as runtime.engine asks for.")


def _on_the_processor(
    tower: Tower, hardware: Hardware, timings: dict[str, Timing], dial: QualityPreset, fell_back: tuple[str, ...]
) -> _Pick:
    """The fastest that was measured and is exact enough; where memory is short, of those that bring no libraries."""
    rows = {row.name for row in ENGINES if row.device == "cpu" and tower in row.towers}
    able = [t for t in timings.values() if t.engine in rows and not _inexact(t, dial) and not t.refused]
    able = [timing for timing in able if not why_not(BY_NAME[timing.engine], hardware)]
    if not able:
        line = f"{_name(tower)}: torch in {_usual(hardware)}, since nothing was measured (plan --calibrate does it)."
        return _Pick(engine=AS_IT_IS, reason=line, fell_back=fell_back)
    small = branch_of(hardware) == "small"
    light = [timing for timing in able if BY_NAME[timing.engine].maker in LIGHT] if small else []
    best = min(light or able, key=lambda timing: timing.cost_ms)
    how = "the fastest without libraries of its own" if light else "the fastest"
    usual = timings.get(AS_IT_IS)
    beside = f", torch {usual.one_ms:.1f} and {usual.many_ms:.1f}" if usual and usual.engine != best.engine else ""
    reason = (
        f"{_name(tower)}: {best.engine}, {how} of {len(able)} that are at least {dial.least_cosine} alike to 32 bits"
        f" ({best.one_ms:.1f} ms for one, {best.many_ms:.1f} each for many{beside})."
    )
    return _Pick(engine=best.engine, reason=reason, fell_back=fell_back)


def _hindrance(row: EngineRow, hardware: Hardware, timing: Timing | None, dial: QualityPreset) -> str:
    """Why an engine that is wished for is not taken; empty if it is."""
    return why_not(row, hardware) or (timing is not None and (timing.refused or _inexact(timing, dial))) or ""


def _inexact(timing: Timing, dial: QualityPreset) -> str:
    """Empty for an engine that is exact enough."""
    if timing.cosine >= dial.least_cosine:
        return ""
    return f"its vectors are {timing.cosine:.4f} alike to 32 bits and {dial.name} asks for {dial.least_cosine}"


def wished_models(branch: Branch) -> tuple[Sequence[str], Sequence[str]]:
    """Language models and image models that a branch would have, the best one first."""
    if branch == "small":
        return ("edge-lm", "fp4"), ("edge-towers",)
    return (LANGUAGE_MODELS[0].name,), (IMAGE_MODELS[0].name,)


def _models(branch: Branch, given: PlanConstraints) -> tuple[str, str, tuple[str, ...]]:
    """Language model, image model, and what was wished for and is missing."""
    lm_wishes, image_wishes = wished_models(branch)
    lm = _model(LANGUAGE_MODELS, lm_wishes, given.lm, given.lacking)
    image = _model(IMAGE_MODELS, image_wishes, given.image_model, given.lacking)
    return lm[0], image[0], (*lm[1], *image[1])


def _model(
    rows: Sequence[ModelRow], wishes: Sequence[str], settled: str, lacking: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """The model that is settled, or else the first of the wishes that can be had, or the usual one; and why not those
    that were wished for more.
    """
    name = settled or next((wish for wish in wishes if wish not in lacking), rows[0].name)
    missed = [_row(rows, wish) for wish in takewhile(lambda wish: wish != name, wishes) if wish in lacking]
    return name, tuple(f"not {row.name} ({row.says}), since {lacking[row.name]}: {name} instead" for row in missed)


def _row(rows: Sequence[ModelRow], name: str) -> ModelRow:
    return next(row for row in rows if row.name == name)


def _describe_models(lm: str, image_model: str) -> list[str]:
    """Models that are not the usual ones, in words."""
    named = ((LANGUAGE_MODELS, lm, "language model"), (IMAGE_MODELS, image_model, "image model"))
    rows = [(what, _row(rows, name)) for rows, name, what in named if name != rows[0].name]
    return [f"{what}: {row.name} ({row.says}{'; ' + row.lacks if row.lacks else ''})." for what, row in rows]


def _describe_branch(branch: Branch, hardware: Hardware) -> str:
    """The machine, as far as it decides the branch."""
    if branch == "gpu" and hardware.gpu:
        major, minor = hardware.gpu.capability
        return f"A GPU ({hardware.gpu.name}, compute capability {major}.{minor}) computes the towers where it can."
    if branch == "npu":
        return f"An NPU ({', '.join(hardware.npus)}) computes pictures through OpenVINO where it can."
    if branch == "small":
        gib = hardware.size_bytes / GIB
        return f"Only {gib:.1f} GiB of memory, below {SMALL_BYTES / GIB:.0f}: what is small comes first."
    return f"A processor alone, with {hardware.workers} cores ({_usual(hardware)})."


def _usual(hardware: Hardware) -> str:
    """The number format in which torch computes here."""
    return "bfloat16" if hardware.flags & BFLOAT16 else "32 bits"


def _name(tower: Tower) -> str:
    return "pictures" if tower == "image" else "text"
