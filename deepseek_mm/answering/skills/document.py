"""What documents say: the words that answer, quoted with their file and page.

Passages are found by words and by meaning, and the reader marks the words of them that answer. Where it is not at hand,
or a document is searched rather than asked, their sentences, rows of tables and items of lists are compared one by one
with the question: by the vectors of the encoder that reads many languages, by the question's rare words, and by
whether they hold what is asked for (a number, a date, a name). The best one is quoted with what follows it, as far as
that is short; where none comes near, the honest answer is that the documents do not say.

Shape key:  S sentences, W width of the encoder (384)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_mm.answering.documents.calculation import LOOKED_UP, calculate, draft_calculation, gather_regions
from deepseek_mm.answering.documents.quotations import (
    BETWEEN_CELLS,
    HEADING,
    ROW,
    ReadAnswer,
    choose_answer,
    complete_question,
    draft_reading,
    lead_of,
    letters_of,
    write_plainly,
)
from deepseek_mm.answering.photo_lists import list_photos
from deepseek_mm.answering.table_programs.answers import TableAnswer
from deepseek_mm.embeddings.passage_reader import PassageReader
from deepseek_mm.embeddings.space import Encode, Floats, VectorCache
from deepseek_mm.language.own_sentences import translate_own
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import clean, content, join_sentences, quotable
from deepseek_mm.retrieval.evidence import QuestionContext, act_of, place, share, weigh
from deepseek_mm.retrieval.named_documents import NamedDocuments, lift_documents
from deepseek_mm.retrieval.passages import order_readings
from deepseek_mm.retrieval.photo_finder import BELIEVED, PhotoFinder
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.retrieval.sentences import split_sentences
from deepseek_mm.stage_clock import note_left_out, note_model
from deepseek_mm.types import Act, Claim, Draft, Evidence
from deepseek_mm.vision.ocr import order_lines
from index import Region, Source

PAGES_PICTURED, PICTURED = 2, 0.12  # photos whose writing is read, and the relevance that they need
UNDERSTOOD = 0.5  # probability of the act from which the question is about documents whatever photos show
FEWEST = 2  # words of a sentence that is read in a photo
FEWEST_READ = 5  # words of a photo that is read as a document
READ = 6  # passages that the reader reads
MOST_UNLIKELY = 3  # of these that are named among what was left out
COMPARED = 12  # those whose sentences are compared where it is not sure
SAID = 0.7  # probability that a passage answers, from which it is told outright
PERHAPS_SAID, NEARLY_SAID = 0.5, 0.35  # it is told as perhaps so; its sentence is, as what comes nearest
HARDLY_SAID = 0.1  # below which nothing is quoted
QUOTED = 0.45  # probability that a sentence answers which the reader did not choose: half of them do, however near
MEANT = 0.4  # exponent of a program's probability over a document that is meant: its other words are paraphrases
BEFORE, BACK = 0.1, 0.5  # worth of a passage whose document was quoted last, and where the question points back
WHICH_DOCUMENT = re.compile(
    r"\b(?:which|what|in which) (?:of (?:my|the|these|our) )?(?:documents?|files?|pdfs?|papers?|letters?|pages?)\b"
    r"|\u54ea(?:\u4e00)?(?:\u4e2a|\u4efd|\u7bc7|\u5c01)(?:\u6587\u4ef6|\u6587\u6863|\u4fe1|\u5408\u540c)",
    re.IGNORECASE,
)
NEAR_DOCUMENT, MOST_NAMED, SHOWN = 0.08, 4, 160  # worth below the best, files, letters that are shown of each
WIDTH, REMEMBERED = 384, 4_096  # of a sentence's vector; sentences that are not read again
ABOUT_A_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|gif|tiff?|hei[cf]|avif)\b", re.IGNORECASE)  # told as its note
NUMBER = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|half|twice)\b", re.IGNORECASE)
DATE = re.compile(
    r"\d{4}|\b\d{1,2}[./]\d{1,2}\b|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\d+ ?(?:am|pm|h\b|o'clock)|\d{1,2}:\d\d|[\u5e74\u6708\u65e5]",
    re.IGNORECASE,
)
MONEY = re.compile(
    r"\d[\d.,]*\s*(?:euros?|eur|dollars?|usd|pounds?|kr|\u5143|\u20ac|\$|\u00a3)|[\u20ac$\u00a3]\s*\d|\d+[.,]\d\d\b",
    re.IGNORECASE,
)
PERSON = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'-]+|[\u4e00-\u9fff]")
HOLDS = {"number": NUMBER, "date": DATE, "time": DATE, "price": MONEY, "age": NUMBER, "person": PERSON, "size": NUMBER}


@dataclass(frozen=True, kw_only=True, slots=True)
class SentenceWeights:
    """How much speaks for a sentence, in deviations of the likeness among all sentences."""

    words: float = 3.0  # all rare words of the question
    holds: float = 1.0  # what is asked for
    before: float = 0.7  # the document that the conversation speaks of
    pointed: float = 3.0  # the same where the question points back: "until when must it be paid?"
    near: float = 0.8  # of the best one's worth, which another one needs to be told as well
    least: float = 2.2  # worth below which nothing is told
    follow: int = 140  # letters up to which what follows is quoted along
    most: int = 320  # letters of one quotation


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageSentence:
    """A piece of a passage that says one thing, and what follows it there."""

    entry: Evidence
    text: str
    section: str = ""  # the heading above it, or the first row of its table
    after: tuple[str, ...] = ()
    worth: float = 0.0


def is_said(act: Act, sentence: PassageSentence) -> bool:
    """Whether a sentence may answer: what is read in a photo must be more than one word, and what is searched in it."""
    if sentence.entry.region.source.kind != "photo":
        return True
    words = [word for word in content(sentence.text) if not word.isdigit()]
    sought = act.kind == "find" and act.text.isascii()
    return len(words) >= FEWEST and not (sought and set(content(act.text)).isdisjoint(words))


class DocumentSkill:
    """Answers from documents and from text that was read in photos."""

    def __init__(
        self,
        retriever: Retriever,
        encode: Encode | None,
        finder: PhotoFinder | None = None,
        reader: PassageReader | None = None,
        weights: SentenceWeights | None = None,
    ) -> None:
        """Without `encode` words alone compare sentences; `finder` finds photos of pages and notices; without a
        `reader` sentences are quoted.
        """
        self.retriever, self.finder, self.weights = retriever, finder, weights or SentenceWeights()
        self.reader = reader
        self._vectors = VectorCache(encode, WIDTH, REMEMBERED) if encode else None

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[Draft]:
        """One draft a case."""
        return [self._answer(case) for case in cases]

    def _answer(self, case: QuestionContext) -> Draft:
        act = act_of(case)
        named = [case.source] if case.source else case.among
        sources = [source.id for source in named if source.kind == "document"]
        question = write_plainly(complete_question(case))
        passages = self.retriever.find_passages(question, sources=sources)
        meant: set[int] = set()
        if not sources:
            called = self.retriever.find_named_documents(question, passages)
            meant = meant_documents(case, called)
            passages = [*self._lift_meant(question, passages, case, called), *self._read_photos(case)]
        if WHICH_DOCUMENT.search(act.text) and passages:
            return name_documents(passages)
        if self.reader is None or act.kind == "find":
            return self._quote_sentences(case, passages) or self._find_photo(act) or refuse(act)
        return self._read(case, question, passages, meant)

    def _lift_meant(
        self, question: str, passages: Sequence[Evidence], case: QuestionContext, named: NamedDocuments
    ) -> list[Evidence]:
        """With the best passages of the documents that are named, or that the last answer quoted, lifted above others:
        of a document that is asked alone these only.
        """
        before = [source.id for source in documents_before(case)]
        ids = [source.id for source in named.sources] or before
        own = self.retriever.find_passages(question, sources=ids) if ids else []
        if named.alone and own:
            return own
        first = {entry.region.id: entry for entry in (*own, *passages)}
        lifted = lift_documents(list(first.values()), [source.id for source in named.sources])
        return lift_documents(lifted, before, BACK if points_back(act_of(case)) and not named.sources else BEFORE)

    def _read(self, case: QuestionContext, question: str, passages: Sequence[Evidence], meant: set[int]) -> Draft:
        """What the reader marks in the best passages, of documents that are meant before others; a sentence where it
        is not sure; or that nothing says it.
        """
        assert self.reader is not None, "a reader"
        act, read = act_of(case), [entry for entry in passages if is_readable(entry)][:READ]
        language = case.request.language if case.request else "en"
        own = [entry for entry in read if entry.region.source.id in meant]
        worked = self._calculate(act, language, own, meant=True) or self._calculate(act, language, read)
        elsewhere = meant and worked and not meant & {region.source.id for region in worked.regions}
        if worked is not None and worked.kind not in LOOKED_UP and not elsewhere:
            return draft_calculation(worked, language)
        note_model("passages")
        readings = self.reader.read_many(question, [entry.region.text for entry in read])
        order = order_readings([entry.score for entry in read], [reading.said for reading in readings])
        order.sort(key=lambda n: read[n].region.source.id not in meant or readings[n].said < PERHAPS_SAID)
        answer = choose_answer(question, read, readings, order)
        unlikely = [(read[n].region.source.name, readings[n].said) for n in order if readings[n].said < NEARLY_SAID]
        note_left_out(unlikely[:MOST_UNLIKELY], NEARLY_SAID)
        if worked is not None and is_rather(worked, answer):
            return draft_calculation(worked, language)
        if answer is not None and answer.said >= SAID:
            return draft_reading(answer, act, language)
        doubtful = self._doubt(case, passages, answer)
        return self._find_photo(act) or doubtful or refuse(act)

    def _doubt(self, case: QuestionContext, passages: Sequence[Evidence], answer: ReadAnswer | None) -> Draft | None:
        """What the reader is not sure of: told as perhaps, or its sentence or another one as what comes nearest."""
        act, language = act_of(case), case.request.language if case.request else "en"
        said = answer.said if answer else HARDLY_SAID
        if answer is not None and said >= NEARLY_SAID:
            likely = said >= PERHAPS_SAID
            draft = draft_reading(answer, act, language, lead=likely)
            short = act.form != "yes_no" and bool(lead_of(answer, act, language))
            return tell_doubt(draft, ("perhaps" if short else "perhaps_this") if likely else "nearest", language)
        quoted = self._quote_sentences(case, passages[:COMPARED]) if said >= HARDLY_SAID else None
        return tell_doubt(quoted, "nearest", language) if quoted else None

    def _calculate(
        self, act: Act, language: str, passages: Sequence[Evidence], *, meant: bool = False
    ) -> TableAnswer | None:
        """What programs say; whether something is so is no calculation. Of a document that is meant more is trusted."""
        if not passages or (act.form == "yes_no" and act.kind != "sum"):
            return None
        regions = gather_regions(self.retriever.store, passages)
        return calculate(act, language, regions, trust=MEANT if meant else 1.0) if regions else None

    def _quote_sentences(self, case: QuestionContext, passages: Sequence[Evidence]) -> Draft | None:
        """The one or two sentences that come nearest."""
        best = self._best(act_of(case), passages, {source.path for source in documents_before(case)})
        if not best:
            return None
        entries = list({id(sentence.entry): sentence.entry for sentence in best}.values())
        numbers = {id(entry): n for n, entry in enumerate(entries, start=1)}
        claims = [self._quote(sentence, numbers[id(sentence.entry)]) for sentence in best]
        return Draft(
            claims=tuple(claims),
            evidence=tuple(replace(entry, number=numbers[id(entry)]) for entry in entries),
            chance=claims[0].certainty,
            grounds="read",
        )

    def _find_photo(self, act: Act) -> Draft | None:
        """The photo that shows it, where it was hardly taken for a question about documents: "which building leans"."""
        if self.finder is None or act.chance >= UNDERSTOOD:
            return None
        found = [match for match in self.finder.find_photos(act, 1) if match.relevance >= BELIEVED]
        return list_photos(replace(act, form="name"), found, 1) if found else None

    def _read_photos(self, case: QuestionContext) -> list[Evidence]:
        """What is written in the photos that the question may be about, each as one passage."""
        if self.finder is None:
            return []
        among = [source.id for source in case.among]
        found = self.finder.find_meant(act_of(case), among=among)[:PAGES_PICTURED]
        pages = [match for match in found if match.relevance >= PICTURED]
        return [Evidence(number=1, region=join_lines(match.read), score=0.0) for match in pages if match.read]

    def _best(self, act: Act, passages: Sequence[Evidence], before: set[str]) -> list[PassageSentence]:
        """The sentences that answer, best first; none where nothing comes near."""
        sentences = [sentence for entry in passages for sentence in split_passage(entry)]
        if not sentences:
            return []
        worths = self._worths(act, sentences, before)
        ranked = [replace(sentences[n], worth=float(worths[n])) for n in np.argsort(-worths)]
        first, *others = [sentence for sentence in ranked if is_said(act, sentence)] or ranked[-1:]
        if first.worth < self.weights.least:
            return []
        near = (other for other in others if other.worth >= self.weights.near * first.worth)
        second = next(
            (other for other in near if other.text not in first.after and first.text not in other.after), None
        )
        return [first, second] if second else [first]

    def _worths(self, act: Act, sentences: Sequence[PassageSentence], before: set[str]) -> Floats:
        """(S,): likeness in deviations, and what else speaks for each."""
        texts, weights = [f"{sentence.section} {sentence.text}".strip() for sentence in sentences], self.weights
        own = [frozenset(content(sentence.text)) for sentence in sentences]
        had = [words | frozenset(content(heading_of(s))) for words, s in zip(own, sentences, strict=True)]
        rare = weigh(act.text, had)
        worded = np.array([(share(a, rare) + share(b, rare)) / 2 for a, b in zip(own, had, strict=True)], np.float32)
        pattern = HOLDS.get(act.attribute) or (NUMBER if act.form == "number" else None)
        holds = np.array([bool(pattern and pattern.search(text)) for text in texts], np.float32)
        known = np.array([sentence.entry.region.source.path in before for sentence in sentences], np.float32)
        total: Floats = self._likeness(act.text, texts) + weights.words * worded + weights.holds * holds
        back = weights.pointed if act.reference or not act.subject else weights.before
        total += back * known
        if pattern:
            total[(holds == 0) & (worded == 0)] = 0  # neither of what was asked for, nor about it
        return total

    def _likeness(self, question: str, texts: Sequence[str]) -> Floats:
        """(S,): by how many deviations each is nearer to the question than a usual sentence."""
        if self._vectors is None:
            return np.zeros(len(texts), np.float32)
        vectors_SW = self._vectors.vectors([question, *texts])
        cosine_S = vectors_SW[1:] @ vectors_SW[0]
        spread = max(float(cosine_S.std()), 0.01)
        deviations: Floats = (cosine_S - cosine_S.mean()) / spread
        return deviations

    def _quote(self, sentence: PassageSentence, number: int) -> Claim:
        """The sentence and what follows while that is short."""
        said, weights = sentence.text, self.weights
        follow, most = letters_of(said, weights.follow), letters_of(said, weights.most)
        for more in sentence.after:
            if len(said) >= follow or len(said) + len(more) > most:
                break
            said = join_sentences([said, more])
        quoted = quotable(said, most)
        chance = min(0.9, 0.2 + 0.1 * sentence.worth)
        return Claim(f'{place(sentence.entry.region, named=False)} says: "{quoted}"', (number,), chance)


def is_readable(entry: Evidence) -> bool:
    """Whether a passage is read for an answer: neither a table of pictures, whose rows are told as their notes, nor the
    few words of a sign or a shirt.
    """
    text = entry.region.text
    if entry.region.source.kind == "photo":
        return len(content(text)) >= FEWEST_READ
    return not any(ABOUT_A_PICTURE.search(row) for row in text.splitlines() if "|" in row)


def is_rather(worked: TableAnswer, answer: ReadAnswer | None) -> bool:
    """Whether what was looked up in rows is told rather than what the reader marks: of the same document where it is
    surer or the reader marks a row as well, of another one where the reader finds nothing.
    """
    if answer is None or answer.said < SAID:
        return worked.chance >= SAID
    same = answer.entry.region.source.id in {region.source.id for region in worked.regions}
    row = ROW.search(answer.clause) is not None
    return same and (row or worked.chance >= SAID)


def points_back(act: Act) -> bool:
    """Whether a question says nothing that it is about, or "it": "until when must it be paid?"."""
    return bool(act.reference) or not act.subject


def meant_documents(case: QuestionContext, named: NamedDocuments) -> set[int]:
    """Numbers of the documents that a question names, or else of those that it goes on from."""
    sources = named.sources or (documents_before(case) if points_back(act_of(case)) else ())
    return {source.id for source in sources if source.kind == "document"}


def name_documents(passages: Sequence[Evidence]) -> Draft:
    """The files of the best passages, each with its place."""
    least = passages[0].score - NEAR_DOCUMENT
    first: dict[str, Evidence] = {}
    for entry in passages:
        if entry.score >= least:
            first.setdefault(entry.region.source.path, entry)
    entries = [replace(entry, number=n) for n, entry in enumerate(list(first.values())[:MOST_NAMED], start=1)]
    claims = [
        Claim(f'{place(entry.region, named=False)} says: "{clean(entry.region.text, SHOWN)}"', (entry.number,), 0.7)
        for entry in entries
    ]
    return Draft(claims=tuple(claims), evidence=tuple(entries), chance=0.7, grounds="read")


def join_lines(lines: Sequence[Region]) -> Region:
    """The lines that were read in a photo as one passage, in the order in which they are read."""
    ordered = order_lines(lines)
    return replace(ordered[0], text="\n".join(line.text for line in ordered))


def documents_before(case: QuestionContext) -> list[Source]:
    """Files that the last answer quoted."""
    cited = next((turn.answer.citations for turn in reversed(case.turns) if turn.answer.citations), ())
    return [citation.region.source for citation in cited]


def split_passage(entry: Evidence) -> list[PassageSentence]:
    """Its sentences; a row of a table and an item of a list is one of its own, under the heading above it."""
    found: list[PassageSentence] = []
    section, paragraph = "", list[str]()
    for line in [*entry.region.text.splitlines(), ""]:
        stands_alone, is_heading = bool(ROW.search(line)), bool(HEADING.search(line))
        if line.strip() and not stands_alone and not is_heading:
            paragraph.append(line.strip())
            continue
        found += [
            PassageSentence(entry=entry, text=part, section=section) for part in split_sentences(" ".join(paragraph))
        ]
        paragraph = []
        if is_heading:
            section = line.strip(" #:*|")
        elif re.search(r"\w", line):
            section = section if is_row_of(line, section) else line.strip()
            found.append(PassageSentence(entry=entry, text=line.strip(), section=section))
    if any(ABOUT_A_PICTURE.search(sentence.text) for sentence in found):  # a list of pictures: told as their notes
        found = [sentence for sentence in found if "|" not in sentence.text]
    found = [sentence for sentence in found if not is_header(sentence)] or found
    texts = [sentence.text for sentence in found]
    return [replace(sentence, after=tuple(texts[n + 1 : n + 4])) for n, sentence in enumerate(found)]


def is_header(sentence: PassageSentence) -> bool:
    """Whether it is the first row of a table, which only names the columns."""
    return sentence.text == sentence.section and any(mark in sentence.text for mark in BETWEEN_CELLS)


def is_row_of(line: str, header: str) -> bool:
    """Whether a line has as many cells as the first row of the table above it; items of lists have none."""
    between = next((mark for mark in BETWEEN_CELLS if mark in line), "")
    return not between or line.count(between) == header.count(between)


def heading_of(sentence: PassageSentence) -> str:
    """What it is of: its file's name as words, the first line there, and the heading above it."""
    region = sentence.entry.region
    first = region.text.splitlines()[0] if region.text else ""
    return f"{re.sub(r'[-_.]+', ' ', region.source.name)} {first} {sentence.section}"


def tell_doubt(draft: Draft, how: str, language: str) -> Draft:
    """Its first claim with what is said before it: that it is perhaps so, or that nothing says it plainly."""
    first = draft.claims[0]
    text = say(f"document.{how}", language, said=translate_own(first.text, language))
    return replace(draft, claims=(replace(first, text=text, certainty=QUOTED),), chance=QUOTED)


def refuse(act: Act) -> Draft:
    """The documents do not say."""
    about = f" about {act.subject}" if act.subject else ""
    text = f"I found nothing{about} in your documents that answers this. Ask in other words, or add the document."
    return Draft(text=text, chance=0.5, refused=True)
