"""A photo in a sentence or two: who and what is there, in which place, what is written, and when it was taken.

Names come from the labels, the place from the category of places. The captioner's sentence is not heard: most of its
nouns are guesses.
"""

from collections.abc import Sequence

from deepseek_mm.answering.skills.open_answer import OpenSkill
from deepseek_mm.answering.skills.photo import tell_date
from deepseek_mm.answering.skills.photo_turn import SAID, PhotoTurn
from deepseek_mm.answering.skills.read import quote_lines, reading_order
from deepseek_mm.language.words import join_words, plural, with_article
from deepseek_mm.types import Claim, Draft
from deepseek_mm.vision.ocr import TextBlock
from index import Label, Region

MOST_NAMED = 4  # things of one sentence
PLACED = 0.25  # probability from which the place is told
LEAST = 0.5  # score from which a label is told
SEEN_RIGHT = 0.6  # how often a description of sure labels is right, an estimate


def describe_photo(turn: PhotoTurn, opened: OpenSkill, lines: Sequence[TextBlock]) -> Draft:
    """What there is to say."""
    named = [(label, region) for label, region in turn.shot.labels() if label.score >= LEAST][:MOST_NAMED]
    place = opened.likeliest_place(turn)
    where = f", {'' if place[1] >= SAID else 'probably '}{place[0]}" if place[1] >= PLACED else ""
    numbers = tuple(dict.fromkeys(turn.shot.number(region) for _, region in named)) or (turn.shot.whole,)
    chance = SEEN_RIGHT * min((label.score for label, _ in named), default=0.5)
    claims = [Claim(f"This photo shows {tell_things(turn, named)}{where}", numbers, chance)]
    if lines:
        claims.append(Claim(f'It says: "{quote_lines(reading_order(lines))}"', (turn.shot.whole,), chance))
    return turn.draft(*claims, *tell_date(turn.shot), grounds="seen")


def tell_things(turn: PhotoTurn, named: Sequence[tuple[Label, Region]]) -> str:
    """Two people, a bicycle and a bench; the main colours where nothing has a name."""
    if not named:
        colours = join_words(list(turn.shot.regions[0].colours)) or "no clear"
        return f"nothing that I can name for certain; its main colours are {colours}"
    return join_words([tell_number(turn, label.name) for label, _ in named])


def tell_number(turn: PhotoTurn, name: str) -> str:
    """A dog, or some people where several were found."""
    count = sum(
        region.kind == "part" and any(label.name == name for label in region.labels) for region in turn.shot.regions
    )
    return f"{count} {plural(name)}" if count > 1 else with_article(name)
