"""Example questions about the code that a library has."""

from deepseek_mm.answering.code.claims import name_region
from deepseek_mm.answering.code.source_files import CODE
from index import Region
from index.store import RegionStore

LOOKED = 30  # names that are called most
TELLING = 7  # letters of a name with what encloses it
TRACEBACK = """Traceback (most recent call last):
  File "{path}", line {line}, in {name}
ValueError: an example"""


def questions_to_try(store: RegionStore) -> tuple[str, ...]:
    """Who calls it, what is it, where is it, a test for it, a traceback through it; none without code with names."""
    found = store.busiest(limit=LOOKED, where=CODE)
    if not found:
        return ()
    told = [region for region in found if region.symbol and region.symbol.doc] or found
    told.sort(key=lambda region: not is_telling(region))
    first, second, third = (told * 3)[:3]
    alone = [region for region in told if region.symbol and region.symbol.kind == "function"]
    return (
        f"Who calls {name_region(first)}?",
        f"Explain {name_region(second)}",
        f"Where is {name_region(third)} defined?",
        *(f"Write a test for {name_region(region)}" for region in alone[:1]),
        TRACEBACK.format(path=first.source.path, line=sum(first.lines) // 2, name=first.symbol and first.symbol.name),
    )


def is_telling(region: Region) -> bool:
    """No everyday word: "Who calls `where`?" reads like a slip."""
    return region.symbol is not None and len(region.symbol.path) >= TELLING
