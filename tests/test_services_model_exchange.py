"""A language model takes the place of another while people ask: tried first, and the old one stays where it fails."""

import threading
import time
from collections.abc import Sequence

import pytest
from fakes import Parrot
from plan_help import planned_in
from rag_house import build, paint, put
from tiny_rankers import gold_digger, save_ranker

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.errors import BadCheckpoint, BadQuestion, Conflict, DeepSeekMMError
from deepseek_mm.models.rankers import TRIALS
from deepseek_mm.retrieval.passages import Rerankers
from deepseek_mm.services.model_exchange import (
    ExchangeState,
    ModelExchange,
    ModelExchangeService,
    choose_model,
    choose_speaker,
    try_speaker,
)
from deepseek_mm.services.settings_service import ModelService
from deepseek_mm.settings_file import SettingsFile, value_of
from deepseek_mm.types import Question


class Silent(Parrot):
    def stream(self, messages, *, max_tokens, stop):
        yield from ()


class Looker(Parrot):
    sees = True

    def stream(self, messages, *, max_tokens, stop):
        (picture,) = messages[0].images
        yield "Red." if picture.getpixel((48, 48)) == (255, 0, 0) else "?"


@pytest.fixture
def assistant(tmp_path):
    with build(tmp_path) as assistant:
        put(assistant, paint(tmp_path, "red.png", "red"))
        yield assistant


def prefer_right(question: str, texts: Sequence[str]) -> list[float]:
    return [float(text in {trial.right for trial in TRIALS.values()}) for text in texts]


@pytest.fixture
def exchange(assistant):
    return ModelExchange(
        assistant=assistant,
        file=SettingsFile.of(assistant.config),
        opens=lambda config: Parrot("Red"),
        opens_ranker=lambda name: prefer_right if name else None,
    )


def wait_for(exchange: ModelExchange) -> ExchangeState:
    end = time.monotonic() + 30
    while exchange.state.is_active and time.monotonic() < end:
        time.sleep(0.01)
    return exchange.state


def test_the_new_model_is_tried_kept_in_the_settings_and_answers_from_then_on(exchange):
    before = exchange.assistant.lm
    exchange.begin(choose_model("HuggingFaceTB/SmolLM2-360M-Instruct"))
    done = wait_for(exchange)
    assert (done.step, done.name) == ("done", "HuggingFaceTB/SmolLM2-360M-Instruct")
    assert done.message == "Which colour is a ripe tomato? Answer in one word. Red"
    assert exchange.assistant.lm is not before
    assert exchange.assistant.photos.lm is exchange.assistant.lm
    assert exchange.file.read().config.lm.name == exchange.assistant.config.lm.name == done.name


@pytest.mark.parametrize("error", [BadCheckpoint("it is damaged"), MemoryError("no room"), KeyError("weight")])
def test_where_the_new_one_cannot_be_opened_the_old_one_stays_and_the_reason_is_told(exchange, error):
    def opens(config):
        raise error

    before, settings = exchange.assistant.lm, exchange.file.read()
    exchange.opens = opens
    exchange.begin(choose_model("owner/broken"))
    failed = wait_for(exchange)
    assert failed.step == "failed"
    assert "goes on to answer" in failed.message
    assert str(error.args[0]) in failed.message
    assert exchange.assistant.lm is before
    assert exchange.file.read().config == settings.config


def test_a_model_that_says_nothing_is_none(exchange):
    exchange.opens = lambda config: Silent()
    exchange.begin(choose_model("owner/silent"))
    assert "said nothing" in wait_for(exchange).message


def test_a_model_that_sees_is_shown_a_picture():
    assert try_speaker(Looker()) == "Which colour is the square in this picture? Answer in one word. Red."


def test_one_exchange_waits_for_another(exchange):
    hold = threading.Event()
    exchange.opens = lambda config: hold.wait(10) and Parrot("Red")
    exchange.begin(choose_model("owner/slow"))
    with pytest.raises(Conflict, match="owner/slow is being opened"):
        exchange.begin(choose_model("owner/other"))
    hold.set()
    assert wait_for(exchange).step == "done"


