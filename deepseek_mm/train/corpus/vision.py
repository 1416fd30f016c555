"""The vision domain: what people say of photos. From labels and boxes to a caption, and from captions to things."""

from collections.abc import Iterator, Sequence
from random import Random

from deepseek_mm.answering.prompts import facts
from deepseek_mm.evaluation.paper_photos import PaperPhoto, collect_mentions, read_names
from deepseek_mm.language.words import join_words, with_article
from deepseek_mm.records import Evidence
from deepseek_mm.train.corpus.evidence import photos_of, source_of
from deepseek_mm.train.corpus.items import Item, Sources, Split, chat

SYSTEM = "You describe photos as a person would, in a plain sentence."
DESCRIBE = (
    "Describe this photo in one sentence.",
    "What would a person say about this photo?",
    "Write a caption.",
    "Say what happens in this photo.",
    "Give this photo a short description.",
)
NAMES = ("Which things does this caption name?", "List the things in this description.", "What can be seen in it?")
SAME = ("Do these two captions describe the same photo?", "Could both of these be said of one photo?")
MERGE = ("Put these captions into one.", "Which of these captions says most?")


def items(sources: Sources, split: Split, draw: Random) -> Iterator[Item]:
    """Descriptions mostly; every photo comes around again with another caption."""
    if split.startswith("long"):
        return
    photos, names = photos_of(sources.captions, split), read_names()
    while True:
        for photo in draw.sample(photos, len(photos)):
            chance = draw.random()
            if chance < 0.6:
                yield described(photo, draw)
            elif chance < 0.75:
                yield named(photo, names, draw)
            elif chance < 0.88:
                yield compared(photo, draw.choice(photos), draw)
            else:
                yield merged(photo, draw)


def described(photo: PaperPhoto, draw: Random) -> Item:
    """Every region as the prompt prints it, and the caption that names most of their things, or nearly."""
    entries = [Evidence(number=n, region=region, score=0.2) for n, region in enumerate(photo.regions, start=1)]
    best = sorted(photo.captions, key=lambda caption: -sum(name in caption.lower() for name in photo.names))
    answer = f"{tidy(draw.choice(best[:3]))} [1]."
    return chat(source_of(photo), f"{facts(entries)}\n\n{draw.choice(DESCRIBE)}", answer, system=SYSTEM)


def named(photo: PaperPhoto, names: frozenset[str], draw: Random) -> Item:
    """From words to things."""
    caption = draw.choice(photo.captions)
    things = list(collect_mentions([caption], names))
    answer = (
        f"It names {join_words([with_article(thing) for thing in things])}." if things else "It names no thing I know."
    )
    return chat(source_of(photo), f'"{tidy(caption)}."\n{draw.choice(NAMES)}', answer, system=SYSTEM)


def compared(photo: PaperPhoto, other: PaperPhoto, draw: Random) -> Item:
    """Two people's words for one photo, or words for two photos that have no thing in common."""
    one, two = draw.sample(photo.captions, 2)
    alike = draw.random() < 0.5 or bool(photo.names & other.names)
    second = two if alike else draw.choice(other.captions)
    answer = "Yes, both fit the same photo." if alike else "No, they describe different photos."
    return chat(source_of(photo), f"1. {tidy(one)}.\n2. {tidy(second)}.\n{draw.choice(SAME)}", answer, system=SYSTEM)


def merged(photo: PaperPhoto, draw: Random) -> Item:
    """The richest of several captions stands for all."""
    some = draw.sample(photo.captions, min(3, len(photo.captions)))
    lines = "\n".join(f"{n}. {tidy(caption)}." for n, caption in enumerate(some, start=1))
    return chat(source_of(photo), f"{lines}\n{draw.choice(MERGE)}", f"{tidy(richest(some))}.", system=SYSTEM)


def richest(captions: Sequence[str]) -> str:
    return max(captions, key=lambda caption: (len(caption.split()), caption))


def tidy(caption: str) -> str:
    """As a sentence, without its full stop."""
    plain = " ".join(caption.split()).replace(" ,", ",").replace(" 's", "'s").replace(' "', '"').strip(" .")
    return plain[:1].upper() + plain[1:]
