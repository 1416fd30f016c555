"""What is certain, worked out by hand on painted evidence: a photo of 300 x 300 with boxes in known ninths."""

from dataclasses import replace
from datetime import datetime

import pytest
from rag_house import photo_of

from deepseek_mm.answering.claims import build_claims, nothing
from deepseek_mm.answering.composer import SHAPES
from deepseek_mm.config import Config
from deepseek_mm.language.parser import parse
from deepseek_mm.retrieval.evidence import at, lies, overlap, position, shots_of

TOP_LEFT, CENTRE, RIGHT = (0, 0, 100, 100), (110, 110, 190, 190), (200, 100, 300, 200)
DOG = ("dog", CENTRE, "black white", 0.93)
CUP = ("cup", TOP_LEFT, "red", 0.9)
LAPTOP = ("laptop", RIGHT, "grey", 0.95)


def answers(question, evidence, *, library=False):
    """The claims as sentences."""
    program = replace(parse(question), library=library)
    return [claim.sentence for claim in build_claims(program, evidence, Config())]


def test_a_thing_with_a_box_is_confirmed_at_that_box():
    assert answers("is there a dog?", photo_of(CUP, DOG)) == ["Yes, there is a dog in this photo [3]."]


def test_a_thing_that_is_only_likely_is_said_to_be_probable():
    assert answers("is there a dog?", photo_of(presence=[("dog", 0.6)])) == [
        "Yes, there is probably a dog in this photo [1]."
    ]


def test_a_thing_that_nothing_shows_is_denied_for_the_whole_photo():
    evidence = photo_of(CUP, presence=[("dog", 0.1)])
    (claim,) = build_claims(parse("is there a dog?"), evidence, Config())
    assert claim.sentence == "No, I see no dog in this photo [1]."
    assert claim.certainty == pytest.approx(0.9)


def test_one_answer_is_given_for_each_thing_that_was_asked_for():
    assert answers("is there a dog and a horse?", photo_of(DOG)) == [
        "Yes, there is a dog in this photo [2].",
        "No, I see no horse in this photo [1].",
    ]


def test_a_kind_of_thing_is_confirmed_by_one_of_its_members():
    assert answers("is there an animal?", photo_of(DOG)) == ["Yes, there is an animal in this photo [2]."]


def test_the_wrong_colour_is_denied_and_the_right_one_named():
    assert answers("is there a blue cup?", photo_of(CUP)) == [
        "No, I see no blue cup in this photo, but a cup that looks red [2]."
    ]
    assert answers("is there a red cup?", photo_of(CUP)) == ["Yes, there is a red cup in this photo [2]."]


def test_a_count_is_of_boxes_and_says_that_there_could_be_more():
    two = photo_of(DOG, ("dog", TOP_LEFT, "brown", 0.9))
    assert answers("how many dogs are there?", two) == [
        "I can point at 2 dogs in this photo, and there could be more [2][3]."
    ]


def test_boxes_that_nearly_coincide_are_counted_once():
    twice = photo_of(DOG, ("dog", (112, 110, 190, 190), "black", 0.8))
    assert answers("how many dogs are there?", twice) == [
        "I can point at 1 dog in this photo, and there could be more [2]."
    ]


def test_a_thing_without_a_box_is_not_counted():
    assert answers("how many dogs are there?", photo_of(presence=[("dog", 0.9)])) == [
        "There is at least 1 dog in this photo, but I cannot count them [1]."
    ]
    assert answers("how many dogs are there?", photo_of(CUP)) == ["I see no dog in this photo [1]."]


def test_the_colour_of_a_thing_is_the_colour_of_its_box():
    assert answers("what colour is the dog?", photo_of(DOG)) == ["The dog looks black and white [2]."]
    assert answers("is the dog black?", photo_of(DOG)) == ["Yes, the dog looks black and white [2]."]
    assert answers("is the dog red?", photo_of(DOG)) == ["No, the dog looks black and white [2]."]


def test_without_a_thing_the_colours_are_those_of_the_whole_photo():
    assert answers("what are the main colours?", photo_of(DOG)) == [
        "The main colours in this photo are blue and white [1]."
    ]


def test_a_position_is_the_ninth_in_which_the_box_is_centred():
    assert answers("where is the cup?", photo_of(CUP)) == ["The cup is at the top left of this photo [2]."]
    assert answers("is the laptop on the left?", photo_of(LAPTOP)) == [
        "No, the laptop is on the right of this photo [2]."
    ]


