"""Each act about one photo goes to whoever knows that sort of question, and every act gets an answer."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from photo_turns import line, region, turn_of
from PIL import Image

from deepseek_mm.answering.skills.description import describe_photo
from deepseek_mm.answering.skills.look import PhotoSkill
from deepseek_mm.answering.skills.open_answer import (
    OpenSkill,
    add_written,
    asked_for,
    category_of,
    category_with,
    is_several,
    tell_label,
    tell_member,
)
from deepseek_mm.answering.skills.photo_turn import PhotoTurn
from deepseek_mm.config import Config
from deepseek_mm.embeddings.space import Floats, ImageEmbedding, unit
from deepseek_mm.language.categories import category_named
from deepseek_mm.types import Draft, Evidence, Verdict
from deepseek_mm.vision.ocr import TextBlock

WORDS = ("baseball", "surfboard", "bakery", "beach", "cooking")


class WordSpace:
    """A space with an axis for each of a few words, and one for all others; every picture is of one word."""

    name, dim, fingerprint = "words", len(WORDS) + 1, "w"

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        rows = [[3.0 * (word in text) for word in WORDS] + [1.0] for text in texts]
        return unit(np.array(rows, np.float32))

    def look_many(self, images: Sequence[Image.Image]) -> Iterator[ImageEmbedding]:
        for _ in images:
            vector_D = self.embed_texts([self.shown])[0] * 20
            yield ImageEmbedding(vector_D=vector_D, grid_HWD=np.tile(vector_D, (3, 3, 1)))


class WordVocabulary:
    """Nothing fitted, nothing kept."""

    calibration, folder = None, None


class WordEyes:
    """Eyes without a reader, that see one word."""

    reader, describer, vocabulary = None, None, WordVocabulary()

    def __init__(self, shown: str) -> None:
        self.space = WordSpace(shown)

    def labels(self, picture: object) -> tuple[()]:
        return ()

    def kind(self, picture: object) -> None:
        """Of no kind."""

    def add_detections(self, pictures: object) -> None:
        """Finds nothing."""


class WordDecider:
    """Says yes to everything."""

    def __init__(self, shown: str) -> None:
        self.eyes = WordEyes(shown)

    def decide_many(self, asked: Sequence[object]) -> list[Verdict]:
        return [Verdict(answer="yes", chance=0.9, outcome="sure") for _ in asked]


class StillGrounder:
    """Points at nothing new."""

    def point(self, case: object, picture: object, evidence: Sequence[Evidence]) -> list[Evidence]:
        return list(evidence)


class LineReader:
    """Reads the lines that it was given."""

    def __init__(self, *lines: TextBlock) -> None:
        self.lines, self.times = lines, 0

    def lines_closely(self, image: Image.Image, lexicon: object) -> list[TextBlock]:
        self.times += 1
        return list(self.lines)


NOISY = Image.fromarray(
    np.kron(np.random.default_rng(3).integers(0, 255, (16, 16, 3), np.uint8), np.ones((8, 8, 1))).astype(np.uint8)
)


def answer(text: str, *, shown: str = "", lines: tuple[TextBlock, ...] = (), **act: str) -> Draft:
    turn = turn_of(text, image=NOISY, **act)
    skill = PhotoSkill(WordDecider(shown), StillGrounder(), Config(), reader=LineReader(*lines))  # type: ignore[arg-type]
    return skill.answer(turn.act, turn.picture, turn.evidence)


def test_a_kind_of_thing_is_answered_with_a_member_of_its_category() -> None:
    assert "baseball" in answer("which sport is this", shown="baseball", attribute="kind").claims[0].text
    assert "surfboard" in answer("what does she carry", shown="surfboard", subject="she").claims[0].text


def test_a_place_is_told_as_on_or_in_something() -> None:
    told = answer("where is she?", shown="beach", kind="locate", subject="she").claims[0].text
    assert "on the beach" in told


@pytest.mark.parametrize(
    ("text", "act", "begins"),
    [
        ("is it raining?", {"form": "yes_no"}, "Yes"),
        ("how old is he?", {"attribute": "age"}, "A photo does not tell"),
        ("what does it say?", {"kind": "read"}, "It says"),
        ("is the picture in color?", {"form": "yes_no"}, "Yes, the picture"),
        ("describe it", {"kind": "describe"}, "This photo shows"),
    ],
)
def test_each_sort_of_question_is_answered_in_its_own_way(text: str, act: dict[str, str], begins: str) -> None:
    draft = answer(text, lines=(line("STOP"),), **act)
    assert draft.claims[0].text.startswith(begins)
    assert 0 < draft.chance <= 1


@pytest.mark.parametrize(
    ("text", "act", "unasked"),
    [
        ("what's it lying on?", {"kind": "read", "attribute": "text"}, "STOP"),
        ("what's the name of the player", {"kind": "read", "attribute": "text"}, "STOP"),
        ("what time is it on this clock", {"kind": "unsupported", "attribute": "time"}, "night"),
    ],
)
def test_nothing_is_read_where_nothing_written_is_asked_for(text: str, act: dict[str, str], unasked: str) -> None:
    draft = answer(text, lines=(line("STOP"),), **act)
    assert unasked not in draft.claims[0].text


def test_scenery_is_no_thing_unless_the_background_is_asked_for() -> None:
    opened = OpenSkill(WordEyes("beach"))  # type: ignore[arg-type]
    assert "beach" not in weighed(opened, turn_of("what is that black thing?", image=NOISY))
    assert "beach" in weighed(opened, turn_of("what is in the background?", image=NOISY))


def test_an_animal_does_not_ride_itself() -> None:
    opened = OpenSkill(WordEyes("elephant"))  # type: ignore[arg-type]
    turn = turn_of("what are the elephants doing?", image=NOISY, attribute="activity", subject="the elephants")
    assert "riding an elephant" not in weighed(opened, turn)
    assert "riding an elephant" in weighed(opened, turn_of("what is she doing?", image=NOISY, attribute="activity"))


def test_people_are_not_what_somebody_stands_beside() -> None:
    opened = OpenSkill(WordEyes("beach"))  # type: ignore[arg-type]
    assert "man" not in weighed(opened, turn_of("what is next to him?", image=NOISY))
    assert "man" in weighed(opened, turn_of("what is next to the tree?", image=NOISY))


def test_a_blank_picture_is_refused_whatever_is_asked() -> None:
    turn = turn_of("which sport is this")
    skill = PhotoSkill(WordDecider(""), StillGrounder(), Config())  # type: ignore[arg-type]
    draft = skill.answer(turn.act, turn.picture, turn.evidence)
    assert draft.refused
    assert "blank" in draft.claims[0].text


def test_writing_is_read_once_for_all_questions_about_a_photo() -> None:
    turn, reader = turn_of("what does it say?", image=NOISY, kind="read"), LineReader(line("STOP"))
    skill = PhotoSkill(WordDecider(""), StillGrounder(), Config(), reader=reader)  # type: ignore[arg-type]
    for _ in range(3):
        skill.answer(turn.act, turn.picture, turn.evidence)
    assert reader.times == 1


def test_a_name_that_is_written_there_is_much_likelier() -> None:
    chances = add_written({"bank": 0.6, "cake shop": 0.01}, [line("CAKESHOP")])
    assert next(iter(chances)) == "cake shop"
    assert abs(sum(chances.values()) - 1) < 1e-6
    assert add_written({"bank": 0.6}, [line("OPEN")]) == {"bank": 0.6}


def test_the_attribute_of_an_act_names_its_category_where_the_words_do_not() -> None:
    assert category_of(turn_of("and now?", attribute="season")).name == "season"
    assert category_of(turn_of("hm")).name == "object"


def test_what_cannot_be_told_is_named_in_the_words_of_the_question() -> None:
    def cannot(text: str, **act: str) -> str:
        turn = turn_of(text, **act)
        return asked_for(turn, category_of(turn))

    assert cannot("what's she holding?", subject="she") == "what she is holding"
    assert cannot("what kind of shop is it") == "which shop it is"
    assert cannot("and the green thing?", subject="green thing") == "what the green thing is"
    assert cannot("and that?", subject="that") == "that"


def test_a_word_of_the_question_is_never_its_answer() -> None:
    turn = turn_of("what baseball sport is this?", image=NOISY)
    opened = OpenSkill(WordEyes("baseball"))  # type: ignore[arg-type]
    turn.picture.features = None
    assert "baseball" not in weighed(opened, turn)


def weighed(opened: OpenSkill, turn: PhotoTurn) -> list[str]:
    """Members in the order of their chances."""
    from deepseek_mm.vision.pipeline import add_features

    list(add_features(opened.eyes.space, [turn.picture]))
    return list(opened.weigh_members(turn, category_of(turn)))


def test_a_description_counts_people_and_says_where_they_are() -> None:
    class AtTheBeach:
        eyes = WordEyes("dog")

        def likeliest_place(self, turn: PhotoTurn) -> tuple[str, float]:
            return "on the beach", 0.6

    parts = (region("person", (0, 0, 50, 90)), region("person", (60, 0, 110, 90)), region("dog", (120, 50, 180, 90)))
    draft = describe_photo(turn_of("describe it", *parts, kind="describe"), AtTheBeach(), [line("OPEN")])  # type: ignore[arg-type]
    assert draft.claims[0].text == "This photo shows two people and a dog, probably on the beach"
    assert draft.claims[1].text == 'It says: "OPEN"'


@pytest.mark.parametrize(
    ("asked", "label", "told"),
    [
        ("What is this?", ("cup", 0.9), "It is a cup"),
        ("what are these?", ("apple", 0.95), "They are apples"),
        ("what is this?", ("cup", 0.6), None),
        ("what is this?", ("grass", 0.9), None),
        ("what is this used for?", ("cup", 0.9), None),
    ],
)
def test_what_a_photo_is_surely_called_answers_what_it_is_and_nothing_else(asked, label, told):
    name, score = label
    draft = tell_label(turn_of(asked, region(name, (10, 10, 90, 90), score=score)))
    assert (draft and draft.claims[0].text) == told
    assert draft is None or draft.claims[0].numbers == (2,)


@pytest.mark.parametrize(
    ("asked", "label", "least", "told"),
    [
        ("what animal is it", ("otter", 0.7), 0.3, "It is probably an otter"),
        ("what animal is it", ("otter", 0.7), 0.65, None),  # another member is likelier
        ("what animal is it", ("otter", 0.4), 0.1, None),
        ("what animal is it", ("cup", 0.9), 0.1, None),
        ("what kind of fish is it", ("fish", 0.9), 0.1, None),  # that was said in the question
    ],
)
def test_a_label_of_the_kind_that_is_asked_for_answers_where_it_is_surer(asked, label, least, told):
    name, score = label
    turn = turn_of(asked, region(name, (10, 10, 90, 90), score=score))
    category = category_named("animal")
    assert category is not None
    draft = tell_member(turn, category, least=least)
    assert (draft.claims[0].text if draft else None) == told


def test_a_kind_without_a_category_is_looked_for_in_the_one_that_has_several_of_it():
    category = category_with("what kind of fish is it")
    assert category is not None
    assert category.name == "animal"
    assert category_with("what is it") is None


def test_several_are_they():
    assert is_several("bananas")
    assert not any(is_several(told) for told in ("a banana", "the United States", "tennis"))
