"""The catalogue of models is one checked table: a row that lacks something or cannot be so is an error by its name."""

import tomllib
from collections import Counter

import pytest

from deepseek_mm.errors import ConfigError, NothingThere
from deepseek_mm.models.catalogue import (
    FILE,
    HUB_ID,
    KINDS,
    MODEL_SETTINGS,
    ModelCard,
    find_card,
    read_catalogue,
    sort_cards,
)

ROW = """
[[model]]
id = "owner/model"
kind = "vlm"
title = "A model"
files = ["*.json", "model.safetensors"]
disk_mb = 200
parameters_m = 100
license = "MIT"
license_url = "https://opensource.org/license/mit"
good_for = "Answers"
languages = ["en"]
replaces = "deepseek-mm"
run_by = "transformers"
"""


def read(tmp_path, *changes: tuple[str, str], more: str = "") -> tuple[ModelCard, ...]:
    """A table of one row with these changes of its lines."""
    text = ROW
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "catalogue.toml"
    file.write_text(text + more)
    read_catalogue.cache_clear()
    try:
        return read_catalogue(file)
    finally:
        read_catalogue.cache_clear()


def test_every_row_of_the_table_is_read_whole():
    rows = tomllib.loads(FILE.read_text())["model"]
    cards = read_catalogue()
    assert len(cards) == len(rows) >= 20
    assert {card.kind for card in cards} == set(KINDS)
    assert Counter(card.id for card in cards).most_common(1)[0][1] == 1
    assert all(HUB_ID.fullmatch(card.id) for card in cards)


def test_the_models_that_people_ask_for_have_a_row():
    names = {card.title for card in read_catalogue()}
    assert names >= {"SigLIP 2 base", "SigLIP 2 so400m", "TinyCLIP 8M", "SmolVLM 256M", "SmolVLM 500M", "SmolVLM 2.2B"}
    assert names >= {"Qwen3-VL 2B", "Qwen2.5-VL 3B", "Moondream 2", "DeepSeek-VL 1.3B", "Qwen3 0.6B", "Qwen3 4B"}
    assert names >= {"SmolLM2 360M", "SmolLM2 1.7B", "Qwen2.5-Coder 0.5B", "Qwen2.5-Coder 3B"}


def test_nothing_is_promised_of_weights_that_were_not_run_here():
    assert [card.id for card in read_catalogue() if card.run_here] == []


def test_every_published_figure_names_a_page_and_is_no_percentage_beyond_a_hundred():
    figures = [figure for card in read_catalogue() for figure in card.figures]
    assert len(figures) > 10
    assert [figure for figure in figures if not 0 < figure.value <= 100] == []
    assert [figure for figure in figures if not figure.source.startswith("https://")] == []


def test_only_a_local_server_runs_what_brings_code_along_and_it_is_never_recommended():
    cards = [card for card in read_catalogue() if card.remote_code]
    assert [card.title for card in cards] == ["Moondream 2"]
    assert {(card.run_by, card.rank) for card in cards} == {("server", 0)}


def test_what_may_not_be_used_commercially_is_never_recommended():
    bound = [card for card in read_catalogue() if "no commercial use" in card.license]
    assert len(bound) == 3
    assert {card.rank for card in bound} == {0}


def test_memory_is_reckoned_from_the_count_of_weights(tmp_path):
    (card,) = read(tmp_path)
    assert card.memory_mb == {"float32": 1000, "bf16": 800, "int8": 707, "4 bits": 657, "gpu": 800}
    assert (card.setting, card.url) == ("lm.vlm", "https://huggingface.co/owner/model")


@pytest.mark.parametrize(
    ("kind", "setting"), [("reranker", "rag.reranker"), ("text", "rag.reranker"), ("code", "rag.code_reranker")]
)
def test_what_orders_passages_and_code_has_a_setting_too(tmp_path, kind, setting):
    (card,) = read(tmp_path, ('kind = "vlm"', f'kind = "{kind}"'))
    assert card.setting == setting
    assert setting in MODEL_SETTINGS


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('title = "A model"', "", "lacks title"),
        ('title = "A model"', 'title = " "', "title is empty"),
        ('title = "A model"', 'titel = "A model"', "unknown key 'titel'"),
        ("disk_mb = 200", 'disk_mb = "200"', "disk_mb='200' must be of type int"),
        ("disk_mb = 200", "disk_mb = true", "disk_mb=True must be of type int"),
        ("disk_mb = 200", "disk_mb = 20", "disk_mb=20 does not fit parameters_m=100: it must be 40 to 600"),
        ("disk_mb = 200", "disk_mb = 2000", "disk_mb=2000 does not fit"),
        ("parameters_m = 100", "parameters_m = 0", "does not fit parameters_m=0"),
        ('kind = "vlm"', 'kind = "see"', "kind='see' must be one of vlm, lm, space"),
        ('id = "owner/model"', 'id = "model"', "id='model' must be OWNER/MODEL"),
        ('id = "owner/model"', 'id = "../model"', "must be OWNER/MODEL"),
        ('id = "owner/model"', "id = 3", "model 1 of the catalogue: id=3 must be of type str"),
        ("https://opensource.org/license/mit", "opensource.org", "must be an address such as https"),
        ('languages = ["en"]', 'languages = ["English"]', "must be codes of ISO 639"),
        ('languages = ["en"]', 'languages = "en"', "languages='en' must be a list of str"),
        ('"model.safetensors"', '"model.txt"', "name no weights"),
        ('"*.json"', '"*.bin"', "ask for *.bin, which could run as code"),
        ('"*.json"', '"*"', "could run as code"),
        ('run_by = "transformers"', 'run_by = "own"\nremote_code = true', "run_by='own' must be 'server'"),
        ('replaces = "deepseek-mm"', 'replaces = "x"\nfigures = [{ name = "MMMU", value = 3 }]', "lacks source"),
        ('replaces = "deepseek-mm"', 'replaces = "x"\nfigures = [3]', "of the catalogue"),
        ("disk_mb = 200", "disk_mb = ", "cannot read the catalogue"),
    ],
)
def test_a_row_that_cannot_be_so_is_an_error_that_names_it(tmp_path, old, new, why):
    with pytest.raises(ConfigError) as error:
        read(tmp_path, (old, new))
    assert why in str(error.value)
    assert "catalogue" in str(error.value)
    assert "owner/model" in str(error.value) or "id" in new or "cannot read" in why


def test_a_model_that_stands_there_twice_is_an_error_whatever_its_capitals(tmp_path):
    with pytest.raises(ConfigError, match=r"model 2 \(Owner/Model\) stands in the catalogue twice"):
        read(tmp_path, more=ROW.replace("owner/model", "Owner/Model"))


def test_a_model_is_found_by_its_name_and_an_unknown_one_names_the_list():
    assert find_card("huggingfacetb/smolvlm-256m-instruct").title == "SmolVLM 256M"
    with pytest.raises(NothingThere, match=r"no model 'a/b' in the catalogue.*models list"):
        find_card("a/b")


def test_cards_are_sorted_by_what_they_are_for_and_then_by_their_size():
    kinds = [card.kind for card in sort_cards(read_catalogue())]
    assert kinds == sorted(kinds, key=KINDS.index)
    sizes = [card.disk_mb for card in sort_cards(read_catalogue()) if card.kind == "vlm"]
    assert sizes == sorted(sizes)
