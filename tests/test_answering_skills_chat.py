"""Talk about the program and the conversation: the truth of the settings, and what was said, with its evidence."""

from dataclasses import replace

import pytest
from talk_house import FACTS, case, photo, turn

from deepseek_mm.answering.intents import Intent, read_intents
from deepseek_mm.answering.skills.chat import REPLIES, answer_chat
from deepseek_mm.answering.talk_case import LEFT_TO_MODEL, ProductFacts
from deepseek_mm.answering.topics import place_in
from deepseek_mm.types import Draft


def reply(name: str, text: str = "", **how) -> Draft:
    return answer_chat(Intent(kind="chat", name=name, chance=0.9), case(text, **how))


def spoken(draft: Draft) -> str:
    return draft.text or " ".join(claim.sentence for claim in draft.claims)


@pytest.mark.parametrize("locale", ["en", "zh", "de", "fr"])
@pytest.mark.parametrize("name", [name for kind, name in read_intents() if kind == "chat"])
def test_every_intent_is_answered_in_every_language_also_in_a_new_conversation(name, locale):
    draft = reply(name, locale=locale)
    assert spoken(draft)
    assert "{" not in spoken(draft)
    assert draft.evidence == ()
    assert not draft.refused


def test_every_reply_belongs_to_an_intent():
    assert set(REPLIES) <= {name for kind, name in read_intents() if kind == "chat"}


def test_a_greeting_says_what_can_be_asked_and_what_is_there():
    assert "2 photos and 1 document are here" in spoken(reply("greeting"))
    assert "2 张照片和1 份文档" in spoken(reply("greeting", locale="zh"))


def test_a_greeting_over_an_empty_library_leads_to_the_tab_that_fills_it():
    draft = reply("greeting", facts=ProductFacts())
    assert "empty" in draft.text
    assert [(offer.action, offer.targets) for offer in draft.offers] == [("open", ("library",))]


def test_who_it_is_follows_from_what_is_open():
    assert "DeepSeek-MM 1.2" in spoken(reply("identity"))
    assert "deepseek-mm, a small one" in spoken(reply("identity"))
    assert "No language model" in spoken(reply("identity", facts=replace(FACTS, language_model="")))
    server = replace(FACTS, language_model="qwen", larger=True, server="api.example.com")
    assert "qwen, on the server api.example.com" in spoken(reply("identity", facts=server))
    assert spoken(reply("other_model")).startswith("I am DeepSeek-MM")


def test_privacy_says_that_nothing_leaves_only_where_nothing_does():
    assert spoken(reply("privacy")).startswith("Nothing is sent anywhere")
    assert "/home/me/library" in spoken(reply("privacy"))
    server = replace(FACTS, server="api.example.com")
    assert "are sent there" in spoken(reply("privacy", facts=server))
    assert "the photos" not in spoken(reply("privacy", facts=server))
    assert "the photos" in spoken(reply("privacy", facts=replace(server, server_sees=True)))
    assert "runs offline" in spoken(reply("internet"))
    assert "api.example.com" in spoken(reply("internet", facts=server))


DOG, CAT = photo("dog.jpg", number=1), photo("cat.jpg", number=2)
SHOES = turn("which photos show shoes?", "a.jpg shows shoes [1]. b.jpg probably shows shoes [2].", [DOG, CAT], sure=0.8)
ONE = turn("is there a dog?", "Yes, dog.jpg shows a dog [1].", [DOG], sure=0.62)


@pytest.mark.parametrize(
    ("sure", "begins"), [(0.93, "I am 93 %"), (0.62, "I am 62 %"), (0.3, "I am only 30 %"), (None, "For my last")]
)
def test_a_doubt_is_answered_by_how_sure_the_last_answer_was_with_its_evidence(sure, begins):
    draft = reply("doubt", turns=[SHOES, turn("is there a dog?", "Yes, dog.jpg shows a dog [1].", [DOG], sure=sure)])
    assert spoken(draft).startswith(begins)
    assert draft.claims[1].text == "Yes, dog.jpg shows a dog"
    assert draft.claims[1].numbers == (1,)
    assert [entry.region for entry in draft.evidence] == [DOG]


