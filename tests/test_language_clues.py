"""What it tells of a photo that a thing with one of COCO's names is in it."""

from deepseek_mm.language.categories import categories
from deepseek_mm.language.clues import clues, places_of_likely, places_of_name
from deepseek_mm.vision.detector.detector import NAMES


def named(places: tuple[int, ...]) -> set[str]:
    return {clues()[n].name for n in places}


def test_the_table_has_all_names_of_coco_in_their_order() -> None:
    assert tuple(clue.name for clue in clues()) == NAMES
    assert all(0 < clue.even < 1 for clue in clues())


def test_other_words_for_a_thing_lead_to_its_name() -> None:
    assert named(places_of_name("bikes")) == {"bicycle"}
    assert named(places_of_name("Motorbike")) == {"motorcycle"}
    assert named(places_of_name("van")) == {"car", "truck"}
    assert named(places_of_name("orange")) == {"orange"}  # its own name, though a fruit is like another
    assert named(places_of_name("violin")) == set()


def test_a_bat_speaks_for_baseball() -> None:
    assert named(places_of_likely("baseball")) >= {"baseball bat", "baseball glove"}
    assert named(places_of_likely("bedroom")) == {"bed"}


def test_most_of_what_is_likely_can_be_an_answer() -> None:
    members = {name.lower() for each in categories() for name in each.members}
    likely = {name for clue in clues() for name in clue.likely}
    assert len(likely & members) > 0.75 * len(likely)
