"""Tools for agents that read the library's code: definitions, callers, and mistakes that syntax shows."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller, requires_by_default
from deepseek_mm.answering.code.graphs import MOST_FILES
from deepseek_mm.answering.code.review import review_text
from deepseek_mm.answering.code.source_files import CODE, CodeFiles
from deepseek_mm.assistant import Assistant
from deepseek_mm.code_graph.records import CERTAINTIES, Certainty
from deepseek_mm.errors import BadQuestion, NothingThere
from deepseek_mm.types import Query
from index import Region

MOST_PLACES = 50  # of one answer
NEAREST, ALIKE = 3, 0.6  # names that are offered where one is unknown, and how like they are
FEWEST_TOKENS, MOST_TOKENS = 100, 32_000  # of one context
MOST_NAMES = 10_000  # that are compared with an unknown one


class CodePlace(BaseModel):
    """A piece of code."""

    region: str = Field(description="for read_region", examples=["12.57"])
    path: str
    lines: list[int] = Field(description="first and last, from 1")
    name: str = Field(description="with what encloses it", examples=["Order.total"])
    kind: str = Field(description="function, method, class, module, section or block")
    signature: str
    doc: str
    calls: list[str] = Field(description="last parts of the names that are called inside")
    text: str
    certainty: Certainty | None = Field(
        default=None, description="of a caller: certain by scope and types, likely, or name: told by the name alone"
    )

    @classmethod
    def of(cls, region: Region, certainty: Certainty | None = None) -> "CodePlace":
        """A region as an agent reads it."""
        symbol = region.symbol
        return cls(
            region=f"{region.source.id}.{region.id}", path=region.source.path, lines=list(region.lines),
            name=symbol.path if symbol else region.source.name, kind=symbol.kind if symbol else "block",
            signature=symbol.signature if symbol else "", doc=symbol.doc if symbol else "",
            calls=list(symbol.calls) if symbol else [], text=region.text, certainty=certainty,
        )  # fmt: skip


class CodePlaces(BaseModel):
    """Pieces of code, by path and line."""

    places: list[CodePlace]
    more: int = Field(description="further ones that are left off")


class ReviewedLine(BaseModel):
    """Something that is wrong, or may go wrong."""

    path: str
    line: int
    weight: str = Field(description="bug: nearly always wrong; risk: may fail; habit: better otherwise")
    said: str
    mended: str = Field(description="the expression as it may be meant; empty where nobody knows")


class ReviewedCode(BaseModel):
    """What syntax alone shows; that nothing is found proves nothing."""

    findings: list[ReviewedLine]
    files: int = Field(description="that were read")


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class CodeTools:
    """The tools; `open_assistant` may be long in coming."""

    open_assistant: Callable[[], Assistant]

    def find_symbol(self, caller: Caller, name: str) -> CodePlaces:
        """Where a name is defined. NothingThere names the nearest that are."""
        found = self.open_assistant().store.symbols(check_name(name), where=CODE)
        if not found:
            raise self._unknown(name)
        return list_places([CodePlace.of(region) for region in found])

    def who_calls(self, caller: Caller, name: str) -> CodePlaces:
        """What calls something of this name. NothingThere where nothing is defined or called so."""
        house = self.open_assistant()
        defined, graphs = house.store.symbols(check_name(name), where=CODE), house.graphs
        known = [calls for region in defined if (calls := graphs.find_callers(region)) is not None]
        own = [] if known else defined
        found = [*(call for calls in known for call in calls), *graphs.find_named(name.rpartition(".")[2], own)]
        if not found and not defined:
            raise self._unknown(name)
        found.sort(key=lambda call: CERTAINTIES.index(call.certainty))
        places = {call.region.id: (call.region, call.certainty) for call in reversed(found) if call.region}
        return list_places([CodePlace.of(region, certainty) for region, certainty in reversed(places.values())])

    def review_code(self, caller: Caller, file: str) -> ReviewedCode:
        """Mistakes in the files of this name, folder or pattern. NothingThere without such a file."""
        house = self.open_assistant()
        files = CodeFiles(house.store, house.config.parse)
        opened = files.open_many(files.find([check_name(file)]))
        if not opened:
            raise NothingThere(
                f"no file of code is called {file[:80]!r}. Name it as find_symbol tells paths: orders.py"
            )
        notes = [
            ReviewedLine(path=each.source.path, line=note.line, weight=note.weight, said=note.said, mended=note.mended)
            for each in opened
            for note in review_text("\n".join(each.lines))
        ]
        return ReviewedCode(findings=notes[:MOST_PLACES], files=len(opened))

    def give_context(self, caller: Caller, task: str, tokens: int) -> str:
        """What to read for a task: a map of signatures and bodies. BadQuestion for a size that cannot be."""
        if not FEWEST_TOKENS <= tokens <= MOST_TOKENS:
            raise BadQuestion(f"tokens={tokens} must lie between {FEWEST_TOKENS} and {MOST_TOKENS}")
        house = self.open_assistant()
        near = house.find(Query(text=check_name(task)), k=MOST_FILES, where=CODE).matches
        return house.graphs.draw_context(task, tokens, [one.region.source for one in near])

    def _unknown(self, name: str) -> NothingThere:
        last = name.strip().removesuffix("()").rpartition(".")[2]
        known = self.open_assistant().store.symbol_names("", limit=MOST_NAMES, where=CODE)
        by_last = {each.rpartition(".")[2]: each for each in known}
        near = [by_last[each] for each in get_close_matches(last, by_last, n=NEAREST, cutoff=ALIKE)]
        told = f"The nearest: {', '.join(near)}" if near else "Look for words with search, or list_collections"
        return NothingThere(f"nothing in the library's code is called {name[:80]!r}. {told}")


def check_name(name: str) -> str:
    """The name. BadQuestion where there is none."""
    if not name.strip():
        raise BadQuestion("the name is empty. Give one, such as: Order.total")
    return name.strip()


def list_places(places: list[CodePlace]) -> CodePlaces:
    """The first of them, and how many more there are."""
    return CodePlaces(places=places[:MOST_PLACES], more=max(0, len(places) - MOST_PLACES))
