"""Reading questions: a table of what people type and what they mean by it."""

import pytest

from deepseek_mm.language.parser import ThingPhrase, parse, things_in
from deepseek_mm.language.words import (
    ANYTHING,
    clean,
    content,
    heads_of,
    is_hedged,
    is_negated,
    join_words,
    lead,
    names_the_same,
    plural,
    printable,
    singular,
    with_article,
)

QUESTIONS = [  # question, kind, things as the eyes are asked for them
    ("what is in this photo?", "describe", ()),
    ("What's in the picture?", "describe", ()),
    ("Describe this image", "describe", ()),
    ("What do you see?", "describe", ()),
    ("whats this", "describe", ()),
    ("what's happening here?", "describe", ()),
    ("tell me about this photo", "describe", ()),
    ("what objects are there?", "describe", ()),
    ("who is in this photo?", "describe", ("person",)),
    ("Is there a dog?", "exist", ("dog",)),
    ("is there a red kite in this photo?", "exist", ("red kite",)),
    ("Are there any people in the picture?", "exist", ("person",)),
    ("Is anyone in the photo?", "exist", ("person",)),
    ("do any photos show a cat?", "exist", ("cat",)),
    ("Do I have any pictures of boats?", "exist", ("boat",)),
    ("Can you see a bicycle?", "exist", ("bicycle",)),
    ("is this a dog?", "exist", ("dog",)),
    ("are these apples?", "exist", ("apple",)),
    ("does this photo show a man riding a horse?", "exist", ("man", "horse")),
    ("Is there any water?", "exist", ("water",)),
    ("do you see glasses?", "exist", ("glasses",)),
    ("Do these pictures contain a traffic light or a stop sign?", "exist", ("traffic light", "stop sign")),
    ("does it have a tail?", "exist", ("tail",)),
    ("how many dogs are there?", "count", ("dog",)),
    ("How many people are in the photo?", "count", ("person",)),
    ("how many cups are on the table?", "count", ("cup",)),
    ("count the chairs", "count", ("chair",)),
    ("Could you please tell me how many birds there are?", "count", ("bird",)),
    ("how many photos show a dog?", "count", ("dog",)),
    ("how many photos do I have?", "count", ()),
    ("are there more dogs than cats?", "count", ("dog", "cat")),
    ("What colour is the car?", "colour", ("car",)),
    ("what color are the man's shoes?", "colour", ("shoe",)),
    ("is the car red?", "colour", ("car",)),
    ("What is the colour of the sky?", "colour", ("sky",)),
    ("what are the main colours?", "colour", ()),
    ("where is the dog?", "where", ("dog",)),
    ("where's the red ball in the picture?", "where", ("red ball",)),
    ("is the dog on the left?", "where", ("dog",)),
    ("on which side is the cat?", "where", ("cat",)),
    ("when was this taken?", "when", ()),
    ("When was the photo of the dog taken?", "when", ("dog",)),
    ("what year was this photo taken?", "when", ()),
    ("when did I photograph the cat?", "when", ("cat",)),
    ("where was this photo taken?", "place", ()),
    ("Where is this?", "place", ()),
    ("what is this file called?", "name", ()),
    ("what's the name of this photo", "name", ()),
    ("how big is this photo?", "size", ()),
    ("what is the resolution?", "size", ()),
    ("which photos show a dog?", "which", ("dog",)),
    ("Which photo shows the largest building?", "which", ("building",)),
    ("find a dog on a beach", "which", ("dog", "beach")),
    ("show me all photos of red cars", "which", ("red car",)),
    ("photos with people and bicycles", "which", ("person", "bicycle")),
    ("can you find pictures of food for me?", "which", ("food",)),
    ("where are my photos of horses?", "which", ("horse",)),
    ("show me something red", "which", ("red thing",)),
    ("a dog on a beach", "which", ("dog", "beach")),
    ("dogs", "which", ("dog",)),
    ("is the cup left of the laptop?", "compare", ("cup", "laptop")),
    ("is the cup to the right of the plate?", "compare", ("cup", "plate")),
    ("is the lamp above the table?", "compare", ("lamp", "table")),
    ("is the dog bigger than the cat?", "compare", ("dog", "cat")),
    ("what animal is this?", "sort", ("animal",)),
    ("what kind of food is on the table?", "sort", ("food",)),
    ("what is the man wearing?", "other", ("man",)),
    ("is it raining?", "other", ()),
    ("what does the sign say?", "read", ("sign",)),
    ("What does it say?", "read", ()),
    ("what is written on the board", "read", ("board",)),
    ("What's the text in this photo?", "read", ()),
    ("read the text", "read", ()),
    ("can you read the label?", "read", ("label",)),
    ("what does report.pdf say?", "read", ()),
    ("why is the sky blue", "other", ("blue sky",)),
]


@pytest.mark.parametrize(("question", "kind", "things"), QUESTIONS)
def test_a_question_is_read_as_a_person_means_it(question, kind, things):
    program = parse(question)
    assert (program.kind, program.thing_phrases) == (kind, things)


def test_the_table_of_questions_holds_sixty_shapes_of_every_kind():
    assert len(QUESTIONS) >= 60
    assert len({kind for _, kind, _ in QUESTIONS}) == 14


