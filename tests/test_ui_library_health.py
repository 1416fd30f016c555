"""The index's health as the Library tab shows it."""

from dataclasses import replace
from types import SimpleNamespace

from deepseek_mm import LOCAL
from deepseek_mm.jobs import Failed
from deepseek_mm.library.health import FolderPart, Health, LeftoverText
from deepseek_mm.services.library_service import LibraryService
from index.health import DeletedTraces, StoreHealth, StoreProblem
from ui.library.library_tab import health, measure_health
from ui.words import CHINESE, ENGLISH

WELL = Health(
    store=StoreHealth(recall=0.998, sampled=50, regions=300, traces=DeletedTraces(free_pages=4)),
    problems=(),
    num_problems=0,
    gone=0,
    failed=(),
    num_failed=0,
    sizes=(FolderPart(name="index", size_bytes=2_000_000), FolderPart(name="vectors", size_bytes=1000)),
    in_trash=0,
)


def test_a_sound_index_has_ticks_only_and_says_what_was_measured():
    html = health(WELL, ENGLISH)
    assert html.count('class="good"') == 5
    assert 'class="bad"' not in html
    assert "99.8 % of the ten nearest" in html
    assert "4 free pages are all zeros" in html
    assert "index 2.0 MB · vectors 1.0 kB" in html


def test_each_fault_has_a_cross_and_what_is_listed_stays_text():
    sick = replace(
        WELL,
        store=replace(WELL.store, recall=0.9, traces=DeletedTraces(free_pages=4, dirty_pages=3, cached=2, words=1)),
        problems=(StoreProblem(path="/a/<b>.png", detail="It has no region."),),
        num_problems=1,
        gone=2,
        failed=(Failed(item="/a/c.png", reason="/a/c.png is damaged"),),
        num_failed=1,
        in_trash=3,
    )
    html = health(sick, ENGLISH)
    assert html.count('class="bad"') == 5
    assert "3 of 4 free pages, 2 vectors, words of 1 parts" in html
    assert "/a/&lt;b&gt;.png: It has no region." in html
    assert html.count("/a/c.png") == 1
    assert "can still be put back: 3" in html
    assert "没有残留" in health(WELL, CHINESE)


def library(found):
    held = SimpleNamespace(library=SimpleNamespace(health=lambda: WELL, find_traces=lambda text: found))
    return SimpleNamespace(library=LibraryService(assistant=held, stop_answers=lambda: None))


def test_a_text_that_should_be_gone_is_looked_for_only_when_it_is_named():
    assert "No file of the library holds 'my &lt;path&gt;'" not in measure_health(library([]), LOCAL, " ", ENGLISH)
    assert "No file of the library holds &#x27;my &lt;path&gt;&#x27;." in measure_health(
        library([]), LOCAL, "my <path>", ENGLISH
    )
    html = measure_health(library([LeftoverText(path="/x/store.db", count=2)]), LOCAL, "my path", ENGLISH)
    assert "/x/store.db (2)" in html


def test_what_cannot_be_measured_ends_as_a_sentence():
    assert 'class="notice"' in measure_health(SimpleNamespace(library=None), LOCAL, "", ENGLISH)
