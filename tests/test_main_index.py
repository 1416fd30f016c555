"""`index`: with a space that knows colours and a real store, in this process and, for Ctrl-C, in one of its own."""

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes import BlankPaper, ColourSpace, picture
from slow_ingest import SlowSpace

from deepseek_mm.__main__ import main
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.factory import open_store
from deepseek_mm.history import History
from deepseek_mm.jobs import Job, Jobs
from deepseek_mm.library import Library
from deepseek_mm.library.web_fetcher import FetchedFile, Fetcher
from deepseek_mm.lm.generator import Silent
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.terminal import Desk, Meter, sentence
from deepseek_mm.vision.pipeline import VisionPipeline

ROOT = Path(__file__).parent.parent
COLOURS = ("red", "green", "blue", "yellow")


def assemble(config: Config, space: ColourSpace) -> Assistant:
    """As load() does it, around a space of colours."""
    eyes, store = VisionPipeline(space, config.see), open_store(config, space)
    retriever = Retriever(space, store, eyes, config)
    history = History(config.data / "history.db")
    jobs = Jobs(config.data / "jobs.db")
    library = Library(config, eyes=eyes, reader=BlankPaper(), store=store, jobs=jobs, history=history)
    return Assistant(config, eyes=eyes, retriever=retriever, library=library, lm=Silent(), history=history)


class Shop:
    """Runs commands in one folder; keeps what the last one wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.space = folder, SlowSpace()
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        out, err = io.StringIO(), io.StringIO()
        desk = Desk(out=out, err=err, load=lambda c, p: assemble(c, self.space), environ={}, cwd=self.folder)
        code = main([*words, "--data", str(self.folder / "library")], desk)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def stored(self) -> int:
        """Files in the one store."""
        (name,) = self.stores()
        with closing(sqlite3.connect(self.folder / "library" / "spaces" / name / "store.db")) as store:
            return store.execute("SELECT count(*) FROM sources").fetchone()[0]

    def stores(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "library" / "spaces").iterdir())


@pytest.fixture
def shop(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in COLOURS:
        picture(colour).save(photos / f"{colour}.png")
    return Shop(tmp_path)


def test_a_folder_is_added_and_the_second_time_nothing_is_looked_at(shop):
    assert shop("index", str(shop.folder / "photos")) == 0
    assert shop.out.startswith("4 added, 0 replaced, 0 unchanged")
    looks = shop.space.looks
    assert shop("index", str(shop.folder / "photos"), "--json") == 0
    report = json.loads(shop.out)
    assert (report["added"], report["unchanged"], report["failed"]) == (0, 4, [])
    assert shop.space.looks == looks


def test_what_was_indexed_is_found_by_a_search(shop):
    shop("index", str(shop.folder / "photos"))
    assert shop("search", "something yellow", "-k", "1", "--json") == 0
    assert json.loads(shop.out)["hits"][0]["path"] == str(shop.folder / "photos" / "yellow.png")


def test_a_link_is_fetched_and_indexed_beside_what_is_named(shop, monkeypatch):
    file = FetchedFile(name="sign.png", data=(shop.folder / "photos" / "red.png").read_bytes() + b"!")
    monkeypatch.setattr(Fetcher, "fetch_file", lambda self, url: {"https://far.example/sign": file}[url])
    assert shop("index", "--link", "https://far.example/sign", str(shop.folder / "photos" / "green.png")) == 0
    assert shop.stored() == 2
    assert [path.name for path in (shop.folder / "library" / "added").rglob("*.png")] == ["sign.png"]


def test_progress_and_files_that_cannot_be_read_are_told_on_standard_error_only(shop):
    (shop.folder / "photos" / "note.png").write_text("no picture")
    assert shop("index", str(shop.folder / "photos")) == 0
    assert "4 added, 0 replaced, 0 unchanged, 1 not read" in shop.out
    assert len(shop.out.splitlines()) == 1
    assert "not read: " in shop.err
    assert "note.png" in shop.err


def test_files_of_which_none_can_be_read_are_exit_code_one(shop):
    (shop.folder / "note.png").write_text("no picture")
    assert shop("index", str(shop.folder / "note.png")) == 1


def test_nothing_named_and_nothing_known_is_a_user_error_that_shows_the_command(shop):
    for words in (["index"], ["index", "--rebuild"]):
        assert shop(*words) == 2
        assert f"python -m deepseek_mm {' '.join(words)} PHOTOS" in shop.err


def test_a_path_that_does_not_exist_is_named_in_one_sentence(shop):
    assert shop("index", "nowhere") == 2
    assert "nowhere" in shop.err.splitlines()[-1]


def test_a_rebuild_without_paths_reads_every_known_file_again(shop):
    shop("index", str(shop.folder / "photos"))
    (shop.folder / "photos" / "red.png").unlink()
    looks = shop.space.looks
    assert shop("index", "--rebuild") == 0
    assert shop.out.startswith("0 added, 3 replaced, 0 unchanged")
    assert shop.space.looks == looks + 3
    assert "1 of 4 known files are not there now" in shop.err


def test_another_space_starts_from_the_files_that_the_first_one_knows(shop):
    class Other(SlowSpace):
        name, fingerprint = "other", "f" * 64

    shop("index", str(shop.folder / "photos"))
    shop.space = Other()
    assert shop("search", "something red") == 1
    assert "index --rebuild" in shop.err
    assert shop("index", "--rebuild") == 0
    assert shop.out.startswith("4 added")
    assert [name.split("-")[0] for name in shop.stores()] == ["colours", "other"]


def test_a_damaged_store_is_set_aside_by_a_rebuild_and_only_by_that(shop):
    shop("index", str(shop.folder / "photos"))
    (name,) = shop.stores()
    store = shop.folder / "library" / "spaces" / name / "store.db"
    store.write_bytes(b"nothing like a database")
    assert shop("index", str(shop.folder / "photos")) == 2
    assert "index --rebuild" in shop.err
    assert shop("index", "--rebuild", str(shop.folder / "photos")) == 0
    assert shop.out.startswith("4 added")
    assert shop.stores() == [name, f"{name}.aside-1"]
    assert (store.parent.with_name(f"{name}.aside-1") / "store.db").read_bytes() == b"nothing like a database"


def test_a_store_of_other_weights_under_the_same_name_is_set_aside_and_its_files_are_read_again(shop):
    class Retrained(SlowSpace):
        fingerprint = ColourSpace.fingerprint[:8] + "0" * 56

    shop("index", str(shop.folder / "photos"))
    shop.space = Retrained()
    assert shop("index", str(shop.folder / "photos")) == 2
    assert shop("index", "--rebuild") == 0
    assert shop.out.startswith("4 added")


SLOW = """
import sys
from deepseek_mm.__main__ import main
from deepseek_mm.terminal import Desk
from slow_ingest import SlowSpace
from test_main_index import assemble
sys.exit(main(sys.argv[1:], Desk(load=lambda config, progress: assemble(config, SlowSpace(seconds=0.2)))))
"""


@pytest.mark.campaign(times=30)
def test_ctrl_c_in_mid_index_is_exit_code_130_and_the_next_run_does_only_the_rest(shop):
    for n in range(40):
        picture(COLOURS[n % 4], size=(140 + n, 48)).save(shop.folder / "photos" / f"{n}.png")
    words = ("index", str(shop.folder / "photos"), "--data", str(shop.folder / "library"))
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *words],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        lines = iter(process.stderr.readline, "")
        assert any(re.match(r"\d+/44", line) for line in lines)  # a slow machine tells of looking first
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.splitlines()[-1]) == (130, "", "stopped")
    assert shop("index", str(shop.folder / "photos"), "--json") == 0
    report = json.loads(shop.out)
    assert report["unchanged"] >= 1
    assert report["added"] + report["unchanged"] == 44
    assert shop.stored() == 44


class Paper(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def job(**changes) -> Job:
    """One that runs, as the table gives it back."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    plain = Job(
        id=1,
        kind="index",
        title="Index /p",
        payload={},
        state="running",
        cancelling=False,
        done=0,
        total=10,
        per_second=2.0,
        seconds_left=4.4,
        message="",
        result={},
        num_failed=0,
        attempts=1,
        created_at=now,
        started_at=now,
        ended_at=None,
    )
    return replace(plain, **changes)


