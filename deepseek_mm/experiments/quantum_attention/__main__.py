"""`python -m deepseek_mm.experiments.quantum_attention`: every run of the experiment, its pictures and its report.

A run that is in --out already is not done again.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.experiments.quantum_attention.circuit import Ansatz, draw_circuit, import_pennylane, measure_costs
from deepseek_mm.experiments.quantum_attention.learn import (
    HELD,
    TASKS,
    LearnConfig,
    TaskConfig,
    accuracy,
    draw_questions,
    run_all,
    score_as_oracle,
)
from deepseek_mm.experiments.quantum_attention.summary import draw_accuracies, draw_costs, draw_noise, summarize_runs
from deepseek_mm.training.loop import add_config_flags, choose_config
from deepseek_mm.training.report import make_report, write_report

COMMAND = (
    "python -m deepseek_mm.experiments.quantum_attention --report docs/learning/quantum.json --pictures docs/learning"
)


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 2 an error that the user can fix."""
    parser = argparse.ArgumentParser(prog="python -m deepseek_mm.experiments.quantum_attention", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/quantum"), help="where runs are kept")
    parser.add_argument("--report", type=Path, help="file for the figures, such as docs/learning/quantum.json")
    parser.add_argument("--pictures", type=Path, help="folder of the pictures; without it --out")
    add_config_flags(parser, LearnConfig)
    args = parser.parse_args(words)
    try:
        run(args)
    except DeepSeekMMError as error:
        sys.stderr.write(f"quantum attention: {error}\n")
        return 2
    return 0


def run(args: argparse.Namespace) -> None:
    """Train what is left, measure what it costs, draw and write."""
    torch.set_num_threads(1)  # states of four qubits are small
    import_pennylane()
    config: LearnConfig = choose_config(LearnConfig(), args)
    runs = list(run_all(config, args.out))
    spent = list(measure_costs())
    best = ceilings(config)
    folder: Path = args.pictures or args.out
    draw_circuit(Ansatz(layers=1), folder / "quantum_circuit.png")
    draw_accuracies(runs, best, folder / "quantum_accuracy.png")
    draw_noise(runs, folder / "quantum_noise.png")
    draw_costs(spent, folder / "quantum_cost.png")
    found = summarize_runs(runs, spent, best)
    if args.report:
        write_report(make_report("quantum", COMMAND, found), args.report)
    sys.stdout.write("".join(f"{name:<44} {value:,.4g}\n" for name, value in found.items()))


def ceilings(config: LearnConfig) -> dict[str, float]:
    """Task -> the accuracy of one who knows the rule, over the same held-out questions."""
    tasks = {name: TaskConfig(name=name) for name in TASKS}
    return {
        name: accuracy(partial(score_as_oracle, config=task), draw_questions(task, config.held, HELD))
        for name, task in tasks.items()
    }


if __name__ == "__main__":
    sys.exit(main())
