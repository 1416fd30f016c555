"""The domains instructions (one request, one answer) and dialogue (several turns that belong together)."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from deepseek_mm.answering.composer import build_prompt, reading_prompt
from deepseek_mm.config import Config
from deepseek_mm.evaluation.evidence_questions import EvidenceQuestion, Kind, QuestionGenerator
from deepseek_mm.training.corpus.items import CorpusItem, Sources, Split, belongs_to, is_benchmark, make_chat
from deepseek_mm.training.corpus.photo_domains import choose_photos, make_prompt_item, read_absent_things, word_answer
from deepseek_mm.training.corpus.text_domains import find_passage, name_passage, read_passage_rows, take_in_turn

EXTRACTIVE = (
    "adversarial_qa",
    "duorc_SelfRC_answer",
    "duorc_SelfRC_question",
    "duorc_SelfRC_extract",
    "quoref",
    "ropes",
)
MOST_CHARS = 2_500  # of a passage in a talk
HELLO = (
    ("Hello!", "Hello! What would you like to know?"),
    ("Hi, can you help me?", "Of course. What is it about?"),
    ("Good morning.", "Good morning! How can I help?"),
    ("Hey there", "Hello! Ask me anything about your photos, or something else."),
)
THANKS = (
    ("Thanks!", "You're welcome."),
    ("Thank you, that helps.", "I am glad it does. Is there anything else?"),
    ("Great, thanks a lot.", "You're welcome! Ask again any time."),
    ("ok thanks", "You're welcome."),
)
FIRST = ("What did I ask first?", "What was my first question?", "Remind me: what did I ask you at the start?")
LAST = ("What was my last question?", "What did I just ask?")


def make_instruction_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Requests that people wrote, with the answers that people gave."""
    if split.startswith("long"):
        return
    for source, asked, answer in read_requests(sources, split, draw):
        yield make_chat(source, asked, answer)


def read_requests(sources: Sources, split: Split, draw: Random) -> Iterator[tuple[str, str, str]]:
    """(source, request, answer) of every request that can be answered without a text that is missing."""
    lines = (sources.text / "dolly_nocontext.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[Any] = [json.loads(line) for line in lines]
    for row in draw.sample(rows, len(rows)):
        source = f"request {' '.join(row['instruction'].lower().split())}"
        whole = row["response"].strip() and not row["maybe_needs_context"]
        if whole and belongs_to(source, split) and not is_benchmark(row["instruction"]):
            yield source, row["instruction"], row["response"]


def make_dialogue_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Talks about photos, about passages, and about this and that, in turn."""
    if not split.startswith("long"):
        yield from take_in_turn(
            [
                make_photo_talks(sources, split, draw),
                make_passage_talks(sources, split, draw),
                make_small_talks(sources, split, draw),
            ]
        )


def make_photo_talks(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """A conversation about one photo; as in the product, only the last question brings its facts."""
    config, photos = Config(), choose_photos(sources.captions, split)
    absent = read_absent_things()
    while True:
        shelf = QuestionGenerator([draw.choice(photos)], absent, config)
        asked = [one for _ in range(draw.randint(2, 5)) if (one := ask_about_photo(shelf, draw))]
        if len(asked) < 2:
            continue
        *before, last = asked
        earlier = [(one.case.question.text, word_answer(one, config, draw)) for one in before]
        case = last.case
        if draw.random() < 0.5:
            prompt = build_prompt(case.question, case.program, case.evidence, case.claims, earlier)
        else:
            prompt = reading_prompt(case.question, case.evidence, earlier)
        yield make_prompt_item(f"photo {last.keys[0]}", prompt, word_answer(last, config, draw))


def ask_about_photo(shelf: QuestionGenerator, draw: Random) -> EvidenceQuestion | None:
    """A question about the one photo; None where this photo gives no such question."""
    kind: Kind = draw.choices(("answerable", "counting", "unanswerable"), (5, 2, 1))[0]
    return shelf.attempt(kind, draw, where="photo")


def make_passage_talks(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """A text and a question about it, then something else, then thanks."""
    others = read_requests(sources, split, draw)
    rows = [row for row in read_passage_rows(sources) if row["template"].startswith(EXTRACTIVE)]
    for row in draw.sample(rows, len(rows)):
        source = name_passage(find_passage(row["prompt"]))
        answer = row["completion"].strip()
        if not belongs_to(source, split) or len(row["prompt"]) > MOST_CHARS or not answer:
            continue
        said = [row["prompt"], answer]
        if other := next(others, None):
            said += other[1:]
        yield make_chat(source, *said, *(draw.choice(THANKS) if draw.random() < 0.3 else ()), all_answers=True)


def make_small_talks(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Two to five requests in a row; now and then the talk is about the talk."""
    asked = read_requests(sources, split, draw)
    while batch := [one for _ in range(draw.randint(2, 5)) if (one := next(asked, None))]:
        said = list(draw.choice(HELLO)) if draw.random() < 0.3 else []
        for _, request, answer in batch:
            said += [request, answer]
        if draw.random() < 0.4:
            first = draw.random() < 0.6
            which = said[0] if first else said[-2]
            said += [draw.choice(FIRST if first else LAST), f'You asked: "{which.strip()}"']
        said += draw.choice(THANKS) if draw.random() < 0.3 else ()
        yield make_chat(batch[0][0], *said, all_answers=True)
