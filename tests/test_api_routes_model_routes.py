"""/models over HTTP: the catalogue with what fits and what is here, for callers who may see settings."""

import pytest
from service import house_in

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.models.catalogue import read_catalogue

SMALL = "HuggingFaceTB/SmolVLM-256M-Instruct"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with house_in(tmp_path_factory.mktemp("models")) as house:
        yield house


@pytest.fixture
def me(house, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return house.caller()


def test_every_model_is_told_with_whether_it_fits_and_why(me):
    told = me.get("/models").json()
    assert {row["id"] for row in told["models"]} == {card.id for card in read_catalogue()}
    assert all(row["why"] for row in told["models"])
    assert {row["installed"] for row in told["models"]} == {False}
    assert told["recommended"] in {None, *(row["id"] for row in told["models"] if row["recommended"])}


def test_one_model_is_told_with_its_licence_and_figures(me):
    told = me.get("/models/HuggingFaceTB/SmolVLM-Instruct").json()
    assert (told["license"], told["setting"], told["run_here"]) == ("Apache-2.0", "lm.vlm", False)
    assert told["figures"][0] == {"name": "MMMU (val)", "value": 38.8, "source": "https://huggingface.co/blog/smolvlm"}
    assert told["memory_mb"]["bf16"] == 5092


def test_a_model_whose_files_are_here_is_installed(me, tmp_path):
    assert me.get(f"/models/{SMALL}").json()["installed"] is False
    repository = tmp_path / "hub" / "models--HuggingFaceTB--SmolVLM-256M-Instruct"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "snapshots" / "abc" / "model.safetensors").write_text("x")
    (repository / "snapshots" / "abc" / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert me.get(f"/models/{SMALL}").json()["installed"] is True


def test_a_model_that_the_catalogue_lacks_is_a_404_that_names_the_list(me):
    answer = me.get("/models/a/b")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:deepseek-mm:problem:nothing-there")
    assert "models list" in answer.json()["detail"]


def test_a_key_that_only_asks_sees_nothing_of_the_machine(house):
    asker = Caller(name="reader", rights=frozenset(["ask"]), session="key:reader")
    assert house.caller(asker).get("/models").status_code == 403
