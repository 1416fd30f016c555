"""Small documents with tables as their passages are stored; they and questions are in data/table_questions.json."""

import json
from pathlib import Path
from typing import Any

from index import Region, Source

DATA: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "table_questions.json").read_text(encoding="utf-8"))
DOCUMENTS: dict[str, str] = DATA["documents"]


def passages_of(text: str, name: str, number: int = 1, *, size: int = 100_000) -> list[Region]:
    """The passages of a document of this text, cut between lines where they get too long."""
    source = Source(id=number, path=f"/docs/{name}", kind="document")
    parts: list[tuple[int, list[str]]] = []
    lines: list[str] = []
    first = 1
    for line in text.split("\n"):
        if lines and sum(map(len, lines)) + len(line) > size:
            parts.append((first, lines))
            first, lines = first + len(lines), []
        lines.append(line)
    parts.append((first, lines))
    return [
        Region(
            id=100 * number + n,
            source=source,
            kind="text",
            box_px=(0, 0, 0, 0),
            text="\n".join(own),
            lines=(start, start + len(own) - 1),
        )
        for n, (start, own) in enumerate(parts)
    ]


def page_of(text: str, page: int, name: str = "a.pdf") -> Region:
    """A passage of a PDF's page."""
    source = Source(id=1, path=f"/docs/{name}", kind="document")
    return Region(id=page, source=source, kind="text", box_px=(0, 0, 9, 9), text=text, page=page)
