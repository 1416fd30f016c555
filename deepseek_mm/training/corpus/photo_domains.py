"""The domains evidence and vision, made of captioned photos.

Evidence: numbered facts in, a cited answer out, in exactly the words of the product's prompts. Simulated photos
(`evaluation.paper_photos`) are asked about in every way that the program reads. Three tasks take turns: to answer from
facts, draft and question; from facts and question alone; and to reword one claim, with the product's examples and
without. Vision: from labels and boxes to a caption, and from captions to things."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

from deepseek_mm.answering.composer import build_prompt, draft_prompt, facts, reading_prompt
from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.abstain import read_things
from deepseek_mm.evaluation.evidence_questions import EvidenceQuestion, Kind, QuestionGenerator
from deepseek_mm.evaluation.paper_photos import PaperPhoto, collect_mentions, make_paper_photos, read_names
from deepseek_mm.evaluation.retrieval import read_caption_rows
from deepseek_mm.language.words import join_words, with_article
from deepseek_mm.training.corpus.claim_wordings import refuse, rephrase, word_claim
from deepseek_mm.training.corpus.items import CorpusItem, Sources, Split, belongs_to, make_chat
from deepseek_mm.types import Evidence, Message

SHARES: dict[Kind, int] = {"answerable": 5, "unanswerable": 3, "counting": 2, "which": 2}
DRAFTED, CLAIMED = 0.4, 0.2  # shares of the tasks with a draft, and of those about one claim; the rest reads
WITH_EXAMPLES = 0.2  # of the tasks about one claim


def make_evidence_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Tasks without end."""
    if split.startswith("long"):
        return
    config = Config()
    shelf = QuestionGenerator(choose_photos(sources.captions, split), read_absent_things(), config)
    while True:
        asked = shelf.ask(draw.choices(list(SHARES), list(SHARES.values()))[0], draw)
        chance = draw.random()
        if chance < CLAIMED:
            yield from make_claim_items(asked, config, draw)
        else:
            yield make_answer_item(asked, config, draw, drafted=chance < CLAIMED + DRAFTED)


@lru_cache(maxsize=2)
def choose_photos(captions: Path, split: Split) -> tuple[PaperPhoto, ...]:
    """Photos of one split, none of which has a caption in common with the other."""
    photos = list(make_paper_photos(read_caption_rows(captions, split="train"), read_names()))
    known = {
        normalise_caption(text) for photo in photos if belongs_to(name_photo(photo), "train") for text in photo.captions
    }
    ours = [photo for photo in photos if belongs_to(name_photo(photo), split)]
    apart = [p for p in ours if split == "train" or known.isdisjoint(map(normalise_caption, p.captions))]
    if not apart:
        raise NothingThere(f"no photo of {captions} is left for the split {split!r}. Give a file with more photos")
    return tuple(apart)


def name_photo(photo: PaperPhoto) -> str:
    return f"photo {photo.key}"


def normalise_caption(caption: str) -> str:
    return " ".join(caption.lower().split()).strip(" .")


def read_absent_things() -> list[str]:
    """Rare things to ask for in vain."""
    return [thing.name for thing in read_things() if not thing.there]


def make_answer_item(asked: EvidenceQuestion, config: Config, draw: Random, *, drafted: bool) -> CorpusItem:
    """A whole question with its answer; without claims there is no draft."""
    case = asked.case
    if drafted and case.claims:
        prompt = build_prompt(case.question, case.program, case.evidence, case.claims, case.earlier)
    else:
        prompt = reading_prompt(case.question, case.evidence, case.earlier)
    return make_prompt_item(f"photo {asked.keys[0]}", prompt, word_answer(asked, config, draw))


def word_answer(asked: EvidenceQuestion, config: Config, draw: Random) -> str:
    """Every claim in turn, or the honest sentence that nothing shows it."""
    case = asked.case
    if not case.claims:
        return refuse(case.program.thing_phrases, asked.truth, case.evidence, config, draw)
    return " ".join(word_claim(claim, case.evidence, config, draw) for claim in case.claims)