def show(paper: Paper, jobs: list[Job], *, seconds: float) -> str:
    """A meter that is shown these, one in so many seconds."""
    now = iter(n * seconds for n in range(len(jobs)))
    meter = Meter(err=paper, clock=lambda: next(now))
    for each in jobs:
        meter(each)
    meter.close()
    return paper.getvalue()


RUNNING = [job(done=n, message=f"/p/{n}\x1b.jpg") for n in range(1, 11)]


def test_a_terminal_gets_one_line_that_is_rewritten_and_ended():
    shown = show(Paper(terminal=True), [*RUNNING, job(state="done", message="10 added")], seconds=1)
    assert shown.count("\r") == 10
    assert shown.count("\n") == 1
    assert "10/10  2.0/s, 4 s left  10?.jpg" in shown
    assert "added" not in shown


def test_a_log_gets_a_line_every_five_seconds():
    lines = show(Paper(terminal=False), RUNNING, seconds=2).splitlines()
    assert [line.split("/")[0] for line in lines] == ["1", "4", "7", "10"]


def test_a_job_that_waits_for_longer_than_a_moment_says_so():
    waiting = job(state="waiting", total=None)
    assert show(Paper(terminal=False), [waiting] * 4, seconds=0.5) == "waiting: Index /p\n"


def test_a_job_of_unknown_length_shows_how_much_is_done():
    assert sentence(job(total=None, done=7, seconds_left=None, message="/p/a.pdf")) == "7  2.0/s  a.pdf"
    assert sentence(job(per_second=0.0, seconds_left=None)) == "0/10  looking"


def test_a_repository_is_named_by_its_address_and_fetched_first(shop, tmp_path):
    origin = tmp_path / "kites"
    origin.mkdir()
    (origin / "a.py").write_text("def fly(): pass\n")
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "a.py"], [*who, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", "-C", str(origin), *words], check=True)
    assert shop("index", f"file://{origin}") == 0
    assert "fetching file://" in shop.err
    assert shop("index", "file:///nowhere/kites") == 2
    assert "cannot be fetched" in shop.err
