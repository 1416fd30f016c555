"""SIGKILL at random moments of the service: every acknowledged task is accounted for, and none has its effect twice.

A kill among 20 tasks in `make test`; twenty among 200 in `make campaign`. KILL_SEED=... repeats the moments.
"""

import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from socket import create_server

import httpx
import pytest
from jobs_help import eventually
from rag_house import build, paint, put

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.history import History

pytestmark = pytest.mark.campaign(times=1, only=True)

SCRIPT = Path(__file__).parent / "killed_service.py"
TASKS, KILLS = (200, 20) if os.environ.get("CAMPAIGN") else (20, 1)
QUESTIONS = ("Is there a red thing?", "What colour is it?", "Which photos show green?")


class Service:
    """Starts, is killed, and starts again at the same address."""

    def __init__(self, folder: Path) -> None:
        with create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.folder, self.process = folder, None
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False)

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, str(SCRIPT), str(self.folder), str(self.port)])
        eventually(self.answers, within_s=120)

    def answers(self) -> bool:
        assert self.process.poll() is None, "the service ended by itself"
        try:
            return self.http.get("/health/live").status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def infer(self, number: int) -> str | None:
        """The task's name; None where it was not acknowledged."""
        task = {"kind": "ask", "input": {"question": QUESTIONS[number % 3]}, "bulk": number % 4 == 0}
        try:
            taken = self.http.post("/infer", json=task, headers={"Idempotency-Key": f"task {number}"})
        except httpx.HTTPError:
            return None
        return taken.json()["task_id"] if taken.status_code == 202 else None


@contextmanager
def service(folder: Path):
    with build(folder) as assistant:
        put(assistant, *(paint(folder / "photos", f"{name}.png", name) for name in ("red", "green")))
    one = Service(folder)
    one.start()
    try:
        yield one
    finally:
        one.kill()
        one.http.close()


@pytest.mark.campaign(times=1)
def test_every_acknowledged_task_is_accounted_for_and_answered_once(tmp_path):
    seed = int(os.environ.get("KILL_SEED") or random.randrange(10**6))
    chance, names = random.Random(seed), {}
    sys.stdout.write(f"KILL_SEED={seed}\n")
    with service(tmp_path / "library") as house:
        killed_at = set(chance.sample(range(1, TASKS), KILLS))
        for number in range(TASKS):
            while (name := house.infer(number)) is None:  # too many wait: with the same key it is the same task
                time.sleep(0.05)
            names[number] = name
            if number in killed_at:
                time.sleep(chance.random() * 0.2)
                house.kill()
                house.start()
                assert house.infer(number) == name
        tasks = [f"/tasks/{name}" for name in names.values()]
        eventually(
            lambda: all(house.http.get(task).json()["state"] in ("done", "failed") for task in tasks), within_s=300
        )
        ended = [house.http.get(task).json() for task in tasks]
    assert len(set(names.values())) == TASKS
    assert [task["error"] for task in ended if task["state"] == "failed" and not task["error"]] == []
    done = [task["result"]["turn"] for task in ended if task["state"] == "done"]
    assert len(done) >= TASKS - KILLS
    history = History(tmp_path / "library" / "history.db")
    threads = history.conversations(session=LOCAL.session, limit=-1)
    turns = [turn.id for thread in threads for turn in history.turns(thread.id, session=LOCAL.session)]
    history.close()
    assert len(done) == len(set(done))
    assert set(done) <= set(turns)
    assert len(turns) <= TASKS  # one question asked, one turn at most
