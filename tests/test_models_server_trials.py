"""What a model can do is tried: a word, a picture, a tool; and whatever goes wrong is a result that says so."""

import json
import re

import pytest
from model_servers import limits_of, model_server

from deepseek_mm.errors import BadQuestion, NothingThere
from deepseek_mm.models.local_servers import find_servers
from deepseek_mm.models.server_trials import FILE, TrialLog, try_model


def tried(server, name="llava:7b", **changes):
    """The server is whole while it is looked for, for as long as a machine at work elsewhere takes."""
    patient = {"connect_s": 5, "look_s": 30} | changes
    limits, fault, server.fault = limits_of(("ollama", server), **patient), server.fault, ""
    (there,) = find_servers(limits)
    server.fault = fault
    return try_model(there, name, limits)


def summary(result):
    return {trial.ability: trial.works for trial in result.trials}


def test_a_model_that_sees_names_the_colour_of_the_picture_that_it_is_sent():
    with model_server("ollama") as server:
        result = tried(server)
    assert summary(result) == {"text": True, "vision": True}  # its server says that it uses no tools
    assert [trial.said for trial in result.trials] == ["'Ready'", "'Magenta.'"]
    assert all(0 <= trial.seconds < 5 for trial in result.trials)
    assert (result.url, result.model) == (server.url, "llava:7b")


def test_a_model_that_its_server_says_sees_but_does_not_is_found_out():
    with model_server("ollama", sees=False) as server:
        result = tried(server)
    assert result.works("vision") is False
    assert result.trials[1].said == "'I am a language model.'"


def test_a_tool_is_called_with_its_argument():
    with model_server("ollama") as server:
        result = tried(server, "qwen3:4b")
    assert summary(result) == {"text": True, "tools": True}
    assert result.trials[1].said == 'get_weather({"city": "Lisbon"})'
    assert result.works("vision") is None


def test_a_model_that_talks_about_the_tool_instead_uses_none():
    with model_server("ollama", tools=False, say="I am ready to look at the weather.") as server:
        assert tried(server, "qwen3:4b").works("tools") is False


def test_where_a_server_says_nothing_all_is_tried():
    with model_server("vllm") as server:
        result = tried(server, "Qwen/Qwen2.5-VL-3B-Instruct")
    assert summary(result) == {"text": True, "vision": True, "tools": True}


def test_a_model_of_vectors_is_asked_for_one_and_for_no_word():
    with model_server("ollama") as server:
        result = tried(server, "nomic-embed-text:latest")
    assert (summary(result), result.trials[0].said) == ({"embedding": True}, "3 numbers")


def test_what_it_thinks_before_it_speaks_does_not_count():
    with model_server("ollama", say="<think>ready? not ready?</think>No.") as server:
        assert tried(server).works("text") is False
    with model_server("ollama", say="<think>hm</think>\nReady") as server:
        assert tried(server).works("text") is True


FAULTS = {
    "500": r"answered 500: .*the tensor cores are on strike",
    "page": "answered no JSON: .*Welcome to nginx",
    "slow": "did not answer within 0.3 s",
    "half": "does not answer",
    "endless": "more than 200,000 bytes, and was cut off",
    "redirect": "answered 302",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_failure_is_a_result_that_says_why_and_nothing_else_is_tried_after_it(fault):
    with model_server("ollama", fault=fault) as server:
        result = tried(server, try_s=0.3 if fault == "slow" else 5, most_bytes=200_000)
        server.release.set()
    assert summary(result) == {"text": False}
    assert re.search(FAULTS[fault], result.trials[0].said)


def test_a_model_that_runs_elsewhere_is_not_asked():
    elsewhere = r"passes questions on to https://ollama\.com:443"
    with model_server("ollama") as server, pytest.raises(BadQuestion, match=elsewhere):
        tried(server, "gpt-oss:120b-cloud")
    assert [body["path"] for body in server.asked] == ["/api/show"] * 4


def test_a_model_that_is_not_offered_is_answered_with_those_that_are():
    with model_server("ollama") as server, pytest.raises(NothingThere, match=r"does not offer 'llama'\. .*llava:7b"):
        tried(server, "llama")


def test_results_are_kept_and_the_next_one_of_a_model_takes_the_place_of_the_last(tmp_path):
    log = TrialLog(folder=tmp_path)
    with model_server("ollama", sees=False) as server:
        log.record(tried(server))
        log.record(tried(server, "qwen3:4b"))
        server.eyes = True
        log.record(tried(server))
    kept = log.read()
    assert {name: result.works("vision") for (_, name), result in kept.items()} == {"llava:7b": True, "qwen3:4b": None}


@pytest.mark.parametrize("text", ["", "{}", "[7]", '[{"url": 1}]', "[" * 9000])
def test_a_damaged_record_of_results_is_as_none(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    assert TrialLog(folder=tmp_path).read() == {}
    (tmp_path / FILE).write_text(json.dumps([]))
    assert TrialLog(folder=tmp_path).read() == {}
