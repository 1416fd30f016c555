"""Student against teacher, and what each lesson gives: the runs of the stage sight in one picture and one table."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from deepseek_mm.evaluation.retrieval import RetrievalReport, score_vectors
from deepseek_mm.train.distill.house import DEV, House, owners

RECALLS, PICTURE = "recalls.json", "distill.png"
WAYS = (("t2i_r10", "text to image"), ("i2t_r10", "image to text"))


def teacher_recalls(house: House) -> RetrievalReport:
    """The teacher's on the dev photos, from the vectors that were kept."""
    texts, kept = house.texts(DEV), house.dev_looks().views[0]["vectors"]
    photos_MD = torch.from_numpy(np.ascontiguousarray(kept[:, 0])).view(torch.bfloat16).float().numpy()
    return score_vectors(photos_MD, np.concatenate(texts), owners(texts))


def runs_of(folder: Path) -> dict[str, Mapping[str, float]]:
    """Recalls by the name of the run, those of all runs that have ended."""
    return {file.parent.name: json.loads(file.read_text()) for file in sorted(folder.glob(f"*/{RECALLS}"))}


def draw(house: House, out: Path) -> Path:
    """Bars of R@10, the teacher first; the table goes to standard error."""
    from matplotlib.figure import Figure

    told = {"teacher": json.loads(teacher_recalls(house).json()), **runs_of(house.out)}
    figure = Figure(figsize=(7, 0.6 + 0.5 * len(told)), layout="constrained")
    axes, places = figure.subplots(), np.arange(len(told))
    for n, (key, name) in enumerate(WAYS):
        axes.barh(places + 0.4 * n, [own[key] for own in told.values()], height=0.38, label=name)
    axes.set_yticks(places + 0.2, list(told))
    axes.invert_yaxis()
    axes.set_xlabel("R@10, 1,000 dev photos, percent")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / PICTURE, dpi=90)
    for name, own in told.items():
        sys.stderr.write(f"{name:<24}" + "".join(f"{own[key]:>8.1f}" for key, _ in WAYS) + "\n")
    return out / PICTURE
