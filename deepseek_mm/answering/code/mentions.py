"""What an `@` that somebody types in a question about code may become: names that are defined, and files."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from deepseek_mm.answering.code.source_files import CODE
from deepseek_mm.language.search_syntax import Suggestion
from index import Filter, Source
from index.store import RegionStore

BEGUN = re.compile(r"(?<![\w.])@([\w./\-]*)$")
MOST = 8  # suggestions
MOST_FILES = 3  # of them, where names fit too
LOOKED = 200  # files that have the letters somewhere in their path


def mentions(text: str, store: RegionStore) -> list[Suggestion]:
    """What the `@` at the text's end may become; nothing where there is none."""
    begun = BEGUN.search(text)
    if begun is None:
        return []
    head, word = text[: begun.start()], begun[1]
    names = [] if "/" in word else store.symbol_names(word, limit=MOST, where=CODE)
    files = files_like(word, store)
    room = MOST - min(len(names), MOST - MOST_FILES)
    told = [(name, "") for name in names[: MOST - min(len(files), MOST_FILES)]]
    told += [(mention(source, word, files), str(PurePath(source.path).parent)) for source in files[:room]]
    return [Suggestion(text=f"{head}@{name} ", insert=f"@{name}", help=help_) for name, help_ in told]


def files_like(word: str, store: RegionStore) -> list[Source]:
    """Files of code whose name, or path from some folder on, begins so; then those that have it inside."""
    where = Filter(source_kinds=("code",), path=word)
    found = store.sources(where, order="name", limit=LOOKED)
    begin = [source for source in found if f"/{word}".lower() in source.path.lower()]
    begin = [source for source in begin if "/" in word or source.name.lower().startswith(word.lower())]
    inside = [source for source in found if source not in begin and word.lower() in source.name.lower()]
    return [*begin, *inside]


def mention(source: Source, word: str, others: Sequence[Source]) -> str:
    """The file's name, with its folder where somebody types one or another file has the same name."""
    same = [other for other in others if other.name == source.name]
    return source.name if len(same) < 2 and "/" not in word else "/".join(PurePath(source.path).parts[-2:])
