"""`bench page` without a browser: the made-up library and conversations, the server, the keys and the ratios."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import picture

from deepseek_mm.__main__ import main
from deepseek_mm.benchmarks import page
from deepseek_mm.benchmarks.page import MeasuredPage
from deepseek_mm.benchmarks.page_browser import LIBRARY, TALKS, Figure, explain_keys, list_keys
from deepseek_mm.benchmarks.results import BenchResult, BenchSizes, TableLine
from deepseek_mm.benchmarks.servers import PageServer, describe_settings
from deepseek_mm.benchmarks.synthetic_data import (
    LONG_TITLE,
    SESSION,
    fill_library,
    make_source,
    read_sizes,
    remember_all,
)
from deepseek_mm.config import Config
from deepseek_mm.errors import MissingPackage, NothingThere, ServerError
from deepseek_mm.evaluation.screenshots import open_chromium
from deepseek_mm.history import History
from deepseek_mm.parse.photo import read_photo
from deepseek_mm.settings import trace_settings
from deepseek_mm.terminal import Desk
from index import Counts
from index.store import RegionStore

READY = "import sys, time; print('ready: http://127.0.0.1:9  (Ctrl-C ends it)', flush=True); time.sleep(60)"


@pytest.fixture
def shots(tmp_path):
    paths = []
    for name, size in (("wide", (64, 48)), ("tall", (30, 60))):
        paths.append(tmp_path / f"{name}.jpg")
        picture("red", size=size).save(paths[-1])
    return read_sizes(paths)


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "space"
    return RegionStore(folder, space_name="made up", fingerprint="0" * 64, dim=32, config=Config().index)


def script(folder: Path, code: str) -> Path:
    path = folder / "page.py"
    path.write_text(code)
    return path


def test_a_filled_library_is_whole_and_its_photos_can_be_read(tmp_path, store, shots):
    fill_library(tmp_path / "space" / "store.db", tmp_path / "photos", shots, 7, regions=3)
    with store:
        assert store.counts() == Counts(sources=7, regions=21)
        assert list(store.problems()) == []
        assert [source.id for source in store.sources(limit=3)] == [7, 6, 5]
        (source,) = store.sources(limit=1)
        assert read_photo(Path(source.path), max_pixels=10**6).image.size == (source.width_px, source.height_px)
        regions = store.regions_of([2])[2]
    assert [(region.kind, region.box_px) for region in regions] == [
        ("whole", (0, 0, 64, 48)),
        ("part", (0, 0, 32, 48)),
        ("part", (0, 0, 16, 48)),
    ]
    assert all(region.labels[0].score == 0.9 for region in regions)


def test_a_library_that_is_filled_in_several_pieces_numbers_its_regions_through(tmp_path, store, shots, monkeypatch):
    monkeypatch.setattr("deepseek_mm.benchmarks.synthetic_data.AT_ONCE", 3)
    fill_library(tmp_path / "space" / "store.db", tmp_path / "photos", shots, 8, regions=2)
    with store:
        assert store.counts() == Counts(sources=8, regions=16)
        ids = [[region.id for region in store.regions_of([n])[n]] for n in (1, 4, 8)]
    assert ids == [[1, 2], [7, 8], [15, 16]]


def test_a_store_in_use_finds_what_was_put_in_beside_it(tmp_path, store, shots):
    with store:
        assert store.search_many([[1.0] + 31 * [0.0]], k=2) == [[]]
        fill_library(tmp_path / "space" / "store.db", tmp_path / "photos", shots, 4, regions=2)
        assert len(store.search_many([[1.0] + 31 * [0.0]], k=20)[0]) == 8


def test_conversations_belong_to_the_visitor_and_cite_photos_of_the_library(tmp_path, shots):
    sources = [make_source(tmp_path, n, shots[0]) for n in (1, 2)]
    remember_all(tmp_path / "history.db", sources, BenchSizes(page_turns=5, page_talks=2))
    history = History(tmp_path / "history.db")
    found = history.conversations(session=SESSION, limit=9)
    assert sorted(each.num_turns for each in found) == [1, 1, 5]
    (long,) = (each.id for each in found if each.title == LONG_TITLE)
    turns = history.turns(long, session=SESSION)
    assert [citation.number for citation in turns[4].answer.citations] == [1, 2, 3]
    assert {citation.region.source.path for citation in turns[4].answer.citations} == {each.path for each in sources}
    assert history.conversations(session="", limit=9) == []
    history.close()


def test_the_server_reads_the_same_settings_and_its_own_place(tmp_path):
    config = replace(Config(), lm=replace(Config().lm, name="none"), library=replace(Config().library, read_text=False))
    (tmp_path / "config.toml").write_text(describe_settings(config))
    read = trace_settings({"data": str(tmp_path)}, environ={}, cwd=tmp_path).config
    assert read == replace(config, data=tmp_path)


def test_a_server_is_there_while_it_is_needed_and_then_no_more(tmp_path):
    with PageServer(tmp_path / "few", Config(), script=script(tmp_path, READY)) as server:
        assert server.url() == "http://127.0.0.1:9"
        assert server.resident_mb() > 1
    assert server.process.poll() is not None
    assert (tmp_path / "few" / "first-start").read_text() == "done"


def test_a_server_that_fails_is_quoted_in_the_error(tmp_path):
    failing = script(tmp_path, "import sys; sys.exit('error: the moon is not up')")
    with (
        PageServer(tmp_path / "few", Config(), script=failing) as server,
        pytest.raises(ServerError, match="the moon is not up"),
    ):
        server.url()


def test_outside_of_a_clone_there_is_no_page_to_start(tmp_path):
    with pytest.raises(NothingThere, match="from a clone"):
        PageServer(tmp_path / "few", Config(), script=tmp_path / "app.py")


def test_without_a_browser_the_error_says_how_to_install_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NothingThere, match="apt-get install chromium"), open_chromium():
        pass


def test_without_playwright_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(MissingPackage, match=r"deepseek-mm\[dev\]"), open_chromium():
        pass


def test_a_figure_is_the_median_of_its_rounds_and_the_ratio_that_of_two_medians():
    figures = (Figure(key="open_ms", says="opening"), Figure(key="tab_worst_ms", says="switching"))
    one, other = (MeasuredPage(server=None, photos=1, url="") for _ in range(2))
    for side, opens, tabs in ((one, (10, 90, 20), (5, 7)), (other, (30, 30, 99), (14, 6))):
        for value in opens:
            side.note("open_ms", value)
        for value in tabs:
            side.note("tab_worst_ms", value)
    assert page.pair_figures(figures, one, other, "long") == {
        "open_ms": 20, "open_ms_long": 30, "open_ratio": 1.5,
        "tab_worst_ms": 7, "tab_worst_ms_long": 14, "tab_worst_ratio": 2.0,
    }  # fmt: skip


def test_the_table_shows_the_large_one_beside_the_small_one_with_its_bar():
    figure = Figure(key="scroll_s", says="scrolling", bar=4)
    numbers = {"scroll_s": 2.0, "scroll_s_many": 3.04, "scroll_ratio": 1.52}
    (line,) = page.make_lines([figure], numbers, "many", "500 photos", "100,000")
    assert line == TableLine(
        what="scrolling", value="3.0 s (100,000)", beside="2.0 s (500 photos), 1.52 times", bar="4 s"
    )


def test_every_key_is_explained_once_in_the_help(capsys):
    keys = [key for key, _ in list_keys()]
    assert len(keys) == len(set(keys))
    assert {"paint_cold_ms_many", "word_ratio", "server_mb", "turns_long"} <= set(keys)
    assert len(keys) > 3 * len(LIBRARY + TALKS)
    assert "first contentful paint, nothing in the browser's cache (below 1500)" in explain_keys()
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    shown = capsys.readouterr().out
    assert all(f"  {key} " in shown for key in keys)


def test_the_command_gives_the_figures_of_the_page_as_one_line(tmp_path, monkeypatch):
    seen = []

    def measure(setting):
        seen.append(setting)
        return BenchResult(numbers={"tab_ms": 7.0})

    monkeypatch.setattr(page, "measure_page", measure)
    out, err = io.StringIO(), io.StringIO()
    desk = Desk(out=out, err=err, environ={}, cwd=tmp_path)
    assert main(["bench", "page", "--json", "--model", "none"], desk) == 0
    assert json.loads(out.getvalue())["tab_ms"] == 7.0
    assert (seen[0].config.lm.name, seen[0].sizes.page_many) == ("none", 100_000)
