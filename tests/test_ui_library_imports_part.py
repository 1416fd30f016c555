"""What an import would do, as the page shows it, and how it is begun there."""

import pytest
from export_samples import said_by_google, small_photo, write_all
from page_caller import ActingAs, services_of
from rag_house import build

from deepseek_mm import LOCAL
from ui.library.imports_part import show_preview
from ui.library.library_handlers import LibraryHandlers
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def assistant(tmp_path):
    with build(tmp_path / "library", home="spaces/colours") as assistant:
        yield assistant


@pytest.fixture
def takeout(tmp_path):
    files = {
        "Pisa/<a>.jpg": small_photo(1),
        "Pisa/<a>.jpg.json": said_by_google(1_556_973_000, favorited=True),
        "Pisa/metadata.json": {"title": "<Pisa>"},
        "Pisa/gone.jpg.json": said_by_google(1),
        "b.jpg": small_photo(2),
    }
    return str(write_all(tmp_path / "takeout", files))


def test_the_page_says_what_would_happen_with_everything_from_outside_escaped(assistant, takeout):
    html = show_preview(services_of(assistant), LOCAL, takeout, ENGLISH)
    assert "<dd>Google Photos</dd>" in html
    assert "<dd>2: 2 new, 0 known</dd>" in html
    assert "<dt>Favourites</dt><dd>1</dd>" in html
    assert "<summary>1 album</summary><ul><li>&lt;Pisa&gt; (1)</li>" in html
    assert "gone.jpg.json says something of a photo that is not there</li>" in html
    assert "<a>" not in html


def test_it_says_so_in_chinese(assistant, takeout):
    html = show_preview(services_of(assistant), LOCAL, takeout, CHINESE)
    assert "共 2 个：2 个新的，0 个已收录" in html
    assert "描述的照片不在其中</li>" in html
    nothing = show_preview(services_of(assistant), LOCAL, takeout + "/none", CHINESE)
    assert 'role="alert"' in nothing


def test_an_import_is_begun_on_the_page_and_without_a_path_it_asks_for_one(assistant, takeout):
    handlers = ActingAs(LibraryHandlers(services=services_of(assistant), words=ENGLISH))
    assert handlers.begin_import(" ").text == ENGLISH.import_which
    said = handlers.begin_import(f'"{takeout}"')
    assert (said.wrong, said.text) == (False, f"Begun: Import {takeout}. You can go on asking meanwhile.")
    assert [job.kind for job in assistant.library.jobs.find(limit=3)] == ["import"]
    refused = handlers.begin_import(takeout + "/Pisa/metadata.json")
    assert (refused.wrong, "no export of" in refused.text, "--kind" in refused.text) == (True, True, False)
