"""What would change something is said exactly and offered by a button; nothing changes by words."""

import pytest
from talk_house import FACTS, case, fill_library, finds, photo, turn

from deepseek_mm.answering.intents import Intent, read_intents
from deepseek_mm.answering.skills.manage import Manager
from index import Filter
from index.region import UPLOADS


@pytest.fixture
def library(tmp_path):
    with fill_library(tmp_path / "library") as store:
        yield store


def ask(store, name, text="", *, found=(), certainty=0.9, **how):
    intent = Intent(kind="manage", name=name, chance=0.9) if name else None
    return Manager(store=store, find=finds(*found, certainty=certainty)).answer(intent, case(text, "manage", **how))


def spoken(draft):
    return draft.text or " ".join(claim.sentence for claim in draft.claims)


def shown(*names):
    return [
        turn("show me dogs", " ".join(f"{name} [{n}]." for n, name in enumerate(names, 1)), [photo(n) for n in names])
    ]


def test_the_photo_of_the_last_answer_would_be_taken_out_and_its_file_stays(library):
    draft = ask(library, "delete", "delete that photo", turns=shown("dog.jpg"), act={"reference": "that photo"})
    assert spoken(draft) == (
        "I would take dog.jpg out of the library. The file itself stays on the disk, and it can be undone for "
        "10 minutes on the Library tab [1]. Nothing has been changed: press the button if you want it."
    )
    (offer,) = draft.offers
    assert (offer.action, offer.targets, offer.text) == (
        "delete",
        ("/photos/dog.jpg",),
        "Take dog.jpg out of the library",
    )
    assert [entry.region.source.name for entry in draft.evidence] == ["dog.jpg"]
    assert not draft.refused
    assert len(library.sources(Filter(source_kinds=("photo",)), limit=9)) == 2


def test_a_file_that_is_named_is_meant_whatever_was_shown(library):
    draft = ask(library, "delete", "remove Beach.jpg please", turns=shown("dog.jpg"))
    assert draft.offers[0].targets == ("/photos/beach.jpg",)


def test_a_file_that_is_not_there_is_said_so(library):
    draft = ask(library, "delete", "delete nothing.jpg")
    assert "no file called nothing.jpg" in spoken(draft)
    assert (draft.refused, draft.offers) == (True, ())


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("delete the second one", ["beach.jpg"]),
        ("delete the last one", ["beach.jpg"]),
        ("把第一张删掉", ["dog.jpg"]),
        ("delete both", ["dog.jpg", "beach.jpg"]),
        ("remove those", ["dog.jpg", "beach.jpg"]),
    ],
)
def test_of_several_those_are_meant_that_the_words_point_at(library, text, targets):
    draft = ask(library, "delete", text, turns=shown("dog.jpg", "beach.jpg"), act={"reference": "it"})
    assert [path.rpartition("/")[2] for path in draft.offers[0].targets] == targets
    assert len(draft.evidence) == len(targets)


def test_where_it_is_not_clear_which_it_asks_and_offers_nothing(library):
    draft = ask(library, "delete", "delete it", turns=shown("dog.jpg", "beach.jpg"), act={"reference": "it"})
    assert "Which one do you mean: dog.jpg and beach.jpg?" in spoken(draft)
    assert draft.offers == ()
    assert "Which file do you mean?" in spoken(ask(library, "delete", "delete it", act={"reference": "it"}))


def test_a_subject_is_searched_for_and_counts_less(library):
    dog = library.source_at("/photos/dog.jpg")
    draft = ask(library, "delete", "delete the dog photo", found=[dog], certainty=0.8, act={"subject": "dog"})
    assert draft.offers[0].targets == ("/photos/dog.jpg",)
    assert draft.chance == pytest.approx(0.6 * 0.8)
    nothing = ask(library, "delete", "delete the cat photo", act={"subject": "cat"})
    assert nothing.offers == ()


def test_a_picture_that_came_with_a_question_is_not_in_the_library(library):
    upload = photo("new.jpg", collection=UPLOADS).source
    how = {"at_hand": (upload,), "conversation_id": 7, "act": {"scope": "picture"}}
    draft = ask(library, "delete", "delete this picture", **how)
    assert "not in the library" in spoken(draft)
    assert [(offer.action, offer.targets) for offer in draft.offers] == [("forget", ("7",))]


def test_files_would_be_put_into_a_collection_that_is_there_or_new(library):
    filters = case("", act={}).act.filters
    for name, words in (("holidays", "the collection Holidays"), ("Rome", "a new collection Rome")):
        act = {"reference": "these", "filters": type(filters)(collection=name)}
        draft = ask(library, "move", "put these there", turns=shown("dog.jpg"), act=act)
        (offer,) = draft.offers
        assert words in spoken(draft)
        assert (offer.action, offer.targets) == ("move", ("/photos/dog.jpg",))
        assert offer.value.lower() == name.lower()


def test_without_a_name_it_asks_into_which_collection(library):
    draft = ask(library, "move", "put it into an album", turns=shown("dog.jpg"), act={"reference": "it"})
    assert "There are Holidays and work" in spoken(draft)
    assert draft.offers == ()


def test_out_of_a_collection_is_a_move_to_none(library):
    draft = ask(library, "take_from_collection", "take beach.jpg out of it")
    assert "out of the collection Holidays" in spoken(draft)
    assert (draft.offers[0].action, draft.offers[0].value) == ("move", "")


def test_forgetting_offers_to_delete_this_conversation(library):
    draft = ask(library, "forget", "forget this", turns=shown("dog.jpg") * 2, conversation_id=7)
    assert "with its 2 questions" in spoken(draft)
    assert [(offer.action, offer.targets) for offer in draft.offers] == [("forget", ("7",))]


@pytest.mark.parametrize("name", ["rename_file", "edit", "tag"])
def test_what_cannot_be_done_is_refused_with_what_to_do_instead(library, name):
    draft = ask(library, name, "...")
    assert draft.refused
    assert draft.text.startswith("I cannot")
    assert [offer.action for offer in draft.offers] == ["open"]


@pytest.mark.parametrize("locale", ["en", "zh", "de"])
@pytest.mark.parametrize("name", [None, *(name for kind, name in read_intents() if kind == "manage")])
def test_every_intent_is_answered_in_every_language_and_changes_nothing(library, name, locale):
    before = library.sources(limit=99)
    for turns in ((), shown("dog.jpg"), shown("dog.jpg", "beach.jpg")):
        draft = ask(library, name, "it", turns=turns, locale=locale, conversation_id=7, facts=FACTS)
        assert spoken(draft)
        assert "{" not in spoken(draft)
    assert library.sources(limit=99) == before


def test_all_files_that_are_named_are_meant(library):
    draft = ask(library, "delete", "delete dog.jpg and beach.jpg")
    assert draft.offers[0].targets == ("/photos/dog.jpg", "/photos/beach.jpg")


def test_a_subject_in_another_language_is_searched_for_by_its_english_name(library):
    asked = []

    def find(text, where):
        asked.append(text)
        return finds()(text, where)

    manager = Manager(store=library, find=find)
    intent = Intent(kind="manage", name="delete", chance=0.9)
    manager.answer(intent, case("Lösche das Foto vom Hund", "manage", locale="de", act={"subject": "Hund"}))
    manager.answer(intent, case("delete the quokka", "manage", act={"subject": "the quokka"}))
    assert asked == ["dog", "the quokka"]
