"""A new database is whole or not there, so one without content is damage and never a beginning."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from deepseek_mm.errors import LibraryError
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs
from deepseek_mm.library.trash import sweep
from deepseek_mm.storage import sqlite_database
from deepseek_mm.storage.sqlite_database import SqliteDatabase
from index.database import STORE, StoreDamaged

pytestmark = pytest.mark.usefixtures("made_anew")
ROOT = Path(__file__).parent.parent
OPENERS = {"history.db": History, "jobs.db": Jobs, "store.db": partial(SqliteDatabase, schema=STORE)}
OPENS = """
import sys
from pathlib import Path
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs
from deepseek_mm.storage.sqlite_database import SqliteDatabase
from functools import partial
from index.database import STORE
path = Path(sys.argv[1])
{"history.db": History, "jobs.db": Jobs, "store.db": partial(SqliteDatabase, schema=STORE)}[path.name](path)
"""


def die(*args: object, **how: object) -> None:
    os._exit(9)  # as a kill: nothing is tidied up


def die_after(work: Callable[..., object]) -> Callable[..., None]:
    def both(*args: object, **how: object) -> None:
        work(*args, **how)
        os._exit(9)

    return both


MOMENTS = {  # of a kill -> what the process is at then
    "begun": lambda: setattr(sqlite_database, "upgrade", die),
    "half": lambda: setattr(sqlite_database, "upgrade", die_after(sqlite_database.upgrade)),  # before the commit
    "whole": lambda: setattr(os, "link", die),
    "named": lambda: setattr(Path, "unlink", die),  # the draft has a second name by then
}


@pytest.mark.parametrize("name", OPENERS)
def test_an_empty_file_is_damage_and_stays_as_it_is(tmp_path, name):
    path = tmp_path / name
    path.touch()
    with pytest.raises((LibraryError, StoreDamaged), match="it is empty: 0 bytes"):
        OPENERS[name](path)
    assert [(each.name, each.stat().st_size) for each in tmp_path.iterdir()] == [(name, 0)]


@pytest.mark.parametrize("name", OPENERS)
def test_a_log_without_its_file_is_damage_and_stays_as_it_is(tmp_path, name):
    """SQLite would remove the log, and with it what was not yet in the file."""
    path, log = tmp_path / name, tmp_path / f"{name}-wal"
    log.write_bytes(b"what was written last")
    with pytest.raises((LibraryError, StoreDamaged), match=f"it is gone, and its log {name}-wal is still there"):
        OPENERS[name](path)
    assert [each.name for each in tmp_path.iterdir()] == [log.name]


def test_the_next_step_of_a_lost_history_is_named(tmp_path):
    (tmp_path / "history.db").touch()
    with pytest.raises(LibraryError, match=r"Put the file back as it was, or from a backup\. Move it away and a new"):
        History(tmp_path / "history.db")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", OPENERS)
def test_a_kill_while_it_is_made_leaves_nothing_or_all_of_it(tmp_path, name, moment):
    path = tmp_path / name
    if (child := os.fork()) == 0:
        signal.alarm(60)
        MOMENTS[moment]()
        with suppress(BaseException):
            OPENERS[name](path)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert path.exists() == (moment == "named")
    sweep(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [name] * (moment == "named")
    OPENERS[name](path).close()
    assert path.stat().st_size > 4096


@pytest.mark.campaign(times=1, only=True)
def test_kills_at_random_moments_while_it_is_made_never_leave_an_empty_file(tmp_path):
    chance = random.Random(seed := int(os.environ.get("KILL_SEED") or random.randrange(10**6)))
    sys.stdout.write(f"KILL_SEED={seed}\n")
    for n in range(60):
        name = list(OPENERS)[n % 3]
        path = tmp_path / str(n) / name
        path.parent.mkdir()
        process = subprocess.Popen([sys.executable, "-c", OPENS, path], cwd=ROOT)
        until_s = time.monotonic() + 60
        while not any(path.parent.iterdir()) and process.poll() is None and time.monotonic() < until_s:
            time.sleep(0.0005)
        time.sleep(chance.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not path.exists() or path.stat().st_size > 4096
        OPENERS[name](path).close()
