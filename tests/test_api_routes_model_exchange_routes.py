"""/models/use over HTTP: a language model is exchanged, and how that stands is told."""

from fakes import Parrot
from jobs_help import eventually
from page_caller import holder_of
from service import house_in


def test_a_model_is_exchanged_and_what_it_said_is_told(tmp_path):
    with house_in(tmp_path) as house:
        me, exchange = house.caller(), house.app.state.services.exchange.exchange
        exchange.opens = lambda config: Parrot("Red")
        assert me.get("/models/use").json()["step"] == "none"
        assert me.post("/models/use", json={"name": "owner/new"}).status_code == 202
        eventually(lambda: not exchange.state.is_active)
        assert me.get("/models/use").json()["step"] == "done"
        assert me.post("/models/use", json={"name": "here", "url": "http://127.0.0.1:9/v1"}).status_code == 202
        eventually(lambda: not exchange.state.is_active)
        config = house.assistant.config.lm
        assert (config.name, config.url, house.assistant.lm.text) == ("here", "http://127.0.0.1:9/v1", "Red")
        exchange.opens_ranker = lambda name: None
        assert me.post("/models/use", json={"name": "packaged-order"}).json()["name"] == "packaged-order"
        eventually(lambda: not exchange.state.is_active)
        assert me.get("/models/use").json()["step"] == "done"
        assert me.post("/models/use", json={"name": "google/siglip2-base-patch16-224"}).status_code == 422
        assert me.post("/models/try", json={"name": "BAAI/bge-reranker-v2-m3"}).status_code == 422
        assert me.post("/models/use", json={"name": "x", "url": "http://a:b@127.0.0.1/v1"}).status_code == 422
        (space,) = me.get("/models/spaces").json()
        assert (space["name"], space["in_use"], space["size_bytes"] > 0) == ("colours", True, True)
        job = me.post("/models/spaces", json={"name": "google/siglip2-base-patch16-224"}).json()
        assert job["title"] == "Index all files in google/siglip2-base-patch16-224"
        assert me.post("/models/spaces", json={"name": "HuggingFaceTB/SmolVLM-256M-Instruct"}).status_code == 422
        assert me.delete("/models/spaces/colours").status_code == 409
        assert house.caller(holder_of("settings")).post("/models/use", json={"name": "none"}).status_code == 403
