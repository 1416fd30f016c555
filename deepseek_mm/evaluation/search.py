"""`eval search`: does a plain search show the right photo first, among the first three, and does it say so?

The photos become a temporary library as they would for a user, and every row's words are typed into its search. A row
names all photos that are right for it; some name none, for they ask for what is nowhere. `declared` is the share of all
rows of which the search says the truth: that it found something, or that nothing is certain.

A camera names its photos by numbers. So the same is asked once more where each photo has such a name and nobody has
written anything about it (`--nameless`): then only what is seen and read can find it.

`examples/searches.jsonl` was made by looking at each of the bundled photos, before any search was asked. Its rows are
split by photo: one half teaches the weights of the search (`train search`), the other half scores.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from deepseek_mm.config import Config
from deepseek_mm.evaluation.retrieval import percent, read_rows
from deepseek_mm.terminal import Desk, finish, finish_reading, run_jobs
from deepseek_mm.types import Found, Query

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant

SEARCHES_FILE = Path("examples/searches.jsonl")
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png")
FIRST_FEW = 3
LOOKED_AT = 10  # results that are asked for

FindOne = Callable[[Query, int], Found]


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRow:
    """Words that somebody types, and the photos that are right for them."""

    text: str
    images: tuple[str, ...]  # file names; none where what is asked for is nowhere


@dataclass(frozen=True, kw_only=True, slots=True)
class AnsweredSearch:
    """What a search showed for one row."""

    row: SearchRow
    shown: tuple[str, ...]  # file names, best first
    found: bool
    certainty: float
    relevances: tuple[float, ...] = ()  # of what is shown

    @property
    def place(self) -> int:
        """Where the first right photo stands, from 1; 0 where none is shown."""
        return next((n for n, name in enumerate(self.shown, start=1) if name in self.row.images), 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchReport:
    """Percent of the searches."""

    answered: tuple[AnsweredSearch, ...]

    @property
    def there(self) -> list[AnsweredSearch]:
        """Those for what some photo shows."""
        return [each for each in self.answered if each.row.images]

    def r(self, cut: int) -> float:
        """Percent of the searches for what is there that show a right photo among the first `cut`."""
        return percent([0 < each.place <= cut for each in self.there])

    def figures(self) -> dict[str, Any]:
        """By their names."""
        absent = [each for each in self.answered if not each.row.images]
        return {
            "r1": self.r(1),
            "r3": self.r(FIRST_FEW),
            "declared": percent([each.found == bool(each.row.images) for each in self.answered]),
            "missed": percent([not each.found for each in self.there]),
            "claimed": percent([each.found for each in absent]) if absent else None,
            "n": len(self.there),
            "nowhere": len(absent),
        }

    def table(self) -> str:
        """For people: the rates, and every search whose first photo is wrong or that says what is not so."""
        told = self.figures()
        lines = [f"{'right photo first':<28}{told['r1']:>6.1f} % of {told['n']}"]
        lines.append(f"{'among the first three':<28}{told['r3']:>6.1f} %")
        lines.append(f"{'found and said so':<28}{told['declared']:>6.1f} % of {len(self.answered)}")
        wrong = [each for each in self.there if each.place != 1 or not each.found]
        lines += [f"  {each.row.text!r}: {', '.join(each.shown[:FIRST_FEW])} ({each.certainty:.2f})" for each in wrong]
        claimed = [each for each in self.answered if each.found and not each.row.images]
        lines += [f"  claimed {each.row.text!r}: {each.shown[0]} ({each.certainty:.2f})" for each in claimed]
        return "\n".join(lines)

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps(self.figures())

    def lines(self) -> Iterator[str]:
        """One JSON object a search, for `--keep`."""
        for each in self.answered:
            row = {"text": each.row.text, "images": each.row.images, "shown": each.shown}
            yield json.dumps(row | {"found": each.found, "certainty": each.certainty, "relevances": each.relevances})


def read_searches(file: Path = SEARCHES_FILE, *, split: str = "") -> list[SearchRow]:
    """Rows `{text, images, split}` of a JSONL file. Raises what `read_rows` raises."""
    return read_rows(
        file,
        lambda row: SearchRow(text=str(row["text"]), images=tuple(row["images"])),
        shape="{text, images, split}",
        split=split,
    )


def list_photos(images: Path) -> list[Path]:
    """The photos of a folder, by name."""
    return sorted(path for path in images.iterdir() if path.suffix in PHOTO_ENDINGS)


def copy_nameless(images: Path, folder: Path) -> dict[str, str]:
    """Copy the photos under a camera's names in an order without meaning; returns each new name with the old one."""
    photos = sorted(list_photos(images), key=lambda path: hashlib.sha256(path.name.encode()).digest())
    names = {f"IMG_{number:04}{path.suffix}": path.name for number, path in enumerate(photos, start=1)}
    for new, old in names.items():
        shutil.copyfile(images / old, folder / new)
    return names


@contextmanager
def open_library(folder: Path, config: Config, desk: Desk, *, speaks: bool = False) -> Iterator["Assistant"]:
    """An assistant over a temporary library of this folder, its texts read."""
    with TemporaryDirectory() as data, desk.assistant(replace(config, data=Path(data)), speaks=speaks) as assistant:
        with run_jobs(assistant.library):
            finish(assistant.library, assistant.library.add([folder]), desk)
            finish_reading(assistant.library, desk)
        yield assistant


def evaluate_search(find: FindOne, rows: Sequence[SearchRow], names: Mapping[str, str] | None = None) -> SearchReport:
    """Ask for every row; `names` are those that the rows use, by those of the files, where they differ."""
    answered = (describe_search(row, find(Query(text=row.text), LOOKED_AT), names or {}) for row in rows)
    return SearchReport(answered=tuple(answered))


def describe_search(row: SearchRow, found: Found, names: Mapping[str, str]) -> AnsweredSearch:
    """What counts of an answer; near duplicates of a photo stand behind it."""
    shown = [region.source.name for match in found.matches for region in (match.region, *match.twins)]
    shown = [names.get(name, name) for name in shown]
    relevances = tuple(match.relevance for match in found.matches)
    return AnsweredSearch(
        row=row, shown=tuple(shown), found=found.found, certainty=found.certainty, relevances=relevances
    )
