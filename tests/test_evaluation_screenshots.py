"""Screenshots that are made here: the list, what is drawn, and how their search is scored."""

import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import picture

from deepseek_mm.errors import BadFile, MissingPackage
from deepseek_mm.evaluation import screenshots
from deepseek_mm.evaluation.screenshots import (
    KINDS,
    Screenshot,
    copy_sources,
    evaluate_screenshots,
    join_examples,
    list_packages,
    make_docs_page,
    make_editor_page,
    make_page,
    read_licences,
    read_shots,
    run_program,
    score_places,
)
from deepseek_mm.parse.packages import InstalledPackage
from deepseek_mm.types import Found, Match
from index import Region, Source

SOURCE = '''"""A module."""


class Basket:
    """What somebody buys.

    >>> total = 1 + 1
    >>> print(total)
    2
    """

    def add(self, thing: str = "<tea>") -> None:
        """Put it in."""
        self.things.append(thing)
'''


def shot(**more) -> Screenshot:
    return Screenshot(**{"split": "test", "kind": "editor", "file": "shop/basket.py"} | more)


def test_the_list_has_fifty_shots_of_four_kinds_and_others_for_choosing():
    test, dev = read_shots("test"), read_shots("dev")
    assert Counter(one.kind for one in test) == {"editor": 20, "page": 10, "plot": 10, "error": 10}
    assert set(KINDS) == {one.kind for one in dev}
    assert not {one.file for one in test} & {one.file for one in dev}
    assert len({one.name for one in (*test, *dev)}) == len(test) + len(dev)
    assert len({(one.style, one.font, one.size) for one in test if one.kind == "editor"}) >= 10


def test_a_package_that_is_missing_or_may_not_be_read_is_named():
    allowed = InstalledPackage(name="scipy", description="", files=(), licence="BSD License")
    assert read_licences(["scipy"], [allowed]) == {"scipy": "BSD License"}
    with pytest.raises(MissingPackage, match="no-such"):
        read_licences(["scipy", "no-such"], [allowed])
    assert "networkx" in list_packages()


def test_sources_are_copied_once_and_tests_are_left_out(tmp_path):
    installed = [InstalledPackage(name="pytest-playwright", description="", files=())]
    count = copy_sources(["pytest-playwright"], installed, tmp_path / "to")
    paths = [path for path in (tmp_path / "to").rglob("*") if path.is_file()]
    assert count == len(paths) - 1 > 0
    assert {path.suffix for path in paths if path.name != ".copied"} <= {".py", ".html", ".css", ".js", ".md", ".j2"}
    next(path for path in paths if path.suffix == ".py").unlink()
    assert copy_sources(["pytest-playwright"], installed, tmp_path / "to") == count - 1


def test_an_editor_shows_lines_from_the_symbol_on_and_never_the_files_name():
    page = make_editor_page(SOURCE, shot(symbol="Basket.add", line=-1, lines=3, style="monokai", size=15))
    assert "append" not in page
    assert "Put it in" in page
    assert "basket.py" not in page
    assert "font:15px/1.4" in page


def test_a_page_of_documentation_has_parameters_and_docstring_escaped():
    page = make_docs_page(SOURCE, shot(kind="page", symbol="Basket.add"))
    assert "<h1>Basket.add</h1>" in page
    assert "&lt;tea&gt;" in page
    assert "Put it in." in page


def test_a_symbol_that_the_file_has_no_more_is_named():
    with pytest.raises(BadFile, match="no Basket.lose"):
        make_docs_page(SOURCE, shot(symbol="Basket.lose"))


def test_examples_of_a_docstring_become_one_program():
    assert join_examples(SOURCE, shot(kind="plot", symbol="Basket")) == "total = 1 + 1\nprint(total)\n"


def test_an_error_is_the_traceback_of_a_program_that_really_fails(tmp_path):
    page = make_page(shot(kind="error", code="{}['tea']", style="dark", font="Liberation Mono"), tmp_path)
    assert "KeyError: &#x27;tea&#x27;" in page
    assert "#1e1e1e" in page
    with pytest.raises(BadFile, match="went wrong: no error"):
        run_program("pass", shot(kind="error"))


def test_a_page_is_what_its_program_makes_of_it(tmp_path):
    assert make_page(shot(kind="page", code="html = '<b>tea</b>'"), tmp_path) == "<b>tea</b>\n"


def test_what_lies_there_is_not_drawn_again_and_no_browser_is_opened(tmp_path, monkeypatch):
    @contextmanager
    def none():
        raise AssertionError("no browser is needed")
        yield

    monkeypatch.setattr(screenshots, "open_chromium", none)
    (tmp_path / shot().name).touch()
    assert [path.name for path in screenshots.draw_screenshots([shot()], tmp_path, tmp_path)] == [
        "test-editor-shop-basket.png"
    ]
    with pytest.raises(AssertionError, match="no browser"):
        list(screenshots.draw_screenshots([shot(symbol="Basket")], tmp_path, tmp_path))


def test_a_file_among_the_first_five_counts_and_one_further_down_is_missed(tmp_path):
    def find(query, *, k, where):
        assert where.source_kinds == ("code",)
        names = ["a.py", "b.py"] if query.image.size == (64, 48) else ["c.py"]
        sources = [Source(path=str(tmp_path / name), kind="code", digest=name) for name in names]
        return Found(
            matches=tuple(
                Match(region=Region(source=source, kind="code", box_px=(0, 0, 0, 0)), score=0.5) for source in sources
            )
        )

    picture("red").save(tmp_path / "x.png")
    shots = [shot(file="b.py"), shot(file="a.py", kind="plot"), shot(file="lost.py", kind="plot")]
    report = evaluate_screenshots(find, [(one, tmp_path / "x.png") for one in shots], tmp_path, files=9)
    assert {name: (way.shots, way.top1, way.top5) for name, way in report.kinds.items()} == {
        "editor": (1, 0.0, 1.0),
        "plot": (2, 0.5, 0.5),
        "all": (3, 0.3333, 0.6667),
    }
    assert '"top5": 0.6667' in report.json()
    assert f"not among the first 5: {shots[2].name}" in report.table()


def test_shares_are_of_all_pictures_of_a_kind():
    assert (score_places([0, 4, 5, 5]).top1, score_places([0, 4, 5, 5]).top5) == (0.25, 0.5)


def test_without_pygments_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygments", None)
    with pytest.raises(MissingPackage, match=r"deepseek-mm\[dev\]"):
        make_editor_page(SOURCE, shot())


def test_files_that_another_version_lacks_are_named(tmp_path):
    with pytest.raises(BadFile, match="Another version of the package"):
        make_page(shot(), Path(tmp_path))
