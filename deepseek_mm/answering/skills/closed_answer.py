"""Questions about one photo whose answers are few: yes or no, a count, a colour, a place, one of two that were said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp

from deepseek_mm.answering.closed_vqa import Decider, close_question
from deepseek_mm.answering.closer_look import PhotoPart, count_dressed, part_with_colour
from deepseek_mm.answering.grounder import Grounder
from deepseek_mm.answering.scene_programs import run_question
from deepseek_mm.answering.skills.open_answer import OpenSkill
from deepseek_mm.answering.skills.photo_turn import GUESSED, LIKELY, SAID, PhotoTurn, hedge
from deepseek_mm.answering.yes_no import UNSURE, opposite_asked, tell_people, tell_yes_no
from deepseek_mm.chance import log_odds
from deepseek_mm.language.parser import PhotoQuestion, PhotoQuestionKind, ThingPhrase, parse
from deepseek_mm.language.words import (
    ALWAYS_MANY,
    NUMBERS,
    PICTURES,
    PRONOUNS,
    RELATIONS,
    is_or_are,
    join_words,
    plural,
    with_article,
)
from deepseek_mm.retrieval.evidence import QuestionContext, at, lies, spot
from deepseek_mm.types import Claim, Draft, Evidence, Question, Verdict
from deepseek_mm.vision.colours import colours_of_thing
from index import Box, Region

THERE = re.compile(
    r"^(?:and |so |ok |but )*(?:is|are|was|were) there\b|^(?:can|do|could) (?:you|we|i|one) (?:see|spot|find)\b|\bany\b"
)
BE = r"(?:is|are|was|were|do|does|did|has|have|can|could|would|will|should|am)"
YES_NO = re.compile(rf"^(?:and |so |but |ok |please )*{BE}\b(?!.*\bor\b(?! not\b))")
RELATION = re.compile(r"\b(left|right|above|below|over|under|beneath|underneath|bigger|larger|smaller)\b")
HEAD = re.compile(r"^(?P<a>[\w' ]+) or (?P<b>[\w' ]+?)[:,]")
TAIL = re.compile(r" (?:there|here|now|(?:in|on) (?:this|that|the) (?:photo|picture|image))$")
ALTERNATIVES = re.compile(r"\b(?P<a>[\w' -]+?),? or (?P<b>[\w' -]+)$")
NAMED = 0.5  # score of a label from which its thing is what "it" means
COLOUR_RIGHT = 0.55  # how often the first colour measured in a box is what a person says
COLOUR_WEIGHT = 6.0  # log-odds that a thing's whole colour is worth beside the witnesses
COLOUR_TRUST = 0.85  # of the probability that both make, as it came out on questions of COCO
LEAST_TOLD = 0.001  # probability of a colour that no witness names
SECOND_COLOUR = 0.15  # share of a thing from which a colour is told beside the first
PLACE_RIGHT = 0.6  # how often a likeliest place is where a person says it is
HALF = 0.5
SIDES = frozenset(["left", "right", "top", "bottom"])
DRESSED_RIGHT = 0.5  # how often people are counted right by the colour that they wear
TOLD_SEVERAL = 0.4  # probability by the witnesses of two or more, from which a single box is not all there is
LIKENESS_WEIGHT, WITNESS_WEIGHT = 0.3, 0.5  # of the log-odds of an adjective beside its opposite, and of the witnesses'
LEADS = frozenset(["a", "an", "the", "in", "on", "at", "by", "with", "under"])  # words that an alternative begins with
COUNT_RIGHT = (0.5, 0.75, 0.7, 0.6, 0.5, 0.45)  # how often as many boxes are right; the last for more
SIDE = re.compile(r"\b(?:on|at) the (left|right|top|bottom)\b(?! of)")
MANY = 5  # from which a count of boxes is told as one, however unsure
DIGITS = re.compile(r"^\d+$")


class ClosedSkill:
    """Asks the witnesses of closed questions, and says what they settle."""

    def __init__(self, decider: Decider, grounder: Grounder) -> None:
        self.decider, self.grounder = decider, grounder

    def answer(self, turn: PhotoTurn, opened: OpenSkill) -> Draft | None:
        """Of a closed question; None of others."""
        act = turn.act
        if act.kind == "count" and act.form != "yes_no":
            return self.count(turn)
        if act.form == "yes_no" or YES_NO.match(turn.text):
            return self.yes_or_no(turn, opened)
        if act.attribute == "colour":
            return self.colour(turn)
        return None

    def yes_or_no(self, turn: PhotoTurn, opened: OpenSkill) -> Draft:
        """Yes or no, and nothing else."""
        things = things_asked_for(turn) or turn.subjects or turn.things
        exist = bool(THERE.search(turn.text)) and len(things) == 1
        verdict = self._settle(turn, "exist" if exist else "other", things[:1] if exist else things)
        verdict = self.grounder.weigh_boxes(things[0], turn.picture, verdict) if exist else verdict
        if verdict.answer.startswith("no ") and things:
            verdict = replace(verdict, answer="no")
            exist = True
        if not exist:
            verdict = weigh_opposite(turn, opened, verdict)
        pointed = self._point(turn, "exist", things[:1], verdict) if exist and verdict.answer == "yes" else turn
        text = (
            tell_presence(things[0], verdict)
            if exist
            else tell_yes_no(turn.text, turn.act.subject, verdict.answer, verdict.chance)
        )
        numbers = numbers_of(pointed, things[:1]) if exist else (turn.shot.whole,)
        return pointed.draft(Claim(text, numbers, verdict.chance), grounds="seen", verdict=verdict)

    def count(self, turn: PhotoTurn) -> Draft:
        """How many: as many as there are boxes of it, or what the witnesses settle on where there is none."""
        things = turn.subjects[:1] or turn.things[:1]
        name = things[0].phrase if things else "thing"
        asked = turn.act.text if "how many" in turn.text else f"how many {plural(name)} are there?"
        verdict = self._settle(turn, "count", things, asked)
        if dressed := count_dressed(turn.text, turn.picture):
            claim = Claim(tell_count(dressed, name, DRESSED_RIGHT), (turn.shot.whole,), DRESSED_RIGHT)
            return turn.draft(claim, grounds="seen")
        if things and not verdict.answer.startswith("no ") and (draft := self._count_boxes(turn, asked, verdict)):
            return draft
        number = NUMBERS.get(verdict.answer, verdict.answer)
        if not DIGITS.match(number):
            runner = verdict.runner_up if DIGITS.match(verdict.runner_up) else ""
            if verdict.answer.startswith("no ") or not runner:
                claim = Claim(f"I see no {name} in this photo", (turn.shot.whole,), verdict.chance)
                return turn.draft(claim, grounds="seen", verdict=verdict)
            number, verdict = runner, replace(verdict, chance=verdict.runner_chance)
        claim = Claim(tell_count(int(number), name, verdict.chance), (turn.shot.whole,), verdict.chance)
        return turn.draft(claim, grounds="seen", verdict=verdict)

    def _count_boxes(self, turn: PhotoTurn, asked: str, verdict: Verdict) -> Draft | None:
        """The boxes of the thing, all of them cited; of those that lie so to another thing, where that is asked."""
        things = turn.things if RELATION.search(turn.text) else turn.things[:1]
        program = PhotoQuestion(kind="count", text=asked, things=things)
        pointed = turn.with_parts(self._parts(turn, program, verdict))
        boxes = pointed.shot.parts_with_colour(things[0])
        worked = run_question(asked, pointed.shot.regions, verdict.answer, least=turn.shot.min_label)
        told = NUMBERS.get(verdict.answer, verdict.answer)
        several = DIGITS.match(told) and int(told) > 1 and verdict.chance >= TOLD_SEVERAL
        if not boxes or (len(boxes) == 1 and several):  # who asks how many mostly sees several
            return None
        beside = len(things) > 1 and bool(pointed.shot.parts_with_colour(things[1]))
        if not beside:
            boxes = [box for box in boxes if lies_on_side(box, turn.text)] or boxes
        count = int(worked.answer) if worked and beside and DIGITS.match(worked.answer) else len(boxes)
        chance = max(
            COUNT_RIGHT[min(count, len(COUNT_RIGHT) - 1)], verdict.chance if verdict.answer == str(count) else 0
        )
        numbers = tuple(dict.fromkeys(pointed.shot.number(box) for box in boxes))
        many = count >= MANY and chance < LIKELY
        text = f"I count {count} {plural(things[0].phrase)}, perhaps not all of them" if many else ""
        claim = Claim(text or tell_count(count, things[0].phrase, chance), numbers, chance)
        worked = run_question(asked, pointed.shot.regions, str(count), least=turn.shot.min_label)
        counted = settle_on(verdict, str(count), chance)
        return replace(pointed.draft(claim, grounds="seen", verdict=counted), worked=worked)

    def colour(self, turn: PhotoTurn) -> Draft:
        """Of a thing, by the witnesses and by what is measured in its box; or of the whole picture."""
        things = turn.subjects[:1] or main_thing(turn)
        part = part_with_colour(turn.act.subject.lower(), turn.text, turn.picture.detections)
        if not things and part is not None and turn.act.subject.strip():
            return self._measured_colour(turn, part)
        if not things or things[0].name in PICTURES:
            colours = join_words(list(turn.shot.regions[0].colours)) or "not clear"
            claim = Claim(f"The main colours in this photo are {colours}", (turn.shot.whole,), COLOUR_RIGHT)
            return turn.draft(claim, grounds="measured")
        verdict = self._settle(turn, "colour", things)
        if verdict.answer.startswith("no ") and part is None:
            return turn.draft(
                Claim(f"I see {verdict.answer} in this photo", (turn.shot.whole,), verdict.chance), grounds="seen"
            )
        pointed = self._point(turn, "colour", things, verdict)
        many = "colours" in turn.text or "colors" in turn.text
        if part is not None:
            measured_shares = colours_of_thing(turn.picture.image, part.share, has_ground=part.has_ground)
            colours, chance = weigh_colours(verdict, measured_shares, many=many)
        else:
            measured = [colour for region in pointed.shot.parts(things[0])[:1] for colour in region.colours]
            colours, chance = join_colours(verdict, measured, many=many)
        lead = f"The {things[0].phrase} {is_or_are(things[0].phrase)}"
        numbers = numbers_of(pointed, things)
        return pointed.draft(Claim(hedge(colours, chance, lead=lead), numbers, chance), grounds="seen", verdict=verdict)

    def _measured_colour(self, turn: PhotoTurn, part: PhotoPart) -> Draft:
        """Of a part that no witness knows a word for: "her top"."""
        measured = colours_of_thing(turn.picture.image, part.share, has_ground=part.has_ground)
        lead = f"{turn.subject_phrase} is"
        best = next(iter(measured))
        return turn.draft(
            Claim(hedge(best, COLOUR_RIGHT, lead=lead), (turn.shot.whole,), COLOUR_RIGHT), grounds="measured"
        )

    def relate(self, turn: PhotoTurn) -> Draft | None:
        """How two things lie to each other; None where that is not asked."""
        if not RELATION.search(turn.text) or len(turn.things) < 2 or turn.act.kind == "count":
            return None
        one, other = turn.things[:2]
        if {one.name, other.name} & SIDES:  # "the man on the right": says which one is meant
            return None
        program = PhotoQuestion(kind="compare", text=turn.act.text, things=(one, other))
        pointed = turn.with_parts(self._parts(turn, program, None))
        boxes = [(pointed.shot.parts_with_colour(thing) or pointed.shot.parts(thing))[:1] for thing in (one, other)]
        missing = [thing.phrase for thing, found in zip((one, other), boxes, strict=True) if not found]
        if missing:
            return turn.refuse(f"I cannot tell how they lie: I cannot find the {' or the '.join(missing)} here", 0.5)
        size = {"width": turn.shot.source.width_px, "height": turn.shot.source.height_px}
        asked = [RELATIONS[word] for word in RELATION.findall(turn.text)]
        a, b = boxes[0][0].box_px, boxes[1][0].box_px
        holding = next((relation for relation in opposites(asked) if lies(a, relation, b, **size)), "")
        holding = holding or nearly_holding(asked, boxes[0][0].box_px, boxes[1][0].box_px)
        numbers = numbers_of(pointed, (one, other))
        if not holding:
            claim = Claim(f"Neither: the {one.phrase} and the {other.phrase} are too close to tell", numbers, 0.5)
            return pointed.draft(claim, grounds="seen")
        wording = {"left": "to the left of", "right": "to the right of"}.get(
            holding, f"{holding} than" if holding in ("bigger", "smaller") else holding
        )
        both = len(set(asked)) > 1 or turn.act.form != "yes_no"
        lead = "The" if both else "Yes, the" if holding in asked else "No, the"
        chance = 0.65
        said = "yes" if holding in asked else "no"
        worked = run_question(turn.act.text, pointed.shot.regions, said, least=turn.shot.min_label)
        claim = Claim(f"{lead} {one.phrase} is {wording} the {other.phrase}", numbers, chance)
        return replace(pointed.draft(claim, grounds="seen"), worked=worked)

    def choose(self, turn: PhotoTurn, opened: OpenSkill) -> Draft | None:
        """One of the alternatives that the question says; None where it says none."""
        if people := tell_people(turn.text, turn.picture.detections):
            return turn.draft(Claim(people[0], (turn.shot.whole,), people[1]), grounds="seen")
        options = alternatives(turn.text)
        if len(options) < 2 or (RELATION.search(turn.text) and len(turn.things) > 1):
            return None
        chances = opened.weigh_options(turn, options)
        best = max(options, key=lambda option: chances[option])
        claim = Claim(tell_option(best, chances[best]), (turn.shot.whole,), chances[best])
        return turn.draft(claim, grounds="seen")

    def _settle(
        self, turn: PhotoTurn, kind: PhotoQuestionKind, things: Sequence[ThingPhrase], text: str = ""
    ) -> Verdict:
        """As the witnesses do."""
        program = PhotoQuestion(kind=kind, text=text or turn.act.text, things=tuple(things))
        verdict = self.decider.decide_many([(program, turn.picture)])[0]
        if verdict.heat:
            asked = close_question(program)
            turn.note_look(asked.text, asked.things, verdict.heat)
        return verdict

    def _point(
        self, turn: PhotoTurn, kind: PhotoQuestionKind, things: Sequence[ThingPhrase], verdict: Verdict
    ) -> PhotoTurn:
        program = PhotoQuestion(kind=kind, text=turn.act.text, things=tuple(things))
        return turn.with_parts(self._parts(turn, program, verdict))

    def _parts(self, turn: PhotoTurn, program: PhotoQuestion, verdict: Verdict | None) -> list[Evidence]:
        case = QuestionContext(question=Question(text=turn.act.text), program=program, verdict=verdict)
        return self.grounder.point(case, turn.picture, turn.evidence)

    def locate(self, turn: PhotoTurn, opened: OpenSkill) -> Draft | None:
        """On or in what something is, and where in the photo; None of acts that ask no place."""
        asks = turn.act.kind == "locate" or turn.act.attribute in ("place", "position") or turn.text.startswith("where")
        if not asks or turn.act.form == "yes_no":
            return None
        things = turn.subjects[:1]
        program = PhotoQuestion(kind="where", text=turn.act.text, things=things)
        pointed = turn.with_parts(self._parts(turn, program, None)) if things else turn
        parts = pointed.shot.parts_with_colour(things[0])[:1] if things else []
        numbers = numbers_of(pointed, things)
        claims = [
            Claim(
                f"{pointed.subject_phrase} {is_or_are(things[0].phrase)} {at(spot(part))} of the photo",
                numbers,
                PLACE_RIGHT,
            )
            for part in parts
        ]
        told = opened.tell_where(pointed)
        if told and (told.certainty >= GUESSED or not claims):
            told = replace(told, numbers=numbers) if parts else told
            claims.insert(0 if told.certainty >= LIKELY else len(claims), told)
        return pointed.draft(*claims, grounds="seen") if claims else None


def settle_on(verdict: Verdict, answer: str, chance: float) -> Verdict:
    """The verdict with another answer, beside which the one of the witnesses is the next."""
    if answer == verdict.answer:
        return replace(verdict, chance=chance)
    return replace(
        verdict, answer=answer, chance=chance, runner_up=verdict.answer, runner_chance=min(verdict.chance, 1 - chance)
    )


def things_asked_for(turn: PhotoTurn) -> tuple[ThingPhrase, ...]:
    """The things that a question asks for that is no more than whether they are there."""
    program = parse(turn.act.text)
    return program.things if program.kind == "exist" and THERE.search(turn.text) else ()


def lies_on_side(box: Region, text: str) -> bool:
    """Does its middle lie in the third of the photo that the question speaks of, if it does?"""
    side = SIDE.search(text)
    where = spot(box).split()
    return side is None or side[1] in where


def tell_count(count: int, name: str, chance: float) -> str:
    """I count three cups; I think I see three cups; Perhaps three cups."""
    many = f"{count} {plural(name)}" if count != 1 else count_one(name)
    if chance >= SAID:
        return f"I count {many}"
    return f"I think I see {many}" if chance >= LIKELY else f"Perhaps {many}, but I am not sure"


def count_one(name: str) -> str:
    """1 cup; 1 pair of scissors; 1 glass, since who counts glasses mostly means those on a table."""
    if name == "glasses":
        return "1 glass"
    return f"1 pair of {name}" if name in ALWAYS_MANY else f"1 {name}"


def numbers_of(turn: PhotoTurn, things: Sequence[ThingPhrase]) -> tuple[int, ...]:
    """Of the boxes that show the things, or of the photo."""
    boxes = [(turn.shot.parts_with_colour(thing) or turn.shot.parts(thing))[:1] for thing in things]
    found = tuple(dict.fromkeys(turn.shot.number(box[0]) for box in boxes if box))
    return found or (turn.shot.whole,)


def main_thing(turn: PhotoTurn) -> tuple[ThingPhrase, ...]:
    """What "it" means where nothing was spoken of before: the surest thing of the photo."""
    if turn.act.subject.lower() not in PRONOUNS:
        return ()
    return tuple(ThingPhrase(label.name, label.name) for label, _ in turn.shot.labels() if label.score >= NAMED)[:1]


def tell_presence(thing: ThingPhrase, verdict: Verdict) -> str:
    """Yes, there is a dog in this photo."""
    doubt = "" if verdict.chance >= SAID else "probably " if verdict.chance >= UNSURE else "perhaps "
    if verdict.answer == "yes":
        return f"Yes, there {is_or_are(thing.phrase)} {doubt}{with_article(thing.phrase)} in this photo"
    return f"No, there {is_or_are(thing.phrase)} {doubt}no {thing.phrase} in this photo"


def join_colours(verdict: Verdict, measured: Sequence[str], *, many: bool) -> tuple[str, float]:
    """The colour that the witnesses settle on, with what else is measured where several are asked for or they doubt."""
    if many and len(measured) > 1:
        first = [verdict.answer] if verdict.answer in measured else []
        named = list(dict.fromkeys([*first, *measured]))[:2]
        return " and ".join(named), COLOUR_RIGHT * COLOUR_RIGHT
    if verdict.chance < LIKELY and measured and verdict.answer not in measured:
        return (measured[0], COLOUR_RIGHT - 0.1)
    return verdict.answer, max(verdict.chance, COLOUR_RIGHT) if verdict.answer in measured[:1] else verdict.chance


def weigh_opposite(turn: PhotoTurn, opened: OpenSkill, verdict: Verdict) -> Verdict:
    """With what the photo looks like more, the adjective that is asked for or its opposite, where it has one."""
    pair = opposite_asked(turn.text)
    if pair is None or verdict.answer not in ("yes", "no"):
        return verdict
    name = turn.subjects[0].phrase if turn.subjects else "thing"
    chances = opened.weigh_options(turn, [f"{word} {name}" for word in pair])
    odds = LIKENESS_WEIGHT * log_odds(chances[f"{pair[0]} {name}"]) + WITNESS_WEIGHT * log_odds(verdict.chance_of_yes)
    chance_yes = 1 / (1 + exp(-odds))
    return replace(verdict, answer="yes" if chance_yes >= HALF else "no", chance=max(chance_yes, 1 - chance_yes))


def weigh_colours(verdict: Verdict, measured: Mapping[str, float], *, many: bool) -> tuple[str, float]:
    """The likeliest colour by what the witnesses say and what is measured of the thing, with its probability."""
    rest = max(0.0, 1 - verdict.chance - verdict.runner_chance) / len(measured)
    told = {verdict.runner_up: verdict.runner_chance, verdict.answer: verdict.chance}
    odds = {
        name: max(told.get(name, rest), LEAST_TOLD) * exp(COLOUR_WEIGHT * max(share, -SECOND_COLOUR))
        for name, share in measured.items()
    }
    best, second, *_ = sorted(odds, key=lambda name: -odds[name])
    chance = COLOUR_TRUST * odds[best] / sum(odds.values())
    if many and measured[second] >= SECOND_COLOUR:
        return f"{best} and {second}", COLOUR_TRUST * (odds[best] + odds[second]) / sum(odds.values())
    return best, chance


def nearly_holding(asked: Sequence[str], one: Box, other: Box) -> str:
    """Of left and right, or above and below, which were both asked for, the one that holds however little."""
    for place, pair in enumerate((("left", "right"), ("above", "below"))):
        if set(pair) <= set(asked):
            return pair[one[place] + one[place + 2] > other[place] + other[place + 2]]
    return ""


def opposites(asked: Sequence[str]) -> list[str]:
    """The relations that are asked for, and what holds where they do not."""
    pairs = (("left", "right"), ("above", "below"), ("bigger", "smaller"))
    return [each for pair in pairs if set(pair) & set(asked) for each in pair]


def alternatives(text: str) -> list[str]:
    """The two things that a question puts to choice: "at home or on a plane", "left or right: which way ..."."""
    head = HEAD.match(text)
    if head:
        return [strip_words(head["a"]), strip_words(head["b"])]
    match = ALTERNATIVES.search(TAIL.sub("", text))
    if not match or re.search(r"\bor not$", text):
        return []
    last, before = strip_words(match["b"]), match["a"].split()
    starts = [n for n, word in enumerate(before) if begins_alike(word, last.split()[0])]
    alike = len(last.split()) if before[-1] == last.split()[-1] else 1  # "passenger train or goods train"
    first = " ".join(before[starts[-1] if starts else -alike :])
    return [strip_words(first), last]


def begins_alike(word: str, other: str) -> bool:
    """May two alternatives begin with these words? "a" and "the", "at" and "on", "sitting" and "lying"."""
    both_do = word.endswith("ing") and other.endswith("ing")
    return word == other or both_do or (word in LEADS and other in LEADS)


def strip_words(phrase: str) -> str:
    """Without what joins it to the question."""
    return re.sub(r"^(?:and|so|but|is it|is this|are they|either|more|rather)\s+", "", phrase.strip(" ,"))


def tell_option(option: str, chance: float) -> str:
    """Begins with what is chosen."""
    start = option[0].upper() + option[1:]
    if chance >= SAID:
        return start
    return f"{start}, probably" if chance >= UNSURE else f"{start}, I would guess, but I am not sure"
