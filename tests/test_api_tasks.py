"""Tasks over HTTP: acknowledged at once, done once, found again after a kill, cancelled, bounded, listened to."""

import asyncio
import base64
import io
import json
import threading
from dataclasses import replace

import pytest
from api_house import served
from fakes import picture
from fastapi.testclient import TestClient
from jobs_help import eventually
from line_help import Stalling
from serve_help import As

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.api.event_streams import changes_of, place_of
from deepseek_mm.api.task_schemas import CaptionOut
from deepseek_mm.api.tasks import TaskHandlers, captions_of
from deepseek_mm.jobs import Jobs
from deepseek_mm.services.answer_service import AnswerRun
from deepseek_mm.vision.description import Description

STRANGER = replace(LOCAL, name="stranger", session="api:stranger", local=False)


def test_a_caption_says_that_a_machine_made_it_and_how_sure_it_is():
    (told,) = captions_of((Description("A dog", "composed", 0.87654),))
    assert told == {"text": "A dog", "machine_made": True, "author": "composed", "chance": 0.8765}
    assert CaptionOut.model_validate(told).chance == 0.8765


def infer(client, kind="ask", *, key="", **asked):
    asked = asked or {"question": "Is there a red thing?"}
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/infer", json={"kind": kind, "input": asked}, headers=headers)


def ended(client, taken):
    address = taken.json()["address"]
    eventually(lambda: client.get(address).json()["state"] in ("done", "failed", "cancelled"))
    return client.get(address).json()


def data_url(colour="red"):
    file = io.BytesIO()
    picture(colour).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def told(response):
    """Server-sent events as (name, id, data)."""
    blocks = [block for block in response.text.replace("\r", "").split("\n\n") if "event:" in block]
    parts = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line) for block in blocks]
    return [(part["event"], part["id"], json.loads(part["data"])) for part in parts]


def test_a_question_is_answered_as_its_asker_says_at_once_streamed_and_as_a_task(tmp_path):
    asked = {"question": "the red thing", "understood": {"acts": [{"kind": "find", "subject": "red thing"}]}}
    with served(tmp_path) as (_, client):
        (*_, end) = told(client.post("/ask", json=asked, headers={"Accept": "text/event-stream"}))
        answers = [
            client.post("/ask", json=asked).json(),
            end[2]["result"],
            ended(client, infer(client, **asked))["result"],
        ]
        (own,) = client.post("/ask", json={"question": "Is there a red thing?"}).json()["understood"]["acts"]
        wrong = client.post("/ask", json=asked | {"understood": {"acts": [{"kind": "fly"}]}})
    for answer in answers:
        (act,) = answer["understood"]["acts"]
        assert (act["kind"], act["text"], act["subject"]) == ("find", "the red thing", "red thing")
        assert (answer["understood"]["by"], answer["offers"]) == ("person", [])
    assert own["kind"] == "look"
    assert (wrong.status_code, "understood.acts.0.kind" in wrong.text) == (422, True)


def test_every_kind_of_task_is_taken_at_once_and_done(tmp_path):
    with served(tmp_path) as (api, client):
        asked = {
            "ask": {"question": "Is there a red thing?", "pictures": [data_url()]},
            "search": {"text": "red", "k": 1},
            "embed": {"texts": ["red", "green"], "pictures": [data_url()]},
            "index": {"paths": [str(tmp_path / "photos")]},
        }
        taken = {kind: infer(client, kind, **given) for kind, given in asked.items()}
        assert {one.status_code for one in taken.values()} == {202}
        api_library = api.tasks.jobs
        assert len(api_library.find(limit=9, by=LOCAL.session)) == 4
        results = {kind: ended(client, taken[kind]) for kind in ("ask", "search", "embed")}
        assert [one["state"] for one in results.values()] == ["done"] * 3
        assert results["ask"]["text"] == results["ask"]["result"]["text"] != ""
        assert results["search"]["result"]["hits"][0]["path"].endswith("red.png")
        assert [len(results["embed"]["result"][name]) for name in ("texts", "code", "pictures")] == [2, 0, 1]


def test_taking_in_nothing_is_refused_at_once(tmp_path):
    with served(tmp_path, begin=False) as (_, client):
        wrong = infer(client, "index", paths=[])
        assert (wrong.status_code, "there is nothing to take in" in wrong.text) == (422, True)
        assert infer(client, "index", links=["https://far.example/a.jpg"]).status_code == 202


