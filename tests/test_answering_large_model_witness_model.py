"""A larger model that sees, behind a scripted server: what it is sent, and what becomes of each thing that it says."""

import base64
import io
from contextlib import contextmanager
from dataclasses import replace

import pytest
from chat_server import chat_server
from fakes import Parrot, picture
from PIL import Image
from rag_house import build, paint, photo_of, put, upload

from deepseek_mm.answering.composer import OWN_WORDS
from deepseek_mm.answering.large_model.witness_model import (
    OTHERWISE,
    SURER,
    Viewing,
    joint_chance,
    settle,
    share_of,
    task_of,
)
from deepseek_mm.config import Config, LMConfig
from deepseek_mm.language.parser import parse
from deepseek_mm.lm.backends.server_model import open_remote
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Act, Check, Claim, Question, Request, Said, Verdict
from index import Source

WHY = "Why is the kite there?"
LONG = "Describe this photo in detail"
LOOK = "What colour is the kite?"


@contextmanager
def asked(folder, text, *words, fault="", sees=True, image=None, **options):
    """The server after one question about a green picture with a red corner, and the answer."""
    with chat_server(*words, fault=fault) as server:
        lm = open_remote(LMConfig(url=server.url, name="kite-7b", sees=sees))
        with build(folder / "library", lm=lm, url=server.url, sees=sees, **options) as house:
            yield server, house.ask(Question(text=text, image=image or upload(), image_name="up.png"))


def answer_to(folder, text, *words, **options):
    with asked(folder, text, *words, **options) as (_, answer):
        return answer


def sent_pictures(server):
    urls = [part["image_url"]["url"] for part in server.asked[0]["messages"][-1]["content"][1:]]
    return [Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) for url in urls]


@pytest.mark.parametrize(
    ("text", "rules", "most"),
    [
        (LOOK, "one or two short sentences", 120),
        (WHY, "say what in them speaks for a reason", 250),
        (LONG, "six to ten sentences", 500),
    ],
)
def test_it_is_sent_rules_of_its_task_numbers_with_their_boxes_and_the_question(tmp_path, text, rules, most):
    with asked(tmp_path, text, "It is red [2].") as (server, _):
        (body,) = server.asked
    system, user = body["messages"]
    assert rules in system["content"]
    lines = user["content"][0]["text"].splitlines()
    assert lines[:3] == [
        "Photo 1, up.png:",
        "[1] the whole photo",
        "[2] the box from (0, 0) to (500, 500), of 1000 by 1000",
    ]
    assert lines[-1] in (text, f"Question: {text}")
    assert (body["max_tokens"], body["temperature"]) == (most, 0)


def test_what_others_found_is_not_told_so_that_it_is_a_witness_of_its_own(tmp_path):
    with asked(tmp_path, LONG, "A kite [2].") as (server, _):
        text = server.asked[0]["messages"][-1]["content"][0]["text"]
    assert not any(word in text for word in ("kite", "grass", "apple", "red"))


def test_the_picture_that_it_is_sent_has_the_boxes_drawn_with_their_numbers(tmp_path):
    with asked(tmp_path, LOOK, "It is red [2].", image=picture("green", size=(640, 480), patch="red")) as (server, _):
        (sent,) = sent_pictures(server)
    assert sent.size == (640, 480)
    inside, edge = sent.getpixel((160, 200)), [sent.getpixel((319 - n, 120)) for n in range(8)]
    assert inside[0] > 180 > 80 > inside[1]  # red as it was
    assert min(map(sum, edge)) < 150  # the frame's black
    assert sent.getpixel((500, 400))[1] > 130  # and no frame around the whole photo
    number = [sum(sent.getpixel((x, y))) for x in range(2, 14) for y in range(2, 18)]
    assert min(number) < 150 < 600 < max(number)  # white on black


def test_several_pictures_go_along_with_numbers_of_their_own(tmp_path):
    from deepseek_mm.types import Picture

    with chat_server("Both are green [1][3].") as server:
        lm = open_remote(LMConfig(url=server.url, name="kite-7b", sees=True))
        with build(tmp_path / "library", lm=lm, url=server.url, sees=True) as house:
            pictures = [
                Picture(image=upload(), name="a.png"),
                Picture(image=picture("green", patch="blue"), name="b.png"),
            ]
            house.ask(Question.of("What do they show?", pictures))
    text = server.asked[0]["messages"][-1]["content"][0]["text"]
    assert text.index("Photo 1, a.png:\n[1] ") < text.index("Photo 2, b.png:\n[")
    assert len(sent_pictures(server)) == 2


