"""What is certain about several pictures of one question, worked out by hand on painted evidence."""

from dataclasses import replace
from datetime import datetime

import pytest
from rag_house import photo_of

from deepseek_mm.answering.claims import build_claims, nothing
from deepseek_mm.config import Config
from deepseek_mm.language.parser import parse_several
from deepseek_mm.types import Evidence
from index import Region, Source

TOP_LEFT, CENTRE, RIGHT = (0, 0, 100, 100), (110, 110, 190, 190), (200, 100, 300, 200)
DOG = ("dog", CENTRE, "black white", 0.93)
CAT = ("cat", TOP_LEFT, "brown", 0.95)
CAR = ("car", RIGHT, "blue", 0.9)
RED_CAR = ("car", TOP_LEFT, "red", 0.9)


def row_of(*pictures):
    """Evidence as the retriever numbers it: the whole pictures first, then their parts."""
    photos = [photo_of(*parts, name=f"{'abcdefgh'[n]}.jpg") for n, parts in enumerate(pictures)]
    ordered = [photo[0] for photo in photos] + [entry for photo in photos for entry in photo[1:]]
    return [replace(entry, number=n) for n, entry in enumerate(ordered, start=1)]


def answers(question, evidence):
    """The claims as sentences."""
    sources = {entry.region.source.path: entry.region.source for entry in evidence}
    program = parse_several(question, [source.name for source in sources.values()]).program
    program = replace(program, places=tuple(range(1, len(sources) + 1)))
    return [claim.sentence for claim in build_claims(program, evidence, Config())]


DOG_CAT_CUP = row_of([DOG], [CAT], [("cup", RIGHT, "red", 0.9)])  # wholes 1 2 3; dog 4, cat 5, cup 6


def test_a_thing_is_confirmed_in_the_picture_that_shows_it():
    assert answers("is there a cat?", DOG_CAT_CUP) == ["Yes, b.jpg shows a cat [5]."]
    assert answers("is there a dog in any of these?", DOG_CAT_CUP) == ["Yes, a.jpg shows a dog [4]."]


def test_every_picture_that_shows_it_is_named_after_one_yes():
    assert answers("is there an animal?", DOG_CAT_CUP) == [
        "Yes, a.jpg shows an animal [4].",
        "b.jpg shows an animal [5].",
    ]


def test_what_no_picture_shows_is_denied_once_of_all_of_them():
    (claim,) = build_claims(
        replace(parse_several("is there a zebra?", "abc").program, places=(1, 2, 3)), DOG_CAT_CUP, Config()
    )
    assert claim.sentence == "No, none of these 3 pictures shows a zebra [1][2][3]."
    assert answers("which one shows a zebra?", DOG_CAT_CUP) == ["None of these 3 pictures shows a zebra [1][2][3]."]
    assert answers("is there grass?", row_of([DOG], [CAT])) == ["No, neither of these pictures shows grass [1][2]."]


def test_a_denial_is_as_sure_as_the_picture_that_comes_nearest():
    pictures = [photo_of(name=f"{p}.jpg", presence=[("dog", p)], start=n)[0] for n, p in ((1, 0.1), (2, 0.4))]
    program = replace(parse_several("is there a dog?", ["0.1.jpg", "0.4.jpg"]).program, places=(1, 2))
    (claim,) = build_claims(program, pictures, Config())
    assert claim.certainty == pytest.approx(0.6)


def test_two_things_are_answered_one_by_one_and_either_of_them_together():
    assert answers("is there a dog and a horse?", DOG_CAT_CUP) == [
        "Yes, a.jpg shows a dog [4].",
        "No, none of these 3 pictures shows a horse [1][2][3].",
    ]
    assert answers("is there a dog or a cat?", DOG_CAT_CUP) == ["Yes, a.jpg shows a dog [4].", "b.jpg shows a cat [5]."]
    assert answers("is there a cow or a horse?", DOG_CAT_CUP) == [
        "No, none of these 3 pictures shows a cow or a horse [1][2][3]."
    ]


def test_all_of_them_is_answered_by_their_number():
    assert answers("do they all show an animal?", DOG_CAT_CUP) == [
        "No, only 2 of these 3 pictures show an animal [4][5]."
    ]
    assert answers("do both show an animal?", row_of([DOG], [CAT])) == [
        "Yes, both of these pictures show an animal [3][4]."
    ]
    assert answers("is there a dog in each picture?", row_of([DOG], [DOG], [DOG])) == [
        "Yes, all 3 of these pictures show a dog [4][5][6]."
    ]


def test_the_picture_that_shows_it_is_named_or_the_one_that_does_not():
    assert answers("which one shows a cat?", DOG_CAT_CUP) == ["b.jpg shows a cat [5]."]
    assert answers("which one does not show an animal?", DOG_CAT_CUP) == ["I see no animal in c.jpg [3]."]
    assert answers("which ones have no dog?", row_of([DOG], [DOG])) == ["Both of these pictures show a dog [3][4]."]


