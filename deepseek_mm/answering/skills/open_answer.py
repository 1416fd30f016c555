"""What something is, of a photo: the members of the category that is asked for, as likely as all witnesses find them.

"Which sport" is answered with a sport, "what is she holding" with something that can be held. The members are compared
with the picture; the closed reader, the labels and words that are written in the photo are heard as well.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from deepseek_mm.answering.closer_look import WEARER, detected_odds, find_part, hinted_odds, look_closely
from deepseek_mm.answering.skills.photo_turn import GUESSED, PhotoTurn, hedge
from deepseek_mm.answering.skills.read import answer_by_text
from deepseek_mm.language.categories import OBJECTS, Category, categories, category_asked, category_named
from deepseek_mm.language.kinds import is_kind_of
from deepseek_mm.language.words import names_the_same, plural, singular, with_article
from deepseek_mm.types import Claim, Draft
from deepseek_mm.vision.ocr import TextBlock
from deepseek_mm.vision.pipeline import VisionPipeline
from deepseek_mm.vision.vqa_net import VqaQuestion
from deepseek_mm.vision.zero_shot import Hearsay, NameWeights, ZeroShot, likeliest

BY_ATTRIBUTE = {  # attribute of an act -> category
    **{"activity": "activity", "person": "person", "shape": "shape", "material": "material", "weather": "weather"},
    **{"season": "season", "time": "time of day", "place": "where", "position": "where"},
}
NO_ARTICLE = frozenset(  # categories whose members are told as they stand
    """sport|activity|pose|weather|season|time of day|material|flooring|holiday|event|emotion|hair|footwear|eyewear|
    food|fruit|flag|goods|vegetable|drink|topping|meat|dessert|pattern|landscape|gender|sky|meal of the day|video game|
    colour pattern""".replace("\n    ", "").split("|")
)
WRITTEN_NAMES = frozenset(["shop", "restaurant", "event", "holiday", "food", "sign", "drink", "dessert"])
PROPER_FIRST = frozenset(["event"])  # which have names of their own, where something is written
WRITTEN = 6.0  # log-odds that a name gains which is written in the photo
FORMS = {  # a verb as it is asked for -> as it is answered with
    **{"carry": "carrying", "carries": "carrying", "hold": "holding", "holds": "holding", "wear": "wearing"},
    **{"wears": "wearing", "eat": "eating", "eats": "eating", "drink": "drinking", "drinks": "drinking"},
    **{"ride": "riding", "rides": "riding", "drive": "driving", "use": "using", "cook": "cooking", "play": "playing"},
}
MANY = ("they", "these", "those")
ON_SHARE = 0.6  # of the place's probability, from which it is told on what a thing is
PEOPLE = frozenset(["person", "man", "woman", "child", "team", "crowd"])
SURROUNDINGS = re.compile(r"\b(?:background|behind|back|view|see|distance|around|outside|far)\b")
SCENERY = frozenset(  # what is around a thing that is asked for, rather than the thing
    """grass|mountain|hill|water|sea|river|beach|sand|snow|sky|cloud|street|wall|smoke|crowd|team|stadium|court|field|
    road|parking lot|garden|forest""".replace("\n    ", "").split("|")
)
PLACE_TRUST = 0.8  # of its probability: a likely place of the photo may be another one than the thing's
BARE = re.compile(r"^(?:(?:on|in|at) )?(?:(?:the|an?) )?")
ON = re.compile(
    r"(?:the (?:grass|beach|street|snow|water|sea)|a (?:street|road|sidewalk|boat|pier|bridge|stage|farm|field|ski))\b"
)
WHAT_IS_IT = re.compile(r"\bwhat (?:is|are) (?:it|that|this|they|these|those)$")
KIND_OF = re.compile(r"\b(?:kind|sort|type|breed|species) of (\w+)")
SEVERAL = ("they", "these", "those")
LABELLED_KINDS = frozenset(["animal", "bird", "dog", "insect", "fruit", "vegetable", "flower", "vehicle", "furniture"])
LABELLED = 0.5  # score from which a label answers which animal it is
SURE_LABEL, LABEL_RIGHT = 0.75, 0.85  # score from which a label answers that, and how often it is right then
ABOUT_IT = re.compile(r"^(?:and|what about|how about) |\bwhat (?:is|are) (?:the|that|this|these|those) [\w ]+$")
UNTELLABLE_RIGHT = 0.3  # how often it is right not to tell: the photo mostly shows it


OPTION_WEIGHTS = NameWeights(whole=0.45, cells=0.25, part=0.3, reader=0.9, glance=0.35, label=0.5)


class OpenSkill:
    """Chooses members of categories for photos."""

    def __init__(self, eyes: VisionPipeline) -> None:
        self.eyes = eyes
        vocabulary = eyes.vocabulary
        self.names = ZeroShot(eyes.space, vocabulary.calibration, folder=vocabulary.folder)
        self.options = ZeroShot(eyes.space, vocabulary.calibration, weights=OPTION_WEIGHTS)

    def answer(self, turn: PhotoTurn, lines: Sequence[TextBlock]) -> Draft:
        """The likeliest member; or that it cannot be told."""
        category = category_of(turn)
        if category.name in PROPER_FIRST and lines and (read := answer_by_text(turn, lines, must=False)):
            return read
        if category.name == OBJECTS and (labelled := tell_label(turn)):
            return labelled
        chances = self.weigh_members(turn, category, lines)
        (best, chance), *_ = chances.items()
        if labelled := tell_member(turn, category, least=chance):
            return labelled
        if chance < GUESSED:
            return turn.refuse(f"I cannot tell {asked_for(turn, category)} in this photo", UNTELLABLE_RIGHT)
        told = in_sentence(best, category)
        lead = lead_of(turn, category)
        if lead == "It is" and is_several(told):
            lead = "They are"
        claim = Claim(hedge(told, chance, lead=lead), (turn.shot.whole,), chance)
        return turn.draft(claim, grounds="seen")

    def likeliest_place(self, turn: PhotoTurn) -> tuple[str, float]:
        """On or in what the photo was taken, and its probability."""
        place = category_named("where")
        assert place, "it is in the table"
        best, chance = next(iter(self._weigh(turn, place, place.looks).items()))
        return f"{'on' if ON.match(best) else 'in'} {best}", chance

    def tell_where(self, turn: PhotoTurn) -> Claim | None:
        """In which place, or for a thing on what it lies or stands; None where nothing is likely."""
        on = category_named("surface")
        told, chance = self.likeliest_place(turn)
        if (
            on
            and turn.subjects
            and (best := next(iter(self._weigh(turn, on, on.members).items())))[1] > ON_SHARE * chance
        ):
            told, chance = f"on {with_article(best[0])}", best[1]
        if chance < GUESSED:
            return None
        be = "are" if turn.subject_phrase.lower() in MANY else "is"
        return Claim(hedge(told, chance, lead=f"{turn.subject_phrase} {be}"), (turn.shot.whole,), chance * PLACE_TRUST)

    def weigh_members(
        self, turn: PhotoTurn, category: Category, lines: Sequence[TextBlock] = ()
    ) -> Mapping[str, float]:
        """Members with their probabilities, the likeliest first; without those that the question itself names."""
        chances = self._weigh(turn, category, category.members)
        if category.name in WRITTEN_NAMES:
            chances = add_written(chances, lines)
        own = {singular(word) for word in turn.text.split(",")[0].split()}  # behind a comma stands a guess
        if category.name == OBJECTS and WEARER.search(turn.text):
            own |= PEOPLE
        if category.name == OBJECTS and not SURROUNDINGS.search(turn.text):
            own |= SCENERY
        done_to = own if category.name == "activity" else set()  # elephants are not riding an elephant
        kind = KIND_OF.search(turn.text)
        narrow = {name for name in chances if kind and name != kind[1] and is_kind_of(name, singular(kind[1]))}
        chances = {name: p for name, p in chances.items() if name in narrow} if narrow else chances
        left = {name: p for name, p in chances.items() if singular(name) not in own and name.split()[-1] not in done_to}
        return left or chances

    def _weigh(self, turn: PhotoTurn, category: Category, names: Sequence[str]) -> Mapping[str, float]:
        colour = next((thing.colour for thing in turn.subjects if thing.colour), "")
        phrases = [
            phrase.replace(look, f"{colour} {look}") if colour else phrase
            for phrase, look in zip(category.phrases, category.looks, strict=True)
        ]
        told = self._hear(turn, category.members)
        return likeliest(names, self.names.choose(phrases, turn.picture.look, told))

    def _hear(self, turn: PhotoTurn, names: Sequence[str]) -> Hearsay:
        """What the closed reader, the language model that looks and the labels say of these names."""
        labels = self.eyes.labels(turn.picture)
        labelled = [
            max((each.score for each in labels if names_the_same(each.name, name)), default=0.0) for name in names
        ]
        told = replace(self._look(turn, names), labelled=labelled)
        if self.eyes.reader is None:
            return told
        asked = VqaQuestion(turn.act.text, tuple(thing.phrase for thing in turn.things))
        turn.note_look(asked.text, asked.things)
        return replace(
            told,
            read=self.eyes.reader.chances_of_names(asked, turn.picture, names),
            glanced=self.eyes.reader.glance_at_names(turn.act.text, turn.picture, names),
        )

    def _look(self, turn: PhotoTurn, names: Sequence[str]) -> Hearsay:
        """What the detector and a closer look at the part that is meant say of them."""
        picture, found = turn.picture, turn.picture.detections
        part = find_part(turn.text, found, picture.image)
        closely = look_closely(self.eyes.space, picture.image, part) if part else None
        if found is None:
            return Hearsay(part=closely)
        return Hearsay(part=closely, detected=detected_odds(names, found, part), hinted=hinted_odds(names, found))

    def weigh_options(self, turn: PhotoTurn, options: Sequence[str]) -> Mapping[str, float]:
        """Of alternatives that the question names, how probable each is."""
        told = self._hear(turn, [BARE.sub("", option) for option in options])
        phrases = [f"a photo of {option}" for option in options]
        return likeliest(options, self.options.choose(phrases, turn.picture.look, told, ranked=False))


def category_of(turn: PhotoTurn) -> Category:
    """What kind of answer the act wants."""
    asked = category_asked(turn.text)
    if asked is None or asked.name == OBJECTS:
        by_attribute = BY_ATTRIBUTE.get(turn.act.attribute, "")
        named = category_named(by_attribute) if by_attribute else None
        of_subject = turn.act.attribute == "kind" or WHAT_IS_IT.search(turn.text)
        if named is None and of_subject and turn.act.subject:
            named = category_named(turn.act.subject) or category_with(turn.text)
        asked = named or asked
    return asked or next(each for each in categories() if each.name == OBJECTS)


@cache
def category_with(text: str) -> Category | None:
    """The category that has several members of the kind that is asked for: of "what kind of fish" animals."""
    kind = KIND_OF.search(text)
    if kind is None:
        return None
    name = singular(kind[1])
    return next((each for each in categories() if sum(is_kind_of(m, name) for m in each.members) > 1), None)


def add_written(chances: Mapping[str, float], lines: Sequence[TextBlock]) -> Mapping[str, float]:
    """Names that are written in the photo are much more probable: a sign that says CAKESHOP stands at a cake shop."""
    written = "".join(re.sub(r"[\W_]+", "", line.text.lower()) for line in lines)
    gains = {name: WRITTEN if re.sub(r"[\W_]+", "", name.lower()) in written else 0.0 for name in chances}
    if not written or not any(gains.values()):
        return chances
    odds = {name: p * float(np.exp(gains[name])) for name, p in chances.items()}
    total = sum(odds.values())
    return dict(sorted(((name, each / total) for name, each in odds.items()), key=lambda pair: -pair[1]))


def in_sentence(name: str, category: Category) -> str:
    """With its article where it takes one, and its preposition."""
    told = name if category.name in NO_ARTICLE else with_article(name)
    return f"on {told}" if category.name == "surface" else told


def tell_label(turn: PhotoTurn) -> Draft | None:
    """What the photo is surely called, where somebody asks what it is and no more."""
    if not WHAT_IS_IT.search(turn.text):
        return None
    sure = [pair for pair in turn.shot.labels() if pair[0].score >= SURE_LABEL and pair[0].name not in SCENERY | PEOPLE]
    if not sure:
        return None
    label, region = sure[0]
    chance = label.score * LABEL_RIGHT
    several = turn.text.endswith(SEVERAL)
    told = plural(label.name) if several else with_article(label.name)
    claim = Claim(hedge(told, chance, lead="They are" if several else "It is"), (turn.shot.number(region),), chance)
    return turn.draft(claim, grounds="seen")


def tell_member(turn: PhotoTurn, category: Category, *, least: float) -> Draft | None:
    """What the photo shows of the kind that is asked for, where its label is surer than the likeliest member."""
    if category.name not in LABELLED_KINDS or turn.act.form == "yes_no":
        return None
    own = {singular(word) for word in turn.text.split()}  # a fish is no kind of fish
    those = (pair for pair in turn.shot.labels() if is_member(pair[0].name, category) and pair[0].name not in own)
    label, region = next(those, (None, None))
    if label is None or region is None or label.score < LABELLED or label.score * LABEL_RIGHT <= least:
        return None
    chance = label.score * LABEL_RIGHT
    claim = Claim(hedge(with_article(label.name), chance), (turn.shot.number(region),), chance)
    return turn.draft(claim, grounds="seen")


def is_member(name: str, category: Category) -> bool:
    """Whether it is one of the category's members, or a narrower name for its kind."""
    listed = any(names_the_same(name, member) for member in category.members)
    return listed or (name != category.name and is_kind_of(name, category.name))


