"""`python -m deepseek_mm.experiments.quantum_attention`: every run of the experiment, its pictures and its report.

A run that is in --out already is not done again.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, median, stdev

import torch
from matplotlib.figure import Figure

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.experiments.quantum_attention import (
    ARMS,
    HELD,
    TASKS,
    Ansatz,
    ArmRun,
    CircuitCost,
    LearnConfig,
    TaskConfig,
    accuracy,
    draw_circuit,
    draw_questions,
    import_pennylane,
    measure_costs,
    run_all,
    score_as_oracle,
)
from deepseek_mm.training.loop import add_config_flags, choose_config
from deepseek_mm.training.report import make_report, write_report

NAMED = {"quantum": "circuit", "noisy": "circuit,\nwith noise", "sines": "classical twin", "dots": "dot products"}
DPI = 90


def summarize_runs(runs: Sequence[ArmRun], costs: Iterable[CircuitCost], best: dict[str, float]) -> dict[str, float]:
    """Name -> number: means and spreads (standard deviations between seeds) of every task and arm, and what it cost."""
    found: dict[str, float] = {}
    for task in TASKS:
        found[f"{task}_ceiling"] = best[task]
        found[f"{task}_chance"] = 1 / TaskConfig().keys
        for arm in ARMS:
            found |= summarize_arm(f"{task}_{arm}", [run for run in runs if (run.task, run.arm) == (task, arm)])
    for cost in costs:
        kind = "noisy" if cost.noise else "exact"
        found[f"cost_{kind}_{cost.qubits}_qubits_seconds"] = cost.seconds
        found[f"cost_{kind}_{cost.qubits}_qubits_amplitudes"] = cost.amplitudes
    return found


def draw_accuracies(runs: Sequence[ArmRun], ceilings: dict[str, float], file: Path) -> Path:
    """A panel a task: every seed a dot, the mean a line."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, task in zip(figure.subplots(1, len(TASKS), sharey=True), TASKS, strict=True):
        for place, arm in enumerate(ARMS):
            of_arm = [run.accuracy for run in runs if (run.task, run.arm) == (task, arm)]
            axes.plot([place] * len(of_arm), of_arm, "o", alpha=0.5)
            axes.plot([place - 0.25, place + 0.25], [mean(of_arm)] * 2, "k-")
        axes.axhline(ceilings[task], linestyle="--", color="grey", label="who knows the rule")
        axes.axhline(1 / TaskConfig().keys, linestyle=":", color="grey", label="chance")
        axes.set(title=f"task {task}", ylim=(0, 1), ylabel="share of right keys")
        axes.set_xticks(range(len(ARMS)), [NAMED[arm] for arm in ARMS])
        axes.legend(loc="lower left", fontsize=8)
    return save_figure(figure, file)


def draw_noise(runs: Sequence[ArmRun], file: Path) -> Path:
    """What noise and few shots leave of the trained circuit."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    noise, shots = figure.subplots(1, 2, sharey=True)
    for task in TASKS:
        of_task = [run for run in runs if (run.task, run.arm) == (task, "quantum")]
        for axes, curves in ((noise, [r.under_noise for r in of_task]), (shots, [r.with_shots for r in of_task])):
            places = list(curves[0])
            values = [[curve[place] for curve in curves] for place in places]
            spread = [stdev(each) if len(each) > 1 else 0.0 for each in values]
            axes.errorbar([float(place) for place in places], [mean(each) for each in values], spread, label=task)
    noise.set(xscale="log", xlabel="depolarising probability a qubit and layer", ylabel="share of right keys")
    shots.set(xscale="log", xlabel="shots a score")
    return save_curves(figure, file)


def draw_costs(costs: Sequence[CircuitCost], file: Path) -> Path:
    """Time against qubits, and the amplitudes that a simulation keeps."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    time, size = figure.subplots(1, 2)
    for noisy, says in ((False, "without noise: $2^n$"), (True, "with noise: $4^n$")):
        of_kind = [cost for cost in costs if bool(cost.noise) == noisy]
        qubits = [cost.qubits for cost in of_kind]
        time.plot(qubits, [cost.seconds for cost in of_kind], marker="o", label=says)
        size.plot(qubits, [cost.state_bytes for cost in of_kind], marker="o", label=says)
    time.set(xlabel="qubits", ylabel="seconds, 16 pairs with gradients", yscale="log")
    size.set(xlabel="qubits", ylabel="bytes of one state, by formula", yscale="log")
    return save_curves(figure, file)


def summarize_arm(name: str, runs: Sequence[ArmRun]) -> dict[str, float]:
    """Means of the runs of one arm, their names beginning with `name`."""
    found = {
        f"{name}_accuracy": mean(run.accuracy for run in runs),
        f"{name}_spread": stdev(run.accuracy for run in runs) if len(runs) > 1 else 0.0,
        f"{name}_seconds": median(run.seconds for run in runs),  # one may have waited for others
        f"{name}_parameters": runs[0].parameters,
    }
    for kind in ("under_noise", "with_shots"):
        for key in getattr(runs[0], kind):
            found[f"{name}_{kind}_{key}"] = mean(getattr(run, kind)[key] for run in runs)
    return found


def save_curves(figure: Figure, file: Path) -> Path:
    """With a grid and a legend in every panel."""
    for axes in figure.axes:
        axes.grid(alpha=0.3)
        axes.legend()
    return save_figure(figure, file)


def save_figure(figure: Figure, file: Path) -> Path:
    """Write the picture."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=DPI)
    return file


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
    return {
        name: accuracy(partial(score_as_oracle, config=task), draw_questions(task, config.held, HELD))
        for name, task in ((name, TaskConfig(name=name)) for name in TASKS)
    }


if __name__ == "__main__":
    sys.exit(main())
