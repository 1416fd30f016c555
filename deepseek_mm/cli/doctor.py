"""`doctor`: is this installation well, and if not, what to do? Exit code 1 when something has to be done."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from itertools import chain

from deepseek_mm.cli import probes
from deepseek_mm.config import Config
from deepseek_mm.terminal import NOTHING, OK, Command, Desk, add_settings, config_of


def examine(config: Config) -> list[probes.Finding]:
    """Look at everything, in the order in which things build on each other."""
    machine = (probes.data_folder(config.data), probes.memory(), probes.processor(), probes.chromium())
    models = (
        probes.models(),
        probes.probe_trained_weights(),
        probes.seeing(config.lm.vlm),
        probes.revisions(config.data),
    )
    return list(chain(probes.python(), probes.packages(), *models, *machine))


def run(args: Namespace, desk: Desk) -> int:
    """One line a finding; `--json` gives all of them as one object."""
    findings = examine(config_of(args, desk))
    healthy = all(finding.state != "fail" for finding in findings)
    if args.json:
        desk.give({"healthy": healthy, "findings": [asdict(finding) for finding in findings]})
        return OK if healthy else NOTHING
    for finding in findings:
        advice = f"\n      -> {finding.advice}" if finding.advice else ""
        desk.say(f"{finding.state:<5} {finding.name}: {finding.detail}{advice}")
    desk.note("all is well" if healthy else "not well: see the lines that begin with fail")
    return OK if healthy else NOTHING


def add(parser: ArgumentParser) -> None:
    """The words of `doctor`."""
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


COMMAND = Command(
    name="doctor", help="check the installation", example="python -m deepseek_mm doctor", add=add, run=run
)