def is_several(told: str) -> bool:
    """Bananas are; the United States is."""
    return " " not in told and singular(told) != told


def lead_of(turn: PhotoTurn, category: Category) -> str:
    """How the sentence begins: "She is holding", "It is"."""
    verb = next((verb for verb in category.verbs if re.search(rf"\b{verb}\b", turn.text)), "")
    if verb not in (*FORMS, *FORMS.values()) or verb in turn.act.subject.lower().split():
        is_doing = category.name in ("activity", "pose") and turn.act.subject
        return f"{turn.subject_phrase} is" if is_doing else "It is"
    return f"{turn.subject_phrase} is {FORMS.get(verb, verb)}"


def asked_for(turn: PhotoTurn, category: Category) -> str:
    """What was asked, as a part of a sentence: "what she is holding", "which shop it is"."""
    verb = next((FORMS.get(verb, verb) for verb in category.verbs if re.search(rf"\b{verb}\b", turn.text)), "")
    subject = turn.subject_phrase[0].lower() + turn.subject_phrase[1:]
    if verb in FORMS.values():
        return f"what {subject} is {verb}"
    if category.name == OBJECTS:
        return f"what {subject} is" if turn.subjects and ABOUT_IT.search(turn.text) else "that"
    return f"which {category.name} it is"