def test_where_no_picture_shows_all_the_things_those_with_some_follow():
    assert answers("which one shows a dog and a cat?", DOG_CAT_CUP) == [
        "None of these 3 pictures shows a dog and a cat [1][2][3].",
        "a.jpg shows a dog [4].",
        "b.jpg shows a cat [5].",
    ]


def test_pictures_are_counted_in_good_english():
    assert answers("how many pictures show an animal?", DOG_CAT_CUP) == ["2 of these 3 pictures show an animal [4][5]."]
    assert answers("how many of them show a dog?", DOG_CAT_CUP) == ["1 of these 3 pictures shows a dog [4]."]
    assert answers("how many have a zebra?", DOG_CAT_CUP) == ["None of these 3 pictures shows a zebra [1][2][3]."]
    assert answers("how many pictures do not show a dog?", DOG_CAT_CUP) == [
        "I see no dog in 2 of these 3 pictures [2][3]."
    ]
    assert answers("how many pictures are there?", DOG_CAT_CUP) == ["There are 3 pictures here [1][2][3]."]


def test_things_are_summed_over_the_pictures_and_then_counted_in_each():
    two_and_one = row_of([DOG, ("dog", TOP_LEFT, "brown", 0.9)], [DOG], [CAT])
    assert answers("how many dogs are there?", two_and_one) == [
        "There are at least 3 dogs in these 3 pictures [4][5][6].",
        "I can point at 2 dogs in a.jpg, and there could be more [4][5].",
        "I can point at 1 dog in b.jpg, and there could be more [6].",
    ]
    assert answers("how many cats are there?", two_and_one) == [
        "I can point at 1 cat in c.jpg, and there could be more [7]."
    ]
    assert answers("how many cows are there?", two_and_one) == ["None of these 3 pictures shows a cow [1][2][3]."]


def test_pictures_are_described_in_turn_in_the_order_in_which_they_came():
    assert answers("what is in these pictures?", DOG_CAT_CUP) == [
        "a.jpg shows a dog [4].",
        "b.jpg shows a cat [5].",
        "c.jpg shows a cup [6].",
    ]


def test_a_picture_in_which_nothing_can_be_named_is_told_by_its_colours():
    assert answers("what is in these pictures?", row_of([DOG], [])) == [
        "a.jpg shows a dog [3].",
        "I cannot name a thing in b.jpg for certain; its main colours are blue and white [2].",
    ]


def test_who_is_there_is_answered_for_the_others_in_one_sentence():
    people = row_of([("man", CENTRE, "", 0.9)], [DOG], [CAT])
    assert answers("who is in these pictures?", people) == [
        "a.jpg shows a man [4].",
        "I see no person in the other 2 pictures [2][3].",
    ]
    assert answers("who is in these pictures?", row_of([DOG], [("man", CENTRE, "", 0.9)]))[1] == (
        "I see no person in the other picture [1]."
    )
    assert answers("who is in these pictures?", DOG_CAT_CUP) == ["None of these 3 pictures shows a person [1][2][3]."]


def test_a_colour_is_told_for_each_picture_with_the_thing_and_only_those():
    cars = row_of([CAR], [DOG], [RED_CAR])
    assert answers("what colour is the car?", cars) == [
        "The car in a.jpg looks blue [4].",
        "The car in c.jpg looks red [6].",
    ]
    assert answers("what colour is the horse?", cars) == ["None of these 3 pictures shows a horse [1][2][3]."]


def test_a_thing_in_another_colour_is_said_to_be_so():
    assert answers("is there a red car?", row_of([CAR], [DOG])) == [
        "No, neither of these pictures shows a red car [1][2].",
        "I see no red car in a.jpg, but a car that looks blue [3].",
    ]
    assert answers("which one shows a red car?", row_of([CAR], [RED_CAR])) == ["b.jpg shows a red car [4]."]


def test_a_place_in_the_picture_names_the_picture():
    assert answers("where is the cat?", DOG_CAT_CUP) == ["The cat is at the top left of b.jpg [5]."]


def test_two_things_are_compared_where_both_are():
    both = row_of([DOG, CAT], [DOG])
    assert answers("is the cat left of the dog?", both) == ["Yes, the cat is to the left of the dog in a.jpg [4][3]."]
    assert answers("is the cat left of the cow?", both) == ["Neither of these pictures shows a cat and a cow [1][2]."]


def test_which_animal_it_is_comes_from_the_pictures_that_have_a_name_for_it():
    assert answers("what animals are there?", DOG_CAT_CUP) == ["a.jpg shows a dog [4].", "b.jpg shows a cat [5]."]
    assert answers("what kind of flower is it?", row_of([DOG], [CAT]))[0] == (
        "I cannot name the flower in either of these pictures [1][2]."
    )


