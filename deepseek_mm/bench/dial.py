"""What each step of the dial costs and is worth on this machine: seconds of an ask, and answers that are right.

The questions are those of the pointing game over the bundled photos (`evaluate.pointing`: where is it, is it there) and
how many there are (`evaluate.placed`). Each step opens a house of its own over an empty library.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from deepseek_mm.config import Config
from deepseek_mm.evaluate.placed import asked_of, covered
from deepseek_mm.evaluate.pointing import PointRow, pointed, questions_for, read_point_rows
from deepseek_mm.evaluate.retrieval import open_pictures, read_picture
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.rag.program.answers import normal
from deepseek_mm.records import Question
from deepseek_mm.runtime.quality_preset import PRESETS, PresetResult, QualityPreset

EXAMPLES = Path(__file__).parents[2] / "examples"
PHOTOS = 12
Load = Callable[..., Assistant]


def measure_dial(
    config: Config, load: Load, *, note: Callable[[str], None], examples: Path = EXAMPLES, photos: int = PHOTOS
) -> list[PresetResult]:
    """Fast, balanced, best. NothingThere without the bundled photos."""
    rows = read_point_rows(examples / "pointing.jsonl")
    names = list(dict.fromkeys(row.image for row in rows))[:photos]
    kept = [row for row in rows if row.image in names]
    return [_measured(row, config, load, kept, examples / "photos", note) for row in PRESETS]


def _measured(
    dial: QualityPreset, config: Config, load: Load, rows: Sequence[PointRow], photos: Path, note: Callable[[str], None]
) -> PresetResult:
    note(f"asking with the dial at {dial.name}")
    with TemporaryDirectory(prefix="deepseek-mm-dial-") as folder:
        runtime = replace(config.runtime, dial=dial.name)
        with load(replace(config, data=Path(folder) / "library", runtime=runtime), progress=note) as assistant:
            told = _told(assistant, rows, photos)
    seconds, right = zip(*told, strict=True)
    return PresetResult(
        name=dial.name,
        says=dial.says,
        seconds=round(statistics.median(seconds), 3),
        score=round(100 * sum(right) / len(right), 1),
        questions=len(told),
    )


def _told(assistant: Assistant, rows: Sequence[PointRow], photos: Path) -> list[tuple[float, bool]]:
    """Seconds of each question, and whether its answer is right; one goes ahead unmeasured, to warm up."""
    names = list(dict.fromkeys(row.image for row in rows))
    pictures = dict(zip(names, map(read_picture, open_pictures(photos, names)), strict=True))
    assistant.ask(Question(text="Is there a person in this photo?", image=pictures[names[-1]].rotate(90)))
    told = []
    for row in rows:
        for text in questions_for(row.thing):
            answer = assistant.ask(Question(text=text, image=pictures[row.image]))
            told.append((answer.seconds, pointed(row, text, answer).hit))
    for asked in (one for one in asked_of(rows) if one.kind == "count"):
        answer = assistant.ask(Question(text=asked.text, image=pictures[asked.image]))
        said = covered(answer) or (answer.verdict.answer if answer.verdict else "")
        told.append((answer.seconds, normal(said) == normal(asked.right)))
    return told
