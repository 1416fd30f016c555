"""Every way of asking goes through one service: it streams, stops, batches, and gives each caller its own answer."""

import ast
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fake_app import paper
from fakes import picture
from jobs_help import eventually
from rag_house import build, paint, put

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.config import Config, SandboxConfig, ServeConfig
from deepseek_mm.errors import BadQuestion, Busy, Forbidden, NothingThere
from deepseek_mm.services.answer_service import AnswerService
from deepseek_mm.types import Question

ROOT = Path(__file__).parent.parent
ME, YOU = LOCAL.with_session("m" * 43), LOCAL.with_session("y" * 43)
RED, GREEN = (Question(text="What colour is this?", image=picture(each), image_name=each) for each in ("red", "green"))

LONG = Question(text="Is there a red thing?")


def house_over(folder, **numbers):
    assistant = build(folder / "library", name="none")
    assistant.config = replace(assistant.config, serve=ServeConfig(**numbers))
    put(assistant, *(paint(folder / "photos", f"{name}.png", name) for name in ("red", "green")))
    return assistant


@pytest.fixture
def answers(tmp_path):
    """Over a library of a red and a green photo; the program speaks for itself."""
    with house_over(tmp_path, workers=8) as assistant:
        answers = AnswerService.of(assistant)
        with closing(answers.engine):
            yield answers


@pytest.fixture
def slow(tmp_path):
    """Over an assistant that speaks for a minute, if nobody stops it; two answers at a time, and one may wait."""
    config = Config(data=tmp_path / "library", serve=ServeConfig(workers=2, queue=1))
    assistant = paper(config, says="It is a thing [1] that goes on. " * 400, pause_s=0.02)
    answers = AnswerService.of(assistant)
    with closing(assistant), closing(answers.engine):
        yield answers


def kept_by(answers, caller) -> list[str]:
    history = answers.engine.assistant.history
    ids = [each.id for each in history.conversations(session=caller.session, limit=99)]
    return [turn.answer.text for each in ids for turn in history.turns(each, session=caller.session)]


def begin(answers, caller, question, **more):
    """Start it, and wait until its turn has come."""
    run = answers.start(caller, question, **more)
    eventually(lambda: run.stage != "waiting")
    return run


def test_an_answer_streams_to_its_end_and_is_kept_as_its_callers(answers):
    states = list(answers.stream(ME, RED))
    assert [states[0].state, states[-1].state] == ["running", "done"]
    assert all(len(a.text) <= len(b.text) for a, b in zip(states, states[1:], strict=False))
    assert "red" in states[-1].text
    assert answers.ask(ME, RED).text == states[-1].text
    assert kept_by(answers, ME) == [states[-1].text] * 2
    assert kept_by(answers, YOU) == []


def test_a_question_is_its_callers_whatever_session_it_names(answers):
    answers.ask(ME, replace(RED, session=YOU.session))
    assert (len(kept_by(answers, ME)), kept_by(answers, YOU)) == (1, [])
    conversation = answers.ask(ME, RED).conversation
    with pytest.raises(NothingThere):
        answers.ask(YOU, replace(RED, conversation=conversation))