def test_grounds_name_the_files_of_the_last_answer():
    assert "It rests on dog.jpg and cat.jpg" in spoken(reply("why", turns=[ONE, SHOES]))
    assert "no file" in spoken(reply("why", turns=[turn("hi", "Hello!")]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what was my first question", "Your first question was: “which photos show shoes?”"),
        ("what did I ask before", "Before this you asked: “is there a dog?”"),
        ("the second question?", "Question 2 was: “is there a dog?”"),
        ("what was my 4th question", "You have asked only 2 so far; the last was: “is there a dog?”"),
    ],
)
def test_a_question_is_said_again_by_its_place(text, expected):
    assert reply("asked", text, turns=[SHOES, ONE]).text == expected


def test_a_question_in_chinese_counts_turns_as_well():
    assert reply("asked", "我的第一个问题是什么", turns=[SHOES, ONE], locale="zh").text == (
        "你的第一个问题是：“which photos show shoes?”"
    )


def test_an_answer_is_repeated_word_for_word_with_its_evidence():
    draft = reply("repeat", "what did you say before", turns=[SHOES, ONE])
    assert spoken(draft) == "Yes, dog.jpg shows a dog [1]."
    assert spoken(reply("repeat", "repeat your first answer", turns=[SHOES, ONE])) == SHOES.answer.text


def test_a_shorter_answer_names_the_files_that_its_sentences_rest_on():
    draft = reply("shorter", "your first answer, shorter", turns=[SHOES, ONE])
    assert spoken(draft) == "dog.jpg and cat.jpg [1][2]."
    assert len(draft.evidence) == 2


def test_a_shorter_answer_from_one_file_is_its_first_sentence_cut_at_a_word():
    long = turn("describe it", f"It shows {'very ' * 30}much [1]. It is red [1].", [DOG])
    (claim,) = reply("shorter", "shorter", turns=[long]).claims
    assert claim.text == "It shows " + "very " * 18 + "..."
    assert claim.numbers == (1,)


def test_an_answer_that_never_came_is_said_so():
    assert "no answer" in spoken(reply("repeat", "repeat", turns=[turn("hi")]))
    assert "no answer" in spoken(reply("shorter", "shorter", turns=[turn("hi")]))


def test_without_an_intent_it_says_what_can_be_asked_and_is_unsure():
    draft = answer_chat(None, case("asdf"))
    assert "photos, documents and code" in draft.text
    assert draft.chance == 0.5
    left = answer_chat(None, case("tell me of your life", facts=replace(FACTS, larger=True)))
    assert (left.text, left.grounds) == ("", LEFT_TO_MODEL)


def test_words_that_point_at_a_turn_are_numbers():
    texts = ("my first one", "第二个回答", "die dritte Frage", "the last one", "at the beginning")
    assert [place_in(text) for text in texts] == [1, 2, 3, 0, 1]


def test_a_long_sentence_is_cut_behind_a_clause():
    steps = (
        "Type the path of the folder on the Library tab and press Index; everything below it is taken in where it lies."
    )
    (claim,) = reply("shorter", "shorter", turns=[turn("how do I add a folder?", steps)]).claims
    assert claim.text == "Type the path of the folder on the Library tab and press Index"


def test_after_a_shorter_answer_more_is_told_of_the_long_one():
    whole = turn("which photos show shoes?", "Two photos show shoes. They are a.jpg and b.jpg.")
    turns = [whole, turn("shorter", "Two photos show shoes.")]
    assert "They are a.jpg" in spoken(reply("longer", "tell me more", turns=turns))
    assert "They are a.jpg" in spoken(reply("repeat", "say that again", turns=turns))
    assert "They are" not in spoken(reply("repeat", "what was your second answer", turns=turns))


def test_a_turn_may_be_pointed_at_by_what_it_was_about():
    turns = [turn("can the soup be frozen?", "For three months."), turn("is there a dog?", "Yes.")]
    assert spoken(reply("repeat", "what did you say about the soup", turns=turns, act={"subject": "the soup"})) == (
        "For three months."
    )
