"""Each tab has class names of its own: what one sheet styles, no other tab's sheet changes."""

import re
from collections import defaultdict
from pathlib import Path

STYLES = Path(__file__).parent.parent / "ui" / "styles"
FOR_ALL = "page.css"  # what every tab shows
STATES = ("dark",)  # classes that say how something is, and not what
SHARED = {"exchange", "offers"}  # the Code tab is the Ask tab, about code


def root_of(selector: str) -> str:
    """The first class of a selector that says what is styled; empty where only elements are named."""
    classes = re.findall(r"\.([a-zA-Z][\w-]*)", re.sub(r":[\w-]+\([^)]*\)", "", selector))
    return next((name for name in classes if name not in STATES), "")


def roots_in(text: str) -> set[str]:
    plain = re.sub(r"/\*.*?\*/|@media[^{]*\{", "", text, flags=re.DOTALL)
    selectors = ",".join(re.findall(r"([^{}]+)\{", plain)).split(",")
    return {root_of(selector) for selector in selectors} - {""}


def test_the_root_of_a_selector_is_its_first_class_that_is_no_state():
    assert root_of(".dark .health .good span") == "health"
    assert root_of('button.offer:not(.idle)[data-act="x"]') == "offer"
    assert root_of("dialog > p") == ""
    assert roots_in("/* .a {} */ .b, .c .d { x: y } @media (width < 9px) { .e { x: y } }") == {"b", "c", "e"}


def test_no_class_is_styled_by_the_sheets_of_two_tabs():
    sheets = defaultdict(set)
    for file in STYLES.glob("*.css"):
        for name in roots_in(file.read_text(encoding="utf-8")) if file.name != FOR_ALL else ():
            sheets[name].add(file.name)
    assert {name: files for name, files in sheets.items() if len(files) > 1 and name not in SHARED} == {}
    assert {name for name in SHARED if len(sheets[name]) < 2} == set()


def test_the_library_uses_no_class_of_the_codes_sheet():
    code = roots_in((STYLES / "code.css").read_text(encoding="utf-8"))
    used = [file.read_text(encoding="utf-8") for file in (STYLES.parent / "library").glob("*.py")]
    classes = {
        name for text in used for names in re.findall(r'class(?:es)?="([\w -]+)"', text) for name in names.split()
    }
    assert classes & code == set()
    assert "work-list" in classes
