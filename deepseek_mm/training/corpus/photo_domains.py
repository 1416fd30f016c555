"""The domains evidence and vision, made of captioned photos, and the wordings of their answers.

Evidence: numbered facts in, a cited answer out, in exactly the words of the product's prompts. Simulated photos
(`evaluation.evidence_questions`) are asked about in every way that the program reads. Three tasks take turns: to answer
from facts, draft and question; from facts and question alone; and to reword one claim, with the product's examples and
without. Vision: from labels and boxes to a caption, and from captions to things.

A pattern reads a claim as the program puts it, and its wordings say the same. Every sentence is checked as in the
product: its evidence must support it and it must leave nothing out.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

from deepseek_mm.answering.composer import build_prompt, covers, draft_prompt, facts, reading_prompt, restore_names
from deepseek_mm.answering.verifier import check
from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.abstain import read_things
from deepseek_mm.evaluation.evidence_questions import (
    EvidenceQuestion,
    Kind,
    PaperPhoto,
    QuestionGenerator,
    collect_mentions,
    make_paper_photos,
    read_names,
)
from deepseek_mm.evaluation.retrieval import read_caption_rows
from deepseek_mm.language.words import join_words, with_article
from deepseek_mm.training.corpus.items import CorpusItem, Sources, Split, belongs_to, make_chat
from deepseek_mm.types import Check, Claim, Evidence, Message

P = r"(?P<p>probably )?"
IN = r"(?P<i>in (?:this photo|\S.*?))"
LEAD = r"(?P<l>Yes, |No, )?"
WORDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        rf"Yes, there is {P}(?P<t>.+?) {IN}",
        (
            "Yes, I can {p}see {t} {i}",
            "Yes, you can {p}see {t} {i}",
            "Yes, {t} can {p}be seen {i}",
            "Yes, I {p}found {t} {i}",
            "Yes, {i} there is {p}{t}",
        ),
    ),
    (
        rf"This photo {P}(?P<o>also )?shows (?P<t>.+)",
        (
            "I can {p}{o}see {t}",
            "I can {p}{o}see {t} in this photo",
            "You can {p}{o}see {t}",
            "There is {p}{o}{t} in this photo",
            "In this photo I {p}{o}found {t}",
            "The picture {p}{o}shows {t}",
            "Here you can {p}{o}see {t}",
        ),
    ),
    (
        rf"{LEAD}I see no (?P<t>.+?) {IN}(?P<rest>, but .+)?",
        (
            "{l}I looked, but found no {t} {i}{rest}",
            "{l}I looked for it, but I see no {t} {i}{rest}",
            "{l}there is no {t} {i}{rest}",
            "{l}I found no {t} {i}{rest}",
            "{l}no {t} can be seen {i}{rest}",
            "{l}{i} I see no {t}{rest}",
        ),
    ),
    (
        rf"The (?P<t>.+?) is {P}(?P<w>(?:in|on|at) the [a-z ]+?) and looks (?P<c>.+)",
        (
            "You can {p}see the {t} {w}, and it is {c}",
            "The {t} {w} is {p}{c}",
            "The {c} {t} is {p}{w}",
            "There is {p}the {t} {w}, and it looks {c}",
        ),
    ),
    (
        rf"{LEAD}[Tt]he (?P<t>.+?)(?: {IN})? looks (?P<c>[a-z ,]+)",
        (
            "{l}the {t} {i} is {c}",
            "{l}you can see that the {t} {i} is {c}",
            "{l}I can see that the {t} {i} is {c}",
            "{l}{i} the {t} is {c}",
        ),
    ),
    (
        rf"{LEAD}(?P<d>[Tt]he|Another) (?P<t>.+?) is {P}(?P<w>(?:in|on|at) the [a-z ]+?) of (?P<v>.+)",
        (
            "{l}you can {p}see {d} {t} {w} of {v}",
            "{l}{d} {t} can {p}be seen {w} of {v}",
            "{l}{w} of {v} there is {p}{d} {t}",
            "{l}I {p}found {d} {t} {w} of {v}",
        ),
    ),
    (
        r"(?P<l>Yes, |No, )the (?P<a>.+?) is (?P<r>to the left of|to the right of|above|below) the (?P<b>.+)",
        ("{l}you can see the {a} {r} the {b}", "{l}the {a} can be seen {r} the {b}", "{l}I see the {a} {r} the {b}"),
    ),
    (
        rf"I can point at (?P<n>\d+) (?P<t>.+?) {IN}, and there could be more",
        (
            "There are at least {n} {t} {i}",
            "I can see at least {n} {t} {i}",
            "At least {n} {t} can be seen {i}",
            "I found at least {n} {t} {i}",
            "I can point at {n} {t} {i}, but there could be more",
        ),
    ),
    (
        rf"Yes, I can point at (?P<n>\d+) (?P<t>.+?) {IN}",
        ("Yes, there are at least {n} {t} {i}", "Yes, I can see at least {n} {t} {i}", "Yes, I point at {n} {t} {i}"),
    ),
    (
        r"At least (?P<n>\d+) photos? shows? (?P<t>.+)",
        (
            "I found {t} in at least {n} of your photos",
            "At least {n} of your photos show {t}",
            "You have at least {n} with {t}",
            "There are at least {n} photos with {t}",
        ),
    ),
    (
        rf"(?P<s>(?:All|Both|\d+).+? pictures) {P}shows? (?P<t>.+)",
        ("I can {p}see {t} in {s}", "{t} can {p}be seen in {s}", "You can {p}see {t} in {s}"),
    ),
    (
        rf"There are {P}at least (?P<n>\d+) (?P<t>.+?) {IN}",
        ("I can {p}see at least {n} {t} {i}", "At least {n} {t} can {p}be seen {i}"),
    ),
    (
        r"(?P<l>No, )?[Nn](?P<s>one of|either of) (?P<w>these.*? pictures) shows (?P<t>.+)",
        ("{l}I looked, but n{s} {w} shows {t}", "{l}I can see {t} in n{s} {w}"),
    ),
    (r"(?P<f>It|This photo) was taken on (?P<d>.+)", ("The photo was taken on {d}", "It was taken on {d}")),
    (
        rf"{LEAD}(?P<f>.+?) {P}(?P<o>also )?shows (?P<t>.+)",
        (
            "{l}{f} {p}{o}contains {t}",
            "{l}in {f} you can {p}{o}see {t}",
            "{l}I {p}{o}found {t} in {f}",
            "{l}{t} can {p}{o}be seen in {f}",
            "{l}there is {p}{o}{t} in {f}",
            "{l}{f} {p}{o}has {t}",
        ),
    ),
)
PATTERNS = tuple((re.compile(pattern), wordings) for pattern, wordings in WORDINGS)
FOUND = re.compile(r"(?P<t>.+) (?:is|are) in \[(?P<n>\d+)\]\.")
FOUND_WORDS = (
    "I found {t} in [{n}].",
    "You can see {t} in [{n}].",
    "There is {t} in [{n}].",
    "I can see {t} in [{n}].",
)
ONE = (  # what a wording for many says of one
    ("re are at least 1 photos with", "re is at least 1 photo with"),
    ("re are at least 1 ", "re is at least 1 "),
    ("t least 1 of your photos show ", "t least 1 of your photos shows "),
)
AS_IT_IS = 0.1  # share of the claims that keep the program's words
REFUSALS = (
    "I looked, but found no {t} in {n}.",
    "I looked at {m}, but found no {t}.",
    "I see no {t} in {n}.",
    "There is no {t} in {n}.",
    "I found no {t} in {n}.",
    "I looked, but none of these photos shows {a} {c}.",
    "No {t} can be seen in {n}.",
    "I see no {t} in these photos {c}.",
)


def word_claim(claim: Claim, evidence: Sequence[Evidence], config: Config, draw: Random) -> str:
    """A sentence that says the claim and cites its evidence: friendly if the rules let one pass, else the program's."""
    if draw.random() < AS_IT_IS:
        return claim.sentence
    cited = "".join(f"[{number}]" for number in claim.numbers)
    for words in shuffle_words(list_wordings(claim.text), draw):
        sentence = f"{words} {cited}."
        if is_carried(sentence, claim, evidence, config):
            return sentence
    return claim.sentence


