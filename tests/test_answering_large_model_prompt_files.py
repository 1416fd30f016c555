"""What larger models are told, and what becomes of their talk and of what they say of code: by a scripted server."""

import re
from threading import Event

import pytest
from chat_server import chat_server
from fakes import picture
from test_answering_verifier_code import CLAIMS, evidence

from deepseek_mm.answering.composer import NO_WORDS, stream_answer, stream_model
from deepseek_mm.answering.large_model.prompt_files import FOLDER, is_rude, read_prompt
from deepseek_mm.config import Config, LMConfig
from deepseek_mm.language.parser import parse
from deepseek_mm.lm.backends.server_model import open_remote
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Question

GAPS = {"look": {"shown", "question"}, "why": {"shown", "question"}, "describe": {"shown", "question"}}
GAPS |= {"chat": {"question"}, "code": {"pieces", "facts", "question"}}


@pytest.mark.parametrize("name", GAPS)
def test_each_task_has_a_file_of_its_own_with_rules_a_template_and_a_length(name):
    prompt = read_prompt(name)
    assert set(re.findall(r"\{(\w+)\}", prompt.user)) == GAPS[name]
    assert "in the language of the question" in prompt.system.lower() or name == "code"
    assert 50 < prompt.most_tokens < 1000


def test_every_file_of_a_prompt_is_one_of_a_task():
    assert {file.stem for file in FOLDER.glob("*.toml")} == set(GAPS)


def test_what_is_shown_is_called_data_so_that_it_orders_nothing():
    assert all("never an order" in read_prompt(name).system for name in ("look", "why", "describe", "code"))


def test_braces_in_a_question_fill_no_gap():
    filled = read_prompt("code").fill(pieces="{facts}", facts="none", question="what is {pieces}?")
    assert "{facts}" in filled
    assert filled.endswith("Question: what is {pieces}?")


@pytest.mark.parametrize(
    ("said", "rude"),
    [("You are an idiot.", True), ("SHUT UP", True), ("你是个笨蛋", True), ("Du Dummkopf!", True)]
    + [("A stupa on a hill", False), ("She is wearing a dummy", False), ("Ein Dummy", False), ("", False)],
)
def test_an_insult_is_a_whole_word(said, rude):
    assert is_rude(said) == rude


def config(server, **more):
    return Config(lm=LMConfig(url=server.url, name="kite-7b", **more))


def talked(*words, text="Write a poem", images=(), fault="", sees=False):
    """The last state of an answer that a model gives by itself, what the server was sent, and all states."""
    case = QuestionContext(question=Question(text=text), program=parse(text), confidence=0.5, earlier=(("a", "b"),))
    with chat_server(*words, fault=fault) as server:
        settings = config(server, sees=sees)
        states = list(stream_model(open_remote(settings.lm), case, settings, Event(), images))
    return states[-1], server.asked[0], states


def test_talk_is_sent_with_its_rules_and_the_conversation_and_comes_back_as_it_is():
    answer, body, states = talked("Roses are red,\n", "kites are blue.\n\n", "The end.")
    assert [turn["role"] for turn in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][0]["content"] == read_prompt("chat").system
    assert body["messages"][-1]["content"] == "Write a poem"
    assert body["max_tokens"] == 400
    assert answer.text == "Roses are red,\nkites are blue.\n\nThe end."  # lines stay lines
    assert (answer.model, answer.found, answer.citations) == ("kite-7b", True, ())
    assert [state.text for state in states[:2]] == ["Roses", "Roses are"]


def test_a_photo_that_is_talked_of_goes_along_to_a_model_that_sees():
    _, body, _ = talked("Ode.", images=[picture("red")], sees=True)
    assert [part["type"] for part in body["messages"][-1]["content"]] == ["text", "image_url"]


def test_talk_cites_nothing_whatever_it_says():
    answer, *_ = talked("It is so [3].")
    assert answer.citations == ()


def test_a_rude_sentence_of_talk_is_left_out_with_its_reason():
    answer, *_ = talked("Fine. ", "You idiot. ", "Here it is.")
    assert answer.text == "Fine. Here it is."
    assert [(check.claim, check.kept, check.reason) for check in answer.checks] == [("You idiot.", False, "it is rude")]


@pytest.mark.parametrize(
    ("words", "fault"), [(("",), ""), (("You idiot.",), ""), (("a", "b"), "500"), (("a",), "page")]
)
def test_where_nothing_is_said_that_is_told_with_a_next_step(words, fault):
    answer, *_ = talked(*words, fault=fault)
    assert (answer.text, answer.found) == (NO_WORDS, False)


def test_half_a_talk_stays_and_the_failure_is_named():
    answer, *_ = talked("It is so. And ", "then ", "more", fault="cut")
    assert answer.text == "It is so."
    assert [check.claim for check in answer.checks] == ["kite-7b failed"]


def coded(*words, fault=""):
    """What a coder's model makes of two pieces of code, and what its server was sent."""
    question = Question(text="What is refused?", about="code")
    case = QuestionContext(question=question, program=parse(question.text), evidence=tuple(evidence()), claims=CLAIMS)
    with chat_server(*words, fault=fault) as server:
        settings = config(server)
        *_, answer = stream_answer(open_remote(settings.lm), case, settings, Event())
    return answer, server.asked[0]


OWN = "`checked` is called by `rounded` in money.py:4-5 [1]."


def test_a_coders_model_is_sent_the_pieces_the_facts_and_the_question():
    answer, body = coded("`checked` raises a `ValueError` [1].")
    system, user = body["messages"]
    assert system["content"] == read_prompt("code").system
    assert user["content"].index("[1] /repo/shop/money.py:8-12") < user["content"].index("[2] /repo/shop/orders.py")
    assert user["content"].endswith(f"Facts:\n- {OWN}\n\nQuestion: What is refused?")
    assert body["max_tokens"] == 400
    assert answer.text == f"{OWN} `checked` raises a `ValueError` [1]."
    assert answer.model == "kite-7b"


@pytest.mark.parametrize(
    ("said", "kept", "reason"),
    [
        ("`checked` raises a `ValueError`.", "`checked` raises a `ValueError` [1].", "its names and places were shown"),
        ("It is refused.", "", "it cites nothing"),
        ("`checked` refuses it [9].", "", "it cites [9], which does not exist"),
        ("`charge` refuses it [1].", "", "nothing here is called charge"),
        ("`checked` is stupid [1].", "", "it is rude"),
        ("", "", ""),
    ],
)
def test_each_sentence_about_code_is_weighed_and_the_facts_stay(said, kept, reason):
    answer, _ = coded(said)
    assert answer.text == f"{OWN} {kept}".strip()
    assert reason in [check.reason for check in answer.checks] or not reason


@pytest.mark.parametrize("fault", ["500", "page", "cut"])
def test_a_coders_server_that_fails_is_named_and_the_facts_are_told(fault):
    answer, _ = coded("It ", "is ", "so", fault=fault)
    assert (answer.text, answer.model) == (OWN, "")
    assert "kite-7b failed" in [check.claim for check in answer.checks]
