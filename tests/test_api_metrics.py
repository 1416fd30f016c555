"""/metrics tells what the language model of this machine did, in Prometheus' own form."""

from api_house import served
from prometheus_client.parser import text_string_to_metric_families
from test_lm_backends_own_model import speaker
from tiny_lm import save_tiny, tiny_llama


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
