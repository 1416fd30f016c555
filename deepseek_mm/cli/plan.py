"""`plan`: what computes what on this machine and why; `--calibrate` measures the engines first, `--dial` its steps."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from deepseek_mm.config import Config, cache_folder
from deepseek_mm.errors import ConfigError
from deepseek_mm.terminal import OK, Command, Desk, add_settings, config_of

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant
    from deepseek_mm.embeddings.default import PackagedSpace
    from deepseek_mm.runtime.engines import Timing
    from deepseek_mm.runtime.machine_plan import MachinePlan
    from deepseek_mm.runtime.planner import PresetResult

MeasurePresets = Callable[[Config, Callable[..., "Assistant"], Callable[[str], None]], "list[PresetResult]"]


def run(args: Namespace, desk: Desk, measure_presets: MeasurePresets) -> int:
    """Look, measure if asked to, decide, tell."""
    from deepseek_mm.runtime.calibration import read_timings
    from deepseek_mm.runtime.machine_plan import plan_here
    from deepseek_mm.runtime.planner import read_presets, write_presets

    config = config_of(args, desk)
    space = packaged_space(config, desk)
    planned = plan_here(config, space, cache=cache_folder())
    if args.calibrate:
        measure(space, planned, desk)
        planned = plan_here(config, space, cache=cache_folder(), hardware=planned.hardware)
    del space  # the dial opens houses of its own
    if args.dial:
        write_presets(planned.folder, measure_presets(config, desk.load, desk.note))
    timings, steps = read_timings(planned.folder), read_presets(planned.folder)
    if args.json:
        desk.give(shape(planned, timings, steps))
    else:
        desk.say(page(planned, timings, steps))
    return OK


def packaged_space(config: Config, desk: Desk) -> "PackagedSpace":
    """That of the library. ConfigError for one that is not packaged: its towers are whole."""
    from deepseek_mm.embeddings.default import PackagedSpace
    from deepseek_mm.runtime.machine_plan import encoder_here

    space = desk.open_space(encoder_here(config))
    if not isinstance(space, PackagedSpace):
        raise ConfigError(f"encoder.name={config.encoder.name} has no engines to choose from. Try --encoder default")
    return space


def measure(space: "PackagedSpace", planned: "MachinePlan", desk: Desk) -> None:
    """Every engine that this machine can have."""
    from deepseek_mm.runtime.calibration import calibrate, write_timings

    timings = calibrate(space, planned.hardware, planned.folder, note=desk.note)
    desk.note(f"kept in {write_timings(planned.folder, timings)}")


def page(planned: "MachinePlan", timings: Sequence["Timing"], steps: Sequence["PresetResult"]) -> str:
    """For people."""
    from deepseek_mm.runtime.calibration import table

    plan = planned.plan
    parts = [planned.hardware.line()]
    parts += [table(timings)] if timings else ["no engine was measured here: python -m deepseek_mm plan --calibrate"]
    parts += ["\n".join(map(step_line, steps))]
    parts += [plan.short, plan.reason, *(f"fell back: {line}" for line in plan.fell_back)]
    return "\n\n".join(parts)


def step_line(step: "PresetResult") -> str:
    """One step of the dial."""
    if step.seconds is None:
        return f"{step.name:<10}{'not measured (plan --dial)':<30}{step.says}"
    numbers = f"{step.seconds:.2f} s an ask, {step.score:.1f} % of {step.questions}"
    return f"{step.name:<10}{numbers:<30}{step.says}"


def shape(planned: "MachinePlan", timings: Sequence["Timing"], steps: Sequence["PresetResult"]) -> dict[str, object]:
    """For machines."""
    hardware = planned.hardware
    return {
        "plan": asdict(planned.plan),
        "hardware": asdict(hardware) | {"flags": sorted(hardware.flags), "providers": sorted(hardware.providers)},
        "timings": [asdict(timing) for timing in timings],
        "dial": [asdict(step) for step in steps],
        "folder": str(planned.folder),
    }


def add(parser: ArgumentParser) -> None:
    """The words of `plan`."""
    parser.add_argument("--calibrate", action="store_true", help="measure every engine first; takes half a minute")
    parser.add_argument("--dial", action="store_true", help="measure fast, balanced and best; takes a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")
    add_settings(parser)


def plan_command(measure_presets: MeasurePresets) -> Command:
    """The command; the laboratory measures the presets for `--dial`, and is handed over."""
    return Command(
        name="plan",
        help="tell what computes what on this machine, and why",
        example="python -m deepseek_mm plan --calibrate",
        add=add,
        run=partial(run, measure_presets=measure_presets),
    )