def test_a_thing_that_is_there_without_a_box_has_no_place():
    assert answers("where is the dog?", photo_of(presence=[("dog", 0.9)])) == [
        "There is a dog in this photo, but I cannot point at it, so I cannot tell where it is [1]."
    ]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("is the cup left of the laptop?", "Yes, the cup is to the left of the laptop [2][3]."),
        ("is the cup right of the laptop?", "No, the cup is to the left of the laptop [2][3]."),
        ("is the laptop below the cup?", "Yes, the laptop is below the cup [3][2]."),
        ("is the cup bigger than the laptop?", "The cup and the laptop are too alike to tell in this photo [2][3]."),
        ("is the cup left of the dog?", "I see no dog in this photo [1]."),
    ],
)
def test_two_boxes_are_compared_as_they_lie(question, answer):
    assert answers(question, photo_of(CUP, LAPTOP)) == [answer]


def test_date_and_place_are_what_the_camera_wrote():
    evidence = photo_of(taken_at=datetime(2019, 5, 3, 14, 5), latitude=48.8584, longitude=-2.2945)
    assert answers("when was this taken?", evidence) == ["This photo was taken on 3 May 2019 at 14:05 [1]."]
    assert answers("where was this taken?", evidence) == [
        "This photo was taken at 48.8584 degrees north, 2.2945 degrees west [1]."  # at sea
    ]
    near = photo_of(latitude=43.7228, longitude=10.3964)
    assert answers("where was this taken?", near) == ["This photo was taken in or near Pisa, Italy [1]."]


def test_a_file_without_a_date_says_so():
    assert answers("when was this taken?", photo_of()) == ["This photo does not say when it was taken [1]."]
    assert answers("where was this taken?", photo_of()) == ["This photo does not say where it was taken [1]."]


def test_a_file_is_named_and_measured():
    assert answers("what is this file called?", photo_of()) == ["This file is called beach.jpg [1]."]
    assert answers("how big is this photo?", photo_of()) == ["This photo is 300 x 300 pixels and 1.5 MB [1]."]


def test_a_description_names_places_and_dates_what_is_sure_before_what_is_likely():
    evidence = photo_of(DOG, labels=[("beach", 0.97), ("ball", 0.6)], taken_at=datetime(2019, 5, 3, 14, 5))
    assert answers("what is in this photo?", evidence) == [
        "This photo shows a beach and a dog [1][2].",
        "This photo probably also shows a ball [1].",
        "The dog is in the centre and looks black and white [2].",
        "It was taken on 3 May 2019 at 14:05 [1].",
    ]


def test_only_the_best_of_names_for_one_thing_is_said():
    evidence = photo_of(labels=[("dog", 0.9), ("puppy", 0.95), ("animal", 0.9)])
    assert answers("what is in this photo?", evidence) == ["This photo shows a puppy [1]."]


def test_a_photo_in_which_nothing_can_be_named_is_told_by_its_colours():
    assert answers("what is in this photo?", photo_of()) == [
        "I cannot name a thing in this photo for certain; its main colours are blue and white [1]."
    ]


def test_which_animal_it_is_comes_from_the_labels():
    assert answers("what animal is this?", photo_of(DOG, CUP)) == ["It is a dog [2]."]
    assert answers("what animal is this?", photo_of(CUP))[0] == "I cannot name the animal in this photo [1]."


def test_a_free_question_is_answered_with_what_is_certain_and_no_more():
    assert answers("what is the dog thinking about life?", photo_of(DOG))[:2] == [
        "I cannot tell that for certain from what I see [1].",
        "This photo shows a dog [2].",
    ]


def library_of_two():
    return photo_of(DOG, name="beach.jpg") + photo_of(("dog", TOP_LEFT, "brown", 0.7), name="park.jpg", start=3)


def test_over_the_library_every_photo_that_shows_it_is_named():
    assert answers("which photos show a dog?", library_of_two(), library=True) == [
        "beach.jpg shows a dog [2].",
        "park.jpg probably shows a dog [4].",
    ]
    assert answers("do any photos show a dog?", library_of_two(), library=True)[0] == "Yes, beach.jpg shows a dog [2]."


def test_over_the_library_photos_are_counted_at_least():
    assert answers("how many photos show a dog?", library_of_two(), library=True) == [
        "At least 2 photos show a dog [2][4]."
    ]


def test_over_the_library_each_photo_tells_its_own_colour():
    assert answers("what colour is the dog?", library_of_two(), library=True) == [
        "The dog in beach.jpg looks black and white [2].",
        "The dog in park.jpg looks brown [4].",
    ]


def test_a_photo_that_lacks_one_of_two_things_is_not_shown():
    assert answers("which photos show a dog and a cup?", photo_of(DOG), library=True) == []
    assert answers("which photos show a dog or a cup?", photo_of(DOG), library=True) == ["beach.jpg shows a dog [2]."]


