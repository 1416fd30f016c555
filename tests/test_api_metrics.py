"""/metrics tells what the language model of this machine did, in Prometheus' own form."""

from dataclasses import replace

from api_house import served
from chat_server import chat_server
from prometheus_client.parser import text_string_to_metric_families
from test_lm_backends_own_model import speaker
from tiny_lm import save_tiny, tiny_llama

from deepseek_mm.config import LMConfig
from deepseek_mm.lm.backends.served_model import ServedModel
from deepseek_mm.lm.backends.server_model import RemoteModel


def values(client) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_tokens_seconds_and_pages_of_the_language_model_are_told(tmp_path):
    own = speaker(save_tiny(tmp_path / "tiny", tiny_llama()))
    with served(tmp_path / "house", begin=False, lm=own) as (_, client):
        client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5})
        told, tally = values(client), own.stats()
    assert told["deepseek_mm_lm_tokens_total", "written"] == tally.written_tokens
    assert told["deepseek_mm_lm_tokens_total", "read"] == tally.prompt_tokens - tally.known_tokens
    assert told["deepseek_mm_lm_seconds_total", "written"] == tally.write_s
    assert told["deepseek_mm_lm_pages", "taken"] + told["deepseek_mm_lm_pages", "free"] == tally.pages > 0


def test_a_model_that_counts_elsewhere_has_no_numbers_here(tmp_path):
    with served(tmp_path, begin=False) as (_, client):
        assert not [name for name, *_ in values(client) if name.startswith("deepseek_mm_lm")]


def test_each_server_of_the_language_model_is_told_in_numbers_and_in_health_without_its_address(tmp_path):
    with chat_server("Hi.") as works, chat_server(fault="500") as fails:
        config = LMConfig(name="kite-7b", url=works.url)
        lm = ServedModel([RemoteModel("kite-7b", replace(config, url=each.url)) for each in (fails, works)])
        with served(tmp_path, begin=False, lm=lm) as (_, client):
            asked = {"model": "deepseek-mm-lm", "messages": [{"role": "user", "content": "hi"}]}
            assert client.post("/v1/chat/completions", json=asked).status_code == 200
            told, health = values(client), client.get("/health")
    assert told["deepseek_mm_lm_server_ended_total", "failed", fails.url] == 1
    assert told["deepseek_mm_lm_server_ended_total", "served", works.url] == 1
    assert told["deepseek_mm_lm_server", works.url, "up"] == 1
    assert told["deepseek_mm_lm_server", works.url, "down"] == 0
    assert told["deepseek_mm_lm_server_requests", works.url] == 0
    assert told["deepseek_mm_lm_server_first_word_seconds", works.url] > 0
    assert [(each["standing"], each["failed"]) for each in health.json()["language_servers"]] == [("up", 1), ("up", 0)]
    assert "127.0.0.1" not in health.text
