"""`train confidence`: fit how sure an answer is to answers that were scored.

The rows are those that `eval natural --keep FILE` writes. A half right answer counts half. The curve is weak on
purpose (its weights are drawn towards zero), since there are few hundred answers; what it would say of answers that it
was not fitted to is printed: every conversation is left out once.

Shape key:  N answers, W signals
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.answering.confidence import FILE, ConfidenceModel
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.natural import SURE, area_under_curve
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.loop import tell_written

WORTH = {"right": 1.0, "partly": 0.5, "honest": 0.3, "wrong": 0.0, "nonsense": 0.0}  # of a score
PULL, STEPS = 3.0, 100  # of weights towards zero, in answers; of Newton's method
FOLDS = 10


def read_scored(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Rows with signals and a score. ConfigError where a file has none."""
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    known = [row for row in rows if row.get("signals") and row.get("score") in WORTH]
    if not known:
        raise ConfigError("no row has signals and a score. Make some with: python -m deepseek_mm eval natural --keep")
    return known


def names_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Every signal that some row has."""
    return sorted({name for row in rows for name in row["signals"]})


def fit_confidence(rows: Sequence[dict[str, Any]]) -> ConfidenceModel:
    """Weights by penalised maximum likelihood; a score that is half right pulls half way."""
    names = names_of(rows)
    x_NW = np.array([[row["signals"].get(name, 0.0) for name in names] for row in rows])
    worth_N = np.array([WORTH[row["score"]] for row in rows])
    weights_W, offset = fit_soft(x_NW, worth_N)
    return ConfidenceModel(
        weights={name: round(float(w), 4) for name, w in zip(names, weights_W, strict=True)}, offset=round(offset, 4)
    )


def fit_soft(x_NW: NDArray[np.float64], worth_N: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Logistic weights and offset for targets between 0 and 1."""
    x = np.c_[x_NW, np.ones(len(x_NW))]
    pull = np.diag([PULL] * x_NW.shape[1] + [1e-6])
    b = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ b, -30, 30)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + pull
        b += np.linalg.solve(hessian, x.T @ (worth_N - p) - pull @ b)
    return b[:-1], float(b[-1])


def cross_validate(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of answers that were left out: how often a right one has more confidence, and how many sure ones are wrong."""
    case_of = [row["id"].split(".")[0] for row in rows]
    cases = sorted(set(case_of))
    told: list[tuple[float, str]] = []
    for fold in range(FOLDS):
        held = set(cases[fold::FOLDS])
        model = fit_confidence([row for row, case in zip(rows, case_of, strict=True) if case not in held])
        out = [row for row, case in zip(rows, case_of, strict=True) if case in held]
        told += [(model.probability(row["signals"]), row["score"]) for row in out]
    sure = [score for chance, score in told if chance >= SURE]
    wrong = sum(score in ("wrong", "nonsense") for score in sure)
    return {
        "auroc": area_under_curve([(chance, score == "right") for chance, score in told]),
        "confident_n": len(sure),
        "confident_wrong": round(100 * wrong / len(sure), 1) if sure else None,
        "n": len(told),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train confidence`."""
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="JSONL files of `eval natural --keep`")
    parser.add_argument("--weights", type=Path, default=FILE, help="file to write")


def run(args: argparse.Namespace) -> int:
    """Fit on all rows, write the weights, print what is to be expected of other answers."""
    rows = read_scored(args.data)
    model = fit_confidence(rows)
    told = {"weights": dict(model.weights), "offset": model.offset, "answers": len(rows)}
    atomic_write(args.weights, (json.dumps(told, indent=1, sort_keys=True) + "\n").encode())
    tell_written(args.weights, json.dumps(cross_validate(rows)) + "\n")
    return 0
