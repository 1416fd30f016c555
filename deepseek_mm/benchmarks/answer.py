"""`bench answer`: how long somebody waits for an answer about a photo that comes with the question.

A fresh library, the product's own language model, and bundled photos one after another: each is uploaded with a
question, as the page does it. The clock starts with the question and stops at the first word, and at the last. One
question goes ahead unmeasured: programs are prepared then.
"""

import statistics
import time
from dataclasses import replace
from itertools import cycle

from PIL import Image

from deepseek_mm.assistant import Assistant
from deepseek_mm.benchmarks.ingestion import bundled_photos
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.factory import load
from deepseek_mm.types import Question

PHOTOS = 24
QUESTIONS = (
    "Is there a person in this photo?",
    "What is in this photo?",
    "What colour is it?",
    "How many people are there?",
    "What is happening here?",
    "Where was this taken?",
)


def measure_answer(setting: BenchSetting) -> BenchResult:
    """Medians and the slowest of all."""
    paths = bundled_photos()[:PHOTOS]
    with load(replace(setting.config, data=setting.folder / "library"), progress=setting.note) as assistant:
        setting.note(f"asking about {len(paths)} photos")
        images = [Image.open(path).convert("RGB") for path in paths]
        time_answer(assistant, images[-1], QUESTIONS[0])
        told = [time_answer(assistant, image, line) for image, line in zip(images, cycle(QUESTIONS), strict=False)]
        model = assistant.lm.name
    firsts, wholes = zip(*told, strict=True)
    lines = (
        TableLine(
            "question with a photo to the first word",
            f"{median(firsts):.2f} s",
            beside=f"slowest {max(firsts):.2f} s",
            bar="1 (aim 0.5)",
        ),
        TableLine(
            "  to the whole answer", f"{median(wholes):.2f} s", beside=f"slowest {max(wholes):.2f} s", bar="3 (aim 1.5)"
        ),
    )
    numbers = {
        "first_word_s": median(firsts),
        "answer_s": median(wholes),
        "slowest_first_word_s": max(firsts),
        "slowest_answer_s": max(wholes),
        "questions": len(told),
    }
    return BenchResult(lines=lines, numbers=numbers, words={"model": model})


def time_answer(assistant: Assistant, image: Image.Image, text: str) -> tuple[float, float]:
    """Seconds to the first word and to the whole answer of one question."""
    start, first = time.perf_counter(), 0.0
    for growing in assistant.stream(Question(text=text, image=image, image_name="photo.jpg")):
        if growing.text and not first:
            first = time.perf_counter() - start
    return first, time.perf_counter() - start


def median(values: tuple[float, ...]) -> float:
    """The median in seconds, rounded to milliseconds."""
    return round(statistics.median(values), 3)