def test_only_whom_run_would_serve_may_have_tests_tried(tmp_path):
    with served(tmp_path, begin=False) as (api, client):
        stranger = TestClient(As(api.app, STRANGER))
        asked = {"question": "write a test for load", "about": "code", "run": True}
        for refused in (infer(stranger, **asked), stranger.post("/ask", json=asked)):
            assert (refused.status_code, "people of this machine only" in refused.text) == (403, True)
        assert infer(stranger, **(asked | {"run": False})).status_code == 202
        assert infer(client, **asked).status_code == 202


def test_a_task_belongs_to_its_asker_alone(tmp_path):
    with served(tmp_path, begin=False) as (api, client):
        token = infer(client).json()["task_id"]
        stranger = TestClient(As(api.app, STRANGER))
        for call in (stranger.get, stranger.delete):
            refused = call(f"/tasks/{token}")
            assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")
        assert stranger.get("/tasks").json() == []
        assert [task["task_id"] for task in client.get("/tasks").json()] == [token]


def test_one_key_gives_one_task_and_another_request_is_refused(tmp_path):
    with served(tmp_path, begin=False) as (_, client):
        first, again = infer(client, key="k").json(), infer(client, key="k").json()
        assert first["task_id"] == again["task_id"]
        assert infer(client, key="k", question="Something else?").status_code == 409
        assert infer(client).json()["task_id"] != first["task_id"]


def test_beyond_the_queue_callers_are_told_when_to_come_again(tmp_path):
    with served(tmp_path, begin=False, queue=2) as (_, client):
        places = [client.get(infer(client).json()["address"]).json()["place"] for _ in range(2)]
        assert places == [1, 2]
        refused = infer(client)
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:deepseek-mm:problem:busy")
        assert int(refused.headers["retry-after"]) >= 1
        bulk = client.post("/infer", json={"kind": "ask", "bulk": True, "input": {"question": "Is there one?"}})
        assert bulk.status_code == 202


def test_a_waiting_task_that_is_deleted_ends_at_once(tmp_path):
    with served(tmp_path, begin=False) as (_, client):
        address = infer(client).json()["address"]
        assert client.delete(address).json()["state"] == "cancelled"
        assert client.delete(address).json()["state"] == "cancelled"


def test_what_was_acknowledged_is_done_by_the_next_start_with_its_picture(tmp_path):
    with served(tmp_path, begin=False) as (_, client):
        address = infer(client, question="What colour is it?", pictures=[data_url("green")]).json()["address"]
    with served(tmp_path) as (_, client):
        eventually(lambda: client.get(address).json()["state"] == "done")
        assert client.get(address).json()["result"]["text"]


def test_a_task_that_is_begun_twice_leaves_one_turn(tmp_path):
    with served(tmp_path, begin=False) as (api, client):
        taken = infer(client)
        dead = api.tasks.jobs.claim(["task.ask"])  # its answer was written, but not its end
        api.start()
        assert isinstance(dead.job.token, str)
        doing = TaskHandlers(api.services, api.assistant, api.tasks._inbox)
        doing.ask(dead)
        dead.finish("waiting", "")
        answer = ended(client, taken)["result"]
        turns = api.assistant.history.turns(answer["conversation"], session=LOCAL.session)
        assert [turn.id for turn in turns] == [answer["turn"]]
        assert len(api.assistant.history.conversations(session=LOCAL.session, limit=9)) == 1


def test_events_tell_the_state_the_growing_text_and_the_end(tmp_path):
    with served(tmp_path) as (_, client):
        address = infer(client).json()["address"]
        events = told(client.get(f"{address}/events"))
        assert [events[0][0], events[-1][0]] == ["state", "end"]
        text = ""
        for name, _, data in events:
            if name == "text":
                text = text[: data["at"]] + data["text"]
        assert text == events[-1][2]["text"] != ""


def test_a_listener_that_comes_back_gets_only_what_it_misses(tmp_path):
    with served(tmp_path) as (_, client):
        task = ended(client, infer(client))
        address, whole = f"/tasks/{task['task_id']}/events", task["text"]
        texts = [
            data for name, _, data in told(client.get(address, headers={"Last-Event-ID": "1.4"})) if name == "text"
        ]
        assert texts == [{"at": 4, "text": whole[4:]}]
        for lost in ("", "0.4", "9.4", "rubbish", "1.x", "-1.4"):
            texts = [d for name, _, d in told(client.get(address, headers={"Last-Event-ID": lost})) if name == "text"]
            assert texts == [{"at": 0, "text": whole}]


