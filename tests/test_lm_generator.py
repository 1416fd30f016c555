"""What a model thinks aloud is not what it says."""

import threading

import pytest
from chat_server import chat_server

from deepseek_mm.config import LMConfig
from deepseek_mm.lm.backends.server_model import open_remote
from deepseek_mm.lm.generator import skip_thoughts
from deepseek_mm.types import Message

SPOKEN = {
    ("A", " kite"): "A kite",
    ("<think>", "hm", "</think>", "\n\n", "A", " kite"): "A kite",
    ("<th", "ink>hm</thi", "nk>A kite"): "A kite",
    ("\n<think>\n\n</think>\n\nA kite",): "A kite",
    ("<b>", "A kite"): "<b>A kite",
    ("<", "3 kites"): "<3 kites",
    ("<thin",): "<thin",
    ("<think>never done",): "",
    ("A <think>b</think>",): "A <think>b</think>",
    (): "",
}


@pytest.mark.parametrize("pieces", SPOKEN)
def test_what_is_thought_before_the_answer_is_left_out_wherever_it_is_cut(pieces):
    assert "".join(skip_thoughts(iter(pieces))) == SPOKEN[pieces]


def test_a_word_is_passed_on_before_the_next_one_comes():
    said = skip_thoughts(iter(["A", " kite"]))
    assert next(said) == "A"


def test_a_server_whose_model_thinks_aloud_is_heard_from_its_answer_on():
    with chat_server("<think>", "is it", " red?", "</think>", "\n", "It is red.") as server:
        model = open_remote(LMConfig(url=server.url, name="kite-7b"))
        said = model.stream([Message(role="user", text="?")], max_tokens=9, stop=threading.Event())
        assert list(said) == ["It is red."]
