"""A clock that is set while the service runs, forward or back: nothing is lost early, kept for ever, or mixed up."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes import picture
from fastapi.testclient import TestClient
from jobs_help import eventually
from rag_house import build, paint, put
from serve_help import As

from deepseek_mm.accounts.keys import Keys
from deepseek_mm.answering.uploads import UploadStore
from deepseek_mm.api.app import build_api
from deepseek_mm.api.request_pictures import YOUNG_S, DecodedPicture, Inbox
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.dates import Ages
from deepseek_mm.errors import NothingThere
from deepseek_mm.history import History
from deepseek_mm.history.log import UNDO_S
from deepseek_mm.jobs import Jobs, records, table
from deepseek_mm.library.dropped_files import tidy
from deepseek_mm.library.trash import Trash
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.types import Question

HOUR_S, DAY_S = 3_600.0, 86_400.0
JUMPS = pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S, DAY_S, -DAY_S])
STREAMS = {"Accept": "text/event-stream"}


class Clocks:
    """The clock on the wall, which a test sets, and the one that never jumps; both go on when a test says so."""

    def __init__(self) -> None:
        self.jumped_s = self.passed_s = 0.0
        self.ages = Ages(self.wall_s, self.even_s)

    def wall_s(self) -> float:
        return time.time() + self.passed_s + self.jumped_s

    def even_s(self) -> float:
        return time.monotonic() + self.passed_s


class Jumping(datetime):
    """The time as a wall tells it whose clock a test sets."""

    jumped = timedelta()

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + cls.jumped


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def wall(monkeypatch):
    """Sets the clock by which jobs are dated."""
    for module in (table, records):
        monkeypatch.setattr(module, "datetime", Jumping)
    yield lambda seconds: setattr(Jumping, "jumped", timedelta(seconds=seconds))
    Jumping.jumped = timedelta()


def test_the_lesser_age_of_two_clocks_counts():
    clocks = Clocks()
    begun_s = clocks.wall_s()
    clocks.passed_s, clocks.jumped_s = 100.0, HOUR_S
    assert clocks.ages.ago_s(begun_s) == pytest.approx(100, abs=1)
    clocks.jumped_s = -HOUR_S
    assert clocks.ages.ago_s(begun_s) == pytest.approx(100, abs=1)
    assert clocks.ages.ago_s(begun_s - HOUR_S + 100) == pytest.approx(0, abs=1)  # written since the jump
    assert clocks.ages.ago_s(begun_s + DAY_S) == pytest.approx(DAY_S - 100, abs=1)  # by a run before: long ago


@JUMPS
def test_a_deleted_conversation_can_be_brought_back_as_long_as_promised_and_no_longer(path, clocks, jump_s):
    history = History(path, ages=clocks.ages)
    asked, _ = history.begin(Question(text="Where is it?", session="s"), image_path="", settings={}, fingerprint="f")
    history.delete(asked, session="s")
    clocks.jumped_s = jump_s
    history.undelete(asked, session="s")
    history.delete(asked, session="s")
    clocks.passed_s = UNDO_S - 5
    history.purge()
    history.undelete(asked, session="s")
    history.delete(asked, session="s")
    clocks.passed_s = UNDO_S + 5
    history.purge()
    with pytest.raises(NothingThere):
        history.undelete(asked, session="s")
    history.close()


@JUMPS
def test_what_was_taken_out_can_be_put_back_as_long_as_promised_and_no_longer(tmp_path, clocks, jump_s):
    with build(tmp_path / "library") as assistant:
        red, green = (paint(tmp_path / "photos", f"{name}.png", name) for name in ("red", "green"))
        put(assistant, red, green)
        trash = Trash(tmp_path / "library", assistant.store, ages=clocks.ages)
        first, second = trash.take([str(red)]), trash.take([str(green)])
        clocks.jumped_s = jump_s
        assert trash.purge(600) == 0
        assert [each.token for each in trash.list_taken(600)] == [second.token, first.token]
        assert trash.put_back(second.token) == 1
        clocks.passed_s = 605
        assert trash.list_taken(600) == []
        assert trash.purge(600) == 1


@JUMPS
def test_pictures_whose_question_is_about_to_be_written_down_stay_and_go_in_the_end(tmp_path, clocks, jump_s):
    with build(tmp_path / "library") as assistant:
        inbox = Inbox(tmp_path / "library", max_pixels=10**6, ages=clocks.ages)
        parts = {"eyes": assistant.eyes, "store": assistant.store, "analyses": assistant.analyses}
        shelf = UploadStore(assistant.config, **parts, ages=clocks.ages)
        inbox.keep(DecodedPicture(data=b"a picture", ending=".png", image=picture("red")))
        ((placed,),) = shelf.place_many([Question(text="What is it?", image=picture("green"), image_name="a.png")])
        dropped = tmp_path / "library" / "added" / "2026-11-27" / "a.png"
        dropped.parent.mkdir(parents=True)
        dropped.write_bytes(b"x")
        clocks.jumped_s = jump_s
        jobs = assistant.library.jobs
        assert (inbox.tidy(set()), shelf.tidy(set(), older_s=YOUNG_S)) == (0, 0)
        assert tidy(Config(data=tmp_path / "library"), jobs, older_s=YOUNG_S, ages=clocks.ages) == 0
        clocks.passed_s = YOUNG_S + 5
        assert (inbox.tidy(set()), shelf.tidy(set(), older_s=YOUNG_S)) == (1, 1)
        assert tidy(Config(data=tmp_path / "library"), jobs, older_s=YOUNG_S, ages=clocks.ages) == 1
        assert placed.source.path


@JUMPS
def test_tasks_keep_their_order_and_end_well_while_the_clock_is_set(tmp_path, wall, jump_s):
    assistant = build(tmp_path / "library")
    assistant.config = replace(assistant.config, serve=ServeConfig(workers=1))
    put(assistant, paint(tmp_path / "photos", "red.png", "red"))
    api = build_api(assistant, SettingsFile.of(assistant.config))
    client = TestClient(As(api.app))
    tokens = []
    for moment_s in (0.0, jump_s, 0.0):
        wall(moment_s)
        asked = {"kind": "search", "input": {"text": "red"}}
        tokens.append(
            client.post("/infer", json=asked, headers={"Idempotency-Key": f"{len(tokens)}"}).json()["task_id"]
        )
    assert [client.get(f"/tasks/{token}").json()["place"] for token in tokens] == [1, 2, 3]
    wall(-jump_s)
    api.start()
    eventually(lambda: client.get(f"/tasks/{tokens[2]}").json()["state"] == "done")
    told = [client.get(f"/tasks/{token}").json() for token in tokens]
    assert [(task["state"], task["attempts"], task["error"]) for task in told] == [("done", 1, "")] * 3
    assert [task["task_id"] for task in client.get("/tasks").json()] == tokens[::-1]
    assert "event: end" in client.get(f"/tasks/{tokens[0]}/events", headers=STREAMS).text
    again = client.post("/infer", json=asked, headers={"Idempotency-Key": "2"}).json()
    assert again["task_id"] == tokens[2]
    api.close()
    assistant.close()


@JUMPS
def test_jobs_that_ended_before_the_clock_was_set_are_not_taken_for_the_oldest(tmp_path, wall, monkeypatch, jump_s):
    monkeypatch.setattr(records, "KEEP", 2)
    jobs = Jobs(tmp_path / "jobs.db")
    ids = [jobs.add("kind", {"number": n}).id for n in range(4)]
    for n, job_id in enumerate(ids):
        wall(jump_s if n % 2 else 0.0)
        task = jobs.claim(["kind"])
        assert task.job.id == job_id
        task.finish("done", "")
    assert [job.id for job in jobs.find(limit=9)] == ids[:1:-1]  # those that ended last are kept
    jobs.close()


@JUMPS
def test_keys_that_are_made_while_the_clock_is_set_hold_at_once_and_in_order(tmp_path, jump_s):
    clocks = Clocks()
    keys, other = Keys(tmp_path, now_s=clocks.wall_s), Keys(tmp_path)
    keys.add("one", ["ask"])
    clocks.jumped_s = jump_s
    secret = keys.add("two", ["ask"])
    assert other.find(secret).name == "two"
    assert [key.name for key in other.all()] == ["one", "two"]
    keys.remove("two")
    assert other.find(secret) is None


def test_a_moment_of_the_history_is_the_one_on_the_wall(path):
    """People set a clock that is wrong: what is written then shows the right time."""
    history = History(path)
    asked, _ = history.begin(Question(text="When?", session="s"), image_path="", settings={}, fingerprint="f")
    assert abs(history.conversation(asked, session="s").last_at - datetime.now(UTC)) < timedelta(minutes=5)
    history.close()
