"""Runs and costs, as figures of a report and as pictures."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, median, stdev

from deepseek_mm.experiments.quantum_attention.circuit import CircuitCost
from deepseek_mm.experiments.quantum_attention.learn import ARMS, TASKS, ArmRun, TaskConfig

NAMED = {
    "quantum": "circuit",
    "noisy": "circuit,\nwith noise",
    "sines": "classical twin",
    "dots": "dot products",
}
DPI = 90


def summarize_runs(
    runs: Sequence[ArmRun], costs: Iterable[CircuitCost], ceilings: dict[str, float]
) -> dict[str, float]:
    """Name -> number: means and spreads (standard deviations between seeds) of every task and arm, and what it cost."""
    found: dict[str, float] = {}
    for task in TASKS:
        found[f"{task}_ceiling"] = ceilings[task]
        found[f"{task}_chance"] = 1 / TaskConfig().keys
        for arm in ARMS:
            found |= _of_arm(f"{task}_{arm}", [run for run in runs if (run.task, run.arm) == (task, arm)])
    for cost in costs:
        kind = "noisy" if cost.noise else "exact"
        found[f"cost_{kind}_{cost.qubits}_qubits_seconds"] = cost.seconds
        found[f"cost_{kind}_{cost.qubits}_qubits_amplitudes"] = cost.amplitudes
    return found


def draw_accuracies(runs: Sequence[ArmRun], ceilings: dict[str, float], file: Path) -> Path:
    """A panel a task: every seed a dot, the mean a line."""
    from matplotlib.figure import Figure

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
    return _save_figure(figure, file)


def draw_noise(runs: Sequence[ArmRun], file: Path) -> Path:
    """What noise and few shots leave of the trained circuit."""
    from matplotlib.figure import Figure

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
    for axes in (noise, shots):
        axes.grid(alpha=0.3)
        axes.legend()
    return _save_figure(figure, file)


def draw_costs(costs: Sequence[CircuitCost], file: Path) -> Path:
    """Time against qubits, and the amplitudes that a simulation keeps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    time, size = figure.subplots(1, 2)
    for noisy, says in ((False, "without noise: $2^n$"), (True, "with noise: $4^n$")):
        of_kind = [cost for cost in costs if bool(cost.noise) == noisy]
        qubits = [cost.qubits for cost in of_kind]
        time.plot(qubits, [cost.seconds for cost in of_kind], marker="o", label=says)
        size.plot(qubits, [cost.state_bytes for cost in of_kind], marker="o", label=says)
    time.set(xlabel="qubits", ylabel="seconds, 16 pairs with gradients", yscale="log")
    size.set(xlabel="qubits", ylabel="bytes of one state, by formula", yscale="log")
    for axes in (time, size):
        axes.grid(alpha=0.3)
        axes.legend()
    return _save_figure(figure, file)


def _of_arm(name: str, runs: Sequence[ArmRun]) -> dict[str, float]:
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


def _save_figure(figure: object, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=DPI)  # type: ignore[attr-defined]  # matplotlib is imported where it is needed
    return file
