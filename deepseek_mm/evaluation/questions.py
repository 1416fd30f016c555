"""How people ask about photos: forms with gaps for things and colours, many for each kind of question.

In a form `{t}` is a thing ("dog"), `{a}` the same with its article, `{s}` several of it, `{u}` and `{b}` are a second
thing without and with an article, and `{c}` is a colour.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deepseek_mm.rag.program.words import plural, with_article

Kind = Literal["answerable", "unanswerable", "counting", "which"]
Where = Literal["photo", "row", "library"]
KINDS: tuple[Kind, ...] = ("answerable", "unanswerable", "counting", "which")


@dataclass(frozen=True, slots=True)
class QuestionForm:
    """One way to ask."""

    kind: Kind
    where: Where
    programs: tuple[str, ...]  # kinds of the program that the words must have
    text: str
    absent: bool = False  # its things are in none of the photos

    @property
    def needs_thing(self) -> bool:
        return "{" in self.text

    @property
    def needs_box(self) -> bool:
        """Only things with a box of their own have a colour and a place, and can be counted."""
        return bool({"colour", "where", "compare", "count"} & set(self.programs)) or "{c}" in self.text


EXIST = (
    "Is there {a} in this photo?",
    "Can you see {a} here?",
    "Do you see any {s}?",
    "Does this picture show {a}?",
    "Are there any {s} in this image?",
    "Does the photo have {a} in it?",
    "Is there {a} in the picture?",
    "Do you see {a}?",
    "is there {a}",
    "any {s} in this photo?",
    "Could you tell me, is there {a} in this photo?",
)
COLOUR = (
    "What colour is the {t}?",
    "What color is the {t}?",
    "Which colour does the {t} have?",
    "what colour is the {t} in this photo",
    "Tell me the colour of the {t}.",
    "Is the {t} {c}?",
    "What colours does the {t} have?",
)
WHERE = (
    "Where is the {t}?",
    "Where in this photo is the {t}?",
    "On which side is the {t}?",
    "Where can I see the {t}?",
    "Is the {t} on the left?",
    "Is the {t} at the top?",
    "where is the {t} in the picture?",
)
COMPARE = (
    "Is the {t} to the left of the {u}?",
    "Is the {t} to the right of the {u}?",
    "Is the {t} above the {u}?",
    "Is the {t} below the {u}?",
)
DESCRIBE = (
    "What is in this photo?",
    "What can you see in this picture?",
    "Describe this photo.",
    "What does this photo show?",
    "What do you see?",
    "Tell me about this picture.",
    "What is this?",
    "what is in the image",
    "Describe the picture, please.",
    "What things are in this photo?",
)
WHEN = ("When was this photo taken?", "When was it taken?", "What date is this picture from?")
COUNT = (
    "How many {s} are in this photo?",
    "How many {s} can you see?",
    "How many {s} are there?",
    "Count the {s}.",
    "What is the number of {s} in this picture?",
    "how many {s} do you see",
    "Please count the {s} in the photo.",
)
COUNT_PHOTOS = (
    "How many photos show {a}?",
    "How many of my photos show {a}?",
    "How many pictures with {s} do I have?",
    "How many photos have {s}?",
    "In how many photos can you see {a}?",
)
COUNT_ROW = (
    "How many of these pictures show {a}?",
    "How many of these photos have {a}?",
    "How many {s} are in these photos?",
    "How many of them show {a}?",
)
WHICH = (
    "Which photos show {a}?",
    "Which photo shows {a}?",
    "Find photos of {s}.",
    "Show me pictures with {a}.",
    "Which pictures have {a} in them?",
    "Find me a photo with {a} and {b}.",
    "Which photos show {a} and {b}?",
    "Which photos show a {c} {t}?",
    "Show me photos of a {c} {t}.",
    "Search for pictures of {s}",
    "photos with {s}",
    "Which of my photos have {a}?",
)
WHICH_ROW = (
    "Which of these photos shows {a}?",
    "Which of these pictures has {a}?",
    "Which one shows {a}?",
    "Which of them show {s}?",
    "In which one can you see {a}?",
    "Which of these shows {a} and {b}?",
)
LIBRARY = (
    "Is there {a} in my photos?",
    "Do I have any photos of {s}?",
    "Do any of my photos show {a}?",
    "Have I got a picture with {a}?",
    "Are there any pictures of {s} in my library?",
    "Do my photos show {a}?",
)
ROW = (
    "Is there {a} in these photos?",
    "Do any of these pictures show {a}?",
    "Does one of these photos have {a}?",
    "Do all of these pictures show {a}?",
    "What colour is the {t} in these pictures?",
)

DESCRIBE_ROW = ("What is in these photos?", "What do these pictures show?", "Describe these photos.")


def _forms(
    kind: Kind, where: Where, programs: str, texts: Sequence[str], *, absent: bool = False
) -> list[QuestionForm]:
    return [QuestionForm(kind, where, tuple(programs.split()), text, absent) for text in texts]


FORMS: tuple[QuestionForm, ...] = (
    *_forms("answerable", "photo", "exist", EXIST),
    *_forms("answerable", "photo", "colour", COLOUR),
    *_forms("answerable", "photo", "where", WHERE),
    *_forms("answerable", "photo", "compare", COMPARE),
    *_forms("answerable", "photo", "describe", DESCRIBE),
    *_forms("answerable", "photo", "when", WHEN),
    *_forms("answerable", "library", "exist", LIBRARY),
    *_forms("answerable", "row", "exist colour", ROW),
    *_forms("answerable", "row", "describe", DESCRIBE_ROW),
    *_forms("unanswerable", "photo", "exist", EXIST, absent=True),
    *_forms("unanswerable", "photo", "colour", COLOUR[:5], absent=True),
    *_forms("unanswerable", "photo", "where", WHERE[:4], absent=True),
    *_forms("unanswerable", "photo", "count", COUNT, absent=True),
    *_forms("unanswerable", "library", "exist", LIBRARY, absent=True),
    *_forms("unanswerable", "library", "which", [text for text in WHICH if "{c}" not in text], absent=True),
    *_forms("unanswerable", "library", "count", COUNT_PHOTOS, absent=True),
    *_forms("unanswerable", "row", "exist", ROW[:3], absent=True),
    *_forms("unanswerable", "row", "which", WHICH_ROW[:4], absent=True),
    *_forms("counting", "photo", "count", COUNT),
    *_forms("counting", "library", "count", COUNT_PHOTOS),
    *_forms("counting", "row", "count", COUNT_ROW),
    *_forms("which", "library", "which", WHICH),
    *_forms("which", "row", "which", WHICH_ROW),
)


def fill_form(form: QuestionForm, things: Sequence[str], colour: str, draw: random.Random) -> str:
    """The form filled in; empty where it needs something that is not given."""
    thing, other = things
    if ("{c}" in form.text and not colour) or ("{b}" in form.text or "{u}" in form.text) and not other:
        return ""
    if form.needs_thing and not thing:
        return ""
    filled = form.text.format(t=thing, a=with_article(thing), s=plural(thing), u=other, b=with_article(other), c=colour)
    return filled if draw.random() < 0.9 else filled.rstrip("?.").lower()
