"""A server whose library is measured while a command runs beside it keeps its logs: nothing acknowledged is lost.

POSIX drops a process's locks on a file when the process closes any descriptor of it. So nothing in a process opens a
live database as a plain file, and the next process that closes the library does not think itself the last one. What a
whole session opens is watched in test_guarded_session; here the service is real, and killed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from guarded_session import ROOT, deleted_files, open_beside
from jobs_help import eventually
from rag_house import build, paint
from test_api_kills import Service, service

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.jobs import follow

COLOURS = ("red", "green", "blue", "yellow")
GONE = "a sentence of something deleted"


def run_beside(folder: Path) -> None:
    """What commands do beside the server: they open the databases of the library, and close them."""
    open_beside(folder)
    command = [sys.executable, "-m", "deepseek_mm", "history", "list", "--data", str(folder)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=environ, cwd=folder.parent, check=True, capture_output=True)


def measure(house: Service) -> None:
    for asked in ({}, {"gone": GONE}):
        assert house.http.get("/library/health", params=asked).status_code == 200


def write(house: Service, folder: Path, number: int) -> tuple[int, str]:
    """An answer and a photo that are acknowledged: the turn, and the photo's path."""
    photo = paint(folder, f"{number}.png", COLOURS[number % 4], COLOURS[number // 4 % 4])
    photo.write_bytes(photo.read_bytes() + bytes([number]))  # no two have the same bytes
    job = house.http.post("/library/paths", json={"paths": [str(photo)]}).json()["id"]
    eventually(lambda: house.http.get(f"/library/jobs/{job}").json()["state"] == "done")
    return house.http.post("/ask", json={"question": "Is there a red thing?"}).json()["turn"], str(photo)


@pytest.mark.campaign(times=3, only=True)
def test_what_is_acknowledged_after_a_measure_and_a_command_beside_outlives_a_kill(tmp_path):
    written: dict[int, str] = {}
    with service(tmp_path / "library") as house:
        for number in range(4):
            measure(house)
            run_beside(tmp_path / "library")
            assert deleted_files(house.process.pid) == []
            written |= [write(house, tmp_path / "new", number)]
        assert deleted_files(house.process.pid) == []
        house.kill()
    with build(tmp_path / "library") as assistant:
        assert set(written.values()) <= set(assistant.store.stamps())
        threads = assistant.history.conversations(session=LOCAL.session, limit=-1)
        turns = {turn.id for thread in threads for turn in assistant.history.turns(thread.id, session=LOCAL.session)}
        assert set(written) <= turns
        assistant.library.start()
        *_, job = follow(assistant.library.jobs, assistant.library.verify().id)
        assert job.message == "everything agrees"
