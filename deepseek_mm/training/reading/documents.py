"""Documents of the kinds that people have, made here, with questions whose answers are known.

A shape is a section of a document in one language, in a text file, with slots and questions:

    [invoice]                                      its kind; a caret before it, [^invoice], opens documents
    Invoice no. {number:code}                      a line; {NAME:KIND} is filled and keeps its name
    * {item:goods} | {count:few} | {price:money}   a row, which comes several times with other words
    ? what is the invoice number / which number has the invoice -> {number}
    ?* how much is the {item} / what did they charge for {item} -> {price}    asked of one of the rows
    ~ who is the tax adviser                       what no document of this kind says

An answer is a piece of a line as it stands there. A document is some sections of a kind; questions of sections that it
lacks have no answer in it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from hashlib import sha1
from pathlib import Path
from random import Random

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.reading.examples import ReadingExample

SHAPES = Path(__file__).with_name("shapes")
SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")
ROWS = (3, 7)  # of a table, the fewest and the most
SECTIONS = 5  # of a document at most
ONE_IN = 8  # shapes is held out from training
MISSING = 0.3  # of the questions are asked of a document that does not say


@dataclass(frozen=True, slots=True)
class DocumentQuestion:
    """Ways to ask for a piece of a section."""

    asked: tuple[str, ...]
    answer: str  # a piece of a line; "" where nothing answers
    of_row: bool = False


@dataclass(frozen=True, slots=True)
class SectionShape:
    """A section of a document."""

    kind: str
    language: str
    opens: bool
    lines: tuple[str, ...]
    questions: tuple[DocumentQuestion, ...]

    @property
    def held_out(self) -> bool:
        """Whether nothing is trained on it, by a hash of its lines."""
        return int(sha1("\n".join(self.lines).encode()).hexdigest(), 16) % ONE_IN == 0


@dataclass(frozen=True, slots=True)
class FilledSection:
    """Its text, and its questions with the place of the answer in it (-1, -1 where nothing answers)."""

    text: str
    asked: tuple[tuple[str, int, int], ...]


Words = Mapping[str, Sequence[str]]


def read_shapes(folder: Path = SHAPES) -> tuple[list[SectionShape], dict[str, Words]]:
    """All shapes of a folder, and the word lists of each language; ConfigError names the first line that is wrong."""
    words: dict[str, Words] = {file.name.split(".")[1]: read_words(file) for file in sorted(folder.glob("words.*.txt"))}
    shapes = [
        shape
        for file in sorted(folder.glob("*.txt"))
        if not file.name.startswith("words.")
        for shape in read_file(file, words.get(file.name.split(".")[1], {}))
    ]
    return shapes, words


def read_words(file: Path) -> dict[str, list[str]]:
    """Lists by name: "goods: lamp / table / desk"."""
    found: dict[str, list[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, values = line.partition(":")
            found.setdefault(name.strip(), []).extend(value.strip() for value in values.split(" / ") if value.strip())
    return found


def read_file(file: Path, words: Words) -> list[SectionShape]:
    """The shapes of one file, NAME.LANGUAGE.txt."""
    blocks: list[tuple[int, list[str]]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if re.fullmatch(r"\[\^?[a-z]+\]\s*", line):
            blocks.append((number, [line.strip()]))
        elif blocks and not line.startswith("# "):
            blocks[-1][1].append(line.rstrip())
    language = file.name.split(".")[1]
    return [read_shape(lines, language, words, f"{file.name}:{number}") for number, lines in blocks]


def read_shape(block: Sequence[str], language: str, words: Words, where: str) -> SectionShape:
    """Of its heading, lines and questions."""
    heading, *rest = block
    lines = [line for line in rest if line[:1] not in ("?", "~")]
    while lines and not lines[-1]:
        lines.pop()
    questions = tuple(read_question(line, where) for line in rest if line[:1] in ("?", "~"))
    shape = SectionShape(heading.strip("[]^"), language, "^" in heading, tuple(lines), questions)
    check_shape(shape, words, where)
    return shape


def read_question(line: str, where: str) -> DocumentQuestion:
    """ "? ways to ask -> answer", "?* ..." of a row, "~ ..." of nothing."""
    of_row = line.startswith("?*")
    asked, arrow, answer = line.lstrip("?*~ ").partition(" -> ")
    if line.startswith("?") and not arrow:
        raise ConfigError(f"{where}: {line!r} has no answer. Write it behind ' -> '")
    return DocumentQuestion(tuple(part.strip() for part in asked.split(" / ")), bare(answer.strip()), of_row)


def check_shape(shape: SectionShape, words: Words, where: str) -> None:
    """ConfigError for a slot of no known kind, a name that is not filled, or an answer that stands in no line."""
    names = {name for line in shape.lines for name, _ in SLOT.findall(line)}
    for line in shape.lines:
        for name, kind in SLOT.findall(line):
            known = (kind or name) in words or (kind or name) in makers(shape.language)
            if not known and not (not kind and any(f"{{{name}:" in other for other in shape.lines)):
                raise ConfigError(f"{where}: nothing fills {{{name}:{kind}}}. Add {kind or name!r} to words.*.txt")
    for question in shape.questions:
        unknown = [name for ask in question.asked for name, _ in SLOT.findall(ask) if name not in names]
        unknown = [name for name in unknown if name not in words and name not in makers(shape.language)]
        if unknown:
            raise ConfigError(f"{where}: {question.asked[0]!r} asks with {unknown}, which no line has")
        holders = [line for line in shape.lines if question.answer in bare(line)]
        if question.answer and not any(line.startswith("* ") == question.of_row for line in holders):
            raise ConfigError(f"{where}: no line holds the answer {question.answer!r} of {question.asked[0]!r}")


def bare(text: str) -> str:
    """Slots without their kinds."""
    return SLOT.sub(lambda found: f"{{{found[1]}}}", text)


class DocumentMaker:
    """Makes documents of the shapes of one language."""

    def __init__(self, shapes: Sequence[SectionShape], words: Words, language: str) -> None:
        self.words, self.language = words, language
        self.kinds: dict[str, list[SectionShape]] = {}
        for shape in shapes:
            if shape.language == language:
                self.kinds.setdefault(shape.kind, []).append(shape)

    def make_examples(self, chance: Random) -> list[ReadingExample]:
        """One document with some of the questions that it answers, and some that it does not."""
        kind = chance.choice(sorted(self.kinds))
        own = self.kinds[kind]
        heads = [shape for shape in own if shape.opens]
        bodies = [shape for shape in own if not shape.opens]
        chosen = chance.sample(heads, min(1, len(heads))) if chance.random() < 0.8 else []
        chosen += chance.sample(bodies, min(len(bodies), chance.randint(1, SECTIONS)))
        chosen = chosen or own[:1]
        sections = [self.fill(shape, chance) for shape in chosen]
        text, said = "", list[ReadingExample]()
        places: list[tuple[str, int, int]] = []
        for section in sections:
            text += "\n\n" if text else ""
            places += [(ask, a + len(text), b + len(text)) if a >= 0 else (ask, a, b) for ask, a, b in section.asked]
            text += section.text
        said = [ReadingExample(ask, text, a, b, kind) for ask, a, b in places]
        others = [shape for shape in own if shape not in chosen]
        missing = [
            ReadingExample(ask, text, title=kind)
            for shape in chance.sample(others, min(2, len(others)))
            for ask, a, b in self.fill(shape, chance).asked
            if is_foreign(ask, said)
        ]
        return [example for example in [*said, *chance.sample(missing, round(MISSING * len(missing)))]]

    def fill(self, shape: SectionShape, chance: Random) -> FilledSection:
        """With values in all slots; rows come several times."""
        values: dict[str, str] = {}
        texts: list[tuple[str, str, dict[str, str]]] = []  # line, how it reads, its values
        for line in shape.lines:
            if not line.startswith("* "):
                texts.append((line, self.render(line, values, chance), values))
                continue
            seen = set[str]()
            for _ in range(chance.randint(*ROWS)):
                row = dict(values)
                read = self.render(line[2:], row, chance)
                key = next(iter(row[name] for name, _ in SLOT.findall(line)), read)
                if key not in seen:
                    texts.append((line, read, row))
                    seen.add(key)
        asked = [place for question in shape.questions for place in self.ask(question, texts, values, chance)]
        return FilledSection("\n".join(read for _, read, _ in texts), tuple(asked))

    def render(self, text: str, values: dict[str, str], chance: Random) -> str:
        """With its slots filled; new names are kept in `values`."""

        def fill_slot(found: re.Match[str]) -> str:
            name, kind = found[1], found[2] or found[1]
            if name not in values:
                values[name] = self.draw(kind, chance)
            return values[name]

        return SLOT.sub(fill_slot, text)

    def draw(self, kind: str, chance: Random) -> str:
        """A value of a kind."""
        made = makers(self.language).get(kind)
        return made(chance) if made else chance.choice(list(self.words[kind]))

    def ask(
        self,
        question: DocumentQuestion,
        texts: Sequence[tuple[str, str, dict[str, str]]],
        values: dict[str, str],
        chance: Random,
    ) -> Iterator[tuple[str, int, int]]:
        """The question in one of its ways, and where its answer stands."""
        held = [
            (n, line.removeprefix("* ") if question.of_row else line, row)
            for n, (line, _, row) in enumerate(texts)
            if question.answer and question.answer in bare(line) and line.startswith("* ") == question.of_row
        ]
        if not held:
            yield self.render(chance.choice(question.asked), dict(values), chance), -1, -1
            return
        n, line, row = chance.choice(held) if question.of_row else held[0]
        before = bare(line)[: bare(line).index(question.answer)]
        start = sum(len(read) + 1 for _, read, _ in texts[:n]) + len(self.render(before, dict(row), chance))
        answer = self.render(question.answer, dict(row), chance)
        yield self.render(chance.choice(question.asked), dict(row), chance), start, start + len(answer)


def is_foreign(asked: str, said: Sequence[ReadingExample]) -> bool:
    """Whether no question of the document asks for nearly the same."""
    words = set(re.findall(r"\w+", asked.lower()))
    return all(
        len(words & set(re.findall(r"\w+", each.question.lower()))) < 0.7 * len(words) for each in said if each.is_said
    )


def make_documents(language: str, count: int, chance: Random, *, held_out: bool = False) -> list[ReadingExample]:
    """So many examples at least, over documents in this language."""
    shapes, words = read_shapes()
    maker = DocumentMaker([s for s in shapes if s.held_out == held_out], words.get(language, {}), language)
    found: list[ReadingExample] = []
    while maker.kinds and len(found) < count:
        found += maker.make_examples(chance)
    return found


Maker = Callable[[Random], str]
MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
FIRST_DAY = date(2012, 1, 1)
DAYS = 365 * 16


def draw_day(chance: Random) -> date:
    """Of the years around this one."""
    return FIRST_DAY + timedelta(days=chance.randrange(DAYS))


def write_date(chance: Random) -> str:
    """As people write dates in English."""
    day = draw_day(chance)
    month = MONTHS[day.month - 1]
    forms = (
        f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", f"{day:%d.%m.%Y}", f"{day:%Y-%m-%d}",
        f"{day.day} {month[:3]} {day.year}", f"{day:%d/%m/%Y}", f"{WEEKDAYS[day.weekday()]}, {day.day} {month}",
        f"{day.day} {month}", f"{month} {day.day}",
    )  # fmt: skip
    return chance.choice(forms)


def write_money(chance: Random) -> str:
    """An amount with its currency, or without."""
    amount = chance.choice([chance.randint(1, 90), chance.randint(100, 9999), chance.randint(100, 99_999) / 100])
    figures = f"{amount:,.2f}" if isinstance(amount, float) or chance.random() < 0.5 else f"{amount:,}"
    form = chance.choice(["{} EUR", "EUR {}", "\u20ac{}", "\u20ac {}", "${}", "\u00a3{}", "{} euros", "{}", "CHF {}"])
    return form.format(figures)


def write_code(chance: Random) -> str:
    """A number of a document, a contract, a room."""
    letters = "".join(chance.choice("ABCDEFGHKLMNPRSTVW") for _ in range(chance.choice([0, 1, 2])))
    dash = chance.choice(["", "-", "/"]) if letters else ""
    return f"{letters}{dash}{chance.randint(100, 99_999)}"


def write_time(chance: Random) -> str:
    """Of the day."""
    hour, minute = chance.randint(6, 22), chance.choice([0, 0, 15, 30, 45, chance.randint(0, 59)])
    late = f"{(hour - 1) % 12 + 1}{f':{minute:02}' if minute else ''} {'am' if hour < 12 else 'pm'}"
    return chance.choice([f"{hour}:{minute:02}", f"{hour:02}:{minute:02}", late])


def write_phone(chance: Random) -> str:
    """Of some country."""
    parts = [chance.randint(10, 999), chance.randint(100, 999), chance.randint(10, 99), chance.randint(10, 99)]
    return f"+{chance.randint(1, 98)} " + chance.choice([" ", "-"]).join(map(str, parts))


COMMON: Mapping[str, Maker] = {
    "time": write_time,
    "code": write_code,
    "phone": write_phone,
    "few": lambda chance: str(chance.randint(1, 12)),
    "number": lambda chance: str(chance.randint(2, 99)),
    "many": lambda chance: chance.choice(["{}", "{:,}"]).format(chance.randint(100, 9999)),
    "decimal": lambda chance: f"{chance.randint(1, 999) / chance.choice([10, 100]):g}",
    "percent": lambda chance: chance.choice(["{} %", "{}%"]).format(
        chance.choice([chance.randint(1, 99), chance.randint(1, 999) / 10])
    ),
    "year": lambda chance: str(chance.randint(1950, 2030)),
    "degrees": lambda chance: f"{chance.randint(-20, 250)} \u00b0C",
}
ENGLISH: Mapping[str, Maker] = {
    **COMMON,
    "date": write_date,
    "money": write_money,
    "weekday": lambda chance: chance.choice(WEEKDAYS),
    "month": lambda chance: chance.choice(MONTHS),
    "period": lambda chance: (
        f"{chance.randint(2, 36)} {chance.choice(['days', 'weeks', 'months', 'years', 'hours', 'minutes'])}"
    ),
}
CHINESE_DAYS = "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u65e5"  # of the week
CHINESE_UNITS = (
    "\u5929",
    "\u5468",
    "\u4e2a\u6708",
    "\u5e74",
    "\u5c0f\u65f6",
    "\u5206\u949f",
)  # day, week, month, year, hour, minute
CHINESE: Mapping[str, Maker] = {
    **COMMON,
    "date": lambda chance: write_chinese_date(draw_day(chance), chance),
    "money": lambda chance: write_yuan(chance),
    "weekday": lambda chance: chance.choice(["\u661f\u671f", "\u5468"]) + chance.choice(CHINESE_DAYS),
    "month": lambda chance: f"{chance.randint(1, 12)}\u6708",
    "period": lambda chance: f"{chance.randint(2, 36)}" + chance.choice(CHINESE_UNITS),
}


def write_chinese_date(day: date, chance: Random) -> str:
    """As people write dates in Chinese."""
    short = f"{day.month}\u6708{day.day}\u65e5"
    return chance.choice([f"{day.year}\u5e74{short}", short, f"{day:%Y-%m-%d}", f"{day.year}.{day.month}.{day.day}"])


def write_yuan(chance: Random) -> str:
    """An amount in yuan."""
    amount = chance.choice([chance.randint(1, 90), chance.randint(100, 9999), chance.randint(100, 99_999) / 100])
    figures = f"{amount:,.2f}" if isinstance(amount, float) else str(amount)
    forms = ("{}\u5143", "\uffe5{}", "\u00a5{}", "{} \u5143", "\u4eba\u6c11\u5e01{}\u5143", "{}")
    return chance.choice(forms).format(figures)


@cache
def makers(language: str) -> Mapping[str, Maker]:
    """What fills slots by itself."""
    return CHINESE if language == "zh" else ENGLISH