def rephrase(claim: Claim, evidence: Sequence[Evidence], config: Config, draw: Random) -> str:
    """The same for a claim that a small model reads alone; empty where the rules let no wording pass."""
    found = FOUND.fullmatch(claim.draft)
    if not found:
        sentence = word_claim(claim, evidence, config, draw)
        return "" if sentence == claim.sentence else sentence
    thing = found["t"][0].lower() + found["t"][1:]
    for words in shuffle_words(FOUND_WORDS, draw):
        sentence = words.format(t=thing, n=found["n"])
        if is_carried(restore_names(sentence, claim, evidence), claim, evidence, config):
            return sentence
    return ""


def refuse(
    wanted: Sequence[str], claims: Sequence[Claim], evidence: Sequence[Evidence], config: Config, draw: Random
) -> str:
    """An honest sentence about what no entry shows, which names every entry that was looked at."""
    thing = " or ".join(wanted)
    numbers = [f"[{entry.number}]" for entry in evidence]
    either = join_words(numbers).replace(" and ", " or ")
    for words in shuffle_words(REFUSALS, draw):
        sentence = words.format(t=thing, a=f"any {thing}", n=either, m=join_words(numbers), c="".join(numbers))
        if passes_rules(check(sentence, evidence, claims, config), sentence):
            return sentence
    return f"I see no {thing} in these photos {''.join(numbers)}."


def list_wordings(text: str) -> list[str]:
    """Every wording of the first pattern that a claim has."""
    for pattern, wordings in PATTERNS:
        if match := pattern.fullmatch(text):
            parts = {name: value or "" for name, value in match.groupdict().items()}
            parts["d"] = parts.get("d", "").replace("Another", "another").replace("The", "the")
            by_name = [not parts.get("l") and words.removeprefix("{l}").startswith("{f}") for words in wordings]
            return [capitalise(w.format(**parts), by_name=named) for w, named in zip(wordings, by_name, strict=True)]
    return []


def capitalise(words: str, *, by_name: bool = False) -> str:
    """One space between words, and a capital at the start unless a file's name stands there."""
    plain = re.sub(r" +(?=[:,]|$)", "", re.sub(r" {2,}", " ", words)).strip()
    for many, one in ONE:
        plain = plain.replace(many, one)
    return plain if by_name else plain[0].upper() + plain[1:]


def is_carried(sentence: str, claim: Claim, evidence: Sequence[Evidence], config: Config) -> bool:
    """Do the rules keep it, as it is, and does it say all of the claim?"""
    weighed = check(sentence, evidence, [claim], config)
    return passes_rules(weighed, weighed.claim) and covers(weighed, claim)


def passes_rules(weighed: Check, sentence: str) -> bool:
    return weighed.kept and weighed.claim == sentence


def shuffle_words(words: Sequence[str], draw: Random) -> list[str]:
    return draw.sample(words, len(words))


SHARES: dict[Kind, int] = {"answerable": 5, "unanswerable": 3, "counting": 2, "which": 2}
DRAFTED, CLAIMED = 0.4, 0.2  # shares of the tasks with a draft, and of those about one claim; the rest reads
WITH_EXAMPLES = 0.2  # of the tasks about one claim


def make_evidence_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Tasks without end."""
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
