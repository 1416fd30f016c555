"""What a program over a table gives: the value, the operation with its numbers as a line, and the rows it used."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from deepseek_mm.retrieval.quantities import Quantity, decimals, show_number
from deepseek_mm.retrieval.tables import TableRow
from index import Region

ProgramKind = Literal[
    "lookup", "list", "sum", "difference", "largest", "smallest", "average", "count", "share", "net", "scale",
    "span", "weekday", "age", "due", "missing", "rest",
]  # fmt: skip
SHOWN_TERMS = 12  # numbers of a sum that are shown; of more the first ones and the last
TIMES = "\u00d7"


@dataclass(frozen=True, kw_only=True, slots=True)
class TableAnswer:
    """An answer that was looked up or worked out."""

    kind: ProgramKind
    value: str  # as it is told: "98.50", "Olu", "Wednesday"
    unit: str = ""  # as the document writes it: "euros", "g"
    operation: str  # "17.50 + 68.40 + 12.60 = 98.50"
    rows: tuple[TableRow, ...] = ()  # in the order of the operation
    passages: tuple[Region, ...] = ()  # that it rests on besides
    labels: tuple[str, ...] = ()  # what the rows are called
    column: str = ""  # the header of the column that answered
    chance: float = 0.0  # probability that it is right

    @property
    def regions(self) -> tuple[Region, ...]:
        """The passages that it rests on, each once."""
        every = [*(row.region for row in self.rows), *self.passages]
        return tuple({(r.id, r.source.path, r.page, r.lines, r.text): r for r in every}.values())

    @property
    def text(self) -> str:
        """The value with its unit."""
        apart = "" if self.unit in ("%", "") or not self.value else " "
        return f"{self.value}{apart}{self.unit}"


def places_of(numbers: Sequence[Quantity]) -> int:
    """Decimals of the most exact of these numbers."""
    return max((decimals(number.value) for number in numbers), default=0)


def show_sum(values: Sequence[Quantity], total: Decimal) -> str:
    """The numbers with plus signs between them, and what they give."""
    places = places_of(values)
    terms = [show_number(value.value, places=places) for value in values]
    if len(terms) > SHOWN_TERMS:
        terms = [*terms[: SHOWN_TERMS - 2], "...", terms[-1]]
    joined = " + ".join(terms).replace("+ -", "- ")
    many = f" ({len(values)} numbers)" if len(values) > SHOWN_TERMS else ""
    return f"{joined}{many} = {show_number(total, places=places)}"


def round_to(value: Decimal, places: int) -> Decimal:
    """Half up, as on bills."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def tidy(value: Decimal) -> str:
    """Without zeros at the end."""
    return show_number(value)