def test_a_good_reason_is_told_with_its_citation_as_the_models_words(tmp_path):
    answer = answer_to(tmp_path, WHY, "The kite [2] hangs in the corner", " [1]. ", "Perhaps the wind holds it [2].")
    assert answer.text == "The kite [2] hangs in the corner [1]. Perhaps the wind holds it [2]."
    assert [(c.number, c.region.kind) for c in answer.citations] == [(2, "part"), (1, "whole")]
    assert (answer.model, answer.found, answer.confidence) == ("kite-7b", True, 0.5)


def test_a_sentence_without_a_citation_is_dropped_or_cited_where_one_box_alone_is_meant(tmp_path):
    answer = answer_to(tmp_path, WHY, "Kites stand for freedom. ", "The wind is strong. ", "It flies [2].")
    assert answer.text == "It flies [2]."
    assert [check.reason for check in answer.checks] == ["it cites nothing"] * 2 + ["seen by the language model"]
    (put_in,) = viewing(DOG, "why").listen(Parrot("The dog waits."), stop())
    assert (put_in.claim, put_in.reason) == ("The dog waits [2].", "its citation was put in")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("It flies [7].", "it cites [7], which does not exist"),
        ("It flies [0].", "it cites [0], which does not exist"),
        ("You stupid fool, it flies [2].", "it is rude"),
    ],
)
def test_a_wrong_citation_and_an_insult_are_dropped_and_the_rest_stays(tmp_path, said, reason):
    answer = answer_to(tmp_path, WHY, f"{said} ", "It flies [2].")
    assert answer.text == "It flies [2]."
    assert (answer.checks[0].kept, answer.checks[0].reason) == (False, reason)


