"""A language model on several servers, which are real ones on this machine that fail as they are told to."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from chat_server import ChatServer, chat_server, serving
from fakes import Parrot
from model_servers import wait_until
from rag_house import build, upload

from deepseek_mm.answering.large_model.speech import Speech, add_sentence
from deepseek_mm.answering.talk_case import LEFT_TO_MODEL
from deepseek_mm.balancer import Balancer, BalancerLimits
from deepseek_mm.config import Config, LMConfig
from deepseek_mm.errors import NoServerAnswers, NothingThere, RequestRefused, ServerError
from deepseek_mm.language.parser import parse
from deepseek_mm.lm.backends.served_model import (
    ServedModel,
    add_stand_in,
    address_of,
    look_at_due,
    models_at,
    open_served,
    split_servers,
    watch_servers,
)
from deepseek_mm.lm.backends.server_model import RemoteModel, open_remote
from deepseek_mm.lm.generator import Silent
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Act, Answer, Message, Question, Request

ASK = (Message(role="user", text="What flies?"),)
RED, BLUE = ("A", " red", " kite."), ("A", " blue", " bird.")


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


def urls_of(*servers):
    return ", ".join(server.url for server in servers)


def model_of(*servers, clock=None, opens=None, **changes):
    """The model on these, which nobody looks at but the test."""
    config = LMConfig(**{"name": "kite-7b", "url": urls_of(*servers), **changes})
    parts = [RemoteModel(each.name, each) for each in split_servers(config)]
    balancer = Balancer([part.address for part in parts], clock=clock or Clock(), chance=lambda: 0.0)
    return ServedModel(parts, balancer=balancer, opens=opens)


def say(lm):
    return "".join(lm.stream(ASK, max_tokens=9, stop=threading.Event()))


def standing(lm):
    return [each.standing for each in lm.list_servers()]


@pytest.fixture
def pair():
    """Two servers, of which one says red and the other blue."""
    with ExitStack() as stack:
        yield [stack.enter_context(chat_server(*words)) for words in (RED, BLUE)]


def test_two_servers_share_the_requests_by_turns(pair):
    lm = model_of(*pair)
    assert [say(lm) for _ in range(4)] == ["A red kite.", "A blue bird."] * 2
    assert [each.served for each in lm.list_servers()] == [2, 2]


def test_what_a_slow_server_is_asked_meanwhile_goes_to_the_other(pair):
    slow, quick = pair
    slow.fault = "hang"
    lm = model_of(slow, quick)
    hanging = lm.stream(ASK, max_tokens=9, stop=threading.Event())
    assert next(hanging) == "A"
    assert [say(lm) for _ in range(3)] == ["A blue bird."] * 3
    assert lm.list_servers()[0].in_flight == 1
    hanging.close()
    assert [(each.in_flight, each.failed) for each in lm.list_servers()] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("fault", ["500", "429", "401", "404", "302", "page"])
def test_a_request_that_fails_before_its_first_word_goes_on_at_another_server(pair, fault):
    pair[0].fault = fault
    lm = model_of(*pair)
    assert [say(lm) for _ in range(6)] == ["A blue bird."] * 6
    assert standing(lm) == ["down", "up"]
    assert lm.list_servers()[0].failed == 3
    assert len(pair[0].asked) == 3  # then it was left alone


def test_a_server_that_is_silent_for_too_long_leaves_the_request_to_another(pair):
    pair[0].words, pair[0].fault = ("<think>", " hm", " hm"), "hang"  # nothing of it is said
    lm = model_of(*pair, timeout_s=1)
    assert say(lm) == "A blue bird."
    assert "said nothing for 1 s" in lm.list_servers()[0].reason


@pytest.mark.parametrize("fault", ["cut", "error event", "garbage"])
def test_behind_the_first_word_no_other_server_is_asked(pair, fault):
    pair[0].fault = fault
    lm = model_of(*pair)
    pieces, heard = lm.stream(ASK, max_tokens=9, stop=threading.Event()), []
    with pytest.raises(ServerError):
        heard.extend(pieces)
    assert not pair[1].asked
    assert lm.list_servers()[0].failed == 1


def test_what_a_server_only_thought_before_it_broke_off_is_thought_again_by_another(pair):
    pair[0].words, pair[0].fault = ("<think>", " red?", " no"), "cut"
    assert say(model_of(*pair)) == "A blue bird."


@pytest.mark.parametrize("fault", ["400", "413", "422"])
def test_what_any_server_would_refuse_is_told_and_asked_of_no_other(pair, fault):
    pair[0].fault = fault
    lm = model_of(*pair)
    with pytest.raises(RequestRefused, match="tensor cores are on strike"):
        say(lm)
    assert not pair[1].asked
    assert (standing(lm), lm.list_servers()[0].failed) == (["up", "up"], 0)


def test_a_call_of_a_tool_goes_on_at_another_server_too(pair):
    pair[0].fault, pair[1].fault = "500", "whole"
    lm = model_of(*pair)
    assert lm.call_tools([{"role": "user", "content": "Hi"}], {}, stop=threading.Event()).text == "A blue bird."
    assert [(each.served, each.failed) for each in lm.list_servers()] == [(0, 1), (1, 0)]


def test_no_request_is_lost_while_one_server_dies_under_load_and_it_is_asked_again_when_it_is_back():
    clock = Clock()
    with chat_server(*BLUE) as stays:
        dies = ChatServer(RED)
        port = dies.server_port
        lm = model_of(dies, stays, clock=clock)
        with serving(dies), ThreadPoolExecutor(8) as callers:
            said = [callers.submit(say, lm) for _ in range(24)]
            said[3].result()
            dies.fault = "500"  # what was begun ends; then its port is closed as well
            assert {each.result() for each in said} <= {"A red kite.", "A blue bird."}
        assert [say(lm) for _ in range(5)] == ["A blue bird."] * 5
        assert standing(lm) == ["down", "up"]
        clock.now += 1.25
        look_at_due(lm.balancer, lm.servers)
        assert standing(lm) == ["down", "up"]
        assert f"no language model server at http://127.0.0.1:{port}" in lm.list_servers()[0].reason
        with serving(ChatServer(RED, port=port)):
            clock.now += 2.5
            look_at_due(lm.balancer, lm.servers)
            assert standing(lm) == ["trial", "up"]
            assert {say(lm) for _ in range(4)} == {"A red kite.", "A blue bird."}
            assert standing(lm) == ["up", "up"]


def test_a_server_that_has_another_model_is_left_out_and_its_models_are_named(pair):
    pair[1].models = ("owl-3b",)
    lm = model_of(*pair)
    look_at_due(lm.balancer, lm.servers)
    assert standing(lm) == ["up", "down"]
    assert f"{pair[1].url} has no kite-7b, but owl-3b" in lm.list_servers()[1].reason
    assert {say(lm) for _ in range(3)} == {"A red kite."}


def test_a_server_without_a_list_of_models_is_trusted_and_one_that_fails_is_not(pair):
    pair[0].fault = "no list"
    lm = model_of(*pair)
    look_at_due(lm.balancer, lm.servers)
    assert standing(lm) == ["up", "up"]


def test_each_server_may_call_the_model_otherwise(pair):
    pair[1].models = ("kite-7b-q4.gguf",)
    config = LMConfig(name="kite-7b", url=f"{pair[0].url}, {pair[1].url}#kite-7b-q4.gguf")
    lm = open_served(config)
    assert {say(lm) for _ in range(2)} == {"A red kite.", "A blue bird."}
    assert [each.asked[0]["model"] for each in pair] == ["kite-7b", "kite-7b-q4.gguf"]
    assert lm.name == "kite-7b"
    assert address_of(config) == config.url
    assert lm.fingerprint == f"{pair[0].url}#kite-7b {pair[1].url}#kite-7b-q4.gguf"


def test_under_the_default_name_the_first_model_that_all_have_is_taken_whoever_is_away(pair):
    pair[0].models, pair[1].models = ("owl-3b", "kite-7b"), ("kite-7b",)
    assert open_served(LMConfig(url=urls_of(*pair))).name == "kite-7b"
    pair[1].models = ("crow-1b",)
    with pytest.raises(ServerError, match=r"no model of the same name: owl-3b, kite-7b; crow-1b\. Write ADDRESS#MODEL"):
        models_at(LMConfig(url=urls_of(*pair)))
    with chat_server() as gone:
        nobody = gone.url
    assert models_at(LMConfig(url=f"{nobody} {pair[0].url}")) == ["owl-3b", "kite-7b"]
    with pytest.raises(ServerError, match="no language model server"):
        open_served(LMConfig(url=f"{nobody} {nobody}"))


def test_the_key_goes_to_the_server_that_it_is_for_and_to_no_other(pair, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    lm = model_of(*pair, api_key_for=pair[1].url)
    look_at_due(lm.balancer, lm.servers)
    assert [say(lm) for _ in range(2)] == ["A red kite.", "A blue bird."]
    for headers in (*pair[0].headers, *pair[0].seen):
        assert "authorization" not in headers
    assert [each["authorization"] for each in (*pair[1].headers, *pair[1].seen)] == ["Bearer sk-secret"] * 2


def test_a_thread_looks_at_what_is_left_out_until_the_model_is_let_go():
    with chat_server(*RED) as server:
        server.fault = "500"
        remote = open_remote(LMConfig(name="kite-7b", url=server.url))
        balancer = Balancer([remote.address], BalancerLimits(failures=1, pause_s=0.01))
        lm = ServedModel([remote], balancer=balancer)
        watch = threading.Thread(target=watch_servers, args=(balancer, lm.servers), daemon=True)
        watch.start()
        with pytest.raises(ServerError, match="tensor cores"):
            say(lm)
        server.fault = ""
        wait_until(lambda: standing(lm) == ["trial"])
        assert say(lm) == "A red kite."
        balancer.close()
        watch.join(5)
        assert not watch.is_alive()


def test_without_another_model_nobody_speaks_and_the_error_names_every_server(pair):
    for server in pair:
        server.fault = "500"
    lm = model_of(*pair)
    with pytest.raises(ServerError, match=rf"{pair[0].url} answered 500.*{pair[1].url} answered 500.*doctor") as caught:
        say(lm)
    assert not isinstance(caught.value, NoServerAnswers)
    assert not lm.is_down


STAND_IN = "without it"


class Packaged(Parrot):
    name = "deepseek-mm"


def ask(house, text="What colour is the kite?"):
    return house.ask(Question(text=text, image=upload(), image_name="up.png"))


def test_while_all_are_down_the_packaged_model_answers_and_the_answer_says_so(pair, tmp_path):
    clock, opened = Clock(), []
    lm = model_of(*pair, clock=clock, opens=lambda: opened.append(1) or Packaged("You can see that it is red [2]."))
    with build(tmp_path, lm=lm, url=urls_of(*pair), name="kite-7b") as house:
        assert STAND_IN not in ask(house).text
        assert (opened, house.notices) == ([], ())
        for server in pair:
            server.fault = "500"
        first = ask(house)  # neither server was known to fail
        assert first.text.endswith("No server of the language model answers now, so this was worded without it.")
        assert "failed" not in " ".join(check.claim for check in first.checks)
        assert (first.state, first.found, len(first.citations) > 0) == ("done", True, True)
        for _ in range(3):
            assert STAND_IN in ask(house).text
        assert (lm.is_down, opened) == (True, [1])
        asked = len(pair[0].asked)
        assert STAND_IN in ask(house).text
        assert len(pair[0].asked) == asked
        (notice,) = house.notices
        assert "http" not in notice.short
        assert pair[1].url in notice.text
        assert "no server of the language model answers" in house.about()["notices"]
        for server in pair:
            server.fault = ""
        clock.now += 1.25
        look_at_due(lm.balancer, lm.servers)
        assert STAND_IN not in ask(house).text  # without a restart
        assert (house.notices, lm.is_down) == ((), False)


def test_a_model_that_sees_is_replaced_by_one_that_does_not_and_what_only_it_could_say_is_refused(tmp_path):
    with chat_server("It", " is", " red", " [2].") as server:
        lm = add_stand_in(open_remote(LMConfig(name="kite-7b", url=server.url, sees=True)), Silent)
        with build(tmp_path, lm=lm, url=server.url, name="kite-7b", sees=True) as house:
            assert ask(house).model == "kite-7b"
            server.fault = "500"
            answer = ask(house, "Why is the kite there?")
            assert (answer.model, STAND_IN in answer.text) == ("", True)


def test_what_no_model_would_have_worded_says_nothing_of_servers(pair, tmp_path):
    for server in pair:
        server.fault = "500"
    lm = model_of(*pair, opens=Silent)
    with build(tmp_path, lm=lm, url=urls_of(*pair), name="kite-7b", phrasing="none") as house:
        assert STAND_IN not in ask(house).text
        assert not pair[0].asked


def test_a_packaged_model_that_is_not_here_leaves_the_programs_own_words(pair, tmp_path):
    def fail_to_open():
        raise NothingThere("no weights")

    for server in pair:
        server.fault = "500"
    lm = model_of(*pair, opens=fail_to_open)
    with build(tmp_path, lm=lm, url=urls_of(*pair), name="kite-7b") as house:
        answer = ask(house)
    assert STAND_IN in answer.text
    assert answer.model == ""


def test_the_sentence_is_in_the_language_of_the_question_behind_what_was_said():
    case = QuestionContext(
        question=Question(text="?"),
        program=parse("?"),
        request=Request(acts=(Act(kind="describe", text="?"),), language="zh"),
    )
    told = add_sentence(Answer(text="这是一只狗。"), case, "stand_in")
    assert told.text == "这是一只狗。语言模型的服务器目前都没有回应，所以这个回答没有由它措辞。"
    assert add_sentence(Answer(text=""), case, "left_to_model").text.endswith("请稍后再问。")


def test_what_only_the_larger_model_could_say_is_not_left_to_the_packaged_one(pair):
    for server in pair:
        server.fault = "500"
    lm = model_of(*pair, opens=lambda: Packaged("Nonsense."))
    config = replace(Config(), lm=LMConfig(name="kite-7b", url=urls_of(*pair)))
    case = QuestionContext(question=Question(text="Write a poem"), program=parse("Write a poem"), grounds=LEFT_TO_MODEL)
    speech = Speech(case=case, config=config, pick=lambda _: (), stop=threading.Event())
    (answer,) = speech.stream(lm)
    assert answer.text.startswith("Only the larger language model could say that, and none of its servers answers now.")
    assert not answer.found
