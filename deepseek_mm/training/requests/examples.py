"""Examples for what understands requests: a text, the situation, and what is right, as far as it is known.

Shapes are filled, joined and mistyped. Real questions come without marks and sometimes without an attribute: what is
None is not learned from. Randomness depends on the seed and the example's number alone.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random

from deepseek_mm.language.requests import Stage
from deepseek_mm.training.requests.marked_text import JOINER, MarkedText, Span, as_act, join
from deepseek_mm.training.requests.noise import MARKS, add_noise
from deepseek_mm.training.requests.shapes import ActShape, RequestShape, Slots
from deepseek_mm.types import ActKind, ActScope, Situation

JOINED = 0.15  # share of turns that several shapes make
THIRD = 0.12  # share of these that have a third act
SAME = 0.85  # share of turns that go on with the kind of act before, of those that sound like it
RARE = 0.12  # share of examples in a context that is rare for their shape
JOINERS: Mapping[str, Sequence[str]] = {
    "en": (
        "? ",
        ". ",
        "? And ",
        ". Then ",
        " and ",
        " and then ",
        ", then ",
        ", and ",
        ", also ",
        "; ",
        " and also ",
        "\n",
        " & ",
        ", ",
    ),
    "de": ("? ", ". ", " und ", ", und ", ", dann ", ", "),
    "zh": ("？", "。", "，", "，然后", "，再", "，还有", "。另外，", "，并且", " ", "？还有", "，顺便", "，并"),
}
OPENING = re.compile(  # words of a written later act that only join it
    r"(?:(?:and|then|also|und|dann)\b[ ,]*)+|(?:然后再?|再|并且?|还有|另外|接着|顺便|最后|同时|以及)[，, ]*",
    re.IGNORECASE,
)
SITUATIONS: Mapping[Stage, Situation] = {
    "fresh": Situation(),
    "picture": Situation(pictures=1),
    "pictures": Situation(pictures=2),
    "shown": Situation(shown=1),
    "found": Situation(cited_photos=3),
    "documents": Situation(cited_documents=1),
    "code": Situation(code=True),
}
HALVES = "ellips"  # in names of files whose shapes mean nothing without the act before
GOES_ON = re.compile(  # words that go on with what was asked before: "and the red one?"
    r"^(?:and|but|or|what about|how about|und|oder|was ist mit)\b|^(?:那|还有|和|换成|再看)|呢[？?]?$", re.IGNORECASE
)
BEFORE: Mapping[Stage, Sequence[ActKind | None]] = {  # kinds of the act before that leave somebody in a situation
    "fresh": (None,) * 12 + ("chat", "help", "unsupported", "manage"),
    "picture": (None,) * 6 + ("look", "describe", "find", "chat"),
    "pictures": (None,) * 6 + ("compare", "describe", "find"),
    "shown": ("look", "look", "describe", "count", "read", "locate", "chat"),
    "found": ("find", "find", "find", "look", "count", "describe", "read", "compare", "locate", "manage", "chat"),
    "documents": ("document", "document", "document", "sum", "summarise", "chat"),
    "code": (None, None, "code", "code", "chat"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ActLabels:
    """What is right of one act; None is not known."""

    kind: ActKind
    scope: ActScope | None
    form: str | None
    attribute: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestExample:
    """One of them."""

    text: str
    situation: Situation
    language: str
    acts: tuple[ActLabels, ...]
    starts: tuple[int, ...]  # first letter of each act
    joiners: tuple[Span, ...] = ()  # what stands between two acts
    spans: tuple[Span, ...] | None = None  # marked parts; None where nobody marked any


def read_example(marked: MarkedText, acts: Sequence[ActLabels], situation: Situation, language: str) -> RequestExample:
    """Of a text with its marks."""
    text, starts = marked.text, marked.starts
    joiners = [
        Span(at, at + 1, "joiner")
        for at, letter in enumerate(marked.letters)
        if letter.act == JOINER and text[at] != " "
    ]
    return RequestExample(
        text=text, situation=situation, language=language, acts=tuple(acts), starts=starts, joiners=tuple(joiners),
        spans=marked.spans,
    )  # fmt: skip


class ShapeBook:
    """Draws examples from the shapes of one language."""

    def __init__(
        self,
        shapes: Sequence[RequestShape],
        slots: Slots,
        language: str,
        *,
        even: float = 0.5,
        joined: float = JOINED,
    ) -> None:
        """`even`: 0 draws every shape alike, 1 every kind; `joined`: share of turns that several shapes make."""
        self.shapes = [shape for shape in shapes if shape.language == language]
        self.slots, self.language, self.joined = slots, language, joined
        by_kind = defaultdict(list)
        for shape in self.shapes:
            by_kind[shape.acts[0].kind].append(shape)
        self.by_kind = dict(by_kind)
        self.weights = [len(own) ** (1 - even) for own in self.by_kind.values()]

    @cached_property
    def singles(self) -> Mapping[Stage, Sequence[ActShape]]:
        """Acts by the stages in which they are asked."""
        found = defaultdict(list)
        for shape in self.shapes:
            if len(shape.acts) == 1:
                for stage in dict(shape.acts[0].contexts):
                    found[stage].append(shape.acts[0])
        return dict(found)

    def draw(self, chance: Random) -> RequestExample:
        """One, noised, perhaps with a second act."""
        (kind,) = chance.choices(list(self.by_kind), self.weights)
        return self.draw_shape(chance.choice(self.by_kind[kind]), chance)

    def draw_shape(self, shape: RequestShape, chance: Random) -> RequestExample:
        """One of this shape."""
        stage, scope = choose_context(shape.acts[0], chance)
        marked, labels = self.fill(shape.acts[0], chance), [label_act(shape.acts[0], scope)]
        rest = list(shape.acts[1:])
        if not rest and chance.random() < self.joined and stage in self.singles:
            further = 2 if chance.random() < THIRD else 1
            rest = [self.choose_second(labels[0], stage, chance) for _ in range(further)]
        for number, act in enumerate(rest, 1):
            marked = self.join_act(marked, self.fill(act, chance), number, chance)
            labels.append(label_act(act, choose_scope(act, stage, labels[0], chance)))
        situation = draw_situation(stage, labels, chance)
        share = 1 if HALVES in shape.where else SAME if GOES_ON.search(marked.text) else 0
        if labels[0].kind in BEFORE[stage] and chance.random() < share:
            situation = replace(situation, before=labels[0].kind)
        return read_example(add_noise(marked, self.language, chance), labels, situation, self.language)

    def choose_second(self, first: ActLabels, stage: Stage, chance: Random) -> ActShape:
        """An act that may be asked in the same turn: of the stage, or of what the first one finds."""
        if first.kind == "find" and "found" in self.singles and chance.random() < 0.6:
            about = [act for act in self.singles["found"] if ("found", "found") in act.contexts]
            if about:
                return chance.choice(about)
        return chance.choice(self.singles[stage])

    def join_act(self, marked: MarkedText, later: MarkedText, number: int, chance: Random) -> MarkedText:
        """A text with a further act behind it."""
        opening = OPENING.match(later.text)
        if opening and opening.end() < len(later.letters):
            cut = opening.end()
            between = chance.choice((" ", ", ", ". ") if self.language != "zh" else ("，", "。", ""))
            words = MarkedText.of(between + later.text[:cut], act=JOINER)
            later = MarkedText(later.letters[cut:], later.parts)
        else:
            words = MarkedText.of(chance.choice(JOINERS.get(self.language, JOINERS["en"])), act=JOINER)
        if "." in words.text or "?" in words.text or "\n" in words.text:
            later = later.replace(0, 1, later.text[:1].upper())
        elif later.text[:2] != "I ":
            later = later.replace(0, 1, later.text[:1].lower())
        bare = marked.strip_end(MARKS + "，,")
        return join([bare if bare.starts == marked.starts else marked, words, as_act(later, number)])

    def fill(self, act: ActShape, chance: Random) -> MarkedText:
        """The template with words in its slots."""
        whole = MarkedText((), act.spans)
        for piece in act.pieces:
            text = chance.choice(self.slots[piece.text]) if piece.slot else piece.text
            letters = MarkedText.of(text).letters
            whole = MarkedText((*whole.letters, *(each._replace(part=piece.span) for each in letters)), act.spans)
        return whole


def choose_context(act: ActShape, chance: Random) -> tuple[Stage, ActScope]:
    """One of its contexts, now and then one of the rare ones."""
    chosen = chance.choice(act.rare if act.rare and chance.random() < RARE else act.contexts)
    beside = chosen[0] == "code" and act.kind == "unsupported" and chance.random() < 0.8
    return chance.choice(act.contexts) if beside else chosen


def label_act(act: ActShape, scope: ActScope) -> ActLabels:
    """What its shape says."""
    return ActLabels(kind=act.kind, scope=scope, form=act.form, attribute="" if act.kind == "count" else act.attribute)


def choose_scope(act: ActShape, stage: Stage, first: ActLabels, chance: Random) -> ActScope:
    """Of a later act: what the first one found, else what its shape has at this stage."""
    scopes = [scope for each, scope in act.contexts if each == stage]
    found = [scope for each, scope in act.contexts if each == "found" and scope == "found"]
    if first.kind in ("find", "document") and found:
        return "found"
    return chance.choice(scopes or [scope for _, scope in act.contexts])


def draw_situation(stage: Stage, labels: Sequence[ActLabels], chance: Random) -> Situation:
    """One at this stage, in a library that mostly has what is asked for.

    Where it has documents alone, hardly anybody asks for what nothing here can do.
    """
    scopes, kinds = {label.scope for label in labels}, {label.kind for label in labels}
    has_photos = chance.random() < (0.97 if scopes & {"library", "found"} else 0.2 if stage == "code" else 0.65)
    documents = 0.97 if "documents" in scopes or stage == "documents" else 0.3 if "read" in kinds else 0.4
    if "unsupported" in kinds and not has_photos:
        documents = 0.15
    return replace(
        SITUATIONS[stage],
        before=chance.choice(BEFORE[stage]),
        has_photos=has_photos,
        has_documents=chance.random() < documents,
        has_code=chance.random() < (0.95 if "code" in scopes or stage == "code" else 0.25),
    )


def allowed_pairs(examples: Sequence[RequestExample]) -> set[tuple[str, str]]:
    """Kinds and scopes that come together."""
    return {(act.kind, act.scope) for example in examples for act in example.acts if act.scope}
