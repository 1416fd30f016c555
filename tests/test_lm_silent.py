import threading

from deepseek_mm.lm.generator import Silent
from deepseek_mm.types import Message


def test_it_says_nothing_so_that_the_programs_words_stand():
    pieces = Silent().stream([Message(role="user", text="dog?")], max_tokens=9, stop=threading.Event())
    assert list(pieces) == []


def test_it_says_in_the_history_that_no_model_spoke():
    assert (Silent().name, Silent().fingerprint, Silent().sees) == ("none", "none", False)
