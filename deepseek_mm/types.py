"""What goes into an Assistant, what comes out of it, and what travels between its parts."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from string import ascii_letters
from typing import Any, Literal, Self

from PIL.Image import Image

from deepseek_mm.stage_clock import AnswerTimeline
from index import Region, Source

State = Literal["running", "done", "stopped", "failed"]
About = Literal["photos", "code"]  # photos and documents, or the code of the library
Role = Literal["system", "user", "assistant"]
Agreement = Literal["agrees", "contradicts", "not covered"]  # of a program with the answer beside it
ENDS = tuple(".!?\u3002\uff01\uff1f)\uff09")  # of a sentence
UNSPOKEN = re.compile(
    '"[^"]*"|[\u201c\u201e][^\u201c\u201d]*[\u201c\u201d]|\\S+\\.\\w{1,8}'
)  # of a sentence: quotations and files
WIDE = re.compile("[\u3400-\u9fff\uff01-\uff1f]")  # signs and marks of Chinese
Outcome = Literal["sure", "unsure", "unknown"]  # told; told with its doubt and the runner-up; not told


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One of the further pictures that come with a question."""

    image: Image | None = None
    name: str = ""  # the upload's file name, as the user knows it
    path: str = ""  # the picture's file, if it has one
    source: Source | None = None  # what that file is, where `image` was decoded from it: then nobody does so again


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoDescription:
    """What was said of a photo of the library; empty where nothing was."""

    text: str = ""
    machine_made: bool = False  # by a machine, which may be wrong; somebody's own words never are


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """An earlier question and its answer, as whoever asks now tells them."""

    question: str
    answer: str = ""
    pictures: tuple[Picture, ...] = ()  # that came with the question


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question over the library, or about the one picture that comes with it."""

    text: str
    image: Image | None = None
    image_name: str = ""  # the upload's file name, as the user knows it
    image_path: str = ""  # the picture's file, if it has one: its date, place and full size are kept
    image_source: Source | None = None  # what that file is, where `image` was decoded from it
    more: tuple[Picture, ...] = ()  # further pictures, in the order in which they were added
    conversation: int | None = None  # id of the conversation to go on with; None starts a new one
    told: tuple[Exchange, ...] = ()  # what went before, where the history does not know it; oldest first
    session: str = ""  # whose conversation: the browser's secret; empty on the command line
    task: str = ""  # that asks it: asked again by the same task, the same turn is answered, not another one
    about: About = "photos"
    request: "Request | None" = None  # as which it shall be understood, where whoever asks says so
    run: bool = False  # whoever asks may run programs and wants it: tests that are written are tried in the sandbox

    @classmethod
    def of(cls, text: str, pictures: Sequence[Picture], **more: Any) -> Self:
        """With these pictures, in their order; `more` are further fields."""
        first, *others = pictures or [Picture()]
        own: dict[str, Any] = {"image": first.image, "image_name": first.name, "image_path": first.path}
        return cls(text=text, image_source=first.source, more=tuple(others), **own, **more)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All that come with it, the first one included."""
        first = Picture(image=self.image, name=self.image_name, path=self.image_path, source=self.image_source)
        return tuple(each for each in (first, *self.more) if each.image is not None or each.path)


