"""In a whole session nothing opens a live database but SQLite, and no command beside it removes a log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from guarded_session import Watch

pytestmark = pytest.mark.campaign(times=1, only=True)

ROOT = Path(__file__).parent.parent


def test_a_whole_session_opens_no_database_as_a_plain_file_and_loses_none_to_a_command_beside(tmp_path):
    command = [sys.executable, str(ROOT / "tests" / "guarded_session.py"), str(tmp_path / "library")]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["found"] == [], told["found"][0]
    assert told["deleted"] == []
    assert told["seen"] > 100


def test_the_watch_sees_a_database_that_is_opened_as_a_file(tmp_path):
    watch = Watch(tmp_path)
    watch("open", (str(tmp_path / "bundle-1-x" / "history.db"), "r", 0))
    watch("open", (str(tmp_path / "photo.png"), "r", 0))
    assert watch.found == []
    watch("open", (str(tmp_path / "history.db-wal"), "r", 0))
    assert len(watch.found) == 1
