"""The English domain: passages that people read for comprehension, and what packages say of themselves."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from deepseek_mm.parse.packages import Package, packages, prose_of, read_source
from deepseek_mm.training.corpus.benchmarks import is_benchmark
from deepseek_mm.training.corpus.code import take_in_turn
from deepseek_mm.training.corpus.items import CorpusItem, Sources, Split, belongs_to

LEAST_PROSE_CHARS = 400  # characters of a passage, or of a description
MOST_PROSE_CHARS = 40_000  # characters of one package
LONG_PROSE_CHARS = 34_000  # of a document that may have 8,192 tokens


def make_english_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Two passages for every description."""
    told, read = make_description_items(sources, split, draw), make_passage_items(sources, split, draw)
    if split.startswith("long"):
        yield from take_in_turn([_join_descriptions(told), _join_passages(read)])
    else:
        yield from take_in_turn([read, read, told])


def find_passage(prompt: str) -> str:
    """The longest paragraph of a prompt: what is to be read."""
    return max((part.strip() for part in prompt.split("\n")), key=len, default="").removeprefix("Context: ")


def name_passage(passage: str) -> str:
    """Passages are split by how they begin: templates put different things around them."""
    return "passage " + " ".join(passage.lower().split()[5:25])


def read_passage_rows(sources: Sources) -> list[Any]:
    """Rows of reading comprehension."""
    lines = (sources.text / "reading_comprehension.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def make_passage_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Each passage once."""
    rows = read_passage_rows(sources)
    seen: set[str] = set()
    for row in draw.sample(rows, len(rows)):
        text = find_passage(row["prompt"])
        source = name_passage(text)
        if len(text) >= LEAST_PROSE_CHARS and source not in seen and belongs_to(source, split):
            seen.add(source)
            yield CorpusItem(source=source, text=text)


def make_description_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Of each package its description, then the prose of its files."""
    chosen = [package for package in packages(sources.max_packages) if belongs_to(package.source, split)]
    most = MOST_PROSE_CHARS * (5 if split.startswith("long") else 1)
    yield from take_in_turn([_read_prose(package, draw, most=most) for package in draw.sample(chosen, len(chosen))])


def _read_prose(package: Package, draw: Random, *, most: int) -> Iterator[CorpusItem]:
    total = 0
    if len(package.description) >= LEAST_PROSE_CHARS and not is_benchmark(package.description):
        yield CorpusItem(source=package.source, text=package.description)
        total += len(package.description)
    for path in draw.sample(package.files, len(package.files)):
        if total > most:
            return
        told = prose_of(read_source(path))
        if len(told) >= LEAST_PROSE_CHARS and not is_benchmark(told):
            yield CorpusItem(source=package.source, text=told)
            total += len(told)


def _join_descriptions(told: Iterator[CorpusItem]) -> Iterator[CorpusItem]:
    """Descriptions that are long by themselves, and those of one package joined until they are."""
    gathered: dict[str, str] = {}
    for item in told:
        text = f"{gathered.pop(item.source, '')}\n\n{item.text}".strip()
        if len(text) >= LONG_PROSE_CHARS:
            yield CorpusItem(source=item.source, text=text)
        else:
            gathered[item.source] = text


def _join_passages(read: Iterator[CorpusItem]) -> Iterator[CorpusItem]:
    """Passages one after the other: no long text, but as many facts as one."""
    batch: list[CorpusItem] = []
    for item in read:
        batch.append(item)
        if sum(len(each.text) for each in batch) >= LONG_PROSE_CHARS:
            yield CorpusItem(source=batch[0].source, text="\n\n".join(each.text for each in batch))
            batch = []
