"""Names say what a thing does or is: few bare participles, one meaning a class, folders that fit on a screen.

The rules are those of the project's checklist.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLACES = ("app.py", "deepseek_mm", "ui", "index")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """At most so many."""

    vague_names: int  # functions and modules called by a participle or a gerund alone
    shared_class_names: int  # classes that mean something else in another file
    modules_in_a_folder: int


BARS = Limits(vague_names=39, shared_class_names=14, modules_in_a_folder=25)

PARTICIPLE = re.compile(
    r"bound|built|born|drawn|found|given|gone|held|kept|known|led|left|made|meant|met|put|said|seen|sent|shown|taken"
    r"|told|worked|worn|written|[a-z]+[^e]ed"
)
VERB_OR_NOUN = re.compile(r"embed|speed|seed|need|feed|used|read|bed|red")
FIELD_WORD = re.compile(  # gerunds that are nouns of the field
    r"batching|billing|caching|captioning|chunking|embeddings?|encoding|grounding|indexing|logging|parsing|pooling"
    r"|pruning|ranking|rendering|routing|sampling|scheduling|settings|sharing|streaming|testing|tokenizing|training"
)


def is_participle(name: str) -> bool:
    """Whether a name is nothing but a participle: "kept", "_asked"; "feed" and "agreed" are words of their own."""
    word = name.strip("_")
    return bool(PARTICIPLE.fullmatch(word)) and not VERB_OR_NOUN.fullmatch(word)


def is_gerund(name: str) -> bool:
    """Whether a module is called by a gerund: "asking", "code_asking"; "training" is a noun of the field."""
    word = name.strip("_")
    return word.endswith("ing") and not FIELD_WORD.fullmatch(word)


@dataclass(frozen=True, kw_only=True)
class NamesInFile:
    """What a file calls its functions and methods, and its public classes, at the top or inside another one."""

    functions: tuple[str, ...]
    classes: frozenset[str]


def names_in(source: str) -> NamesInFile:
    functions, classes = list[str](), set[str]()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                functions.append(name)
            case ast.ClassDef(name=name) if not name.startswith("_"):
                classes.add(name)
    return NamesInFile(functions=tuple(functions), classes=frozenset(classes))


def vague_names_in(stem: str, functions: Iterable[str]) -> Iterator[str]:
    """The module, and its functions and methods, where their names say neither what they do nor what they are."""
    if is_participle(stem) or is_gerund(stem):
        yield stem
    yield from (f"{stem}.{name}" for name in functions if is_participle(name))


def python_files() -> list[Path]:
    places = [ROOT / place for place in PLACES]
    return [path for place in places for path in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]


@cache
def names() -> dict[Path, NamesInFile]:
    """Every file with something in it -> its names; each is parsed once."""
    texts = {path: path.read_text() for path in python_files()}
    return {path: names_in(text) for path, text in texts.items() if text.strip()}


def shared_class_names() -> dict[str, list[str]]:
    """Class name -> the files that mean different things by it."""
    where = defaultdict(list)
    for path, known in names().items():
        for name in known.classes:
            where[name].append(str(path.relative_to(ROOT)))
    return {name: sorted(paths) for name, paths in where.items() if len(paths) > 1}


@pytest.mark.parametrize(
    ("name", "vague"),
    [("kept", True), ("_asked", True), ("told", True), ("read", False), ("feed", False), ("keep_asked", False)],
)
def test_a_name_that_is_only_a_participle_is_seen(name, vague):
    assert is_participle(name) is vague


def test_vague_modules_functions_and_methods_are_found():
    source = "class Book:\n    def told(self): ...\n\ndef resolve(): ...\n\nasync def _written(): ...\n"
    functions = names_in(source).functions
    assert list(vague_names_in("asking", functions)) == ["asking", "asking._written", "asking.told"]
    assert list(vague_names_in("training", names_in(source.replace("told", "tell")).functions)) == ["training._written"]


def test_only_public_classes_are_compared():
    assert names_in("class Page:\n    class Row: ...\n\nclass _Page: ...\n").classes == {"Page", "Row"}


def test_few_names_are_only_a_participle_or_a_gerund():
    vague = [
        f"{path.parent.relative_to(ROOT)}: {name}"
        for path, known in names().items()
        for name in vague_names_in(path.stem, known.functions)
    ]
    assert len(vague) <= BARS.vague_names, "\n".join(vague)


def test_few_class_names_have_two_meanings():
    shared = shared_class_names()
    assert len(shared) <= BARS.shared_class_names, "\n".join(f"{name}: {paths}" for name, paths in shared.items())


def test_no_other_folder_holds_more_modules_than_fit():
    modules = Counter(str(path.parent.relative_to(ROOT)) for path in python_files())
    assert {folder: count for folder, count in modules.items() if count > BARS.modules_in_a_folder} == {}
