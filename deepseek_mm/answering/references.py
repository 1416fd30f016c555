"""What a part of a turn is about: pictures that came along, those spoken of before, what the last answer found, or all.

Scope and reference are understood before; here they become files. A word for a place in the row ("the second one")
picks; a word for one thing ("she", "it") means the first that the last answer cites, a word for several all of them.
What is asked in half a sentence ("and the other one?") is the question before, of something else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deepseek_mm.answering.photo_lists import split_groups
from deepseek_mm.answering.topics import (
    BEFORE,
    OTHER,
    RETURNS,
    Topic,
    add_topic,
    choose_sources,
    find_topic,
    looks_again,
    names_it,
    place_in,
    subject_of_sources,
    topic_of,
    topics_of,
)
from deepseek_mm.answering.uploads import UploadStore, path_of
from deepseek_mm.history import Turn
from deepseek_mm.language.parser import PhotoQuestion, parse, parse_several, picked_in
from deepseek_mm.language.photo_questions import photo_question
from deepseek_mm.retrieval.evidence import QuestionContext, act_of
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.types import (
    Act,
    ActFilters,
    ActKind,
    Answer,
    Citation,
    Exchange,
    Picture,
    Question,
    Request,
    Situation,
)
from deepseek_mm.vision.pipeline import ImageAnalysis
from index import Counts, Source
from index.region import UPLOADS

PICTURE_WORDS = frozenset(
    "a an the any some of with from in photo photos picture pictures image images pic pics shot shots one ones file "  # noqa: SIM905
    "files fotos bilder foto bild".split()
)
LINKING = frozenset(  # words of half a sentence beside what it names
    "and or but so no not now then what which about how is are in on at of for with to the a an one ones this that "  # noqa: SIM905
    "same it i me mean meant rather instead sorry actually wait oh please was wie und oder mit ist bei beim im der die "
    "das den dem nein doch first second third fourth fifth erste zweite dritte".split()
)
POINTS_AT = """it its she he her him his hers they them their this that these those here there both either neither each
    all other others two three first second third fourth fifth last next previous earlier before same left right which
    mine one ones photo photos picture pictures image images pic pics shot shots file files das der die dieses diese
    dieser er sie es ihr ihm sein ihre ihn andere anderen erste zweite dritte letzte beide bild foto"""
POINTING = frozenset(POINTS_AT.split())  # words of which one stands in words that point; others name something
LINKED = re.compile(r"[\u5462\u90a3\u548c\u5427\u7684\u4e0d\u662f\u8fd8\u6709\u5728\u4e2d\u91cc\u5f20\u4e2a\s]+")
LOST = 0.2  # probability that a part was understood, below which nobody answers it as talk
FEW_WORDS = 2  # that do not change the language of a conversation
ASKED_WHOLE = re.compile(r"\b(?:what|who|where|how)(?:['\u2019]?s| is| was| are| were| do| does| did)\b", re.IGNORECASE)
SWITCHES = re.compile(r"^\W*(?:now|then|next|jetzt)\b|\u73b0\u5728", re.IGNORECASE)  # to something else
COUNTED = re.compile(  # what is counted, in Chinese and in German
    r"(?:\u51e0|\u591a\u5c11)[\u4e2a\u53ea\u6761\u8f86\u5339\u5934\u6735\u4f4d\u628a\u4ef6\u9876\u53cc\u68f5]([\u3400-\u9fff]+?)(?:[\u5440\u5462\u554a\uff1f?]|$)"
    r"|\b[Ww]ie ?viele ([A-Z\u00c4\u00d6\u00dc]\w+)"
)
ASKS_WHY = re.compile(r"\W*(?:and )?(?:why(?: (?:not|so))?|warum|为什么|为何)呢?\W*", re.IGNORECASE)
WHETHER = re.compile(
    r"^\W*(?:(?:and|so|ok|hm+|well|sorry)\W+)*(?:do|does|did|have|has|is|are|was|were)\b|有没有|吗[？?]?\s*$"
    r"|^\W*(?:gibt es|gibts|habe? ich|ist|sind)\b",
    re.IGNORECASE,
)
ASKING: tuple[ActKind, ...] = ("look", "count", "locate", "read", "describe")  # something of photos
OF_NO_PHOTO: tuple[ActKind, ...] = ("chat", "help", "unsupported", "summarise", "code", "document", "sum")


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationState:
    """What was said, shown and found before a turn, or before a part of one."""

    turns: tuple[Turn, ...] = ()  # earlier ones, oldest first
    shown: tuple[str, ...] = ()  # paths of the pictures of questions that were spoken of last
    cited: tuple[Citation, ...] = ()  # by the last answer that cites anything
    before: ActKind | None = None  # kind of the act before
    asked: tuple[str, ...] = ()  # the latest questions, and the parts of this one that were answered
    topics: tuple[Topic, ...] = ()  # the files that were spoken of, oldest first
    question: Act | None = None  # the last whole question about photos

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
            topics=topics_of(turns),
            question=next((act for act in reversed(acts) if act.kind in ASKING and not is_half(act)), None),
        )

    def complete_request(self, request: Request) -> Request:
        """With acts joined that are one question; a word or two of any language ("ok") are in the one spoken last."""
        request = replace(request, acts=join_named(request.acts))
        last = next((turn.answer.request for turn in reversed(self.turns) if turn.answer.request), None)
        short = request.language == "en" and len(" ".join(act.text for act in request.acts).split()) <= FEW_WORDS
        return replace(request, language=last.language) if last and short else request

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
        topics = add_topic(self.topics, topic_of([act], cited))
        return replace(
            self,
            cited=tuple(cited) or self.cited,
            before=act.kind,
            asked=asked,
            topics=topics,
            question=act if act.kind in ASKING else self.question,
        )

    def situation(self, question: Question, counts: dict[str, Counts]) -> Situation:
        """As the words of the turn are understood with; `counts` by the kind of source."""
        kinds = [source.kind for source in self.found_sources]
        left = bool(kinds) and not self.topics[-1].is_given  # the pictures that were shown: files were spoken of since
        return Situation(
            pictures=len(question.pictures),
            shown=0 if left else len(self.shown),
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
        said = with_named(act_of(case))
        meant = () if uploads else self._find_meant(said, state)
        act = with_form(complete_act(said, state, meant))
        if is_half(said) and act.scope == "library" != said.scope:  # the same was asked of another thing
            meant = ()
        case = replace(case, act=act, program=replace(photo_question(act), library=True))
        if case.program.file:
            return self._of_file(case)
        if meant and all(source.collection != UPLOADS for source in meant):
            return replace(case, among=meant)
        if meant or act.scope in ("picture", "pictures"):
            return self._of_pictures(
                case, [source.path for source in meant] or state.shown, uploads, chosen=bool(meant)
            )
        return replace(case, example=uploads[0] if uploads and act.kind == "find" else None)

    def _find_meant(self, act: Act, state: ConversationState) -> tuple[Source, ...]:
        """The files of the conversation that an act points at; none where it means the library or the pictures shown.

        Of pictures that came together all are asked about something that is named, one of them about "it".
        """
        if act.filters.file or (act.kind in OF_NO_PHOTO and not looks_again(act.text)):
            return ()
        if found := find_topic(act, state.topics):
            return found
        points = act.scope in ("picture", "pictures", "found") or (act.reference and not act.subject)
        if not points or not state.topics or names_it(act):
            return ()
        chosen = choose_sources(act, state.topics)
        if any(source.collection == UPLOADS for source in chosen):
            return self._of_row(act, chosen, state)
        return tuple(source for source in chosen if source.kind == "photo") or chosen

    def _of_row(self, act: Act, chosen: tuple[Source, ...], state: ConversationState) -> tuple[Source, ...]:
        """Those that are picked; none, for all that were shown, where nothing is."""
        elsewhere = not {source.path for source in chosen} <= set(state.shown)
        picks = bool(act.reference) or is_half(act)
        return chosen if elsewhere or (picks and len(chosen) < len(state.shown)) else ()

    def _of_file(self, case: QuestionContext) -> QuestionContext:
        """The one that is named; where there is none of that name, nothing is at hand."""
        source = self.retriever.find_named(case.program.file)
        if source and source.kind == "photo":  # what people wrote of it is asked before anybody looks
            return replace(case, among=(source,))
        program = replace(case.program, library=False)
        analysis = self.shelf.analyses.get(source) if source and source.kind == "photo" else None
        return replace(case, program=program, source=source, analyses=(analysis,) if analysis else ())

    def _of_pictures(
        self, case: QuestionContext, shown: Sequence[str], uploads: Sequence[ImageAnalysis], *, chosen: bool
    ) -> QuestionContext:
        """About pictures that came along now, or are shown again: all, or those whose places are named."""
        known = {path_of(upload): upload for upload in uploads}
        paths = list(dict.fromkeys(known or shown))
        picked = [] if chosen else picked_in(case.program.text, len(paths))[0]
        absent = max((n for n in picked if n > len(paths)), default=0)
        if absent:
            return replace(case, program=replace(case.program, library=False, given=len(paths), absent=absent))
        numbers = sorted(set(picked)) or range(1, len(paths) + 1)
        kept = {n: each for n in numbers if (each := known.get(paths[n - 1]) or self.shelf.again(paths[n - 1]))}
        return with_pictures(case, kept)


def join_named(acts: tuple[Act, ...]) -> tuple[Act, ...]:
    """Without names that stand before a question about them, "and the cap? what colour is it?" is one act; as one act
    two groups to sort into; and without further parts that would be talk and were not understood.
    """
    joined: list[Act] = []
    for act in acts:
        if joined and joined[-1].kind == "document" and ASKS_WHY.fullmatch(act.text):  # "who was against it, and why?"
            joined[-1] = replace(joined[-1], text=f"{joined[-1].text}, {act.text}")
            continue
        if joined and act.kind in OF_NO_PHOTO and act.chance < LOST:
            continue
        together = f"{joined[-1].text} and {act.text}" if joined else ""
        if together and joined[-1].kind == act.kind == "find" and split_groups(together)[1]:
            joined[-1] = replace(joined[-1], text=together, filters=ActFilters())
            continue
        named = joined[-1] if joined and joined[-1].subject and is_half(replace(joined[-1], attribute="")) else None
        if named and act.reference and not act.subject and act.kind in ASKING:
            joined[-1] = replace(act, text=f"{named.text}, {act.text}", subject=named.subject)
        else:
            joined.append(act)
    return tuple(joined)


def with_named(act: Act) -> Act:
    """An act whose words that point name a thing instead: "and the dog?"; or that names only words that point."""
    if RETURNS.search(act.text.lower()):  # "back to the cat" names no collection
        act = replace(act, filters=replace(act.filters, collection=""))
    subject, reference = (without_linking(part) for part in (act.subject, act.reference))
    act = replace(act, subject=subject, reference=reference)
    if place_in(act.text) and is_half(replace(act, subject="", reference="")):
        return replace(act, subject="", reference=act.reference if place_in(act.reference) else act.text)
    if act.subject and not act.reference and POINTING.union(LINKING).issuperset(act.subject.lower().split()):
        return replace(act, subject="", reference=act.subject)
    words = re.findall(r"\w+", act.reference.lower())
    points = not words or not act.reference.isascii() or not POINTING.isdisjoint(words)
    return act if act.subject or points else replace(act, subject=act.reference, reference="")


def without_linking(part: str) -> str:
    """A part of a text, or nothing where it is only words that name nothing and point at nothing: "the"."""
    words = set(re.findall(r"\w+", part.lower()))
    return "" if words <= LINKING and words.isdisjoint(POINTING) else part


def with_form(act: Act) -> Act:
    """A search for which "yes" or "no" is the first word of an answer: "do I have a photo of an elephant?"."""
    whether = act.kind == "find" and act.form == "list" and WHETHER.search(act.text)
    return replace(act, form="yes_no") if whether else act


def complete_act(act: Act, state: ConversationState, meant: Sequence[Source] = ()) -> Act:
    """An act that can stand alone: half a sentence with the question before it, "it" with what was asked about."""
    if act.kind in OF_NO_PHOTO or (act.kind == "manage" and looks_again(act.text)):  # but "back to the dog" is no talk
        return replace(act, kind="describe", subject="") if meant else act
    if names_it(act):
        act = replace(act, reference="", scope="library")
    if is_half(act) and act.kind in ASKING + ("find",):
        return complete_half(act, state, meant)
    whole = with_subject(act, state, meant)
    if whole.kind == "count" and not act.subject and whole.subject and len(meant) > 1:  # "how many are there?"
        return replace(whole, kind="find", form="number")
    return whole


def is_half(act: Act) -> bool:
    """Whether an act is no more than a name or a word that points: "and the moose?", "no, the other one"."""
    if ASKED_WHOLE.search(act.text):
        return False
    words = f" {BEFORE.sub(' ', act.text.lower())} "
    for named in (act.reference, act.subject):
        words = words.replace(named.lower(), " ") if named else words
    words = words if words.isascii() else LINKED.sub(" ", words)
    left = [word for word in re.findall(r"\w+", words) if word not in LINKING and not place_in(word)]
    text = act.text.lower()
    points = OTHER.search(text) or BEFORE.search(text) or place_in(text)
    return not left and bool(act.reference or act.subject or points)


def complete_half(act: Act, state: ConversationState, meant: Sequence[Source]) -> Act:
    """The last question about photos, asked of what half a sentence names; a bare name is looked for without one."""
    before = state.question
    if not act.subject and before is not None:
        text = before.text.replace(before.reference, act.reference) if before.reference else before.text
        again = replace(before, text=text, scope=act.scope, reference=act.reference or "it")
        return with_subject(again, state, meant)
    if act.kind in ASKING and not act.reference:
        measured = (
            before is not None
            and not SWITCHES.search(act.text)
            and before.attribute in ("colour", "number", "size", "material", "shape")
        )
        if before is None or not measured:
            return replace(act, kind="find", form="list")
        text = before.text.replace(before.subject or before.reference or before.text, act.subject)
        return replace(before, text=text, subject=act.subject, other="", reference="", scope="library")
    return with_subject(act, state, meant)


def with_subject(act: Act, state: ConversationState, meant: Sequence[Source]) -> Act:
    """An act that points back names what was asked about before: "what is behind it?", of the cat.

    A search in which no part was marked is for what its words name.
    """
    if not PICTURE_WORDS.issuperset(act.subject.lower().split()):
        return act
    here = act.scope in ("picture", "pictures", "found")
    if act.kind == "compare" and here:
        return replace(act, subject="")
    if act.kind == "count" and (counted := COUNTED.search(act.text)):
        named = counted[1] or counted[2]
        return replace(act, subject="" if named.lower() in PICTURE_WORDS else named)
    if act.kind == "find" and act.reference:
        return replace(act, subject="")
    if act.kind in ("find", "count") and not act.reference and not here:
        return replace(act, subject="" if act.scope == "library" else parse(act.text).subject)
    points_back = bool(act.reference) or act.kind in ("count", "find")
    return replace(act, subject=subject_of_sources(state.topics, meant) if points_back else "")


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
