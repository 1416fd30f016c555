"""The English domain: passages that people read for comprehension, and what packages say of themselves."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from deepseek_mm.parse.packages import InstalledPackage, packages, prose_of, read_source
from deepseek_mm.train.corpus.benchmarks import is_benchmark
from deepseek_mm.train.corpus.code import in_turn
from deepseek_mm.train.corpus.items import Item, Sources, Split, belongs

LEAST = 400  # characters of a passage, or of a description
MOST_OF_ONE = 40_000  # characters of one package
LONG_CHARS = 34_000  # of a document that may have 8,192 tokens


def items(sources: Sources, split: Split, draw: Random) -> Iterator[Item]:
    """Two passages for every description."""
    told, read = descriptions(sources, split, draw), passages(sources, split, draw)
    if split.startswith("long"):
        yield from in_turn([_long(told), _joined(read)])
    else:
        yield from in_turn([read, read, told])


def passage_of(prompt: str) -> str:
    """The longest paragraph of a prompt: what is to be read."""
    return max((part.strip() for part in prompt.split("\n")), key=len, default="").removeprefix("Context: ")


def source_of(passage: str) -> str:
    """Passages are split by how they begin: templates put different things around them."""
    return "passage " + " ".join(passage.lower().split()[5:25])


def read_rows(sources: Sources) -> list[Any]:
    """Rows of reading comprehension."""
    lines = (sources.text / "reading_comprehension.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def passages(sources: Sources, split: Split, draw: Random) -> Iterator[Item]:
    """Each passage once."""
    rows = read_rows(sources)
    seen: set[str] = set()
    for row in draw.sample(rows, len(rows)):
        text = passage_of(row["prompt"])
        source = source_of(text)
        if len(text) >= LEAST and source not in seen and belongs(source, split):
            seen.add(source)
            yield Item(source=source, text=text)


def descriptions(sources: Sources, split: Split, draw: Random) -> Iterator[Item]:
    """Of each package its description, then the prose of its files."""
    chosen = [package for package in packages(sources.max_packages) if belongs(package.source, split)]
    most = MOST_OF_ONE * (5 if split.startswith("long") else 1)
    yield from in_turn([_of_one(package, draw, most=most) for package in draw.sample(chosen, len(chosen))])


def _of_one(package: InstalledPackage, draw: Random, *, most: int) -> Iterator[Item]:
    total = 0
    if len(package.description) >= LEAST and not is_benchmark(package.description):
        yield Item(source=package.source, text=package.description)
        total += len(package.description)
    for path in draw.sample(package.files, len(package.files)):
        if total > most:
            return
        told = prose_of(read_source(path))
        if len(told) >= LEAST and not is_benchmark(told):
            yield Item(source=package.source, text=told)
            total += len(told)


def _long(told: Iterator[Item]) -> Iterator[Item]:
    """Descriptions that are long by themselves, and those of one package joined until they are."""
    gathered: dict[str, str] = {}
    for item in told:
        text = f"{gathered.pop(item.source, '')}\n\n{item.text}".strip()
        if len(text) >= LONG_CHARS:
            yield Item(source=item.source, text=text)
        else:
            gathered[item.source] = text


def _joined(read: Iterator[Item]) -> Iterator[Item]:
    """Passages one after the other: no long text, but as many facts as one."""
    batch: list[Item] = []
    for item in read:
        batch.append(item)
        if sum(len(each.text) for each in batch) >= LONG_CHARS:
            yield Item(source=batch[0].source, text="\n\n".join(each.text for each in batch))
            batch = []