def test_eight_who_ask_meanwhile_get_their_answers(exchange):
    assistant, over, answers, errors = exchange.assistant, threading.Event(), list(), list()

    def ask() -> None:
        while not over.is_set():
            try:
                answers.append(assistant.ask(Question(text="what is in my library?")))
            except DeepSeekMMError as error:
                errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    models = [Parrot("one"), Parrot("two"), Parrot("three")]
    exchange.opens = lambda config: models.pop()
    for name in ("owner/one", "owner/two", "owner/three"):
        exchange.begin(choose_model(name))
        assert wait_for(exchange).step == "done"
    over.set()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert {answer.state for answer in answers} == {"done"}
    assert len(answers) >= 8


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("deepseek-mm", {"lm.name": "deepseek-mm", "lm.vlm": ""}),
        ("none", {"lm.name": "none", "lm.vlm": ""}),
        ("owner/model", {"lm.name": "owner/model", "lm.vlm": ""}),
        ("huggingfacetb/smolvlm-256m-instruct", {"lm.vlm": "HuggingFaceTB/SmolVLM-256M-Instruct"}),
    ],
)
def test_a_name_stands_for_the_settings_by_which_it_answers(name, settings):
    chosen = choose_model(name)
    assert {key: chosen[key] for key in settings} == settings


def test_what_does_not_speak_is_no_language_model():
    with pytest.raises(BadQuestion, match="index --rebuild --encoder google/siglip2"):
        choose_model("google/siglip2-base-patch16-224")
    with pytest.raises(BadQuestion, match="orders what is found, it does not answer"):
        choose_speaker("BAAI/bge-reranker-v2-m3")


def test_callers_from_elsewhere_and_what_a_flag_fixes_are_refused(assistant, tmp_path):
    fixed = SettingsFile({"data": str(assistant.config.data), "lm.name": "none"}, environ={}, cwd=tmp_path)
    models = ModelService(assistant=assistant, file=fixed)
    service = ModelExchangeService.of(assistant, fixed, models)
    with pytest.raises(Conflict, match="lm.name is fixed by flag"):
        service.use_model(Caller(name="", session="", local=True, rights=frozenset({"settings"})), "deepseek-mm")


@pytest.mark.parametrize(
    ("name", "setting", "packaged"),
    [
        ("cross-encoder/ms-marco-MiniLM-L6-v2", "rag.reranker", "packaged-order"),
        ("intfloat/multilingual-e5-small", "rag.reranker", "packaged-order"),
        ("jinaai/jina-code-embeddings-0.5b", "rag.code_reranker", "packaged-code-order"),
    ],
)
def test_a_model_that_orders_works_from_the_next_question_on_and_the_packaged_order_is_the_way_back(
    exchange, name, setting, packaged
):
    exchange.begin(choose_model(name))
    done = wait_for(exchange)
    assert (done.step, done.name) == ("done", name)
    assert done.message.endswith("1.000 > 0.000")
    assert value_of(exchange.assistant.config, setting) == value_of(exchange.file.read().config, setting) == name
    rerankers = exchange.assistant.retriever.rerankers
    assert prefer_right in (rerankers.passages, rerankers.code)
    exchange.begin(choose_model(packaged))
    back = wait_for(exchange)
    assert (back.step, back.name) == ("done", packaged)
    assert exchange.assistant.retriever.rerankers == Rerankers()
    assert value_of(exchange.file.read().config, setting) == ""


@pytest.mark.parametrize(
    "score", [lambda question, texts: [0.0] * len(texts), lambda question, texts: [float("nan")] * 2]
)
def test_a_model_that_does_not_prefer_a_right_text_is_refused_and_the_order_stays(exchange, score):
    exchange.opens_ranker = lambda name: score
    exchange.begin(choose_model("BAAI/bge-reranker-v2-m3"))
    failed = wait_for(exchange)
    assert failed.step == "failed"
    assert failed.message.startswith("The order stays as it was: asked 'How much is the deposit for the flat?'")
    assert "prefers no right text" in failed.message
    assert exchange.assistant.retriever.rerankers == Rerankers()
    assert exchange.file.read().config.rag.reranker == ""


def test_a_real_checkpoint_is_opened_tried_and_refused_where_it_was_not_made_for_this(assistant, tmp_path):
    folder = save_ranker(tmp_path / "ranker", gold_digger())
    assistant.planned = planned_in(tmp_path)
    file = SettingsFile.of(assistant.config)
    service = ModelExchangeService.of(assistant, file, ModelService(assistant=assistant, file=file))
    service.exchange.begin({"rag.reranker": str(folder)})
    failed = wait_for(service.exchange)
    assert (failed.step, failed.name) == ("failed", str(folder))
    assert "It was not made for this" in failed.message
