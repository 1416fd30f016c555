"""/models over HTTP: the catalogue with what fits and what is here, for callers who may see settings."""

from dataclasses import replace

import pytest
from hub_help import FAST, NAME, SIZE, model_files, use_cache
from hub_server import Fault, hub_server
from jobs_help import eventually
from service import house_in

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.hub import in_cache
from deepseek_mm.jobs import Worker
from deepseek_mm.models.catalogue import find_card, read_catalogue
from deepseek_mm.models.downloads import Downloads, HubPermission
from deepseek_mm.settings_file import SettingsFile

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


@pytest.fixture
def hub(tmp_path, monkeypatch, house):
    """A hub with one model; the house downloads."""
    use_cache(monkeypatch, tmp_path / "hub")
    with hub_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        server.put(NAME, model_files())
        config, jobs = replace(house.assistant.config, hub=FAST), house.assistant.library.jobs
        permission = HubPermission(SettingsFile.of(config))
        worker = Worker(jobs, Downloads(config=config, jobs=jobs, permission=permission).handlers)
        worker.start()
        yield server
        assert worker.stop(20)


def test_a_model_is_downloaded_paused_resumed_and_removed(house, hub):
    me = house.caller()
    hub.faults = [Fault(on="/cdn/", chunk_s=0.3, times=9)]
    begun = me.post("/models/download", json={"name": NAME})
    assert (begun.status_code, begun.json()["name"]) == (202, NAME)
    job = begun.json()["job"]
    eventually(lambda: me.get(f"/models/downloads/{job}").json()["done_bytes"] > SIZE // 20)
    assert me.post(f"/models/{job}/pause").json()["state"] == "paused"
    eventually(lambda: house.assistant.library.jobs.get(job).is_ended)
    assert in_cache(NAME) is None
    hub.faults.clear()
    assert me.post(f"/models/{job}/resume").json()["state"] in ("waiting", "running")
    eventually(lambda: me.get(f"/models/downloads/{job}").json()["state"] in ("done", "failed"))
    assert in_cache(NAME) is not None
    assert [row["state"] for row in me.get("/models/downloads").json()["downloads"]] == ["done"]
    assert "hub.allowed" not in me.get("/settings").json()["restart"]  # it holds at once
    assert me.delete(f"/models/{NAME}").json()["freed_bytes"] > SIZE
    assert in_cache(NAME) is None


def test_only_callers_on_this_machine_download_and_remove(house, hub):
    me, far = house.caller(), house.caller(Caller(name="far", rights=frozenset(["settings"]), session="key:far"))
    job = me.post("/models/download", json={"name": NAME}).json()["job"]
    eventually(lambda: me.get(f"/models/downloads/{job}").json()["state"] == "done")
    asked = len(hub.asked)
    answers = [
        far.post("/models/download", json={"name": NAME}),
        *(far.post(f"/models/{job}/{act}") for act in ("pause", "resume", "cancel")),
        far.delete(f"/models/{NAME}"),
        far.put("/models/token", json={"token": "hf_x"}),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len(hub.asked) == asked
    assert in_cache(NAME) is not None


def test_a_model_under_terms_is_downloaded_once_somebody_has_accepted_them(house, hub, monkeypatch):
    card = replace(find_card(SMALL), asks_acceptance=True)
    monkeypatch.setattr("deepseek_mm.models.catalogue.read_catalogue", lambda: (card,))
    hub.put(card.id, model_files())
    me = house.caller()
    refused = me.post("/models/download", json={"name": card.id})
    assert (refused.status_code, card.license_url in refused.json()["detail"]) == (409, True)
    assert not hub.asked
    job = me.post("/models/download", json={"name": card.id, "accepted": True}).json()["job"]
    eventually(lambda: me.get(f"/models/downloads/{job}").json()["state"] in ("done", "failed"))
    assert in_cache(card.id, card.files) is not None


def test_a_model_that_brings_code_along_is_not_downloaded_to_be_run_here(house, hub):
    (card, *_) = [card for card in read_catalogue() if card.run_by == "server"]
    refused = house.caller().post("/models/download", json={"name": card.id})
    assert (refused.status_code, "run by a local server only" in refused.json()["detail"]) == (409, True)
    assert not hub.asked


def test_a_token_is_kept_and_never_told(house, hub, tmp_path):
    me = house.caller()
    assert me.put("/models/token", json={"token": "hf_of_a_page"}).status_code == 204
    assert "hf_of_a_page" in (tmp_path / "config" / "deepseek-mm" / "hub-token.json").read_text()
    assert "hf_of_a_page" not in me.get("/settings").text
