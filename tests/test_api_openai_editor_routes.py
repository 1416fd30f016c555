"""What plug-ins of editors send, field by field, and what they read of the reply."""

import httpx
import pytest
from openai_house import listening
from rag_house import build
from serve_help import app_of
from test_api_openai_completions import Filler
from test_lm_infilling import AFTER, BEFORE

from deepseek_mm.api.openai.editor_routes import editor_routes

EXTRA = {"text": "def pi():\n    return 3\n", "time": 1, "filename": "circle.py"}
LLAMA_VSCODE = {
    "input_prefix": BEFORE, "input_suffix": AFTER, "input_extra": [EXTRA], "prompt": "", "n_predict": 128, "top_k": 40,
    "top_p": 0.99, "stream": False, "n_indent": 4, "samplers": ["top_k", "top_p", "infill"], "cache_prompt": True,
    "t_max_prompt_ms": 500, "t_max_predict_ms": 2500,
}  # fmt: skip
LLAMA_VIM = LLAMA_VSCODE | {
    "id_slot": 0, "t_max_predict_ms": 250, "stop": [],
    "response_fields": ["content", "timings/prompt_n", "timings/predicted_n"],
}  # fmt: skip
WARM_UP = {
    "input_prefix": "", "input_suffix": "", "input_extra": [EXTRA], "prompt": "", "n_predict": 1, "stream": False,
    "samplers": ["temperature"], "cache_prompt": True, "t_max_prompt_ms": 1, "t_max_predict_ms": 1,
}  # fmt: skip
CONTINUE = {
    "model": "deepseek-mm-lm", "prompt": BEFORE, "suffix": AFTER, "max_tokens": 256, "temperature": 0.01, "top_p": None,
    "stop": ["\n\n"], "stream": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    lines = ("\n    b = r\n", *["\n    a = pi * r\n", "\n    c = 1\n"] * 5)
    assistant = build(tmp_path_factory.mktemp("fill") / "data", lm=Filler(*lines[:10] * 8, pi=3.0))
    with listening(app_of(editor_routes(assistant))) as url, httpx.Client(base_url=url) as client:
        yield client
    assistant.close()


@pytest.mark.parametrize("sent", [LLAMA_VSCODE, LLAMA_VIM], ids=["llama.vscode", "llama.vim"])
def test_the_line_between_is_given_as_llama_cpp_gives_it(http, sent):
    told = http.post("/infill", json=sent).raise_for_status().json()
    assert "a = pi * r" in told["content"]
    assert told["stop"] is True
    assert told["generation_settings"]["n_ctx"] > 0
    assert told["timings"]["predicted_n"] == told["tokens_predicted"] > 0
    assert {"input_extra", "samplers", "cache_prompt"} <= set(told["ignored"])
    assert "prompt" not in told["ignored"]


def test_what_only_prepares_is_answered_at_once_with_nothing(http):
    assert http.post("/infill", json=WARM_UP).raise_for_status().json()["content"] == ""


def test_a_stream_of_infill_ends_with_an_object_that_says_so(http):
    lines = http.post("/infill", json=LLAMA_VSCODE | {"stream": True}).text.splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: {")]
    assert "a = pi * r" in "".join(httpx.Response(200, content=each).json()["content"] for each in data)
    assert httpx.Response(200, content=data[-1]).json()["stop"] is True


def test_continue_reads_the_words_out_of_chunks_of_a_chat(http):
    lines = http.post("/v1/fim/completions", json=CONTINUE).raise_for_status().text.splitlines()
    chunks = [httpx.Response(200, content=line[6:]).json() for line in lines if line.startswith("data: {")]
    assert "a = pi * r" in "".join(each["choices"][0]["delta"].get("content", "") for each in chunks)
    assert lines[-1] == "data: [DONE]" or lines[-2] == "data: [DONE]"


def test_without_a_stream_the_words_are_a_message(http):
    told = http.post("/v1/fim/completions", json=CONTINUE | {"stream": False}).raise_for_status().json()
    assert "a = pi * r" in told["choices"][0]["message"]["content"]


def test_an_unknown_model_is_told_with_those_that_there_are(http):
    reply = http.post("/v1/fim/completions", json=CONTINUE | {"model": "codestral-latest"})
    assert reply.status_code == 404
    assert "deepseek-mm-lm" in reply.json()["error"]["message"]


@pytest.mark.parametrize("wrong", [{"stop": ["x"] * 17}, {"seed": 2**70}, {"n_predict": -2}, {"input_extra": "x"}])
def test_what_no_editor_sends_is_refused_and_breaks_nothing(http, wrong):
    assert http.post("/infill", json=LLAMA_VSCODE | wrong).status_code in (400, 422)