def test_who_waits_for_the_end_does_not_look_at_every_word():
    run = AnswerRun(lambda stop: iter("word " * n for n in range(200)), session="me")

    async def wait() -> int:
        changes, looks = changes_of(run, states=False), 0
        await anext(changes)
        await asyncio.to_thread(run.produce_all)
        async for _ in changes:
            looks += 1
        return looks

    assert asyncio.run(wait()) < 5
    assert run.latest == "word " * 199


def test_an_answer_that_somebody_waits_for_is_a_task_while_it_goes_on_but_no_row(tmp_path):
    with served(tmp_path, lm=Stalling()) as (api, client):
        said = []
        asking = threading.Thread(target=lambda: said.append(client.post("/ask", json={"question": "Is it red?"})))
        asking.start()
        eventually(lambda: api.tasks.counts()["running"] == 1)
        (run,) = api.services.answers.engine.runs()
        stranger = TestClient(As(api.app, STRANGER))
        for call in (stranger.get, stranger.delete):
            assert call(f"/tasks/{run.token}").status_code == 404
        shown = client.get(f"/tasks/{run.token}").json()
        assert (shown["state"], shown["kind"], shown["attempts"], shown["place"]) == ("running", "ask", 1, 0)
        assert client.delete(f"/tasks/{run.token}").json()["cancelling"]
        asking.join()
        assert (said[0].status_code, "cancelled" in said[0].json()["detail"]) == (404, True)
        assert api.tasks.jobs.find(limit=9, by=None) == []
        assert client.get(f"/tasks/{run.token}").status_code == 404


def test_those_who_wait_beyond_the_queue_are_told_when_to_come_again(tmp_path):
    with served(tmp_path, lm=Stalling(), workers=1, queue=1) as (api, client):
        engine, stages, asked = api.services.answers.engine, [], []
        for count in (1, 2):
            thread = threading.Thread(
                target=lambda: stages.append(client.post("/ask", json={"question": "Is it red?"}))
            )
            asked.append(thread)
            thread.start()
            eventually(lambda: len(engine.runs()) == count and engine.runs()[0].stage == "running")  # noqa: B023
        events = client.post("/ask", json={"question": "Is it red?"}, headers={"accept": "text/event-stream"})
        assert (events.status_code, events.json()["type"]) == (429, "urn:deepseek-mm:problem:busy")
        assert int(events.headers["retry-after"]) >= 1
        first, second = engine.runs()
        assert [client.get(f"/tasks/{run.token}").json()["place"] for run in (first, second)] == [0, 1]
        for run in (second, first):
            client.delete(f"/tasks/{run.token}")
        for thread in asked:
            thread.join()
        assert [each.status_code for each in stages] == [404, 404]
        assert second.started_at is None


def test_ids_of_events_are_read_with_care():
    assert place_of("3.14") == (3, 14)
    assert {place_of(bad) for bad in ("", ".", "3", "3.", "a.1", "1.-2", "9" * 12 + ".1")} == {(-1, 0)}