def test_beside_a_picture_that_shows_it_a_mere_likeness_must_be_sure():
    likely = photo_of(name="z.jpg", presence=[("dog", 0.7)], start=2)
    assert answers("is there a dog?", [*photo_of(name="y.jpg"), *likely]) == ["Yes, z.jpg probably shows a dog [2]."]
    known = [photo_of(DOG)[0], likely[0], replace(photo_of(DOG)[1], number=3)]
    assert answers("is there a dog?", known) == ["Yes, beach.jpg shows a dog [3]."]
    alike = [*photo_of(name="y.jpg", presence=[("dog", 0.85)]), *likely]
    assert answers("how many pictures show a dog?", alike) == ["1 of these 2 pictures shows a dog [1]."]


def test_dates_are_told_where_files_have_them_and_the_rest_is_summed_up():
    dated = [*photo_of(name="a.jpg", taken_at=datetime(2019, 5, 3, 14, 5)), *photo_of(name="b.jpg", start=2)]
    assert answers("when were these taken?", dated) == [
        "a.jpg was taken on 3 May 2019 at 14:05 [1].",
        "b.jpg does not say when it was taken [2].",
    ]
    assert answers("when were they taken?", [*dated, *photo_of(name="c.jpg", start=3)])[1:] == [
        "The other 2 pictures do not say when they were taken [2][3]."
    ]
    assert answers("where were they taken?", dated) == ["These pictures do not say where they were taken [1][2]."]


def test_sizes_and_names_are_told_of_each_file():
    assert answers("how big are these pictures?", row_of([], [])) == [
        "a.jpg is 300 x 300 pixels and 1.5 MB [1].",
        "b.jpg is 300 x 300 pixels and 1.5 MB [2].",
    ]
    assert answers("what are they called?", row_of([], [])) == [
        "Picture 1 is called a.jpg [1].",
        "Picture 2 is called b.jpg [2].",
    ]


def test_sizes_are_told_of_every_file_even_where_a_thing_was_spoken_of_before():
    program = parse_several("how big are they?", ["a.jpg", "b.jpg", "c.jpg"], earlier=["is there a dog?"]).program
    claims = build_claims(replace(program, places=(1, 2, 3)), DOG_CAT_CUP, Config())
    assert [claim.numbers for claim in claims] == [(1,), (2,), (3,)]


def test_text_is_quoted_from_each_picture_that_has_any():
    sign, blank = Source(path="/photos/sign.jpg"), Source(path="/photos/blank.jpg")
    evidence = [
        Evidence(number=1, region=Region(source=sign, kind="text", box_px=TOP_LEFT, text="STOP"), score=0.5),
        Evidence(number=2, region=Region(source=blank, kind="whole", box_px=TOP_LEFT), score=0.0),
    ]
    assert answers("read the text", evidence) == ['sign.jpg says: "STOP" [1].']
    without = [replace(evidence[1], number=1), *photo_of(name="c.jpg", start=2)]
    assert answers("what do they say?", without) == ["I find no text in either of these pictures [1][2]."]


def test_a_judgement_and_a_free_question_are_answered_with_what_is_certain():
    for question in ("which one is the prettiest?", "what do these have in common?", "which one is blurry?"):
        assert answers(question, DOG_CAT_CUP)[:2] == [
            "I cannot tell that for certain from what I see [1][2][3].",
            "a.jpg shows a dog [4].",
        ]


def test_pictures_that_are_called_alike_are_called_by_their_places():
    pasted = [Source(path=f"/uploads/{n}/image.png", width_px=300, height_px=300) for n in "xyz"]
    photos = [photo_of(*parts) for parts in ([DOG], [], [DOG])]
    moved = [
        [replace(e, region=replace(e.region, source=s)) for e in photo] for s, photo in zip(pasted, photos, strict=True)
    ]
    evidence = [photo[0] for photo in moved] + [entry for photo in moved for entry in photo[1:]]
    numbered = [replace(entry, number=n) for n, entry in enumerate(evidence, start=1)]
    assert answers("which one shows a dog?", numbered) == [
        "Picture 1 shows a dog [4].",
        "Picture 3 shows a dog [5].",
    ]


def test_nothing_left_and_a_picture_that_did_not_come_are_said_as_such():
    program = parse_several("what is in the fifth picture?", ["a.jpg", "b.jpg"]).program
    assert build_claims(program, [], Config()) == ()
    assert nothing(program) == "There is no picture 5: I have 2 pictures here. Ask about one of them."
    gone = parse_several("is there a dog?", ["a.jpg", "b.jpg"]).program
    assert "no longer here" in nothing(gone)


def test_what_was_judged_outweighs_labels_and_likeness():
    dog, cat = row_of([DOG], [CAT])[:2]
    rows = [replace(dog, judged=(("dog", 0.2),)), replace(cat, judged=(("dog", 0.9),))]
    assert answers("which one shows a dog?", rows) == ["b.jpg shows a dog [2]."]
    unsure = [replace(dog, judged=(("dog", 0.55),)), replace(cat, judged=(("dog", 0.45),))]
    assert answers("is there a dog?", unsure) == ["Yes, a.jpg probably shows a dog [1]."]
