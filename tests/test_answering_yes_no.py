"""Yes and no about a photo, in sentences that say what they affirm or deny."""

import numpy as np
import pytest

from deepseek_mm.answering.yes_no import opposite_asked, tell_people, tell_yes_no
from deepseek_mm.vision.detector.detector import NAMES, Detection, Detections


def people(*scores: float) -> Detections:
    boxes = []
    for n, score in enumerate(scores):
        chances_C = np.full(len(NAMES), 0.01, np.float32)
        chances_C[0] = score
        boxes.append(Detection(box=(n / 10, 0.1, n / 10 + 0.1, 0.9), chances_C=chances_C))
    return Detections(boxes=tuple(boxes), most_C=np.full(len(NAMES), max(scores, default=0.01), np.float32))


def told(text: str, *scores: float) -> str:
    found = tell_people(text, people(*scores))
    return found[0] if found else ""


def test_nobody_is_there_where_no_box_shows_anybody() -> None:
    assert told("is anybody sitting at the table", 0.1) == "No, I see nobody in this photo"
    assert told("is anyone there") == "No, I see nobody in this photo"
    assert told("is anyone there", 0.8) == "Yes, I see somebody in this photo"
    assert told("is anyone in the photo", 0.8, 0.6) == "Yes, I see 2 people in this photo"


def test_what_somebody_does_is_left_to_others_where_somebody_is_there() -> None:
    assert told("is anybody sitting at the table", 0.8) == ""
    assert told("is the door open", 0.1) == ""
    assert tell_people("is anyone there", None) is None


def test_who_is_alone_is_counted() -> None:
    assert told("is he all alone there", 0.8, 0.7) == "No, I see 2 people"
    assert told("is he all alone there", 0.8, 0.1) == "Yes, I see nobody else in this photo"


def test_many_people_or_a_few_are_counted() -> None:
    assert told("are there many people or just a few", 0.8, 0.7) == "A few: I see 2 people"
    assert told("are there many people or just a few", *[0.6] * 6) == "Many: I see 6 people"
    assert told("are there many people or just a few") == ""


@pytest.mark.parametrize(
    ("text", "subject", "answer", "chance", "sentence"),
    [
        ("is the door open", "the door", "no", 0.9, "No, the door is not open"),
        ("is the door open", "the door", "yes", 0.7, "Yes, the door is probably open"),
        ("and is he smiling", "he", "yes", 0.9, "Yes, he is smiling"),
        ("does he wear glasses", "", "no", 0.7, "No, he probably does not"),
        ("could a vegetarian eat this", "this", "no", 0.9, "No"),
        ("could a vegetarian eat this", "this", "yes", 0.7, "Yes, probably"),
        ("could a vegetarian eat this", "this", "no", 0.5, "No, I would guess, but I am not sure"),
    ],
)
def test_the_sentence_says_what_it_affirms(text: str, subject: str, answer: str, chance: float, sentence: str) -> None:
    assert tell_yes_no(text, subject, answer, chance) == sentence


def test_adjectives_have_opposites() -> None:
    assert opposite_asked("is the door open") == ("open", "closed")
    assert opposite_asked("is the door closed") == ("closed", "open")
    assert opposite_asked("is it a cat") is None
