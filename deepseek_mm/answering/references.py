"""What a part of a turn is about: pictures that came along, those spoken of before, what the last answer found, or all.

Scope and reference are understood before; here they become files. A word for a place in the row ("the second one")
picks; a word for one thing ("she", "it") means the first that the last answer cites, a word for several all of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deepseek_mm.answering.uploads import UploadStore, path_of
from deepseek_mm.history import Turn
from deepseek_mm.language.parser import PhotoQuestion, parse, parse_several, picked_in
from deepseek_mm.language.photo_questions import photo_question
from deepseek_mm.retrieval.evidence import QuestionContext, act_of
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.types import Act, ActKind, Answer, Citation, Exchange, Picture, Question, Request, Situation
from deepseek_mm.vision.pipeline import ImageAnalysis
from index import Counts, Source
from index.region import UPLOADS

PICTURE_WORDS = frozenset(
    "a an the any some photo photos picture pictures image images pic pics shot shots one ones file files".split()  # noqa: SIM905
)
MANY = re.compile(
    r"\b(?:those|these|them|they|their|all|both|each|ones|which one|which of)\b"
    r"|\u90a3\u4e9b|\u8fd9\u4e9b|\u5b83\u4eec|\u4ed6\u4eec|"
    r"\b(?:sie|diese|alle|beide)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationState:
    """What was said, shown and found before a turn, or before a part of one."""

    turns: tuple[Turn, ...] = ()  # earlier ones, oldest first
    shown: tuple[str, ...] = ()  # paths of the pictures of questions that were spoken of last
    cited: tuple[Citation, ...] = ()  # by the last answer that cites anything
    before: ActKind | None = None  # kind of the act before
    asked: tuple[str, ...] = ()  # the latest questions, and the parts of this one that were answered
    subject: str = ""  # what was asked about last

    @classmethod
    def of(cls, turns: Sequence[Turn]) -> "ConversationState":
        """After these turns."""
        cited = next((turn.answer.citations for turn in reversed(turns) if turn.answer.citations), ())
        last = turns[-1].answer.request if turns else None
        acts = [act for turn in turns if turn.answer.request for act in turn.answer.request.acts]
        return cls(
            turns=tuple(turns),
            shown=tuple(last_shown(turns)),
            cited=cited,
            before=last.acts[-1].kind if last else None,
            subject=next((act.subject for act in reversed(acts) if act.subject), ""),
        )

    @property
    def found_sources(self) -> list[Source]:
        """The library's files that the last answer cites, each once; beside photos documents only describe them."""
        cited = [citation.region.source for citation in self.cited]
        files = list({source.path: source for source in cited if source.collection != UPLOADS}.values())
        return [source for source in files if source.kind == "photo"] or files

    def after(self, case: QuestionContext) -> "ConversationState":
        """Once this part is answered: what it cites was found."""
        numbers = {number for claim in case.claims for number in claim.numbers}
        cited = [
            Citation(number=entry.number, region=entry.region, score=entry.score)
            for entry in case.evidence
            if entry.number in numbers
        ]
        act, asked = act_of(case), (*self.asked, case.program.text)
        return replace(
            self,
            cited=tuple(cited) or self.cited,
            before=act.kind,
            asked=asked,
            subject=act.subject or self.subject,
        )

    def situation(self, question: Question, counts: dict[str, Counts]) -> Situation:
        """As the words of the turn are understood with; `counts` by the kind of source."""
        kinds = [source.kind for source in self.found_sources]
        return Situation(
            pictures=len(question.pictures),
            shown=len(self.shown),
            cited_photos=kinds.count("photo"),
            cited_documents=kinds.count("document"),
            cited_code=kinds.count("code"),
            code=question.about == "code",
            has_photos=counts["photo"].sources > 0,
            has_documents=counts["document"].sources > 0,
            has_code=counts["code"].sources > 0,
            before=self.before,
            turns=len(self.turns),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingTurn:
    """A turn that was understood and is about to be answered."""

    case: QuestionContext
    request: Request
    state: ConversationState
    uploads: tuple[ImageAnalysis, ...] = ()


class ActResolver:
    """Finds the files that an act is about."""

    def __init__(self, shelf: UploadStore, retriever: Retriever) -> None:
        self.shelf, self.retriever = shelf, retriever

    def resolve(
        self, case: QuestionContext, state: ConversationState, uploads: Sequence[ImageAnalysis]
    ) -> QuestionContext:
        """The case with the photo or the pictures at hand that its act is about, or the whole library."""
        act = with_subject(act_of(case), state)
        case = replace(case, act=act, program=replace(photo_question(act), library=True))
        if case.program.file:
            return self._of_file(case)
        if act.scope in ("picture", "pictures"):
            return self._of_pictures(case, state, uploads)
        if act.scope == "found" and state.found_sources:
            return self._of_found(case, state)
        return replace(case, example=uploads[0] if uploads and act.kind == "find" else None)

    def _of_file(self, case: QuestionContext) -> QuestionContext:
        """The one that is named; where there is none of that name, nothing is at hand."""
        source = self.retriever.find_named(case.program.file)
        if source and source.kind == "photo":  # what people wrote of it is asked before anybody looks
            return replace(case, among=(source,))
        program = replace(case.program, library=False)
        analysis = self.shelf.analyses.get(source) if source and source.kind == "photo" else None
        return replace(case, program=program, source=source, analyses=(analysis,) if analysis else ())

    def _of_pictures(
        self, case: QuestionContext, state: ConversationState, uploads: Sequence[ImageAnalysis]
    ) -> QuestionContext:
        known = {path_of(upload): upload for upload in uploads}
        paths = list(dict.fromkeys(known or state.shown))
        picked, _ = picked_in(case.program.text, len(paths))
        absent = max((n for n in picked if n > len(paths)), default=0)
        if absent:
            return replace(case, program=replace(case.program, library=False, given=len(paths), absent=absent))
        numbers = sorted(set(picked)) or range(1, len(paths) + 1)
        kept = {n: each for n in numbers if (each := known.get(paths[n - 1]) or self.shelf.again(paths[n - 1]))}
        return with_pictures(case, kept)

    def _of_found(self, case: QuestionContext, state: ConversationState) -> QuestionContext:
        """What the last answer cites: one of it, or all where several are meant."""
        found = state.found_sources
        picked, _ = picked_in(case.program.text, len(found))
        numbers = [n for n in picked if n <= len(found)]
        act = act_of(case)
        free = not act.subject and not act.reference  # "and which colours?"
        several = act.kind in ("find", "compare") or free or MANY.search(f"{act.reference} {case.program.text}")
        if not numbers:
            numbers = list(range(1, len(found) + 1)) if several else [1]
        return replace(case, among=tuple(found[n - 1] for n in numbers))


def with_subject(act: Act, state: ConversationState) -> Act:
    """An act that points back names what was asked about before: "what is behind it?", of the cat.

    A search in which no part was marked is for what its words name.
    """
    if not PICTURE_WORDS.issuperset(act.subject.lower().split()):
        return act
    if act.kind in ("find", "count") and act.scope != "found" and not act.reference:
        return replace(act, subject="" if act.scope == "library" else parse(act.text).subject)
    asked = act.kind in ("count", "find") or bool(act.reference)
    points_back = asked and act.scope in ("picture", "found")
    return replace(act, subject=state.subject if points_back else "")


def with_pictures(case: QuestionContext, pictures: dict[int, ImageAnalysis]) -> QuestionContext:
    """About these pictures, by their places in the row; the library where none is left."""
    analyses = tuple(pictures.values())
    sources = tuple(picture.source for picture in analyses if picture.source)
    if len(sources) < 2:
        program = replace(case.program, library=not sources)
        return replace(case, program=program, source=sources[0] if sources else None, analyses=analyses)
    program = replace(case.program, library=False, given=len(sources), places=tuple(pictures))
    return replace(case, program=program, pictures=sources, analyses=analyses)


class ReferenceResolver:
    """Decides what a question is about; knows the pictures that were kept and the names of the library's files."""

    def __init__(self, shelf: UploadStore, retriever: Retriever) -> None:
        self.shelf, self.retriever = shelf, retriever

    def resolve(
        self, case: QuestionContext, state: ConversationState, uploads: Sequence[ImageAnalysis]
    ) -> QuestionContext:
        """The case with its program, and the one photo or the pictures at hand; `uploads` came along now."""
        question, earlier = case.question, state.asked
        paths = list(dict.fromkeys([path_of(upload) for upload in uploads] or state.shown))
        text = act_of(case).text
        if act_of(case).kind == "code":
            return replace(case, program=PhotoQuestion(kind="other", text=question.text, library=True))
        if len(paths) > 1:
            return self._of_several(replace(case, question=replace(question, text=text)), earlier, paths, uploads)
        upload = uploads[0] if uploads else None
        program = parse(text, earlier=earlier)
        picture = None if upload and program.library else upload or self._talked_about(program, paths)
        return replace(
            case,
            program=replace(program, library=picture is None and not program.file),
            source=picture.source if picture else None,
            analyses=(picture,) if picture else (),
            example=upload if program.library else None,
        )

    def turns_of(self, exchanges: Sequence[Exchange]) -> list[Turn]:
        """What went before as turns, though the history has none of it. Of all pictures only the last ones are kept:
        no other can be meant. BadPicture or NothingThere if one cannot be read.
        """
        last = next((n for n in reversed(range(len(exchanges))) if exchanges[n].pictures), None)
        return [self._turn(exchange, kept=n == last) for n, exchange in enumerate(exchanges)]

    def _turn(self, exchange: Exchange, *, kept: bool) -> Turn:
        first, *more = exchange.pictures if kept else (Picture(),)
        question = Question(
            text=exchange.question,
            image=first.image,
            image_name=first.name,
            image_path=first.path,
            more=tuple(more),
        )
        (pictures,) = self.shelf.place_many([question])
        sources = [picture.source for picture in pictures if picture.source]
        return Turn(
            id=0,
            conversation=0,
            asked_at=datetime.now(UTC),
            question=exchange.question,
            image_name=first.name,
            image_path=sources[0].path if sources else "",
            more=tuple((source.name, source.path) for source in sources[1:]),
            answer=Answer(text=exchange.answer),
            settings={},
            fingerprint="",
        )

    def _of_several(
        self, case: QuestionContext, earlier: Sequence[str], paths: Sequence[str], uploads: Sequence[ImageAnalysis]
    ) -> QuestionContext:
        """These pictures, or the ones among them that the question names; or the library, searched with them."""
        meant = parse_several(case.question.text, [Path(path).name for path in paths], earlier=earlier)
        if meant.program.library and not (uploads or meant.alike):
            return replace(case, program=meant.program)
        known = {path_of(upload): upload for upload in uploads}
        kept = {n: each for n in meant.picks if (each := known.get(paths[n - 1]) or self.shelf.again(paths[n - 1]))}
        analyses = tuple(kept.values())
        sources = tuple(picture.source for picture in analyses if picture.source)
        if meant.program.library or meant.program.absent or len(sources) > 1:
            program = replace(meant.program, places=tuple(kept))
            return replace(case, program=program, pictures=sources, analyses=analyses)
        source = sources[0] if sources else None  # one is meant, or the files of the others are gone
        program = replace(meant.program, given=0, library=source is None)
        return replace(case, program=program, source=source, analyses=analyses)

    def _talked_about(self, program: PhotoQuestion, shown: Sequence[str]) -> ImageAnalysis | None:
        """The photo that a question means without bringing it: a file by its name, or the conversation's picture."""
        if program.file:
            source = self.retriever.find_named(program.file)
            return self.shelf.analyses.get(source) if source else None
        if program.kind == "which" or program.library:
            return None
        return self.shelf.again(shown[0]) if shown else None


def last_shown(earlier: Sequence[Turn]) -> list[str]:
    """Paths of the pictures that the conversation spoke of last."""
    shown = next((turn for turn in reversed(earlier) if turn.image_path), None)
    return [shown.image_path, *(path for _, path in shown.more)] if shown else []
