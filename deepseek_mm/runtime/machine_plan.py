"""Makes the plan of this machine for a library from its hardware and the stored calibration, and carries it out.

Nothing is measured here, so that a start stays fast.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import nn

from deepseek_mm.config import AUTO, DEFAULT, EDGE, EDGE_LM, Config, EncoderConfig, RuntimeConfig
from deepseek_mm.embeddings.default import WEIGHTS as SPACE_WEIGHTS
from deepseek_mm.embeddings.default import PackagedSpace, default_fingerprint
from deepseek_mm.embeddings.edge import WEIGHTS as EDGE_SPACE
from deepseek_mm.embeddings.space import EmbeddingModel
from deepseek_mm.lm.model_folders import EDGE_FOLDER, first_line
from deepseek_mm.runtime.calibration import read_timings
from deepseek_mm.runtime.engines import AS_IT_IS, BY_NAME, TOWERS, Tower
from deepseek_mm.runtime.hardware import Hardware, probe
from deepseek_mm.runtime.planner import (
    LIGHT,
    Plan,
    PlanConstraints,
    PresetResult,
    branch_of,
    choose,
    read_presets,
    why_not,
    wished_models,
)
from deepseek_mm.runtime.quantization.lm_files import SCHEMES, STUDENT_FILE
from deepseek_mm.runtime.quantization.weight_files import cache_file
from deepseek_mm.runtime.towers.backends import carry_out, engines_folder, install, is_made
from deepseek_mm.runtime.towers.parts import PATHS, TowerPart

LITE2, EDGE_TOWERS, STUDENT_LM, FP4_LM = "efficientnet-lite2", "edge-towers", "edge-lm", "fp4"
TOWERS_OF = {DEFAULT: LITE2, EDGE: EDGE_TOWERS}  # space -> its image model


@dataclass(frozen=True, kw_only=True, slots=True)
class MachinePlan:
    """A plan, and the hardware and folder it was made for."""

    plan: Plan
    hardware: Hardware
    folder: Path  # of engines and timings
    chosen: Mapping[Tower, str] = field(default_factory=dict)  # engines that it began with, before any failed to open

    def presets(self) -> tuple[PresetResult, ...]:
        """The quality presets, as they were measured on this machine."""
        return read_presets(self.folder)

    def list_changed_engines(self, runtime: RuntimeConfig) -> dict[Tower, str]:
        """The engines that a start with these settings chooses otherwise than this one did, by tower."""
        then = choose(self.hardware, read_timings(self.folder), dial=runtime.dial, engine=runtime.engine)
        engines = {tower: then.engine(tower).name for tower in TOWERS}
        return {tower: name for tower, name in engines.items() if self.chosen.get(tower, name) != name}


def encoder_here(config: Config, hardware: Hardware | None = None) -> EncoderConfig:
    """With "auto" settled: the space that the library was filled in; for a new one the student's where memory is short
    and it comes along, and else the default one.
    """
    if config.encoder.name != AUTO:
        return config.encoder
    wishes = () if spaces_of(config.data) else wished_models(branch_of(hardware or probe()))[1]
    wanted = EDGE if EDGE_TOWERS in wishes and EDGE_SPACE.is_file() else DEFAULT
    return replace(config.encoder, name=next(iter(spaces_of(config.data)), wanted))


def spaces_of(data: Path) -> list[str]:
    """The packaged spaces that a library has something in, the default one first."""
    return [name for name in TOWERS_OF if any((data / "spaces").glob(f"{name}-*"))]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceId:
    """Name and fingerprint of a space that is not open yet."""

    name: str
    fingerprint: str


def plan_here(
    config: Config, space: EmbeddingModel | SpaceId, *, cache: Path, hardware: Hardware | None = None
) -> MachinePlan:
    """For the space that is open. ConfigError for an engine or a step of the dial that nobody knows."""
    hardware = hardware or probe()
    folder = engines_folder(cache, space.fingerprint, hardware)
    runtime, given = config.runtime, find_constraints(config, space, cache)
    plan = choose(hardware, read_timings(folder), dial=runtime.dial, engine=runtime.engine, given=given)
    chosen = {tower: plan.engine(tower).name for tower in TOWERS}
    return MachinePlan(plan=plan, hardware=hardware, folder=folder, chosen=chosen)


def are_engines_made(config: Config, *, cache: Path, hardware: Hardware) -> bool:
    """Whether engines for both towers of the default space lie in the cache, so that its towers need not be opened."""
    if encoder_here(config, hardware).name not in (AUTO, DEFAULT) or config.runtime.engine not in ("auto", *BY_NAME):
        return False
    space = SpaceId(name=DEFAULT, fingerprint=default_fingerprint(SPACE_WEIGHTS))
    planned = plan_here(config, space, cache=cache, hardware=hardware)
    return all(is_made(planned.folder, planned.plan.engine(tower), PATHS[tower]) for tower in TOWERS)


def find_constraints(config: Config, space: EmbeddingModel | SpaceId, cache: Path) -> PlanConstraints:
    """The constraints that settings, library and cache put on a plan."""
    lm = "" if config.lm.bits == "auto" else config.lm.bits
    lacking = {
        STUDENT_LM: _why_not_spoken(config),
        FP4_LM: _why_not_four(config, cache),
        EDGE_TOWERS: _why_not_seen(config, space),
    }
    return PlanConstraints(
        lm=STUDENT_LM if config.lm.name == EDGE_LM else lm,
        image_model=TOWERS_OF.get(space.name, LITE2),
        lacking={model: why for model, why in lacking.items() if why},
    )


def fit(
    space: EmbeddingModel,
    config: Config,
    *,
    cache: Path,
    say: Callable[[str], None],
    hardware: Hardware | None = None,
) -> MachinePlan:
    """Put the plan's engines into the space; what comes back has what became of the plan.

    Only packaged spaces have parts that engines know: another one stays as it is.
    """
    planned = plan_here(config, space, cache=cache, hardware=hardware)
    plan = planned.plan
    if isinstance(space, PackagedSpace) and (plan.image, plan.text) != (AS_IT_IS, AS_IT_IS):
        say(f"computing pictures by {plan.image} and text by {plan.text}")
        plan = carry_out(plan, space, planned.folder, say)
    for line in planned.plan.fell_back:
        say(line)
    return replace(planned, plan=plan)


DETECTOR_ENGINE = "openvino-bf16"  # where nothing was measured: three times as fast as torch, docs/log.md


def fit_detector(
    model: nn.Module, part: TowerPart, planned: MachinePlan, *, folder: Path, asked: str, say: Callable[[str], None]
) -> str:
    """Put an engine under a detector's network, and return its name; where none opens it stays in torch.

    The engine of the image tower, if that is not torch's; else OpenVINO's, unless `asked` names another or memory is
    little.
    """
    row = planned.plan.engine("image")
    if row.maker in LIGHT and row.device == "cpu" and asked == "auto" and branch_of(planned.hardware) != "small":
        row = BY_NAME[DETECTOR_ENGINE]
    if (row.maker in LIGHT and row.device == "cpu") or why_not(row, planned.hardware):
        return AS_IT_IS
    try:
        install(model, [part], row, folder)
    except Exception as error:  # noqa: BLE001  # engines are other people's: whatever one raises, torch can do it
        say(f"detector: not {row.name}, since it does not open ({first_line(error)}): {AS_IT_IS} instead")
        return AS_IT_IS
    return row.name


def _why_not_spoken(config: Config) -> str:
    """Why the student cannot replace the language model that is named; empty if it can."""
    if not config.lm.trained_here:
        return "it takes the place of the packaged language model alone"
    if config.lm.bits != "auto":
        return f"lm.bits={config.lm.bits} asks for another"
    return "" if (EDGE_FOLDER / STUDENT_FILE).is_file() else f"it does not come along (no {EDGE_FOLDER / STUDENT_FILE})"


def _why_not_four(config: Config, cache: Path) -> str:
    """Why the packaged language model cannot run in four bits; empty if it can."""
    if not config.lm.trained_here:
        return "it is made for the packaged language model alone"
    made = cache_file(cache, SCHEMES[FP4_LM]).is_file()
    return "" if made else f"its file was not made yet (python -m deepseek_mm quantize {SCHEMES[FP4_LM]})"


def _why_not_seen(config: Config, space: EmbeddingModel | SpaceId) -> str:
    """Why the towers' student cannot be used; empty if it can."""
    if space.name == EDGE:
        return ""
    if config.encoder.name != AUTO:
        return f"encoder.name={config.encoder.name} asks for another space"
    if not EDGE_SPACE.is_file():
        return f"it does not come along (no {EDGE_SPACE})"
    return f"this library was filled in the {space.name} space (encoder.name=edge and index --rebuild change that)"
