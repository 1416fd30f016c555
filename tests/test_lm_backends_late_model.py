"""A language model that is opened when it is first asked: once, for everybody, and its failure is told to everybody."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from engine_help import TOKENIZER
from toy_runner import ToyRunner, circling

from deepseek_mm.errors import LibraryError, ModelFailed
from deepseek_mm.lm.backends.own_model import LateModel, OwnModel
from deepseek_mm.lm.engine.inference_engine import InferenceEngine
from deepseek_mm.lm.generator import (
    CountingGenerator,
    EngineStats,
    SamplingGenerator,
    TextCompleter,
    TracingGenerator,
    YesNoModel,
)
from deepseek_mm.types import Message

HELLO = [Message(role="user", text="hello")]


def speaker():
    """Says as much as is asked for."""
    return OwnModel(InferenceEngine(ToyRunner(circling), TOKENIZER), TOKENIZER, name="speaker", fingerprint="e" * 64)


def late(opens):
    return LateModel(opens, name="late", fingerprint="f" * 64)


def said(model):
    return "".join(model.stream(HELLO, max_tokens=5, stop=threading.Event()))


SAID = said(speaker())


def test_name_and_numbers_are_told_without_opening_and_the_first_question_opens_it():
    opened = []
    model = late(lambda: opened.append(1) or speaker())
    assert (model.name, model.fingerprint, model.sees, model.stats()) == ("late", "f" * 64, False, EngineStats())
    assert not opened
    assert said(model) == SAID
    assert model.stats().written_tokens == 5
    assert said(model) == SAID
    assert opened == [1]


def test_many_who_ask_at_once_wait_for_one_that_opens():
    opened, go = [], threading.Event()

    def opens():
        opened.append(1)
        assert go.wait(30)
        return speaker()

    model = late(opens)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(said, model) for _ in range(4)]
        model.start()
        go.set()
        assert [answer.result(30) for answer in answers] == [SAID] * 4
    assert opened == [1]


@pytest.mark.parametrize(
    ("error", "told"), [(LibraryError("no memory"), LibraryError), (ZeroDivisionError("x"), ModelFailed)]
)
def test_what_opening_raises_is_raised_to_everybody_who_asks(error, told):
    def opens():
        raise error

    model = late(opens)
    for _ in range(2):
        with pytest.raises(told):
            said(model)


def test_it_fills_what_the_model_itself_fills():
    model = late(speaker)
    wanted = {name for name in vars(OwnModel) if not name.startswith("_")} | {"name", "fingerprint"}
    assert wanted <= {name for name in dir(model) if not name.startswith("_")}
    for protocol in (SamplingGenerator, TracingGenerator, TextCompleter, CountingGenerator):
        assert isinstance(model, protocol), protocol
    assert not isinstance(model, YesNoModel)
