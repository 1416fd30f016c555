"""Names of people, and which of them need certainty."""

from deepseek_mm.vision.people import EASILY_MISTAKEN, PEOPLE, PERSON, may_be_said
from deepseek_mm.vision.vocabulary import read_names


def test_a_person_and_what_is_easily_mistaken_for_one_another_are_people():
    assert PERSON in PEOPLE
    assert EASILY_MISTAKEN < PEOPLE


def test_the_vocabulary_names_people_by_words_of_the_list_only():
    people = read_names()[: read_names().index("face")]  # the first block of labels.txt
    assert set(people) <= PEOPLE


def test_a_man_is_said_only_when_nearly_certain_and_a_climber_at_once():
    assert may_be_said("climber", 0.6)
    assert not may_be_said("man", 0.96)
    assert may_be_said("man", 0.98)
