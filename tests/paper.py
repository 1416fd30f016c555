"""Captions for photos on paper, and a folder of small text collections: raw material for corpus and questions."""

import json
from pathlib import Path

from deepseek_mm.config import Config
from deepseek_mm.evaluation.evidence_questions import QuestionGenerator, make_paper_photos, read_names
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.training.corpus.items import Sources

SCENES = (
    ("dog", "ball", "black", "grass"),
    ("cat", "chair", "white", "table"),
    ("horse", "fence", "brown", "field"),
    ("boy", "bicycle", "red", "street"),
    ("woman", "umbrella", "green", "beach"),
    ("man", "guitar", "blue", "stage"),
    ("girl", "kite", "yellow", "sky"),
    ("car", "tree", "grey", "road"),
)


def rows(count: int = 24) -> list[CaptionRow]:
    """Every photo has two or three of one thing, or one; all five people agree on the first two things."""
    made = []
    for n in range(count):
        one, other, colour, place = SCENES[n % len(SCENES)]
        captions = (
            f"A {colour} {one} with a {other} number {n} .",
            f"a {one} and a {other} on the {place} {n}",
            f"The {colour} {one} is near the {other} , {n} .",
            f"One {one} , one {other} , photo {n} .",
            f"There is a {colour} {one} and a {other} , {n} .",
        )
        made.append(CaptionRow(image=f"{n}.jpg", captions=captions))
    return made


def shelf(count: int = 24) -> QuestionGenerator:
    return QuestionGenerator(
        list(make_paper_photos(rows(count), read_names())), ["zebra", "loom", "submarine", "harp"], Config()
    )


def sources(folder: Path, *, num_photos: int = 60) -> Sources:
    """Small collections of every kind, in the shapes of the real ones."""
    lists = {
        "captions": [{"image": r.image, "captions": list(r.captions), "split": "train"} for r in rows(num_photos)],
        "mbpp_511_974": [mbpp(number) for number in (11, 510, *range(511, 560))],
        "dolly_nocontext": [request(number) for number in range(120)],
        "reading_comprehension": [reading(number) for number in range(60)],
        "tldr_en": [command(number) for number in range(60)],
    }
    folder.mkdir(exist_ok=True)
    for name, made in lists.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, made)), encoding="utf-8")
    return Sources(text=folder, captions=folder / "captions.jsonl", max_packages=12)


def mbpp(number: int) -> dict[str, object]:
    code = f"def add_{number}(x):\r\n\treturn x + {number}"
    return {"task_id": number, "text": f"Add {number} to x.", "code": code, "test_list": [f"assert add_{number}(0)"]}


def request(number: int) -> dict[str, object]:
    return {
        "instruction": f"What is fact {number}?",
        "response": f"Fact {number} is so." if number % 10 else "Look at the text.",
        "maybe_needs_context": number % 10 == 0,
    }


def reading(number: int) -> dict[str, str]:
    passage = " ".join(f"word{number * 7 + n} of story {number}" for n in range(40))
    return {"template": "quoref_Guess", "prompt": f"Read.\nContext: {passage}\nWho?", "completion": f"Person {number}"}


def command(number: int) -> dict[str, object]:
    examples = [[f"[l]ist thing {number}", f"tool{number} --list {{{{path{number}}}}}"]]
    return {"command": f"tool{number} run", "platform": "linux", "description": f"Tool {number}.", "examples": examples}