def test_a_sentence_that_cites_the_box_of_something_else_or_denies_a_box_is_dropped():
    evidence = photo_of(("dog", (0, 0, 90, 90), "black", 0.93), ("car", (200, 0, 290, 90), "red", 0.95))
    with_two = viewing(evidence, "why", text="Why?")
    words = "The dog [3] waits. The dog [2] waits beside the car [3]. The dog waits [1]. There is no car [1]."
    said = list(with_two.listen(Parrot(words), stop()))
    assert [(check.kept, check.reason) for check in said] == [
        (False, "[3] does not show the dog"),
        (True, "seen by the language model"),
        (True, "seen by the language model"),
        (False, "a box shows a car"),
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What the program says by itself, by question."""
    folder = tmp_path_factory.mktemp("plain")
    return {
        text: answer_to(folder / str(n), text, "", sees=False, phrasing="none") for n, text in enumerate((LONG, LOOK))
    }


@pytest.mark.parametrize("words", [("",), ("Hm. ", "Well. ", "So. "), ("You idiot [1].",), ("[1]",)])
def test_where_nothing_that_it_says_stands_the_programs_own_answer_is_given(tmp_path, plain, words):
    answer = answer_to(tmp_path, LONG, *words)
    assert (answer.text, answer.model) == (plain[LONG].text, "")
    assert (answer.confidence, answer.found) == (plain[LONG].confidence, plain[LONG].found)


@pytest.mark.parametrize("fault", ["500", "page", "cut", "garbage", "error event", "wrong kind"])
def test_a_server_that_fails_is_named_and_the_programs_own_answer_is_given(tmp_path, plain, fault):
    answer = answer_to(tmp_path, LOOK, "It ", "is", " red [2].", fault=fault)
    assert answer.text == plain[LOOK].text
    assert "kite-7b failed" in [check.claim for check in answer.checks]


def test_half_an_answer_of_whole_sentences_counts(tmp_path):
    answer = answer_to(tmp_path, WHY, "It flies [2]. It ", "is up ", "there [1].", fault="cut")
    assert answer.text == "It flies [2]."
    assert answer.checks[-1].claim == "kite-7b failed"


def test_a_model_that_does_not_see_is_sent_no_picture_and_is_no_witness(tmp_path):
    with asked(tmp_path, LOOK, "The kite is red [2].", sees=False) as (server, answer):
        (body,) = server.asked
    assert isinstance(body["messages"][-1]["content"], str)
    assert "Draft:" in body["messages"][-1]["content"]
    assert "red" in answer.text


def test_a_chinese_answer_is_cut_into_its_sentences(tmp_path):
    answer = answer_to(tmp_path, WHY, "角落里有一只风筝[2]。", "可能是风把它吹起来的。[1]", "这是没有依据的。")
    assert answer.text == "角落里有一只风筝 [2]。可能是风把它吹起来的 [1]。"


def test_photos_of_the_library_are_told_as_before_with_the_pictures_beside(tmp_path):
    with chat_server("Yes, kite.png shows a kite [1].") as server:
        lm = open_remote(LMConfig(url=server.url, name="kite-7b", sees=True))
        with build(tmp_path / "library", lm=lm, url=server.url, sees=True) as house:
            put(house, paint(tmp_path, "kite.png", "red"))
            answer = house.ask(Question(text="Is there a kite?"))
    assert "Draft:" in server.asked[0]["messages"][-1]["content"][0]["text"]
    assert (answer.text, answer.model) == ("Yes, kite.png shows a kite [1].", "kite-7b")


# ------------------------------------------------------------------------------------------------ one more witness

DOG = photo_of(("dog", (0, 0, 90, 90), "black", 0.93))


def stop():
    from threading import Event

    return Event()


def viewing(evidence=DOG, task="look", *, text="Is there a dog?", claims=(), confidence=None, kind="look", **more):
    own = Source(path=evidence[0].region.source.path, width_px=300, height_px=300)
    case = QuestionContext(
        question=Question(text=text),
        program=replace(parse(text), library=False),
        act=Act(kind=kind, text=text, scope="picture"),
        source=own,
        evidence=tuple(evidence),
        claims=tuple(claims),
        confidence=confidence,
        **more,
    )
    return Viewing(task=task, case=case, shown=(), config=Config(lm=LMConfig(url="http://127.0.0.1:1/v1")))


def settled(said, *claims, **more):
    return settle(viewing(claims=claims, **more), [Check(claim=said, numbers=(1,), kept=True, reason="seen")])


YES = Claim("Yes, there is a dog in this photo", (2,), 0.6)


def test_two_witnesses_who_say_the_same_are_surer_than_each():
    told = settled("Yes, a black dog sits there [1].", YES, confidence=0.6)
    assert told.chance == pytest.approx(0.8182, abs=1e-4)  # odds 1.5 times 3 are 4.5: 4.5 / 5.5
    assert [check.claim for check in told.checks if check.kept] == ["Yes, a black dog sits there [1]."]
    assert (told.found, told.by_model) == (True, True)


def test_of_two_that_contradict_each_other_the_likelier_is_told_and_is_less_sure():
    for_model = settled("No, that is a cat [1].", YES, confidence=0.6)
    assert for_model.chance == pytest.approx(2 / 3)  # 0.75 x 0.4 against 0.6 x 0.25
    assert [(check.claim, check.reason) for check in for_model.checks if not check.kept] == [(YES.sentence, OTHERWISE)]
    for_program = settled("No, that is a cat [1].", YES, confidence=0.9)
    assert for_program.chance == pytest.approx(0.75)  # 0.9 x 0.25 against 0.75 x 0.1
    assert [(check.kept, check.reason) for check in for_program.checks] == [(False, SURER), (True, OWN_WORDS)]
    assert not for_program.by_model


@pytest.mark.parametrize(
    ("own", "said", "question", "chance"),
    [
        ("The hat looks red", "The hat is red [1].", "What colour is the hat?", joint_chance(0.6, 0.75, 0.02)),
        ("The hat looks red", "The hat is blue [1].", "What colour is the hat?", share_of(0.75, 0.6)),
        ("It is probably a sofa", "He sits on a couch [1].", "What is he sitting on?", joint_chance(0.6, 0.75, 0.02)),
        ("Yes, there is a dog", "There is a dog [1].", "Is there a dog?", joint_chance(0.6, 0.75, 0.02)),
        ("Yes, there is a dog", "I see no dog here [1].", "Is there a dog?", share_of(0.75, 0.6)),
    ],
)
def test_sentences_are_compared_by_what_they_add_to_the_question(own, said, question, chance):
    told = settled(said, Claim(own, (2,), 0.6), confidence=0.6, text=question)
    assert told.chance == pytest.approx(chance)


def test_a_sentence_that_only_repeats_the_question_is_no_answer():
    told = settled("The hat has a colour [1].", Claim("The hat looks red", (2,), 0.3), text="Which colour has the hat?")
    assert [(check.kept, check.reason) for check in told.checks] == [(False, "it is no answer"), (True, OWN_WORDS)]


def test_the_doubt_whether_a_question_was_understood_does_not_speak_for_the_model():
    sure = replace(YES, certainty=0.95)
    told = settled("No, that is a cat [1].", sure, confidence=0.5)
    assert (told.by_model, round(told.chance, 4)) == (False, 0.8636)  # 0.95 x 0.25 against 0.75 x 0.05


def test_a_refusal_says_nothing_against_an_answer():
    told = settled(
        "It is a beagle [1].", Claim("I cannot tell that in this photo", (1,), 0.3), confidence=0.3, refused=True
    )
    assert (told.chance, told.found, told.by_model) == (0.75, True, True)


def test_how_many_there_are_it_is_believed_less():
    three = Claim("I can point at 3 dogs in this photo", (1,), 0.6)
    told = settled("There are four dogs [1].", three, confidence=0.6, text="How many dogs are there?", kind="count")
    assert not told.by_model
    assert told.chance == pytest.approx(0.6 * 0.45 / (0.6 * 0.45 + 0.55 * 0.4))


def test_where_words_cannot_be_compared_the_likelier_stands_alone():
    cat = Claim("照片里有一只猫", (2,), 0.6)
    told = settled("那是一只狗 [1]。", cat, confidence=0.6, text="那是什么？")
    assert (told.by_model, told.chance) == (True, 0.75)
    surer = settled("那是一只狗 [1]。", cat, confidence=0.8, text="那是什么？")
    assert (surer.by_model, surer.chance) == (False, 0.8)


def verdict_of(answer, chance, *more):
    return Verdict(
        answer=answer, chance=chance, outcome="unsure", said=(Said(by="reader", answer=answer, chance=chance), *more)
    )


def test_a_verdict_names_it_among_its_witnesses_and_has_the_answer_that_prevailed():
    told = settled("No, it is a cat [1].", YES, confidence=0.6, verdict=verdict_of("yes", 0.6)).verdict
    assert (told.answer, told.runner_up, told.disputed) == ("no", "yes", True)
    assert told.chance == pytest.approx(2 / 3)
    assert told.said[-1] == Said(by="model", answer="no", chance=0.75, why="No, it is a cat [1]")
    agreed = settled("Yes, a dog [1].", YES, confidence=0.6, verdict=verdict_of("yes", 0.6)).verdict
    assert (agreed.answer, agreed.disputed, agreed.outcome) == ("yes", False, "sure")


def test_a_model_that_was_heard_for_the_verdict_is_not_counted_twice():
    before = verdict_of("yes", 0.6, Said(by="model", answer="yes", chance=0.7))
    told = settled("Yes, a dog [1].", YES, confidence=0.6, verdict=before)
    assert (told.chance, told.verdict) == (0.6, before)


# -------------------------------------------------------------------------------------------------- what it is asked


@pytest.mark.parametrize(
    ("text", "kind", "task"),
    [
        ("Why is he wearing a helmet?", "look", "why"),
        ("Warum trägt er einen Helm?", "look", "why"),
        ("他为什么戴头盔？", "look", "why"),
        ("Describe this photo in detail.", "describe", "describe"),
        ("详细描述这张照片", "describe", "describe"),
        ("Describe this photo.", "describe", "look"),
        ("Is there a dog?", "look", "look"),
        ("How many dogs are there?", "count", "look"),
        ("Delete this photo", "manage", None),
        ("What does the contract say?", "document", None),
    ],
)
def test_the_task_follows_the_kind_and_the_words_of_the_question(text, kind, task):
    assert task_of(viewing(text=text, kind=kind).case, Config(lm=LMConfig(url="http://127.0.0.1:1/v1"))) == task


def test_without_a_larger_model_nothing_is_asked():
    assert task_of(viewing().case, Config()) is None
    assert task_of(viewing().case, Config(lm=LMConfig(url="http://127.0.0.1:1/v1", phrasing="none"))) is None


def test_what_is_measured_and_what_has_several_parts_is_left_to_the_program():
    server = Config(lm=LMConfig(url="http://127.0.0.1:1/v1"))
    measured = replace(viewing().case, grounds="measured")
    act = measured.act
    parts = replace(viewing().case, request=Request(acts=(act, act)))
    assert [task_of(case, server) for case in (measured, parts, replace(viewing().case, evidence=()))] == [None] * 3
