"""The graph of a library's code is made in the background, goes on where it was left, and forgets what is taken out."""

import pytest
from code_graphs import find_symbols, link_library
from code_house import FILES
from library_help import House

from deepseek_mm.code_graph.graph_store import AWAY, NAME
from deepseek_mm.library import code_pass

MAP = "map code"


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    for name, text in FILES.items():
        (tmp_path / "repo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repo" / name).write_text(text)
    yield house
    house.close()


@pytest.fixture
def here(monkeypatch):
    """Links are made in this process, which is faster: the one that would make them does nothing."""
    monkeypatch.setattr(code_pass, "COMMAND", ("-c", "import sys; sys.stdin.read()"))


def list_passes(house):
    return house.library.jobs.find(kinds=(MAP,), limit=-1)


def index(house, folder):
    """Take the folder in; what the pass behind that said, or nothing where there was none."""
    before = {job.id for job in list_passes(house)}
    house.done(house.library.add([folder]))
    new = [job for job in list_passes(house) if job.id not in before]
    return house.done(new[0]).message if new else ""


def callers(house, name):
    graph = house.library.code.open_graphs().open()
    return [link.source.qualified for each in find_symbols(graph, name) for link in graph.find_callers(each)]


def test_files_that_are_taken_in_are_linked_behind_that_and_a_changed_one_is_read_alone(house, tmp_path):
    assert index(house, tmp_path / "repo") == "3 files of code read, 2 projects linked"
    assert callers(house, "rounded") == ["Order.total"]
    assert index(house, tmp_path / "repo") == ""  # nothing changed
    house.library.code.rested_at_s = 0.0
    (tmp_path / "repo/shop/money.py").write_text(FILES["shop/money.py"] + "\n\ndef half(x): return rounded(x)\n")
    assert index(house, tmp_path / "repo") == "1 files of code read, 1 projects linked"
    assert sorted(callers(house, "rounded")) == ["Order.total", "half"]


def test_what_is_taken_out_is_forgotten_at_once_and_comes_back_with_an_undo(house, tmp_path, here):
    index(house, tmp_path / "repo")
    link_library(house.library)
    taken = house.library.take_out([tmp_path / "repo"])
    assert house.library.code.graph.digests() == {}
    data = tmp_path / "library"
    assert not any(b"rounded" in file.read_bytes() for file in data.glob(f"{NAME}*"))
    house.library.code.rested_at_s = 0.0
    house.library.put_back(taken.token)
    assert house.done(list_passes(house)[0]).message == "3 files of code read, 0 projects linked"


def test_deleting_everything_leaves_no_name_of_the_code(house, tmp_path, here):
    index(house, tmp_path / "repo")
    link_library(house.library)
    assert callers(house, "rounded") == ["Order.total"]
    house.library.delete_everything()
    assert not any(b"rounded" in file.read_bytes() for file in (tmp_path / "library").rglob("*") if file.is_file())


def test_a_pass_that_makes_way_for_new_files_goes_on_with_what_is_left(house, tmp_path, monkeypatch, here):
    monkeypatch.setattr(code_pass, "has_files_waiting", lambda jobs: True)
    assert index(house, tmp_path / "repo") == "0 files of code read"
    monkeypatch.setattr(code_pass, "has_files_waiting", lambda jobs: False)
    assert house.library.code.is_due()
    house.library.code.begin()
    assert house.done(list_passes(house)[0]).message == "3 files of code read, 0 projects linked"


def test_a_file_that_is_away_is_tried_again_and_keeps_no_pass_going(house, tmp_path, monkeypatch, here):
    real = code_pass.read_known
    monkeypatch.setattr(code_pass, "read_known", lambda source, config: None)
    index(house, tmp_path / "repo")
    code = house.library.code
    assert {file.why for file in code.graph.list_files().values()} == {AWAY}
    assert not code.is_due()
    monkeypatch.setattr(code_pass, "read_known", real)
    (tmp_path / "repo/new.py").write_text("def new(): ...\n")
    code.rested_at_s = 0.0
    assert index(house, tmp_path / "repo") == "4 files of code read, 0 projects linked"


def test_a_process_that_ends_early_says_why(house, tmp_path, monkeypatch):
    monkeypatch.setattr(code_pass, "COMMAND", ("-c", "raise SystemExit('no room')"))
    said = index(house, tmp_path / "repo")
    assert "ended early (no room)" in said
    assert "index the folder again" in said
