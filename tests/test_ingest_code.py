"""A repository goes in: pieces with their symbols, what is left out counted, only what changed read again."""

import os

import numpy as np
import pytest
from fakes import ColourSpace, picture
from slow_ingest import open_eyes, open_store
from test_parse_repository import KEY, wrote

from deepseek_mm.config import ParseConfig
from deepseek_mm.ingest import Hooks, Intake
from deepseek_mm.ingest import intake as intake_module

FILES = {
    "pyproject.toml": "[project]\nname = 'red'\n",
    "kite.py": 'def fly(kite):\n    """Red."""\n    return lift(kite)\n\n\nclass Kite:\n    def lift(self): return 1\n',
    "pkg/__init__.py": "",
    "pkg/wind.go": "package wind\n\nfunc Blow() { fly() }\n",
    "README.md": "# Kites\n\nblue words\n",
    "vendor/other.py": "def vendored(): pass\n",
    ".gitignore": "*.log.txt\n",
    "a.log.txt": "noise\n",
    "keys.py": f"KEY = '''{KEY}'''\n",
}


class Counting(ColourSpace):
    """Counts the pieces that it embeds; breaks at a word."""

    def __init__(self) -> None:
        self.codes = 0

    def embed_code(self, codes):
        if any("BREAK" in code for code in codes):
            raise ValueError("no vector for this")
        self.codes += len(codes)
        return np.zeros((0, self.dim), np.float32) if not codes else super().embed_texts(list(codes))


@pytest.fixture
def repository(tmp_path):
    return wrote(tmp_path / "repo", FILES)


@pytest.fixture
def space():
    return Counting()


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as opened:
        yield opened


def take(paths, space, store, *, anew=False, config=None, **hooks):
    intake = Intake(eyes=open_eyes(space), store=store, config=config or ParseConfig())
    return intake.take(paths, anew=anew, hooks=Hooks(**hooks))


def symbols(store, name: str) -> list[str]:
    return [f"{os.path.basename(region.source.path)}:{region.lines[0]}" for region in store.symbols(name)]


def test_a_repository_is_found_by_its_names_and_the_summary_counts_what_was_left_out(repository, space, store):
    report = take([repository], space, store)
    assert report.sentence() == (
        "4 added, 0 replaced, 0 unchanged, left out: 1 by .gitignore, 1 vendored, 1 likely secrets, 1 empty"
    )
    assert (symbols(store, "Kite.lift"), symbols(store, "Blow")) == (["kite.py:7"], ["wind.go:3"])
    assert [region.symbol.path for region in store.callers("fly")] == ["Blow"]
    assert symbols(store, "vendored") == []
    assert [region.symbol.kind for region in store.symbols("Kites")] == ["section"]


def test_nothing_of_a_secret_is_kept_not_even_what_was_known_before_it_came(repository, space, store):
    (repository / "keys.py").write_text("def harmless(): pass\n")
    take([repository], space, store)
    assert symbols(store, "harmless") == ["keys.py:1"]
    (repository / "keys.py").write_text(FILES["keys.py"])
    report = take([repository / "keys.py"], space, store)
    assert report.left_out == ((str(repository / "keys.py"), "secret"),)
    assert "MIIE" not in report.sentence()
    assert symbols(store, "harmless") == []


def test_without_a_change_nothing_is_embedded_and_with_one_only_that_file_is(repository, space, store):
    take([repository], space, store)
    before = space.codes
    assert {name: count for name, count in take([repository], space, store).counts().items() if count} == {
        "unchanged": 4
    }
    assert space.codes == before
    (repository / "pkg" / "wind.go").write_text("package wind\n\nfunc Calm() {}\n")
    assert take([repository], space, store).replaced == 1
    assert space.codes == before + 2
    assert (symbols(store, "Calm"), symbols(store, "Blow")) == (["wind.go:3"], [])


