"""Shapes of requests: templates with slots and marked parts, read from text files, strictly.

A line is `contexts | kind | form | attribute | template`; ` && ` parts the acts of one turn. A template marks parts of
a text as `[subject the red car]`, and has slots `{thing}` that lists in `slots.LANGUAGE.txt` fill. What is wrong with
a line is said with its file and number.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

from deepseek_mm.errors import ConfigError
from deepseek_mm.language.requests import ATTRIBUTES, FORMS, KINDS, SCOPES, SPANS, STAGES, Stage
from deepseek_mm.types import ActForm, ActKind, ActScope

SHAPES = Path(__file__).parent.parent / "shapes"
AND = " && "
ALIASES = {
    "seen": "picture:picture,pictures:pictures,shown:picture,found:found,fresh:library",
    "lib": "fresh:library,found:library,shown:library,picture:library",
    "docs": "fresh:documents,documents:documents,found:documents",
    "code": "code:code,fresh:code",
    "talk": ",".join(f"{stage}:conversation" for stage in STAGES),
    "one": "picture:picture,shown:picture",
    "last": "found:found,shown:picture,documents:documents",
}
RARELY = {  # a change of topic: what may follow anything
    "lib": "documents:library,pictures:library,code:library",
    "docs": "shown:documents,code:documents",
    "code": "found:code,documents:code",
}
TOKEN = re.compile(rf"\[(?P<span>{'|'.join(SPANS)}) |(?P<end>\])|\{{(?P<slot>\w+)\}}")
UNKNOWN_SPAN = re.compile(r"\[([a-z]+) ")
ONE_IN = 10  # shapes is held out from training


class ShapeError(ConfigError):
    """A line that cannot be read."""

    def __init__(self, where: str, wrong: str) -> None:
        super().__init__(f"{where}: {wrong}")


Context = tuple[Stage, ActScope]


@dataclass(frozen=True, slots=True)
class TemplatePiece:
    """A stretch of a template: words, or a slot to be filled."""

    text: str
    slot: bool = False
    span: int = -1  # number of the marked part of the template that it belongs to


@dataclass(frozen=True, slots=True)
class ActShape:
    """One act of a shape."""

    contexts: tuple[Context, ...]
    rare: tuple[Context, ...]  # contexts that it is asked in now and then
    kind: ActKind
    form: ActForm
    attribute: str
    pieces: tuple[TemplatePiece, ...]
    spans: tuple[str, ...]  # kind of each marked part


@dataclass(frozen=True, slots=True)
class RequestShape:
    """One line."""

    acts: tuple[ActShape, ...]
    language: str
    template: str
    where: str

    @property
    def held_out(self) -> bool:
        """Whether nothing is trained on it: by a hash of its words without slots and marks, so that twins share it."""
        words = re.sub(r"\W+", " ", self.template).lower().strip()
        return int(sha1(words.encode()).hexdigest(), 16) % ONE_IN == 0


Slots = Mapping[str, Sequence[str]]


def read_shapes(folder: Path = SHAPES) -> tuple[list[RequestShape], dict[str, Slots]]:
    """All shapes of a folder, and the slots of each language. ShapeError for the first line that is wrong."""
    slots = {language_of_file(file): read_slots(file) for file in sorted(folder.glob("slots.*.txt"))}
    files = [file for file in sorted(folder.glob("*.txt")) if not file.name.startswith("slots.")]
    shapes = [shape for file in files for shape in read_file(file, slots.get(language_of_file(file), {}))]
    if not shapes:
        raise ConfigError(f"{folder} has no shapes. It needs files such as find.en.txt and slots.en.txt")
    return shapes, slots


def language_of_file(file: Path) -> str:
    """ "en" of "find.en.txt"; ShapeError for another name."""
    parts = file.name.split(".")
    if len(parts) != 3 or not re.fullmatch("[a-z]{2}", parts[1]):
        raise ShapeError(str(file), "the name must be NAME.LANGUAGE.txt, e.g. find.en.txt")
    return parts[1]


def lines_of(file: Path) -> Iterator[tuple[str, str]]:
    """Where each line stands, and the line; comments and empty ones are left out."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield f"{file.name}:{number}", line.strip()