ActKind = Literal[
    "find",  # photos, pages or passages of the library that show or say something
    "count",  # how many things, or how many photos
    "compare",  # two things or two pictures
    "describe",  # what is in a picture, or what it is like
    "look",  # any other question whose answer is seen: is it raining, what is he holding, what colour is it
    "locate",  # where in the picture it is; point at it
    "read",  # what is written in a picture
    "document",  # what documents say
    "sum",  # something to be worked out from numbers in documents
    "summarise",  # a document, a collection or this conversation
    "code",  # the code of the library
    "chat",  # greetings, thanks, small talk, who is speaking, doubts about the last answer
    "help",  # how this program is used, what it can do
    "manage",  # something that would change the library: delete, rename, move, forget
    "unsupported",  # what nothing here can do: weather, poems, knowledge of the world, drawing
]
ActScope = Literal[
    "picture",  # the one that came with the question or was spoken of last
    "pictures",  # several that came with it
    "found",  # what the last answer found or named
    "library",  # all photos and documents
    "documents",
    "code",
    "conversation",  # what was said
]
ActForm = Literal["yes_no", "number", "name", "list", "sentence", "text"]  # of the answer that is wanted
Understanding = Literal["rules", "model", "person"]  # who understood: a command word, the trained model, or its user


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What is known beside the words of a turn: pictures, the conversation before, and what the library holds."""

    pictures: int = 0  # that come along with this turn
    shown: int = 0  # that came along with an earlier one, where the conversation still speaks of them
    cited_photos: int = 0  # photos of the library that the last answer cites
    cited_documents: int = 0
    cited_code: int = 0
    code: bool = False  # asked where code is asked about
    has_photos: bool = True  # the library
    has_documents: bool = False
    has_code: bool = False
    before: ActKind | None = None  # kind of the act before, in this turn or the last one
    turns: int = 0  # earlier ones


@dataclass(frozen=True, kw_only=True, slots=True)
class ActFilters:
    """What narrows an act down, in the words of whoever asks; empty where nothing does."""

    date: str = ""  # "last summer", "2023", "before May"
    place: str = ""  # "in Rome"
    colour: str = ""
    kind: str = ""  # "screenshots", "pdfs"
    collection: str = ""
    file: str = ""  # "cat.jpg"
    label: str = ""  # a name that the user gave


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One thing that somebody asks for."""

    kind: ActKind
    text: str  # the words of this part of the turn
    subject: str = ""  # what it is about, as it was said: "the red bowl"
    other: str = ""  # the second thing, of a comparison or a place: "the table"
    attribute: str = ""  # what is asked of the subject, one of `language.requests.ATTRIBUTES`: "colour"
    scope: ActScope = "library"
    filters: ActFilters = ActFilters()
    form: ActForm = "sentence"
    reference: str = ""  # words that point back: "it", "the second one"; empty where the subject stands alone
    chance: float = 1.0  # probability that kind and scope are right


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What somebody asks for, understood: acts in the order in which they were asked."""

    acts: tuple[Act, ...]
    language: str = "en"  # of the turn, ISO 639-1
    chance: float = 1.0  # probability that all of it was understood
    by: Understanding = "model"

    def as_json(self) -> dict[str, Any]:
        """Values that JSON knows."""
        return asdict(self)

    def with_words(self, text: str) -> "Request":
        """The same, where an act without words of its own has these."""
        return replace(self, acts=tuple(act if act.text else replace(act, text=text) for act in self.acts))

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Self:
        """Out of what `as_json` gave."""
        acts = (Act(**act | {"filters": ActFilters(**act["filters"])}) for act in told["acts"])
        return cls(**{**told, "acts": tuple(acts)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """Something that a button would do; words alone change nothing."""

    action: str  # "delete", "move", "forget", "open"
    text: str  # on the button: "Delete cat.jpg"
    targets: tuple[str, ...] = ()  # paths of files, ids, or the name of a tab
    value: str = ""  # a name that goes along: of the collection


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """A part of a search's words, and how much it counts; what shall be taken away counts less than nothing."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What to look for: words, a picture, or both; or more of what one region shows."""

    text: str = ""
    image: Image | None = None
    like: int = 0  # id of a region: "more like this"; the region's own source is left out
    image_weight: float = 1.0  # how much the picture counts, where the words count 1
    terms: tuple[Term, ...] = ()  # stand for the words, if they do not count alike; `text` has those not taken away
    besides: int = 0  # id of a source that is left out: the picture is a part of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """One photo or document that a search found, by its best region."""

    region: Region
    score: float  # cosine similarity with the query, -1 to 1
    why: tuple[str, ...] = ()  # labels and words of it that agree with the query
    twins: tuple[Region, ...] = ()  # near duplicates: the match stands for them, the nearest first
    relevance: float = 0.0  # probability that this is what was looked for, 0 to 1: the order of matches
    likely: bool = True  # its relevance reaches what a search of this kind needs


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a search found, and whether the library has what was looked for at all."""

    matches: tuple[Match, ...] = ()  # best first; shown as "nothing certain, but nearest" where found is False
    found: bool = False  # certainty reaches the threshold
    certainty: float = 0.0  # probability that the library has it, 0 to 1
    threshold: float = 0.5  # of the certainty
    language: str = ""  # of the words, where nothing that is installed reads it: "German"
    bounds: tuple[str, ...] = ()  # words of the search that bound where it looked: "in winter", "taken with a phone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One numbered entry of the prompt: a region, how well it matched, and its whole photo's regions."""

    number: int  # 1-based, as printed: "a red kite [1]"
    region: Region
    score: float  # cosine similarity with the question, -1 to 1
    siblings: tuple[Region, ...] = ()  # every region of the same source, whole picture first
    presence: tuple[tuple[str, float], ...] = ()  # thing asked for -> probability that this photo shows it
    judged: tuple[tuple[str, float], ...] = ()  # the same, where witnesses that look were asked


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that is known without a language model, and the evidence it rests on."""

    text: str  # a sentence without its full stop and without its citation
    numbers: tuple[int, ...]
    certainty: float  # probability that it is true, 0 to 1
    shape: str = ""  # a key of `answering.prompts.SHAPES` if a small model may phrase it
    draft: str = ""  # what that model reads instead of the sentence
    block: str = ""  # a Python file that follows the sentence
    wide: bool = False  # it is Chinese, though a file's name is all that it says

    @property
    def sentence(self) -> str:
        """With its citation, as an answer shows it, and the full stop of its language."""
        end = "\u3002" if self.wide or WIDE.search(UNSPOKEN.sub("", self.text).strip() or self.text) else "."
        if not self.numbers:  # speaks of nothing that could be pointed at
            return self.text if self.text[-1:] in ENDS else f"{self.text}{end}"
        told = f"{self.text} {''.join(f'[{n}]' for n in self.numbers)}{end}"
        return f"{told}\n\n```python\n{self.block}\n```\n" if self.block else told


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What a skill has to say: claims with their evidence, how sure it is, and what could be done with a button.

    Without a claim nothing was found; `text` says so, or says what there is to say about no file at all.
    """

    claims: tuple[Claim, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    text: str = ""  # instead of claims: a greeting, help, what was not found
    chance: float = 0.5  # probability that this is right, in the skill's own opinion; `answering.confidence` weighs it
    grounds: str = "none"  # kind of evidence: "seen", "read", "named", "described", "measured", "said", "none"
    refused: bool = False  # says that it is not there, or cannot be told or done
    offers: tuple[Offer, ...] = ()
    verdict: "Verdict | None" = None  # of a closed question about one picture
    worked: "Worked | None" = None  # the question as a program
    looked: "ReaderLook | None" = None  # the last look of the reader at the photo
    knows: Callable[[str], bool] | None = None  # whether the code of the library has something of this name


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message to a language model."""

    role: Role
    text: str
    images: tuple[Image, ...] = ()  # only for models that see


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """A bracketed number in an answer and the region it points at."""

    number: int
    region: Region
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What one witness says of a closed question about a picture."""

    by: str  # reader, likeness, labels, notice, detector, glance, colours or model; of a drawing program or network
    answer: str
    chance: float  # probability that this is right, in the witness's own calibrated opinion
    why: str = ""  # what it rests on, for people


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How a closed question about one picture was settled, and by whom."""

    answer: str  # in few words; the likeliest one even where it is not told
    chance: float  # probability that it is right
    outcome: Outcome
    runner_up: str = ""
    runner_chance: float = 0.0
    said: tuple[Said, ...] = ()  # the witnesses
    disputed: bool = False  # witnesses contradict each other
    missing: str = ""  # why the question has no answer: what it takes for granted is not in the drawing
    blank: bool = False  # there is nothing to see in the picture: no answer is told
    heat: tuple[tuple[float, ...], ...] = ()  # rows of cells: how much was looked at each; sums to 1

    @property
    def chance_of_yes(self) -> float:
        """Of a question that is answered with yes or no."""
        return self.chance if self.answer == "yes" else 1 - self.chance


@dataclass(frozen=True, kw_only=True, slots=True)
class Worked:
    """A question as a program, and what it gave over the boxes of the photo."""

    program: str
    answer: str  # yes, no, a number or a word; empty where it does not apply
    steps: tuple[tuple[str, str], ...]  # each call and what it gave, the inner ones first
    missing: str = ""  # why it does not apply
    by_model: bool = False  # the language model wrote it, where the grammar knows none
    agrees: Agreement = "not covered"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One claim that was made, and whether the evidence carries it."""

    claim: str
    numbers: tuple[int, ...]  # evidence it cites
    kept: bool  # a claim that is not kept is not shown
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """Which experts of the language model worked on an answer, token by token and layer by layer.

    A letter is a visit, "a" of the first expert; a layer's visits are one string. A hundred tokens that visit two
    experts in each of ten layers are two thousand characters of plain JSON.
    """

    experts: tuple[str, ...]  # names; at most one a letter
    layers: tuple[int, ...]  # of the model, those that have experts
    top_k: int  # letters a token, the strongest first
    visits: tuple[str, ...]  # one string a layer, in the order in which the tokens were written
    written: tuple[int, ...] = ()  # numbers of the tokens in the model's vocabulary, where they were noted

    def __len__(self) -> int:
        """Tokens."""
        return len(self.visits[0]) // self.top_k if self.visits else 0

    def at(self, token: int, layer: int) -> tuple[str, ...]:
        """Names of the experts that a token visited in a layer, the strongest first."""
        start = token * self.top_k
        letters = self.visits[self.layers.index(layer)][start : start + self.top_k]
        return tuple(self.experts[ascii_letters.index(letter)] for letter in letters)

    def shares(self) -> dict[str, float]:
        """Each expert's share of all visits, the busiest first; 0 for those never visited."""
        counts = Counter("".join(self.visits))
        total = max(1, counts.total())
        shares = {name: counts[letter] / total for name, letter in zip(self.experts, ascii_letters, strict=False)}
        return dict(sorted(shares.items(), key=lambda share: -share[1]))

    def as_json(self) -> dict[str, Any]:
        """Values that JSON knows."""
        return asdict(self)

    @classmethod
    def concatenate(cls, traces: Sequence["Trace"]) -> "Trace | None":
        """Of one answer that a model wrote piece by piece; None of none."""
        if not traces:
            return None
        visits = zip(*(trace.visits for trace in traces), strict=True)
        written = tuple(token for trace in traces for token in trace.written)
        return replace(traces[0], visits=tuple(map("".join, visits)), written=written)


@dataclass(frozen=True, kw_only=True, slots=True)
class Utterance:
    """What a language model with experts wrote after one prompt: enough to run it once more and compare."""

    prompt: tuple[tuple[Role, str], ...]  # role and text of each message; empty where it is too long to be kept
    text: str  # as it was written, before any of it was weighed
    trace: Trace  # the experts that worked on it then


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderLook:
    """What the reader was asked about a photo, and how much it looked at each cell then."""

    question: str
    things: tuple[str, ...]  # that the question names
    path: str  # of the photo
    heat: tuple[tuple[float, ...], ...] = ()  # rows of cells, sums to 1; empty where the answer keeps no map


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer, whole or (while `state` is "running") as far as it has come."""

    text: str
    citations: tuple[Citation, ...] = ()  # in order of first mention
    checks: tuple[Check, ...] = ()
    found: bool = True  # False: nothing relevant, and the text says so
    confidence: float | None = None  # probability that the answer is right, where one is known
    state: State = "done"
    conversation: int = 0  # ids in the history
    turn: int = 0
    model: str = ""  # name of the language model that phrased it; empty when the program's own words stand
    seconds: float = 0.0
    trace: Trace | None = None  # experts that worked on it; the history does not keep it
    unread: int = 0  # earlier turns of the conversation that were too long ago to be read; not kept either
    verdict: Verdict | None = None  # of a closed question about one picture; its map is kept with `looked` only
    worked: Worked | None = None  # the same question as a program, where it can be one
    timeline: AnswerTimeline | None = None  # which stage took how long, and what was looked through
    offers: tuple[Offer, ...] = ()  # what a button would do; not kept either
    signals: tuple[tuple[str, float], ...] = ()  # what the confidence rests on, by names; not kept either
    request: Request | None = None  # as which it was understood
    utterances: tuple[Utterance, ...] = ()  # what a model with experts wrote for it, one a prompt
    looked: ReaderLook | None = None  # the last look of the reader at the photo that it is about