def test_a_repository_that_changes_while_it_is_read_loses_nothing_that_stays(repository, space, store, monkeypatch):
    monkeypatch.setattr(intake_module, "TOGETHER", 1)
    monkeypatch.setattr(intake_module, "STORED_TOGETHER", 1)

    def meddle(done: int, total: int, path: str) -> None:
        if path.endswith("README.md"):
            (repository / "kite.py").unlink(missing_ok=True)
            (repository / "pkg" / "wind.go").write_text("package wind\n\nfunc Calm() {}\n")

    report = take([repository], space, store, progress=meddle)
    assert [os.path.basename(path) for path, _ in report.failed] == ["kite.py"]
    assert "no file at" in report.failed[0][1]
    assert symbols(store, "Calm") == ["wind.go:3"]
    assert take([repository], space, store).counts()["unchanged"] == 3


def test_a_piece_that_breaks_the_tower_costs_its_own_file_and_no_other(repository, space, store):
    (repository / "bad.py").write_text("def bad(): return 'BREAK'\n")
    report = take([repository], space, store)
    assert [os.path.basename(path) for path, _ in report.failed] == ["bad.py"]
    assert "could not be read: ValueError, no vector for this" in report.failed[0][1]
    assert symbols(store, "fly") == ["kite.py:1"]


def test_pieces_of_several_files_share_the_tower_and_a_stop_leaves_whole_files(repository, space, store, monkeypatch):
    calls = []
    monkeypatch.setattr(
        space, "embed_code", lambda codes, real=space.embed_code: calls.append(len(codes)) or real(codes)
    )
    take([repository], space, store)
    assert len([count for count in calls if count]) == 1
    store.clear()
    asked = iter([False] * 8)
    report = take([repository], space, store, stopping=lambda: next(asked, True))
    assert report.stopped
    assert len(store.sources(limit=9)) == report.added < 4


def test_a_stop_in_the_midst_of_one_long_text_is_heard_before_its_end(tmp_path, space, store, monkeypatch):
    long = tmp_path / "long.csv"
    long.write_text("\n".join(f"kite {n}, wind {n}" for n in range(60_000)))
    calls = []
    monkeypatch.setattr(
        space, "embed_texts", lambda texts, real=space.embed_texts: calls.append(len(texts)) or real(texts)
    )
    report = take([long], space, store, stopping=lambda: bool(calls))
    assert (report.stopped, report.added, store.sources(limit=9)) == (True, 0, [])
    assert len(calls) == 1
    calls.clear()
    assert take([long], space, store).added == 1
    assert len(calls) > 2


def test_photos_and_copies_go_in_beside_code_as_before(repository, space, store):
    picture("red").save(repository / "red.png")
    (repository / "pkg" / "again.py").write_text(FILES["kite.py"])
    report = take([repository], space, store)
    assert (report.added, report.copies) == (5, 1)
    assert store.symbols("fly")[0].source.kind == "code"


def test_old_code_of_one_piece_a_file_is_split_when_it_is_read_anew(repository, space, store):
    from dataclasses import replace

    from index import Region

    take([repository / "kite.py"], space, store)
    source = store.source_at(str(repository / "kite.py"))
    old = Region(source=source, kind="code", box_px=(0, 0, 0, 0), text=FILES["kite.py"], lines=(1, 7))
    store.add(replace(source, id=0), [old], space.embed_texts(["red"]))
    assert (take([repository / "kite.py"], space, store).unchanged, symbols(store, "fly")) == (1, [])
    assert take([repository / "kite.py"], space, store, anew=True).replaced == 1
    assert symbols(store, "fly") == ["kite.py:1"]


def test_a_sparse_file_of_two_gigabytes_and_one_of_a_million_lines_are_handled(tmp_path, space, store):
    huge, long = tmp_path / "huge.py", tmp_path / "long.py"
    with huge.open("wb") as file:
        file.write(b"x = 1\n" * 2_000)
        file.truncate(2 * 1024**3)
    long.write_text("x = 1\n" * 1_000_000)
    report = take([tmp_path], space, store, config=ParseConfig(max_chars=100_000))
    refusal = "has more bytes than parse.max_bytes allows, 500,000,000. Make the file smaller, or raise parse.max_bytes"
    assert [reason for _, reason in report.failed] == [f"{huge} {refusal}"]
    assert store.source_at(str(long)).note.startswith("Only the first 100,000 letters are read")