def read_slots(file: Path) -> Slots:
    """Lists by name; a name that comes twice has both lists."""
    found: dict[str, list[str]] = {}
    for where, line in lines_of(file):
        name, colon, values = line.partition(":")
        listed = [value.strip() for value in values.split(";") if value.strip()]
        if not colon or not re.fullmatch(r"\w+", name.strip()) or not listed:
            raise ShapeError(where, f"a slot is `name: value; value`, not {line[:60]!r}")
        found.setdefault(name.strip(), []).extend(listed)
    return found


def read_file(file: Path, slots: Slots) -> Iterator[RequestShape]:
    """The shapes of one file."""
    language = language_of_file(file)
    for where, line in lines_of(file):
        yield read_shape(line, slots, language=language, where=where)


def read_shape(line: str, slots: Slots, *, language: str, where: str) -> RequestShape:
    """One line. ShapeError says what is wrong with it."""
    acts: list[ActShape] = []
    for part in line.split(AND):
        fields = [field.strip() for field in part.split("|")]
        if len(fields) == 4 and acts:
            fields = [",".join(f"{stage}:{scope}" for stage, scope in acts[0].contexts), *fields]
        if len(fields) != 5:
            raise ShapeError(where, f"{len(fields)} fields in {part!r}; contexts | kind | form | attribute | template")
        acts.append(read_act(fields, slots, where))
    template = AND.join("".join(f"{{{p.text}}}" if p.slot else p.text for p in act.pieces) for act in acts)
    return RequestShape(tuple(acts), language, template, where)


def read_act(fields: Sequence[str], slots: Slots, where: str) -> ActShape:
    """One act from its five fields."""
    contexts, kind, form, attribute, template = fields
    for name, value, known in (("kind", kind, KINDS), ("form", form, FORMS), ("attribute", attribute, ATTRIBUTES)):
        if value not in known:
            raise ShapeError(where, f"no {name} {value!r}; there are {', '.join(filter(None, known))}")
    pieces, spans = read_template(template, slots, where)
    rare = ",".join(RARELY[name.strip()] for name in contexts.split(",") if name.strip() in RARELY)
    return ActShape(
        contexts=read_contexts(contexts, where),
        rare=read_contexts(rare, where) if rare else (),
        kind=KINDS[KINDS.index(kind)],
        form=FORMS[FORMS.index(form)],
        attribute=attribute,
        pieces=pieces,
        spans=spans,
    )


def read_contexts(text: str, where: str) -> tuple[Context, ...]:
    """Stages with their scopes; names of several stand for these."""
    found: list[Context] = []
    for each in ",".join(ALIASES.get(name.strip(), name.strip()) for name in text.split(",")).split(","):
        stage, _, scope = each.partition(":")
        if stage not in STAGES or scope not in SCOPES:
            known = f"a stage of {', '.join(STAGES)}, `:`, a scope of {', '.join(SCOPES)}"
            raise ShapeError(where, f"no context {each!r}; {known}; or one of {', '.join(ALIASES)}")
        found.append((STAGES[STAGES.index(stage)], SCOPES[SCOPES.index(scope)]))
    return tuple(dict.fromkeys(found))


def read_template(template: str, slots: Slots, where: str) -> tuple[tuple[TemplatePiece, ...], tuple[str, ...]]:
    """The pieces of a template, and the kinds of the parts that it marks."""
    pieces: list[TemplatePiece] = []
    spans: list[str] = []
    inside, at = -1, 0
    for token in TOKEN.finditer(template):
        pieces.append(TemplatePiece(template[at : token.start()], span=inside))
        at = token.end()
        if token["span"]:
            if inside >= 0:
                raise ShapeError(where, f"[{token['span']} stands inside [{spans[inside]}; parts do not nest")
            spans.append(token["span"])
            inside = len(spans) - 1
        elif token["end"] and inside >= 0:
            inside = -1
        elif token["end"]:
            pieces.append(TemplatePiece("]"))
        elif token["slot"] not in slots:
            raise ShapeError(where, f"no slot {{{token['slot']}}} in slots.*.txt of this language")
        else:
            pieces.append(TemplatePiece(token["slot"], slot=True, span=inside))
    if inside >= 0:
        raise ShapeError(where, f"[{spans[inside]} is not closed")
    pieces.append(TemplatePiece(template[at:], span=inside))
    unknown = next((m for p in pieces if not p.slot and (m := UNKNOWN_SPAN.search(p.text))), None)
    if unknown or not template:
        raise ShapeError(where, f"no part [{unknown[1]} is known; {', '.join(SPANS)}" if unknown else "no template")
    return tuple(piece for piece in pieces if piece.text), tuple(spans)