def test_two_browsers_that_ask_at_the_same_time_never_mix(answers):
    """Many times at once, through every way of asking: each has its own answers, and its own history."""
    said = {ME: [], YOU: []}

    def ask(caller, question, number):
        if number % 2:
            said[caller].append(answers.ask(caller, question).text)
        else:
            said[caller].append(list(answers.start(caller, question, page=caller.session).follow())[-1].text)

    pairs = [(caller, question, n) for n in range(8) for caller, question in ((ME, RED), (YOU, GREEN))]
    threads = [threading.Thread(target=ask, args=each) for each in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for caller, mine, others in ((ME, "red", "green"), (YOU, "green", "red")):
        assert len(said[caller]) == len(kept_by(answers, caller)) == 8
        assert all(mine in text and others not in text for text in (*said[caller], *kept_by(answers, caller)))


def test_questions_that_wait_at_the_same_time_are_looked_up_together(tmp_path):
    with house_over(tmp_path, workers=8, batch_wait_ms=500) as assistant:
        passes, gate, look_up = [], threading.Event(), assistant.stream_many

        def held(questions, *, stops):
            passes.append(len(questions))
            gate.wait(60)
            return look_up(questions, stops=stops)

        assistant.stream_many = held
        answers = AnswerService.of(assistant)
        with closing(answers.engine):
            runs = [answers.start(caller, question) for caller, question in [(ME, RED), (YOU, GREEN)] * 3]
            queue = answers.engine._batches._waiting["ask"]
            eventually(lambda: sum(passes) + len(queue) == 6)  # a quick machine has them all in the first pass
            gate.set()
            texts = [list(run.follow())[-1].text for run in runs]
        assert [("red" in text, "green" in text) for text in texts] == [(True, False), (False, True)] * 3, texts
        assert sum(passes) == 6
        assert len(passes) <= 3  # whoever waited for the first two passes shared the next


def test_stop_ends_the_answers_of_one_page_only_and_keeps_what_was_said(slow):
    mine, theirs = begin(slow, ME, LONG, page="mine"), begin(slow, YOU, LONG, page="theirs")
    seen = [next(states) for states in (mine.follow(), theirs.follow())]
    assert [each.state for each in seen] == ["running", "running"]
    eventually(lambda: mine.latest.text and theirs.latest.text)
    slow.stop(ME, "mine")
    last = list(mine.follow())[-1]
    assert (last.state, last.text in kept_by(slow, ME)[0]) == ("stopped", True)
    assert not theirs.has_ended
    assert slow.engine.stop_pages(wait_s=30)
    assert list(theirs.follow())[-1].state == "stopped"
    slow.stop(ME, "nobody")


def test_an_answer_that_is_read_in_a_thread_of_its_own_stops_too(slow):
    stop, states = threading.Event(), []
    for state in slow.stream(ME, LONG, stop=stop):
        states.append(state)
        if state.text:
            stop.set()
    assert states[-1].state == "stopped"


def test_after_a_stop_that_waits_the_page_has_taken_the_last_state(slow):
    run, taken = slow.start(ME, LONG, page="page"), []

    def page():
        for state in run.follow():
            time.sleep(0.05)  # a slow page
            taken.append(state)

    thread = threading.Thread(target=page)
    thread.start()
    eventually(lambda: taken)
    assert slow.is_followed(ME, "page")
    assert slow.stop(ME, "page", wait_s=30)
    assert taken[-1].state == "stopped"
    assert not slow.is_followed(ME, "page")
    thread.join()


def test_an_answer_goes_on_when_nobody_follows_it_any_more(answers):
    follower = answers.start(ME, RED, page="page").follow()
    next(follower)
    follower.close()
    eventually(lambda: "red" in "".join(kept_by(answers, ME)))
    assert not answers.is_followed(ME, "page")


def test_beyond_the_queue_nobody_is_taken_and_who_waits_can_be_stopped_at_once(slow):
    running = [begin(slow, ME, LONG, page="page") for _ in range(2)]
    waiting = slow.start(ME, LONG, page="page")
    assert (waiting.stage, slow.engine.count_ahead(waiting)) == ("waiting", 0)
    with pytest.raises(Busy, match="Try again"):
        slow.start(YOU, LONG)
    waiting.stop()
    assert (waiting.stage, list(waiting.follow()), waiting.started_at) == ("cancelled", [], None)
    assert len(slow.engine.runs()) == 2
    for run in running:
        run.stop()
    eventually(lambda: slow.engine.runs() == [])


def test_what_cannot_be_asked_is_raised_where_the_answer_is_followed(answers):
    run = answers.start(ME, Question(text=" "))
    with pytest.raises(BadQuestion, match="empty"):
        list(run.follow())
    assert run.stage == "failed"
    with pytest.raises(BadQuestion):
        answers.ask(ME, Question(text=" "))
    assert kept_by(answers, ME) == []


def test_an_error_arrives_after_what_came_before_it(answers):
    def produce(stop):
        yield "first"
        raise ValueError("broken")

    states = answers.engine.start(produce, session="me").follow()
    assert next(states) == "first"
    with pytest.raises(ValueError, match="broken"):
        next(states)


def test_a_reader_that_is_slow_skips_states_but_never_the_last(answers):
    seen = list(answers.engine.start(lambda stop: iter(range(1, 1_000)), session="me").follow())
    assert seen == sorted(set(seen))
    assert seen[-1] == 999


def test_a_run_is_found_by_its_own_session_as_long_as_it_goes_on(slow):
    run = slow.start(ME, LONG)
    assert slow.find_run(ME, run.token) is run
    assert slow.find_run(YOU, run.token) is None
    run.stop()
    eventually(lambda: run.has_ended)
    assert slow.find_run(ME, run.token) is None


def test_who_may_run_no_programs_asks_for_none(answers):
    assistant = answers.engine.assistant
    assistant.config = replace(assistant.config, sandbox=SandboxConfig(run="auto"))
    question = Question(text="write a test for load", about="code", run=True)
    for ask in (answers.ask, answers.stream, answers.start):
        with pytest.raises(Forbidden, match="people of this machine only"):
            ask(replace(ME, local=False), question)
    assert answers.ask(ME, question).state == "done"


def test_nobody_asks_the_assistant_but_through_the_service():
    """Whoever lets people in calls no `ask`, `stream` or their plurals of an Assistant."""
    ways = {"ask", "ask_many", "stream", "stream_many"}
    folders = ("deepseek_mm/api", "deepseek_mm/cli", "ui")
    calls = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ways and owner_of(node) in ("assistant", "house")
    }
    assert calls == set()


def owner_of(node: ast.Attribute) -> str:
    return getattr(node.value, "attr", getattr(node.value, "id", ""))