def make_claim_items(asked: EvidenceQuestion, config: Config, draw: Random) -> Iterator[CorpusItem]:
    """Each claim that a small model would be given."""
    for claim in asked.case.claims:
        said = rephrase(claim, asked.case.evidence, config, draw) if claim.shape else ""
        if said:
            prompt = draft_prompt(claim, examples=draw.random() < WITH_EXAMPLES)
            yield make_prompt_item(f"photo {asked.keys[0]}", prompt, said)


def make_prompt_item(source: str, prompt: Sequence[Message], answer: str) -> CorpusItem:
    """The prompt with its answer, which alone is learned."""
    return CorpusItem(source=source, messages=(*prompt, Message(role="assistant", text=answer)))


SYSTEM = "You describe photos as a person would, in a plain sentence."
DESCRIBE = (
    "Describe this photo in one sentence.",
    "What would a person say about this photo?",
    "Write a caption.",
    "Say what happens in this photo.",
    "Give this photo a short description.",
)
NAME_QUESTIONS = (
    "Which things does this caption name?",
    "List the things in this description.",
    "What can be seen in it?",
)
SAME = ("Do these two captions describe the same photo?", "Could both of these be said of one photo?")
MERGE = ("Put these captions into one.", "Which of these captions says most?")


def make_vision_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Descriptions mostly; every photo comes around again with another caption."""
    if split.startswith("long"):
        return
    photos, names = choose_photos(sources.captions, split), read_names()
    while True:
        for photo in draw.sample(photos, len(photos)):
            chance = draw.random()
            if chance < 0.6:
                yield make_description(photo, draw)
            elif chance < 0.75:
                yield make_thing_list(photo, names, draw)
            elif chance < 0.88:
                yield make_comparison(photo, draw.choice(photos), draw)
            else:
                yield make_merged_caption(photo, draw)


def make_description(photo: PaperPhoto, draw: Random) -> CorpusItem:
    """Every region as the prompt prints it, and the caption that names most of their things, or nearly."""
    entries = [Evidence(number=n, region=region, score=0.2) for n, region in enumerate(photo.regions, start=1)]
    best = sorted(photo.captions, key=lambda caption: -sum(name in caption.lower() for name in photo.names))
    answer = f"{tidy(draw.choice(best[:3]))} [1]."
    return make_chat(name_photo(photo), f"{facts(entries)}\n\n{draw.choice(DESCRIBE)}", answer, system=SYSTEM)


def make_thing_list(photo: PaperPhoto, names: frozenset[str], draw: Random) -> CorpusItem:
    """From words to things."""
    caption = draw.choice(photo.captions)
    things = list(collect_mentions([caption], names))
    answer = (
        f"It names {join_words([with_article(thing) for thing in things])}." if things else "It names no thing I know."
    )
    return make_chat(name_photo(photo), f'"{tidy(caption)}."\n{draw.choice(NAME_QUESTIONS)}', answer, system=SYSTEM)


def make_comparison(photo: PaperPhoto, other: PaperPhoto, draw: Random) -> CorpusItem:
    """Two people's words for one photo, or words for two photos that have no thing in common."""
    one, two = draw.sample(photo.captions, 2)
    alike = draw.random() < 0.5 or bool(photo.names & other.names)
    second = two if alike else draw.choice(other.captions)
    answer = "Yes, both fit the same photo." if alike else "No, they describe different photos."
    return make_chat(
        name_photo(photo), f"1. {tidy(one)}.\n2. {tidy(second)}.\n{draw.choice(SAME)}", answer, system=SYSTEM
    )


def make_merged_caption(photo: PaperPhoto, draw: Random) -> CorpusItem:
    """The richest of several captions stands for all."""
    some = draw.sample(photo.captions, min(3, len(photo.captions)))
    lines = "\n".join(f"{n}. {tidy(caption)}." for n, caption in enumerate(some, start=1))
    return make_chat(name_photo(photo), f"{lines}\n{draw.choice(MERGE)}", f"{tidy(find_richest(some))}.", system=SYSTEM)


def find_richest(captions: Sequence[str]) -> str:
    return max(captions, key=lambda caption: (len(caption.split()), caption))


def tidy(caption: str) -> str:
    """As a sentence, without its full stop."""
    plain = " ".join(caption.split()).replace(" ,", ",").replace(" 's", "'s").replace(' "', '"').strip(" .")
    return plain[:1].upper() + plain[1:]
