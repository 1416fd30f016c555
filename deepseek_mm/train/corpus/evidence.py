"""The evidence domain: numbered facts in, a cited answer out, in exactly the words of the product's prompts.

Photos on paper (`evaluation.pretend`) are asked about in every way that the program reads. Three tasks take turns: to
answer from facts, draft and question; from facts and question alone; and to say one claim in friendlier words, with the
examples that the product gives and without.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

from deepseek_mm.answering.prompts import build_prompt, draft_prompt, reading_prompt
from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.abstain import read_things
from deepseek_mm.evaluation.evidence_questions import EvidenceQuestion, Kind, QuestionGenerator
from deepseek_mm.evaluation.paper_photos import PaperPhoto, make_paper_photos, read_names
from deepseek_mm.evaluation.retrieval import read_caption_rows
from deepseek_mm.records import Message
from deepseek_mm.train.corpus.items import Item, Sources, Split, belongs
from deepseek_mm.train.corpus.wording import put, refuse, rephrase

SHARES: dict[Kind, int] = {"answerable": 5, "unanswerable": 3, "counting": 2, "which": 2}
DRAFTED, CLAIMED = 0.4, 0.2  # shares of the tasks with a draft, and of those about one claim; the rest reads
WITH_EXAMPLES = 0.2  # of the tasks about one claim


def items(sources: Sources, split: Split, draw: Random) -> Iterator[Item]:
    """Tasks without end."""
    if split.startswith("long"):
        return
    config = Config()
    shelf = QuestionGenerator(photos_of(sources.captions, split), absent_things(), config)
    while True:
        asked = shelf.ask(draw.choices(list(SHARES), list(SHARES.values()))[0], draw)
        chance = draw.random()
        if chance < CLAIMED:
            yield from claims_of(asked, config, draw)
        else:
            yield task(asked, config, draw, drafted=chance < CLAIMED + DRAFTED)


@lru_cache(maxsize=2)
def photos_of(captions: Path, split: Split) -> tuple[PaperPhoto, ...]:
    """Photos of one split, none of which has a caption in common with the other."""
    photos = list(make_paper_photos(read_caption_rows(captions, split="train"), read_names()))
    known = {plainly(text) for photo in photos if belongs(source_of(photo), "train") for text in photo.captions}
    ours = [photo for photo in photos if belongs(source_of(photo), split)]
    apart = [p for p in ours if split == "train" or known.isdisjoint(map(plainly, p.captions))]
    if not apart:
        raise NothingThere(f"no photo of {captions} is left for the split {split!r}. Give a file with more photos")
    return tuple(apart)


def source_of(photo: PaperPhoto) -> str:
    return f"photo {photo.key}"


def plainly(caption: str) -> str:
    return " ".join(caption.lower().split()).strip(" .")


def absent_things() -> list[str]:
    """Rare things to ask for in vain."""
    return [thing.name for thing in read_things() if not thing.there]


def task(asked: EvidenceQuestion, config: Config, draw: Random, *, drafted: bool) -> Item:
    """A whole question with its answer; without claims there is no draft."""
    case = asked.case
    if drafted and case.claims:
        prompt = build_prompt(case.question, case.program, case.evidence, case.claims, case.earlier)
    else:
        prompt = reading_prompt(case.question, case.evidence, case.earlier)
    return finished(f"photo {asked.keys[0]}", prompt, answer_of(asked, config, draw))


def answer_of(asked: EvidenceQuestion, config: Config, draw: Random) -> str:
    """Every claim in turn, or the honest sentence that nothing shows it."""
    case = asked.case
    if not case.claims:
        return refuse(case.program.thing_phrases, asked.truth, case.evidence, config, draw)
    return " ".join(put(claim, case.evidence, config, draw) for claim in case.claims)


def claims_of(asked: EvidenceQuestion, config: Config, draw: Random) -> Iterator[Item]:
    """Each claim that a small model would be given."""
    for claim in asked.case.claims:
        said = rephrase(claim, asked.case.evidence, config, draw) if claim.shape else ""
        if said:
            prompt = draft_prompt(claim, examples=draw.random() < WITH_EXAMPLES)
            yield finished(f"photo {asked.keys[0]}", prompt, said)


def finished(source: str, prompt: Sequence[Message], answer: str) -> Item:
    """The prompt with its answer, which alone is learned."""
    return Item(source=source, messages=(*prompt, Message(role="assistant", text=answer)))
