"""A photo in a sentence or two: what a machine may say of it, in which place it is, what is written, when it was taken.

The sentence is the captioner's where others vouch for its nouns, else it is put together from what was found; a plot or
a page is called so. Where nothing is sure the colours are told.
"""

from collections.abc import Sequence

from deepseek_mm.answering.skills.open_answer import OpenSkill
from deepseek_mm.answering.skills.photo import tell_date
from deepseek_mm.answering.skills.photo_turn import SAID, PhotoTurn
from deepseek_mm.answering.skills.read import quote_lines, reading_order
from deepseek_mm.language.words import join_words, plural, with_article
from deepseek_mm.types import Claim, Draft
from deepseek_mm.vision.composed_description import find_scene
from deepseek_mm.vision.description import Description, compose, get_kind
from deepseek_mm.vision.ocr import TextBlock
from deepseek_mm.vision.picture_kind import PHOTO
from deepseek_mm.vision.pipeline import VisionPipeline

PLACED = 0.25  # probability from which the place is told
MOST_NAMED, LEAST = 4, 0.5  # labels of one sentence, and the score from which they are told
NOTHING_RIGHT = 0.3  # how often so little is right


def describe_photo(turn: PhotoTurn, opened: OpenSkill, lines: Sequence[TextBlock]) -> Draft:
    """What there is to say."""
    told = describe(turn, opened.eyes)
    text, chance = told.text, told.chance
    if told.author != "caption":
        text = f"This photo shows {start_low(told.text) or tell_labels(turn)}{tell_place(turn, opened, told)}"
    claims = [Claim(text, numbers_told(turn, told.text), chance or NOTHING_RIGHT)]
    if lines and not get_kind(turn.picture).is_made:
        claims.append(Claim(f'It says: "{quote_lines(reading_order(lines))}"', (turn.shot.whole,), claims[0].certainty))
    return turn.draft(*claims, *tell_date(turn.shot), grounds="seen")


def describe(turn: PhotoTurn, eyes: VisionPipeline) -> Description:
    """By who describes photos of this library, or as it is put together where nobody does."""
    picture = turn.picture
    picture.regions = picture.regions or turn.shot.regions
    eyes.kind(picture), eyes.labels(picture)
    return eyes.describer.describe_many([picture])[0] if eyes.describer else compose(picture)


def tell_place(turn: PhotoTurn, opened: OpenSkill, told: Description) -> str:
    """Where it is, of a photo whose sentence does not say so; with what leads to it."""
    if told.author != "composed" or get_kind(turn.picture).name != PHOTO or find_scene(turn.picture.regions[0]):
        return ""
    place, chance = opened.likeliest_place(turn)
    return f", {'' if chance >= SAID else 'probably '}{place}" if chance >= PLACED else ""


def tell_labels(turn: PhotoTurn) -> str:
    """Where there is no thing to speak of: what lies behind things, or the colours alone."""
    labels = [label.name for label, _ in turn.shot.labels() if label.score >= LEAST][:MOST_NAMED]
    colours = join_words(list(turn.shot.regions[0].colours)) or "no clear"
    nothing = f"nothing that I can name for certain; its main colours are {colours}"
    return join_words([with_article(name) for name in labels]) or nothing


def start_low(text: str) -> str:
    """With a small first letter."""
    return text[:1].lower() + text[1:]


def numbers_told(turn: PhotoTurn, text: str) -> tuple[int, ...]:
    """Of the parts that a sentence names, or of the photo."""
    words = text.lower()
    named = [
        turn.shot.number(part)
        for part in turn.shot.regions
        if part.kind == "part" and part.labels and any(name in words for name in (part.label, plural(part.label)))
    ]
    return tuple(dict.fromkeys(named)) or (turn.shot.whole,)
