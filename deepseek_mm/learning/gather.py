"""Corrections become rows: their photos are opened, and the reader says what it makes of each question.

Shape key:  N corrections, W width of what is seen
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from PIL.Image import Image
from torch import Tensor

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.jobs import Task
from deepseek_mm.learning.examples import Example, said_of
from deepseek_mm.learning.memory import Asked, nothing_asked
from deepseek_mm.learning.rows import Rows
from deepseek_mm.learning.study import widened
from deepseek_mm.parse.document import read_page
from deepseek_mm.vision.analysis import ImageAnalysis
from deepseek_mm.vision.vqa import LIKELIEST, THERE, VqaModel
from deepseek_mm.vision.vqa_net import VqaQuestion


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """Corrections that can be learned, as rows, and the answers among them that the reader does not know."""

    examples: tuple[Example, ...]
    asked: Asked
    new_answers: tuple[str, ...]


def looked_at(examples: Sequence[Example], reader: VqaModel, config: ParseConfig, task: Task) -> Looked:
    """Open each photo once; one that cannot be read is left out, and listed with the job."""
    by_path: dict[str, list[Example]] = {}
    for example in examples:
        by_path.setdefault(example.path, []).append(example)
    kept, parts = list[Example](), list[Tensor]()
    for done, (path, own) in enumerate(by_path.items(), start=1):
        if task.stopping:
            break
        if (image := opened(path, config, task)) is not None:
            picture = ImageAnalysis(image)
            parts.append(reader.features_many([(VqaQuestion.of(example.question), picture) for example in own]))
            kept += own
        task.report(done, len(by_path), path)
    return as_rows(kept, torch.cat(parts), reader) if kept else as_rows([], torch.zeros(0, 0), reader)


def opened(path: str, config: ParseConfig, task: Task) -> Image | None:
    """The photo; None where it cannot be read, which is listed."""
    try:
        return read_page(path, 0, config)
    except (BadFile, NothingThere) as error:
        task.fail(path, str(error))
        return None


def as_rows(examples: Sequence[Example], x_NW: Tensor, reader: VqaModel) -> Looked:
    """With the number of each answer; a thumb whose sentence says nothing that the reader knows is left out."""
    head = reader.head
    likeliest_NK = widened(head.out, 0)(x_NW).topk(LIKELIEST).indices.tolist() if len(examples) else []
    told = [
        (n, replace(example, answer=said_of(example, [head.answers[k] for k in own])))
        for n, (example, own) in enumerate(zip(examples, likeliest_NK, strict=True))
    ]
    told = [(n, example) for n, example in told if example.answer]
    new = dict.fromkeys(e.answer for _, e in told if e.answer not in head.answers and not e.wrong)
    number = {answer: n for n, answer in enumerate((*head.answers, *new))}
    told = [(n, example) for n, example in told if example.answer in number]
    if not told:
        return Looked(examples=(), asked=nothing_asked(reader.net.config.width), new_answers=())
    kept = [example for _, example in told]
    rows = Rows(
        x_NW=x_NW[[n for n, _ in told]],
        right_N=torch.tensor([number[example.answer] for example in kept]),
        wrong_N=torch.tensor([example.wrong for example in kept]),
        weight_N=torch.tensor([example.weight for example in kept]),
    )
    closed_N = torch.tensor([reader.sure.family(example.question) in (THERE, "closed") for example in kept])
    asks_N = torch.tensor([int(example.asks, 16) - 2**63 for example in kept])
    return Looked(
        examples=tuple(kept), asked=Asked(rows=rows, closed_N=closed_N, asks_N=asks_N), new_answers=tuple(new)
    )
