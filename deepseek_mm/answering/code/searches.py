"""The search for what answers an open question about code: statements first, the nearest pieces of code else."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from cachetools import LRUCache

from deepseek_mm.answering.code.claims import (
    LIKELY,
    ClaimWriter,
    is_within,
    join_names,
    name_region,
    place_of,
    quote_doc,
)
from deepseek_mm.answering.code.explanations import find_function, tell_constants
from deepseek_mm.answering.code.source_files import CODE, FILES, MOST_FILES, CodeFiles
from deepseek_mm.answering.code.statements import (
    Answering,
    CodeStatement,
    find_stem,
    list_statements,
    pick_answers,
    rank_statements,
    read_asked,
)
from deepseek_mm.answering.intents import encode_many
from deepseek_mm.embeddings.space import Encode, Floats
from deepseek_mm.language.code_requests import CodeRequest
from deepseek_mm.retrieval.passages import order_texts
from index import Region, Source
from index.store import RegionStore
from index.words import split_words

if TYPE_CHECKING:
    from deepseek_mm.answering.code.coder import CodeModels

READ = 50  # pieces that have words of a question
MOST = 6  # places that an answer points at
OPENED = 10  # files whose statements are read
ENOUGH = 0.6  # of the words of a question, that a piece needs to count as near
LEAST_UNKNOWN = 0.6  # probability where a name of the question is defined nowhere
LEAST, MOST_SAID, WITHIN = 0.4, 3, 0.75  # probability, number, and how near to the likeliest statements are told
MOST_KNOWN = 4096  # texts whose vectors are kept
SMALL = 12  # files of a library whose statements are all read


class NearRegions(NamedTuple):
    """Pieces of code that a search found, the nearest first."""

    meant: Sequence[Region]  # by what they mean
    worded: Sequence[Region]  # by their words

    @property
    def every(self) -> list[Region]:
        """Those by meaning, then those by words."""
        return [*self.meant, *self.worded]


class StatementSearch:
    """Searches one store."""

    def __init__(
        self, store: RegionStore, meant: Callable[[str], list[Region]], files: CodeFiles, models: "CodeModels"
    ) -> None:
        self._store, self._meant, self._files, self._models = store, meant, files, models
        self._encode = remember_vectors(models.encode) if models.encode else None

    def find_sources(self, text: str) -> list[Source]:
        """The files of the library, those with the question's words first; MOST_FILES at most."""
        worded = [hit.region.source for hit in self._store.search_words(text, k=READ, where=CODE)]
        rest = self._store.sources(FILES, order="name", limit=MOST_FILES)
        return list({source.id: source for source in (*worded, *rest)}.values())[:MOST_FILES]

    def rank(self, request: CodeRequest, cited: Sequence[Region], *, values: bool = False) -> list[Answering]:
        """All statements of the nearest files, the likeliest first; `cited` is what was spoken of before."""
        return self._rank_near(request, self._find_near(request.text), cited, values=values)

    def _find_near(self, text: str) -> NearRegions:
        worded = [hit.region for hit in self._store.search_words(text, k=READ, where=CODE)]
        return NearRegions(self._meant(text), worded)

    def _rank_near(
        self, request: CodeRequest, found: NearRegions, cited: Sequence[Region], *, values: bool = False
    ) -> list[Answering]:
        regions = is_within(list({each.id: each for each in (*cited, *found.every)}.values()), request.files)
        near = {region.id: 1 / (1 + place) for ids in found for place, region in enumerate(ids)}
        near |= {region.id: 1.0 for region in cited}
        sources = [each.source for each in regions]
        few = self._store.sources(FILES, order="name", limit=SMALL + 1)
        sources += self._files.find(request.files) or (few if len(few) <= SMALL else [])
        opened = list({source.id: source for source in sources}.values())[: max(OPENED, SMALL)]
        statements = [each for file in self._files.open_many(opened) for each in list_statements(file)]

        def nearness(statement: CodeStatement) -> float:
            return near.get(statement.region.id, 0.0)

        return rank_statements(request.text, statements, self._encode, nearness, values=values)

    def tell(self, request: CodeRequest, tell: ClaimWriter, *, cited: Sequence[Region]) -> None:
        """The statements that answer, or else the pieces of code that have most of the question's words."""
        about = [each for name in request.names for each in self._store.symbols(name, where=CODE)]
        goes_on = not request.names and bool(cited)
        least = LEAST_UNKNOWN if request.named and not about else LEAST
        near = self._find_near(request.text)
        ranked = self._rank_near(request, near, about or (cited if goes_on else ()))
        picked = pick_answers(ranked, least, MOST_SAID, WITHIN)
        texts = [f"{each.statement.told}\n{each.statement.region.text}" for each in picked]
        picked = [picked[n] for n in order_texts(request.text, texts, self._models.score)]
        for each in picked:
            tell.say(each.statement.told, each.statement.region, certainty=round(each.chance, 2))
        for each in picked[:1]:
            file = self._files.open(each.statement.region.source)
            function = find_function(file, each.statement.region) if file else None
            if file is not None and function is not None:
                told = {one.statement.owner for one in picked}
                tell_constants(file, [name for name in function.uses if name not in told], tell)
        if not picked:
            self._tell_nearest(request, near, tell)

    def _tell_nearest(self, request: CodeRequest, found: NearRegions, tell: ClaimWriter) -> None:
        regions = is_within(list({region.id: region for region in found.every}.values()), request.files)
        asked = read_asked(request.text)
        shares = {r.id: share_of(asked, f"{r.text} {names_and_doc(r)} {r.source.path}") for r in regions}
        near = [region for region in regions if shares[region.id] >= ENOUGH]
        near.sort(key=lambda r: -shares[r.id] - share_of(asked, names_and_doc(r)))
        order = order_texts(request.text, [region.text for region in near], self._models.score)
        missing = (
            f"Nothing here is called {join_names(request.names)}; the nearest is"
            if request.named
            else "Nearest to that is"
        )
        for n, region in enumerate([near[n] for n in order[:MOST]]):
            lead = missing if n == 0 else "Then"
            where = f"{name_region(region)} in {place_of(region)}"
            tell.say(f"{lead} {where}{quote_doc(region)}", region, certainty=LIKELY)


def remember_vectors(encode: Encode) -> Encode:
    """An encoder that knows the vectors of the texts that it was given last. From any thread."""
    known: LRUCache[str, Floats] = LRUCache(MOST_KNOWN)
    lock = Lock()

    def encode_new(texts: Sequence[str]) -> Floats:
        with lock:
            found = {text: known[text] for text in texts if text in known}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            found |= dict(zip(new, encode_many(encode, new), strict=True))
            with lock:
                known.update({text: found[text] for text in new})
        return np.stack([found[text] for text in texts])

    return encode_new


def share_of(asked: frozenset[str], told: str) -> float:
    """How many of these words stand in a text, 0 to 1."""
    return len(asked & set(map(find_stem, split_words(told)))) / len(asked) if asked else 0.0


def names_and_doc(region: Region) -> str:
    """What somebody called a piece of code, and what they say of it."""
    symbol = region.symbol
    return f"{symbol.path} {symbol.doc}" if symbol else region.source.name
