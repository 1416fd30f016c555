"""`bench page` in Chromium: the clock inside the page, and the whole bench at a tiny size over painted models."""

import time
from pathlib import Path

import pytest

from deepseek_mm.benchmarks import page_browser
from deepseek_mm.benchmarks.page import measure_page
from deepseek_mm.benchmarks.page_browser import BrowserVisit, list_keys
from deepseek_mm.benchmarks.results import BenchSetting, BenchSizes
from deepseek_mm.errors import ServerError
from deepseek_mm.evaluation.screenshots import open_chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LIBRARY_APP = Path(__file__).parent / "library_app.py"
TINY = BenchSizes(
    page_few=50, page_many=60, page_files=4, page_regions=2, page_rounds=1, page_results=48, page_turns=5, page_talks=1
)  # fmt: skip
LATE_MS = 400
PAGE = f"""<!doctype html><header class="head" data-ready>1 photo</header>
<button role="tab" data-tab-id="ask">Ask</button><button role="tab" data-tab-id="search">Search</button>
<div role="tabpanel" id="ask"><div class="box"><textarea></textarea></div></div>
<div role="tabpanel" id="search" style="display: none"><div class="search-box"><textarea></textarea></div>
<ul class="grid"></ul></div>
<script>
const one = (id) => document.getElementById(id), list = document.querySelector("ul");
document.querySelector("[data-tab-id=search]").addEventListener("click", () => setTimeout(() => {{
  one("ask").style.display = "none";
  one("search").style.display = "block";
}}, {LATE_MS}));
document.querySelector(".search-box textarea").addEventListener("keydown", (event) => {{
  if (event.key !== "Enter") return;
  const photo = "<li style='height: 300px'><img src='/photo.svg' width=9 height=9></li>";
  list.innerHTML = photo.repeat(10);
}});
</script>"""
PHOTO = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


def late(route):
    """The photo comes late, its place at once."""
    time.sleep(LATE_MS / 1000)
    route.fulfill(body=PHOTO, content_type="image/svg+xml")


@pytest.fixture
def visit():
    """A visit to a page of our own, whose delays are known."""
    with open_chromium() as browser, BrowserVisit(browser, "http://made-up.test/", session="s" * 43) as visit:
        visit.page.route("**/*", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        visit.page.route("**/photo.svg", late)
        yield visit


def test_the_clock_runs_from_the_click_until_the_panel_is_there(visit):
    loaded = visit.load()
    assert loaded.paint_ms > 0
    assert loaded.usable_ms > 0
    assert visit.page.evaluate("localStorage.getItem('deepseek-mm-session')") == "s" * 43
    assert visit.tab("search") >= LATE_MS - 1  # a timer may be early by a fraction


def test_a_search_ends_with_a_drawn_photo_and_scrolling_with_the_last_result(visit, monkeypatch):
    monkeypatch.setattr(page_browser, "PATIENCE_MS", 500)
    visit.load()
    visit.tab("search")
    found_ms, drawn_ms = visit.search("a dog")
    assert 0 < found_ms <= drawn_ms
    assert drawn_ms >= LATE_MS - 1
    scrolled = visit.scroll(500)  # there are ten
    assert scrolled.results == 10
    assert len(scrolled.gaps_ms) > 10 * 300 // page_browser.STEP_PX - 10
    assert visit.page.evaluate("scrollY") > 0


def test_what_never_comes_is_an_error_that_names_it(visit, monkeypatch):
    visit.load()
    monkeypatch.setattr(page_browser, "WAIT_MS", 300.0)
    with pytest.raises(ServerError, match="'more'"):
        visit.more()


@pytest.mark.campaign(times=1, only=True)
def test_the_whole_bench_gives_every_key_a_plausible_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(page_browser, "SETTLE_MS", 300)
    monkeypatch.setattr(page_browser, "PATIENCE_MS", 3_000)
    notes = []
    result = measure_page(BenchSetting(folder=tmp_path, note=notes.append, sizes=TINY), script=LIBRARY_APP)
    assert set(result.numbers) == {key for key, _ in list_keys()}
    assert {key: value for key, value in result.numbers.items() if not value > 0} == {}
    assert (result.numbers["photos"], result.numbers["photos_many"], result.numbers["regions_many"]) == (50, 60, 120)
    assert result.numbers["results_many"] >= 48
    assert result.numbers["usable_cold_ms"] > result.numbers["paint_cold_ms"]
    assert result.numbers["tab_worst_ms"] >= result.numbers["tab_ms"]
    assert "round 1 of 1: conversations of 1 and of 5 turns" in notes
    assert any(note.startswith("open_ms ") for note in notes)  # the figures so far
    assert [line.bar for line in result.lines][:2] == ["1500 ms", "3000 ms"]
