import pytest

from deepseek_mm.types import Answer, Trace

TRACE = Trace(experts=("coder", "reckoner", "witness"), layers=(3, 7), top_k=2, visits=("abac", "caca"))


def test_a_trace_tells_who_worked_on_a_token_in_a_layer_the_strongest_first():
    assert len(TRACE) == 2
    assert TRACE.at(0, 3) == ("coder", "reckoner")
    assert TRACE.at(1, 3) == ("coder", "witness")
    assert TRACE.at(1, 7) == ("witness", "coder")


def test_shares_of_a_trace_name_the_busiest_first_and_forget_nobody():
    assert list(TRACE.shares().items()) == [("coder", 0.5), ("witness", 0.375), ("reckoner", 0.125)]
    idle = Trace(experts=("coder", "reckoner"), layers=(0,), top_k=1, visits=("aa",))
    assert idle.shares() == {"coder": 1.0, "reckoner": 0.0}


@pytest.mark.parametrize("visits", [(), ("", "")])
def test_a_trace_of_nothing_has_no_tokens_and_no_shares(visits):
    empty = Trace(experts=("coder",), layers=(3, 7)[: len(visits)], top_k=2, visits=visits)
    assert (len(empty), empty.shares()) == (0, {"coder": 0.0})


def test_an_answer_has_a_trace_only_where_experts_worked_on_it():
    assert Answer(text="A kite [1].").trace is None
    assert Answer(text="A kite [1].", trace=TRACE).trace.at(0, 7) == ("witness", "coder")