def test_a_free_question_is_answered_from_photos_that_show_what_it_speaks_of():
    near = photo_of(DOG)
    assert answers("what is the dog doing?", near, library=True) != []
    assert answers("what is on Mars in 1850?", near, library=True) == []


def test_nothing_found_names_what_was_looked_for_and_a_next_step():
    assert nothing(parse("show me cats or dogs")).startswith("I found no photo that shows a cat or a dog.")
    assert "no photo called x.jpg" in nothing(parse("what is in x.jpg?"))


def test_a_file_name_cannot_forge_a_citation():
    evidence = photo_of(DOG, name="a [9]\n[2] cat.jpg")
    (sentence,) = answers("which photos show a dog?", evidence, library=True)
    assert sentence == '"a (9) (2) cat.jpg" shows a dog [2].'


def test_every_shape_of_a_claim_has_examples_for_the_model():
    asked = ("is there a dog?", "is there a cow?", "what colour is the dog?", "where is the dog?", "what is in it?")
    claims = [c for q in asked for c in build_claims(parse(q), photo_of(DOG, CUP), Config())]
    claims += build_claims(parse("is the cup left of the dog?"), photo_of(DOG, CUP), Config())
    claims += build_claims(replace(parse("photos of dogs"), library=True), photo_of(DOG), Config())
    assert {claim.shape for claim in claims} == set(SHAPES)


def test_evidence_is_grouped_by_photo_in_the_order_of_first_mention():
    mixed = [*photo_of(DOG, name="b.jpg"), *photo_of(CUP, name="a.jpg", start=3)]
    shots = shots_of([mixed[0], mixed[2], mixed[1], mixed[3]], 0.5)
    assert [(shot.name, len(shot.evidence)) for shot in shots] == [("b.jpg", 2), ("a.jpg", 2)]


def test_ninths_and_their_words_follow_the_centre_of_the_box():
    assert position((0, 0, 100, 100), 300, 300) == "top left"
    assert position((100, 100, 200, 200), 300, 300) == "centre"
    assert position((200, 100, 300, 200), 300, 300) == "right"
    assert [at("centre"), at("right"), at("top left")] == ["in the centre", "on the right", "at the top left"]


def test_boxes_too_close_together_are_on_neither_side():
    assert lies((0, 0, 100, 100), "left", (10, 0, 110, 100), width=300, height=300) is None
    assert lies((0, 0, 100, 100), "left", (200, 0, 300, 100), width=300, height=300) is True
    assert lies((0, 0, 100, 100), "bigger", (0, 0, 50, 50), width=300, height=300) is True


def test_overlap_is_the_shared_area_over_the_joint_area():
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert overlap((0, 0, 10, 10), (20, 0, 30, 10)) == 0


def test_where_labels_name_a_thing_a_mere_likeness_must_be_sure():
    likely = photo_of(name="z.jpg", presence=[("dog", 0.7)], start=3)
    assert answers("which photos show a dog?", likely, library=True) == ["z.jpg probably shows a dog [3]."]
    both = answers("which photos show a dog?", [*photo_of(DOG), *likely], library=True)
    assert both == ["beach.jpg shows a dog [2]."]


def test_the_narrower_of_two_names_is_told_if_it_is_nearly_as_sure():
    nearly = photo_of(labels=[("fruit", 0.9), ("banana", 0.85)])
    assert answers("what is in this photo?", nearly)[0] == "This photo shows a banana [1]."
    unsure = photo_of(labels=[("fruit", 0.9), ("banana", 0.4)])
    assert answers("what is in this photo?", unsure)[0] == "This photo shows fruit [1]."


def test_a_label_is_believed_at_a_lower_chance_than_a_bare_likeness():
    labelled = photo_of(labels=[("dog", 0.5)])
    assert answers("which photos show a dog?", labelled, library=True) == ["beach.jpg probably shows a dog [1]."]
    assert answers("is there a dog?", labelled) == ["Yes, there is probably a dog in this photo [1]."]
    alike = photo_of(presence=[("dog", 0.5)])
    assert answers("which photos show a dog?", alike, library=True) == []


def test_which_sort_is_asked_of_a_library_only_photos_with_a_name_for_it_answer():
    evidence = [*photo_of(DOG), *photo_of(CUP, name="z.jpg", start=3)]
    assert answers("what animals are there?", evidence, library=True) == ["beach.jpg shows a dog [2]."]
    assert answers("what animal is this?", photo_of(DOG)) == ["It is a dog [2]."]
