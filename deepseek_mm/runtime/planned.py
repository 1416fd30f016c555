"""The plan of this machine for a space: looks, reads what a calibration left, decides, and carries it out.

Nothing is measured here: a start stays fast.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_mm.config import Config
from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.encoders.space import Space
from deepseek_mm.runtime.calibrate import read_timings
from deepseek_mm.runtime.dial import Setting, settings_here
from deepseek_mm.runtime.engines import AS_IT_IS
from deepseek_mm.runtime.hardware import Hardware, probe
from deepseek_mm.runtime.plan import Plan, choose
from deepseek_mm.runtime.towers.files import engines_folder
from deepseek_mm.runtime.towers.install import carry_out


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A plan, and what it rests on."""

    plan: Plan
    hardware: Hardware
    folder: Path  # of engines and timings

    def settings(self) -> tuple[Setting, ...]:
        """The steps of the dial, as they were measured on this machine."""
        return settings_here(self.folder)


def plan_here(config: Config, fingerprint: str, *, cache: Path, hardware: Hardware | None = None) -> Planned:
    """For a space of this fingerprint. ConfigError for an engine or a step of the dial that nobody knows."""
    hardware = hardware or probe()
    folder = engines_folder(cache, fingerprint, hardware)
    plan = choose(hardware, read_timings(folder), dial=config.runtime.dial, engine=config.runtime.engine)
    return Planned(plan=plan, hardware=hardware, folder=folder)


def fit(space: Space, config: Config, *, cache: Path, say: Callable[[str], None]) -> Planned:
    """Put the plan's engines into the space; what comes back has what became of the plan.

    Only the default space has parts that engines know: another one stays as it is.
    """
    planned = plan_here(config, space.fingerprint, cache=cache)
    plan = planned.plan
    if isinstance(space, DefaultSpace) and (plan.image, plan.text) != (AS_IT_IS, AS_IT_IS):
        say(f"computing pictures by {plan.image} and text by {plan.text}")
        plan = carry_out(plan, space, planned.folder, say)
    for line in planned.plan.fell_back:
        say(line)
    return replace(planned, plan=plan)