def test_who_waits_gets_the_answer_itself_or_reads_it_as_it_grows(tmp_path):
    with served(tmp_path) as (_, client):
        answer = client.post("/ask", json={"question": "Is there a red thing?"})
        assert (answer.status_code, answer.json()["state"]) == (200, "done")
        grown = client.post("/ask", json={"question": "Is there a red thing?"}, headers={"accept": "text/event-stream"})
        assert told(grown)[-1][2]["result"]["text"] == answer.json()["text"]
        found = client.post("/search", json={"text": "green", "k": 1}).json()
        assert found["hits"][0]["path"].endswith("green.png")
        vectors = client.post("/embed", json={"texts": ["red"], "pictures": [data_url()]}).json()
        assert [len(vectors[name]) for name in ("texts", "pictures")] == [1, 1]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/ask", {"question": " "}, 422),
        ("/ask", {"question": "x", "conversation": 77}, 404),
        ("/ask", {"question": "x", "conversation": 2**63}, 422),
        ("/ask", {"question": "a\u0000b"}, 422),
        ("/ask", {"question": "x", "nonsense": 1}, 422),
        ("/ask", {"question": "x", "pictures": ["data:image/png;base64,AAAA"]}, 422),
        ("/ask", {"question": "x", "pictures": ["http://127.0.0.1/x.png"]}, 403),
        ("/ask", {"question": "x", "pictures": ["file:///etc/passwd"]}, 403),
        ("/search", {}, 422),
        ("/search", {"text": "x", "k": 0}, 422),
        ("/search", {"like": 99}, 404),
        ("/embed", {}, 422),
        ("/caption", {"pictures": []}, 422),
        ("/infer", {"kind": "dance", "input": {}}, 422),
        ("/nowhere", {}, 404),
    ],
)
def test_bad_requests_are_told_what_to_do(tmp_path, path, body, status):
    with served(tmp_path) as (_, client):
        refused = client.post(path, json=body)
        assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json"), (
            refused.text
        )
        assert len(refused.json()["detail"]) > 10


def test_no_more_are_computed_for_at_once_than_the_house_holds(tmp_path):
    with served(tmp_path, at_once=1) as (api, client):
        begun, leave = threading.Event(), threading.Event()
        find = api.assistant.find

        def slow(*args, **named):
            begun.set()
            assert leave.wait(60)
            return find(*args, **named)

        api.assistant.find = slow
        inside = threading.Thread(target=lambda: client.post("/search", json={"text": "red"}))
        inside.start()
        assert begun.wait(60)
        refused = client.post("/search", json={"text": "red"})
        leave.set()
        inside.join()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert client.post("/search", json={"text": "red"}).status_code == 200


def test_pictures_of_tasks_that_are_over_are_let_go(tmp_path):
    with served(tmp_path, begin=False) as (api, client):
        infer(client, question="What is it?", pictures=[data_url("blue")])
        inbox = api.tasks._inbox
        api.tasks.tidy()
        inbox.tidy({path.name for path in inbox.folder.iterdir()}, older_s=0)
        (kept,) = inbox.folder.iterdir()
        assert inbox.open(kept.name).size
        assert kept.read_bytes() == base64.b64decode(data_url("blue").partition(",")[2])  # as they came
        inbox.tidy(set(), older_s=0)
        assert list(inbox.folder.iterdir()) == []


def test_health_metrics_and_docs_are_there_without_a_network(tmp_path):
    with served(tmp_path) as (_, client):
        ended(client, infer(client))
        assert client.get("/health").json()["status"] == "ok"
        assert {client.get(f"/health/{what}").status_code for what in ("live", "ready")} == {200}
        metrics = client.get("/metrics").text
        assert 'deepseek_mm_batch_size_count{kind="ask"} 1.0' in metrics
        assert 'route="/infer"' in metrics
        page = client.get("/docs").text
        assert "//" not in page.replace("http://testserver", "").partition("<body>")[0].replace("<!DOCTYPE", "")
        assert client.get("/docs/assets/swagger-ui.css").status_code == 200
        assert "/infer" in client.get("/openapi.json").json()["paths"]


def test_two_processes_on_one_table_do_a_task_once(tmp_path):
    with served(tmp_path, begin=False) as (api, client):
        taken = infer(client)
        other = Jobs(tmp_path / "library" / "jobs.db")
        assert other.claim(["task.ask"]) is not None
        assert api.tasks.jobs.claim(["task.ask"]) is None
        assert client.get(taken.json()["address"]).json()["state"] == "running"


def test_few_texts_and_many_and_pictures_get_the_same_vectors(tmp_path):
    with served(tmp_path) as (_, client):
        few = client.post("/embed", json={"texts": ["a kite", "grass"], "code": ["f()"]}).json()
        many = client.post("/embed", json={"texts": ["a kite", "grass"] + ["sea"] * 20, "code": ["f()"]}).json()
        seen = client.post("/embed", json={"texts": ["a kite"], "pictures": [data_url("red")]}).json()
        assert few["texts"] == many["texts"][:2]
        assert (few["code"], few["pictures"], seen["texts"]) == (many["code"], [], few["texts"][:1])
        assert len(many["texts"]) == 22
        assert len(seen["pictures"]) == 1
        assert client.post("/embed", json={}).status_code == 422
