"""Questions that bring several pictures, from the upload to the history: painted photos, real store."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import Parrot, picture
from rag_house import build, paint, put

from deepseek_mm.answering.references import ConversationState, join_named
from deepseek_mm.errors import BadPicture, BadQuestion, NothingThere
from deepseek_mm.language.parser import parse
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Act, ActFilters, Exchange, Picture, Question

KITE = Picture(image=picture("green", patch="red"), name="kite up.png")
SEA = Picture(image=picture("blue"), name="sea.png")
SUN = Picture(image=picture("blue", patch="yellow"), name="sunny.png")


@pytest.fixture
def house(tmp_path):
    """A library of a red, a purple and a green photo; the program speaks for itself."""
    assistant = build(tmp_path / "data", name="none")
    photos = [("rose.png", "red"), ("plum.png", "purple"), ("lawn.png", "green")]
    put(assistant, *(paint(tmp_path / "photos", *photo) for photo in photos))
    yield assistant
    assistant.close()


def asked(text, *pictures, **changes):
    first, *more = pictures
    named = {"image": first.image, "image_name": first.name, "image_path": first.path}
    return Question(text=text, **named, more=tuple(more), **changes)


def names_of(answer):
    return [citation.region.source.name for citation in answer.citations]


def test_a_thing_is_looked_for_in_the_pictures_and_nowhere_else(house):
    answer = house.ask(asked("Is there a kite?", SEA, KITE, SUN))
    assert answer.text == 'Yes, "kite up.png" shows a kite [4].'
    assert names_of(answer) == ["kite up.png"]
    assert names_of(house.ask(Question(text="which photos are red?"))) == ["rose.png"]  # which the library has
    assert house.ask(asked("Which one is red?", SEA, SUN)).text.startswith("Neither of these pictures shows")


def test_no_photo_of_the_library_is_ever_evidence_for_several_pictures(house):
    house.lm, house.config = Parrot(""), replace(house.config, lm=replace(house.config.lm, name="parrot"))
    for text in ("Which one is red?", "How many pictures show grass?", "What do you see?", "What colour is the rose?"):
        house.ask(asked(text, SEA, SUN))
        assert all("rose.png" not in message.text for messages in house.lm.heard for message in messages)
        assert all("lawn.png" not in message.text for messages in house.lm.heard for message in messages)
    assert any("sea.png" in message.text for messages in house.lm.heard for message in messages)


def test_the_whole_pictures_have_the_first_numbers_in_the_order_in_which_they_came(house):
    answer = house.ask(asked("Is there a zebra?", SUN, SEA, KITE))
    assert answer.text == "No, none of these 3 pictures shows a zebra [1][2][3]."
    assert names_of(answer) == ["sunny.png", "sea.png", "kite up.png"]
    assert {citation.region.kind for citation in answer.citations} == {"whole"}


def test_without_words_each_picture_is_described_in_turn(house):
    answer = house.ask(asked("", KITE, SEA))
    assert answer.text.index('"kite up.png" shows') < answer.text.index("sea.png shows")
    assert set(names_of(answer)) == {"kite up.png", "sea.png"}
    (turn,) = house.history.turns(answer.conversation, session="")
    assert turn.question == "What is in these pictures?"


def test_every_picture_is_kept_and_the_turn_gives_them_all_back(house, tmp_path):
    answer = house.ask(asked("What is this?", KITE, SEA, SUN))
    (turn,) = house.history.turns(answer.conversation, session="")
    assert (turn.image_name, [name for name, _ in turn.more]) == ("kite up.png", ["sea.png", "sunny.png"])
    for path in (turn.image_path, *(path for _, path in turn.more)):
        assert Path(path).is_relative_to(tmp_path / "data" / "uploads")
        assert Path(path).is_file()
    assert house.store.counts().sources == 3  # none of them is of the library


def test_a_follow_up_means_all_pictures_of_the_last_turn_that_brought_some(house):
    first = house.ask(asked("Is there a kite?", SEA, KITE, SUN))
    again = house.ask(Question(text="Which one shows the sun?", conversation=first.conversation))
    assert (again.text, names_of(again)) == ("sunny.png shows a sun [3].", ["sunny.png"])
    house.ask(Question(text="Is there a kite?", conversation=first.conversation))
    colour = house.ask(Question(text="And what colour is it?", conversation=first.conversation))
    assert (colour.text, names_of(colour)) == ('The kite in "kite up.png" looks red [4].', ["kite up.png"])
    other = house.ask(asked("Is there a kite?", SEA, conversation=first.conversation))
    assert other.text.startswith("No, I see no kite in this photo")
    assert house.ask(Question(text="what is it?", conversation=first.conversation)).text.startswith("This photo shows")


def test_what_went_before_may_be_told_by_the_asker_and_means_the_same_as_if_it_were_remembered(house):
    house.ask(
        asked("Is there a kite?", KITE, conversation=(first := house.ask(asked("What is this?", SEA))).conversation)
    )
    remembered = house.ask(Question(text="What colour is it?", conversation=first.conversation))
    before = (
        Exchange(question="What is this?", answer=first.text, pictures=(SEA,)),
        Exchange(question="Is there a kite?", answer="Yes.", pictures=(KITE,)),
    )
    told = house.ask(Question(text="What colour is it?", told=before))
    assert told.text == remembered.text
    assert names_of(told) == names_of(remembered) == ["kite up.png"]
    assert house.history.conversation(told.conversation, session="").num_turns == 1  # nothing else was written down
    assert house.ask(Question(text="What colour is it?")).text != told.text


def test_of_the_pictures_that_are_told_only_the_last_ones_are_kept(house):
    before = (Exchange(question="What is this?", pictures=(SEA, SUN)), Exchange(question="And this?", pictures=(KITE,)))
    assert [turn.image_name for turn in house.at_hand.turns_of(before)] == ["", "kite up.png"]
    assert [path.name for path in (house.config.data / "uploads").rglob("*.png")] == ["kite up.png"]


def test_pictures_are_remembered_longer_than_the_words_that_a_prompt_carries(house):
    conversation = house.ask(asked("Is there a kite?", SEA, KITE)).conversation
    for _ in range(house.config.rag.history_turns + 1):
        house.ask(Question(text="Is there a dog?", conversation=conversation))
    assert house.ask(Question(text="Is there a kite?", conversation=conversation)).text.startswith('Yes, "kite up.png"')


def test_a_picture_can_be_asked_for_by_its_place_or_by_its_file(house):
    first = house.ask(asked("What is in the second picture?", SEA, KITE))
    assert set(names_of(first)) == {"kite up.png"}
    assert first.text.startswith("This photo shows grass")
    last = house.ask(Question(text="what is in sea.png?", conversation=first.conversation))
    assert set(names_of(last)) == {"sea.png"}
    absent = house.ask(Question(text="what is in the third one?", conversation=first.conversation))
    assert (absent.found, absent.citations) == (False, ())
    assert absent.text == "There is no picture 3: I have 2 pictures here. Ask about one of them."


def test_of_two_picked_pictures_the_places_in_the_row_stay(house):
    pasted = [replace(each, name="image.png") for each in (SEA, KITE, SUN)]
    answer = house.ask(asked("Is there a kite in the second or the third picture?", *pasted))
    assert answer.text == "Yes, Picture 2 shows a kite [3]."


def test_the_library_is_searched_by_the_mean_of_the_pictures(house):
    red, purple = Picture(image=picture("red"), name="r.png"), Picture(image=picture("purple"), name="p.png")
    answer = house.ask(asked("Which photos of mine look like these?", red, purple))
    assert names_of(answer)[:2] in (["rose.png", "plum.png"], ["plum.png", "rose.png"])
    uploads = house.shelf.place_many([asked("", red, purple)])[0]
    program, sources = replace(parse("find similar photos"), library=True), tuple(each.source for each in uploads)
    case = QuestionContext(question=Question(text=""), program=program, pictures=sources, analyses=uploads)
    mean_D = house.retriever.looked_for(case, np.zeros(32, np.float32))
    one_D, other_D = house.retriever.space.embed_images([red.image, purple.image])
    np.testing.assert_allclose(mean_D, (one_D + other_D) / np.linalg.norm(one_D + other_D), atol=1e-5)


def test_a_follow_up_about_the_library_leaves_the_pictures_unless_it_asks_for_their_like(house):
    first = house.ask(asked("What is this?", Picture(image=picture("red"), name="r.png"), SEA))
    count = house.ask(Question(text="How many photos do I have?", conversation=first.conversation))
    assert "3 photos in the library" in count.text
    (turn, *_) = house.history.turns(first.conversation, session="")
    asked_for = Question(text="Which of my photos are dark?")
    case = QuestionContext(
        question=asked_for,
        program=parse(asked_for.text),
        act=Act(kind="find", text=asked_for.text),
    )
    meant = house.at_hand.resolve(case, ConversationState.of([turn]), [])
    assert (meant.program.library, meant.pictures) == (True, ())
    alike = house.ask(Question(text="Which photos of mine look like the first one?", conversation=first.conversation))
    assert names_of(alike)[0] == "rose.png"


def test_the_same_picture_given_twice_is_one_picture(house):
    twice = house.ask(asked("Is there a kite?", KITE, KITE))
    alone = house.ask(asked("Is there a kite?", KITE))
    assert twice.text == alone.text == "Yes, there is a kite in this photo [2]."
    (turn,) = house.history.turns(twice.conversation, session="")
    assert [name for name, _ in turn.more] == ["kite up.png"]


def test_a_first_place_left_empty_is_filled_by_the_next_picture(house):
    answer = house.ask(Question(text="Is there a kite?", more=(KITE,)))
    assert answer.text == "Yes, there is a kite in this photo [2]."
    (turn,) = house.history.turns(answer.conversation, session="")
    assert (turn.image_name, turn.more) == ("kite up.png", ())


def test_a_picture_whose_copy_is_gone_is_left_out_of_the_row(house):
    first = house.ask(asked("What is this?", KITE, SEA, SUN))
    (turn,) = house.history.turns(first.conversation, session="")
    Path(turn.more[0][1]).unlink()
    two = house.ask(Question(text="Is there a dog?", conversation=first.conversation))
    assert two.text == "No, neither of these pictures shows a dog [1][2]."
    Path(turn.image_path).unlink()
    one = house.ask(Question(text="Is there a sun?", conversation=first.conversation))
    assert one.text == "Yes, there is a sun in this photo [1]."


def test_one_picture_that_cannot_be_read_is_named_and_nothing_is_asked(house, tmp_path):
    (tmp_path / "holiday.jpg").write_text("not a picture")
    broken = Picture(name="holiday.jpg", path=str(tmp_path / "holiday.jpg"))
    with pytest.raises(BadPicture, match=r"holiday\.jpg"):
        house.ask(asked("Is there a kite?", KITE, broken, SEA))
    with pytest.raises(NothingThere, match=r"lost\.jpg"):
        house.ask(asked("Is there a kite?", KITE, Picture(path=str(tmp_path / "lost.jpg"))))
    assert house.history.conversations(session="", limit=5) == []


def test_more_pictures_than_allowed_are_refused_with_both_numbers_and_a_next_step(house):
    with pytest.raises(BadQuestion, match=r"brings 9 pictures, and rag\.max_pictures allows 8\. Leave some out"):
        house.ask(asked("What is this?", *[KITE] * 9))
    assert house.history.conversations(session="", limit=5) == []


def test_a_model_that_sees_is_shown_every_picture(house):
    house.lm = Parrot("")
    house.lm.sees = True
    house.config = replace(house.config, lm=replace(house.config.lm, name="parrot"))
    house.ask(asked("What is this?", KITE, SEA, SUN))
    assert len(house.lm.heard[-1][-1].images) == 3


def test_a_model_cannot_cite_a_picture_that_did_not_come(house):
    house.lm = Parrot("Yes, sea.png shows a kite [1]. Yes, rose.png shows a kite [9].")
    house.config = replace(house.config, lm=replace(house.config.lm, name="parrot"))
    assert house.ask(asked("Is there a kite?", SEA, KITE)).text == 'Yes, "kite up.png" shows a kite [3].'


def test_a_name_before_a_question_about_it_is_one_part_and_lost_talk_is_none():
    cap = Act(kind="read", text="and the cap?", subject="the cap", attribute="text", scope="found")
    colour = Act(kind="look", text="what colour is it?", reference="it", attribute="colour", scope="found")
    lost = Act(kind="chat", text="and what does that mean?", scope="conversation", chance=0.13)
    (joined,) = join_named((cap, colour, lost))
    assert (joined.kind, joined.subject, joined.reference) == ("look", "the cap", "it")
    assert join_named((lost,)) == (lost,)
    assert join_named((colour, cap)) == (colour, cap)


def test_two_groups_to_sort_into_are_one_act():
    pets = Act(kind="find", text="sort my animals into pets", subject="animals", filters=ActFilters(collection="pets"))
    wild = Act(kind="find", text="wild ones", subject="wild")
    (joined,) = join_named((pets, wild))
    assert (joined.text, joined.subject, joined.filters.collection) == (
        "sort my animals into pets and wild ones",
        "animals",
        "",
    )
    assert join_named((replace(pets, text="show my animals"), wild))[1] == wild