@pytest.mark.parametrize(
    ("before", "question", "kind", "things"),
    [
        ("is there a dog?", "and what colour is it?", "colour", ("dog",)),
        ("is there a dog?", "where is it?", "where", ("dog",)),
        ("is there a dog?", "where?", "where", ("dog",)),
        ("is there a dog?", "how many are there?", "count", ("dog",)),
        ("is there a dog?", "when was it taken?", "when", ("dog",)),
        ("is there a dog?", "and a cat?", "exist", ("cat",)),
        ("what colour is the car?", "What about the bus?", "colour", ("bus",)),
        ("where is the cup?", "is it left of the laptop?", "compare", ("cup", "laptop")),
        ("is there a dog?", "where is the cat?", "where", ("cat",)),
    ],
)
def test_a_follow_up_takes_the_thing_of_the_question_before(before, question, kind, things):
    program = parse(question, earlier=[before])
    assert (program.kind, program.thing_phrases) == (kind, things)


def test_a_thing_is_carried_through_two_follow_ups():
    assert parse("and where is it?", earlier=["is there a kite?", "what colour is it?"]).thing_phrases == ("kite",)


@pytest.mark.parametrize(
    ("question", "attribute"),
    [
        ("is the car grey?", "grey"),
        ("is the car gray?", "grey"),
        ("is the dog in the middle of the picture?", "centre"),
        ("is the cup underneath the table?", "below"),
        ("is the cup larger than the plate?", "bigger"),
        ("how many photos show a dog?", "how many"),
        ("how many dogs are there?", ""),
    ],
)
def test_what_is_asked_about_a_thing_has_one_spelling(question, attribute):
    assert parse(question).attribute == attribute


@pytest.mark.parametrize(
    ("question", "library"),
    [("do any photos show a cat?", True), ("which photo shows a cat?", True), ("is there a cat in this photo?", False)],
)
def test_words_for_all_photos_ask_the_library(question, library):
    assert parse(question).library is library


def test_a_named_file_is_looked_at_instead_of_the_library():
    program = parse("Is there a dog in IMG_2041.JPG?")
    assert (program.file, program.kind, program.thing_phrases) == ("IMG_2041.JPG", "exist", ("dog",))


def test_either_of_two_things_is_told_from_both():
    assert parse("show me cats or dogs").any_of
    assert not parse("show me cats and dogs").any_of


def test_a_search_uses_the_whole_phrase_and_a_question_its_things():
    assert parse("find pictures of a dog on a beach for me").subject == "dog on a beach"
    assert parse("what colour is the red car?").subject == "red car"


def test_things_lose_their_plural_and_keep_their_colour():
    assert things_in("two large red kites over the beach") == (
        ThingPhrase("large red kite", "kite", "red"),
        ThingPhrase("beach", "beach"),
    )
    assert things_in("a group of people") == (ThingPhrase("person", "person"),)
    assert things_in("a brick building") == (ThingPhrase("brick building", "brick building"),)


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("dogs", "dog"),
        ("people", "person"),
        ("children", "child"),
        ("buses", "bus"),
        ("berries", "berry"),
        ("benches", "bench"),
        ("tomatoes", "tomato"),
        ("shoes", "shoe"),
        ("sheep", "sheep"),
    ],
)
def test_one_and_many_are_turned_into_each_other(many, one):
    assert singular(many) == one
    assert singular(plural(one)) == one
    assert singular("glass") == "glass"


def test_articles_follow_the_sound_and_leave_out_what_has_no_number():
    assert [with_article(word) for word in ("dog", "apple", "grass", "glasses", "traffic light")] == [
        "a dog",
        "an apple",
        "grass",
        "glasses",
        "a traffic light",
    ]


def test_a_label_answers_for_its_kind_but_not_the_other_way_round():
    assert names_the_same("puppy", "dog")
    assert names_the_same("tennis ball", "ball")
    assert names_the_same("sofa", "couch")
    assert not names_the_same("dog", "puppy")
    assert not names_the_same("ball", "tennis ball")
    assert names_the_same("cup", "coffee cup")
    assert names_the_same("panda", "animal")


def test_only_labels_that_end_in_the_right_word_can_name_a_thing():
    assert heads_of("Dog") >= {"dog", "puppy"}
    assert heads_of("traffic light") == {"light"}
    assert heads_of("mobile phone") == {"phone", "cellphone"}
    assert heads_of(ANYTHING) is None
    names = ["dog", "guide dog", "puppy", "coffee cup", "cup", "sofa", "couch", "panda", "traffic light", "animal"]
    for name in names:
        heads = heads_of(name)
        assert all(label.split(" ")[-1] in heads for label in names if names_the_same(label, name))


def test_a_leading_no_is_an_answer_and_not_a_denial():
    assert lead("No, the cup is on the right") == "no"
    assert not is_negated("No, the cup is on the right")
    assert is_negated("No, I see no cup")
    assert is_negated("There isn't a cup")
    assert lead("No dogs here") == ""


def test_words_that_claim_nothing_are_left_out_of_the_content():
    assert content("This photo shows two grey Dogs at the center of the picture") == ["2", "grey", "dog", "centre"]
    assert is_hedged("There is probably a dog")
    assert not is_hedged("It was taken on 3 May 2019")


def test_text_from_outside_stays_one_line_without_brackets():
    assert clean("a\n[2] b.jpg: cat\x00\u202e", 80) == "a (2) b.jpg: cat"
    assert clean("x" * 100, 10) == "xxxxxxx..."
    assert printable("  is \x1b[31mthere\ud800 ") == "is  [31mthere"
    assert printable("say\u2060 \U000e0050\U000e0057no\u061c") == "say   no"  # letters that nobody sees


def test_lists_read_as_english():
    assert join_words(["a"]) == "a"
    assert join_words(["a", "b", "c"]) == "a, b and c"


def test_what_a_thing_is_for_is_no_thing():
    assert [thing.phrase for thing in parse("something red to wear").things] == ["red thing"]
    assert [thing.phrase for thing in parse("is there a book to read?").things] == ["book"]
