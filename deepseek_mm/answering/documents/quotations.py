"""What a reader found in passages, as sentences that answer: the words that answer, and where they stand.

A short answer stands before its quotation ("3,540 euros: lease.pdf, page 2, says: ..."); of a longer one the quotation
is the answer. Whether something is so or allowed is told by the clause that decides.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepseek_mm.embeddings.passage_reader import AnswerSpan, Reading
from deepseek_mm.language.own_sentences import translate_own
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import content, join_sentences, quotable, singular
from deepseek_mm.retrieval.evidence import QuestionContext, act_of, place
from deepseek_mm.retrieval.quantities import read_dates
from deepseek_mm.retrieval.sentences import locate_sentences
from deepseek_mm.types import Act, Claim, Draft, Evidence

SHORT = 60  # letters of an answer that stands before its quotation
SHORT_WIDE = 24  # the same of Chinese
MOST = 300  # letters of a quotation
WIDE = 0.45  # of it in Chinese, whose signs say more
LOUD = 12  # letters of a line in capitals that is a heading
LEAST_WORDS = 0.5  # of the probability is left where other words of the passage answer as well
FOLLOW = 110  # letters up to which what follows is quoted along
HAN = re.compile(r"[\u3400-\u9fff]")
ROW = re.compile(r"\||\t|^\s*[-*\u2022]\s|^\s*\d+[.)]\s.*[.!?]$|^(?:[^,]*,(?! )){3,}[^,]*$")  # a line that stands alone
HEADING = re.compile(r"^\s*#|^[^.!?|]{3,60}:\s*$|^(?:\d+[.)] )?[A-Z][\w'&-]*(?: [\w'&-]+){0,4}$")
BETWEEN_CELLS = ("|", "\t", ",")
DENIES = re.compile(r"\b(?:not|no|never|without)\b|n't\b|[\u4e0d\u65e0\u672a\u6ca1]", re.IGNORECASE)
FORBIDS = re.compile(  # says plainly that something is not so, or may not be done
    r"\b(?:not (?:allowed|permitted|possible|included|valid|open|available)"
    r"|(?:may|must|can|could|does|is|are|was|were) not"
    r"|cannot|can't|mustn't|isn't|aren't|closed|cancelled|forbidden|prohibited|excluded|banned|give up)\b"
    r"|\u4e0d(?:\u5f97|\u80fd|\u53ef|\u51c6|\u5141\u8bb8|\u5305\u62ec|\u542b|\u8425\u4e1a|\u5f00)|\u7981\u6b62|\u4e25\u7981|\u505c\u8bfe|\u53d6\u6d88",
    re.IGNORECASE,
)
ONLY_IF = re.compile(
    r"\b(?:unless|only (?:if|with|after)|permission|consent|except)\b"
    r"|\u540c\u610f|\u6279\u51c6|\u9664\u975e|\u8bb8\u53ef",
    re.IGNORECASE,
)
PART_OF_WORD = re.compile(r"[\w@][A-Za-z0-9@]|[A-Za-z0-9][@._/-]|[@._/-][A-Za-z0-9]")  # two letters that no gap parts
MAY = re.compile(r"\b(?:can|may|could|allowed|permitted)\b|[\u80fd\u53ef]", re.IGNORECASE)  # asks for leave
ASKS = re.compile(  # where a Chinese question begins to ask
    r"\u591a\u5c11|\u591a[\u4e45\u957f\u5927\u9ad8]|\u51e0|\u4ec0\u4e48|\u5565|\u8c01|\u54ea|\u600e\u4e48|\u4e3a\u4ec0\u4e48|\u80fd\u4e0d\u80fd|\u53ef\u4ee5"
)
ENDS_ASKING = re.compile(r"[\u5417\u5462\u5440\u554a\u963f?\uff1f\s]+$")
WHEN = re.compile(
    r"\bwhen\b|\bwhat (?:date|day)\b|[\u4ec0\u5565]\u4e48?\u65f6\u5019|\u54ea\u4e00?\u5929|\u4f55\u65f6", re.IGNORECASE
)
PERIOD = re.compile(  # so many days, no day
    r"\d+ (?:days?|weeks?|months?)\b|\d+ ?\u4e2a?[\u65e5\u5929\u5468\u6708]", re.IGNORECASE
)
SPOKEN = {
    "\u5565": "\u4ec0\u4e48",
    "\u548b": "\u600e\u4e48",
    "\u54ea\u513f": "\u54ea\u91cc",
}  # Chinese as it is said -> as documents write
ELLIPTIC = re.compile(r"^\W*(?:and|what about|how about|und|or)\b|^\u90a3|\u5462\W*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """The words of a passage that answer, and the sentence around them."""

    entry: Evidence
    text: str
    clause: str  # the sentence or row that they stand in
    quotation: str
    said: float  # probability that the passage answers
    chance: float  # that these are the words


def complete_question(case: QuestionContext) -> str:
    """The question as it would be asked by itself: "and the deposit?" after "how much is the rent?"."""
    act = act_of(case)
    first = first_question(case)
    if first is not None and not act.subject and HAN.search(act.text):
        return f"{name_topic(first)}{act.text}"
    if not case.turns or not ELLIPTIC.search(act.text):
        return act.text
    before = case.turns[-1]
    request = before.answer.request
    subject = next((each.subject for each in request.acts if each.subject), "") if request else ""
    own = act.subject or re.sub(ELLIPTIC, "", act.text).strip(" ?\uff1f")
    if subject and own and subject in before.question:
        return before.question.replace(subject, own, 1)
    asked = ASKS.search(before.question)
    if asked and own and HAN.search(own):
        return own + before.question[asked.start() :]
    return f"{before.question} {act.text}"


def write_plainly(question: str) -> str:
    """A Chinese question in the words that documents are read by."""
    for spoken, written in SPOKEN.items():
        question = question.replace(spoken, written)
    return question


def first_question(case: QuestionContext) -> Act | None:
    """What the same turn asked first, where this is its second question or a later one: of "who is it, which phone"."""
    acts = case.request.acts if case.request else ()
    return acts[0] if len(acts) > 1 and acts[0].text != act_of(case).text else None


def name_topic(act: Act) -> str:
    """What a Chinese question is about: its subject, or what stands before the words that ask."""
    if act.subject:
        return act.subject
    asked = ASKS.search(act.text)
    return act.text[: asked.start()] if asked else ENDS_ASKING.sub("", act.text)


def letters_of(text: str, most: int) -> int:
    """How many letters of it a reader takes in as easily as so many of English."""
    return round(most * WIDE) if HAN.search(text) else most


def choose_answer(
    question: str, passages: Sequence[Evidence], readings: Sequence[Reading], order: Sequence[int]
) -> ReadAnswer | None:
    """The words of the first passage in the order, with the sentence that they stand in."""
    best = next((n for n in order if readings[n].spans), None)
    if best is None:
        return None
    entry = passages[best]
    telling = [each for each in readings[best].spans if not is_title(entry, each)] or readings[best].spans
    span = choose_date(entry.region.text, telling) if WHEN.search(question) else telling[0]
    span = grow_to_words(entry.region.text, keep_paragraph(entry.region.text, span))
    text = entry.region.text[span.start : span.end].strip()
    whole = entry.region.text
    clause = join_wrapped(whole[slice(*locate_around(whole, span))])
    quotation = join_wrapped(whole) if entry.region.source.kind == "photo" else quote_around(whole, span)
    return ReadAnswer(entry, text, clause, quotation, readings[best].said, span.chance)


def choose_date(text: str, spans: Sequence[AnswerSpan]) -> AnswerSpan:
    """The likeliest, unless that is a period ("within 7 days") and another one is a day of the calendar."""
    first, *others = spans
    words = text[first.start : first.end]
    if not PERIOD.search(words) or read_dates(words):
        return first
    return next((span for span in others if read_dates(text[span.start : span.end])), first)


def keep_paragraph(text: str, span: AnswerSpan) -> AnswerSpan:
    """Without what goes on into the next paragraph: an answer stands in one."""
    bare = len(text[span.start : span.end]) - len(text[span.start : span.end].lstrip())
    found = text.find("\n\n", span.start + bare, span.end)
    return replace(span, end=found) if found >= 0 else span


def grow_to_words(text: str, span: AnswerSpan) -> AnswerSpan:
    """With the rest of an address or a number that it begins or ends in: of "example.org" the whole mail address."""
    start, end = span.start, span.end
    while start and PART_OF_WORD.fullmatch(text[start - 1 : start + 1]):
        start -= 1
    while end < len(text) and PART_OF_WORD.fullmatch(text[end - 1 : end + 1]):
        end += 1
    return replace(span, start=start, end=end)


def is_title(entry: Evidence, span: AnswerSpan) -> bool:
    """Whether words stand in a heading, which names what is told below it."""
    text = entry.region.text
    line = text[text.rfind("\n", 0, span.start) + 1 : span.start] + text[span.start : span.end].splitlines()[0]
    return line.lstrip().startswith("#") or (line.isupper() and len(line) > LOUD)


def quote_around(text: str, span: AnswerSpan) -> str:
    """The sentence or the row around some words, the head of its table before a row, and what follows while short."""
    first, last = locate_around(text, span)
    quoted = join_wrapped(text[first:last])
    if len(quoted) > letters_of(quoted, MOST):
        return cut_around(text, span, first, last)
    if ROW.search(text[first:last].splitlines()[0]):
        head = head_of_table(text, first)
        return f"{head} / {quoted}" if head and head != quoted else quoted
    start, end = next((piece for piece in locate_pieces(text) if piece[0] >= last), (last, last))
    if start == end or len(quoted) >= letters_of(quoted, FOLLOW):
        return quoted
    apart = "\n" in text[last:start] or ROW.search(text[start:end])
    long = len(quoted) + end - start > letters_of(quoted, MOST)
    return quoted if apart or long else join_sentences([quoted, join_wrapped(text[start:end])])


def cut_around(text: str, span: AnswerSpan, first: int, last: int) -> str:
    """The lines of a long piece that some words stand in, or as much around them as is quoted."""
    start = max(first, text.rfind("\n", 0, span.start) + 1)
    found = text.find("\n", span.end)
    end = min(last, found if found >= 0 else last)
    most = letters_of(text[start:end], MOST)
    if end - start <= most:
        return join_wrapped(text[start:end])
    begin = max(start, min(span.start - most // 3, end - most))
    stop = min(end, begin + most)
    kept = join_wrapped(text[begin:stop])
    return f"{'...' if begin > start else ''}{kept}{'...' if stop < end else ''}"


def locate_around(text: str, span: AnswerSpan) -> tuple[int, int]:
    """First letter and end of the sentences or rows that some words stand in."""
    own = [(start, end) for start, end in locate_pieces(text) if start < span.end and end > span.start]
    return (own[0][0], own[-1][1]) if own else (span.start, span.end)


def join_wrapped(text: str) -> str:
    """Lines that were wrapped as one."""
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def locate_pieces(text: str) -> list[tuple[int, int]]:
    """First letter and end of each sentence; a row, an item and a heading are one each, whatever stands in them."""
    found: list[tuple[int, int]] = []
    start = at = 0
    for line in [*text.splitlines(keepends=True), ""]:
        alone = bool(ROW.search(line) or HEADING.search(line)) or not line.strip()
        if alone:
            found += locate_sentences(text, start, at)
            if line.strip():
                found.append((at, at + len(line.rstrip())))
            start = at + len(line)
        at += len(line)
    return found


def head_of_table(text: str, at: int) -> str:
    """The first row of the table that the row at this letter belongs to."""
    row = text[at:].splitlines()[0]
    mark = next((mark for mark in BETWEEN_CELLS if mark in row), "")
    first = ""
    for line in reversed(text[:at].splitlines()):
        if not mark or line.count(mark) != row.count(mark):
            break
        first = line.strip() if re.search(r"\w", line) else first
    return first


def write_claim(answer: ReadAnswer, act: Act, number: int, language: str, *, lead: bool = True) -> Claim:
    """As a sentence with its place, in the language of whoever asked; before it, with `lead`, the words that answer."""
    quoted = quotable(answer.quotation, MOST)
    said = translate_own(f'{place(answer.entry.region, named=False)} says: "{quoted}"', language)
    words = lead_of(answer, act, language) if lead else ""
    return Claim(f"{words}{say('count.colon', language)}{said}" if words else said, (number,), answer.said)


def lead_of(answer: ReadAnswer, act: Act, language: str) -> str:
    """What is told before the quotation: yes or no, or the words that answer where they are short."""
    if act.form == "yes_no":
        return decide(answer, act, language)
    words = quotable(answer.text, MOST).strip(" .,;:|\u3002\uff0c\uff1b\uff1a")
    short = SHORT_WIDE if HAN.search(words) else SHORT
    return words if words and len(words) <= short and len(words) < len(answer.quotation) else ""


def decide(answer: ReadAnswer, act: Act, language: str) -> str:
    """ "No" where the clause that decides says so plainly; else nothing: the clause itself is the answer."""
    clause, asked = answer.clause, act.text
    shared = {singular(word) for word in content(clause)} & {singular(word) for word in content(asked)}
    plain = FORBIDS.search(clause) and not ONLY_IF.search(clause) and not DENIES.search(asked)
    if not plain or not (shared or HAN.search(asked)):
        return ""
    return say("document.not_allowed" if MAY.search(act.text) else "document.no", language)


def draft_reading(answer: ReadAnswer, act: Act, language: str, *, lead: bool = True) -> Draft:
    """The words that answer, with their place; without `lead` their sentence alone."""
    return Draft(
        claims=(write_claim(answer, act, 1, language, lead=lead),),
        evidence=(replace(answer.entry, number=1),),
        chance=answer.said * (LEAST_WORDS + (1 - LEAST_WORDS) * answer.chance),
        grounds="read",
    )
