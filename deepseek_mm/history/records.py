"""What the history gives back, and how it becomes rows and is read from them. Nobody outside sees a database row."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
from sqlalchemy import Select, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session, selectinload

from deepseek_mm.history.tables import CheckRow, CitationRow, ConversationRow, CorrectionRow, HistoryBase, TurnRow
from deepseek_mm.stage_clock import AnswerTimeline
from deepseek_mm.storage.schema import convert
from deepseek_mm.types import (
    About,
    Answer,
    Check,
    Citation,
    ReaderLook,
    Request,
    Said,
    Trace,
    Utterance,
    Verdict,
    Worked,
)
from index import Box, Label, Region, Source, Symbol

Rating = Literal["", "up", "down"]
RATINGS: tuple[Rating, ...] = ("", "up", "down")


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """A row of the list of conversations."""

    id: int
    title: str  # the first question, shortened, or the name that the user gave
    started_at: datetime  # UTC
    last_at: datetime  # UTC; when its newest question was asked
    num_turns: int
    pinned: bool = False  # stands above the others
    parent: int = 0  # the conversation that it was branched off, which may be gone by now; 0: none


@dataclass(frozen=True, kw_only=True, slots=True)
class Corrected:
    """A box that the user drew right."""

    number: int  # of the citation whose box was wrong
    box_px: Box  # in the same pixels as the box that was wrong
    label: str  # what it is, in the user's words; empty: the label was right
    made_at: datetime  # UTC


IMPORTED = "imported"  # in the settings of a turn that came out of a file


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One question and its answer, whole or as far as it came."""

    id: int
    conversation: int
    asked_at: datetime  # UTC
    question: str
    image_name: str  # the upload's file name, as the user knows it; empty without a picture
    image_path: str  # where the upload lies; empty without a picture
    answer: Answer  # `state` tells whether it is whole
    settings: dict[str, Any]  # of the run that answered
    fingerprint: str  # of the models that answered
    more: tuple[tuple[str, str], ...] = ()  # name and path of each further picture
    rating: Rating = ""  # what the user thinks of the answer
    boxes: tuple[Corrected, ...] = ()  # newest last
    about: About = "photos"  # what the question was asked of
    right: str = ""  # what the answer should have been, in the user's words; empty: nothing was said of that
    meant: Request | None = None  # as what the question should have been understood; None: nothing was said of that

    @property
    def is_foreign(self) -> bool:
        """Whether it was not answered here: it came with the question, or out of a file."""
        return not self.id or bool(self.settings.get(IMPORTED))


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """A search that was saved under a name."""

    id: int
    name: str
    text: str
    filters: tuple[tuple[str, str], ...] = ()  # name of a filter of the page, and what was typed there


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasedHistory:
    """What was deleted of one session."""

    session_hash: str
    conversations: int
    turns: int
    searches: int
    uploads: frozenset[str]  # paths of pictures that its turns named
    questions: tuple[str, ...]  # that nobody else has asked, the longest first


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerRows:
    """An answer as columns of its turn and of the rows that hang on it. Numbers may come from numpy; here are plain
    ones.
    """

    turn: dict[str, Any]
    citations: list[dict[str, Any]]
    checks: list[dict[str, Any]]


ANSWER_FIELDS = ("text", "found", "state", "model", "confidence", "seconds")  # columns of a turn
QUESTION_FIELDS = ("asked_at", "question", "image_name", "image_path", "settings", "fingerprint")
TURN_FIELDS = (*QUESTION_FIELDS, "rating", "about", "right")
SOURCE_FIELDS = tuple(field.name for field in fields(Source) if field.name not in ("id", "kind", "leader"))
SIDES = ("left_px", "top_px", "right_px", "bottom_px")
LINES = ("first_line", "last_line")


def plain(value: Any) -> Any:
    """A number of numpy's as one of Python's; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def columns(record: object, *names: str, **renamed: str) -> dict[str, Any]:
    """Column -> what is kept there of a record: fields of the columns' names, and those that are called otherwise."""
    kept = {name: name for name in names} | renamed
    return {column: plain(getattr(record, name)) for name, column in kept.items()}


def spread_out(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """The columns that one field is kept in together."""
    return dict(zip(names, map(plain, values), strict=True))


def answer_to_rows(answer: Answer) -> AnswerRows:
    """What is kept of it."""
    return AnswerRows(
        turn=columns(answer, *ANSWER_FIELDS)
        | {"request": request_values(answer.request), "inside": inside_values(answer)},
        citations=[_citation_values(citation) for citation in answer.citations],
        checks=[
            columns(check, "claim", "kept", "reason") | {"numbers": list(map(plain, check.numbers))}
            for check in answer.checks
        ],
    )


def rows_to_answer(turn: TurnRow) -> Answer:
    """The Answer that `turn` holds, with its ids filled in."""
    return Answer(
        **{name: getattr(turn, name) for name in ANSWER_FIELDS},
        citations=tuple(_citation(row) for row in turn.citations),
        checks=tuple(convert(row, Check, numbers=tuple(row.numbers)) for row in turn.checks),
        conversation=turn.conversation_id,
        turn=turn.id,
        request=read_request(turn.request),
        **read_inside(turn.inside),
    )


def request_values(request: Request | None) -> dict[str, Any] | None:
    """What is kept of it."""
    return request.as_json() if request else None


def read_request(kept: dict[str, Any] | None) -> Request | None:
    """The Request that was kept."""
    return Request.of_json(kept) if kept else None


HEAT_DIGITS = 5  # of a cell's share of all looks


def inside_values(answer: Answer) -> dict[str, Any] | None:
    """What is kept of how its words and its look at a photo came about; None where there is nothing."""
    kept: dict[str, Any] = {}
    if answer.utterances:
        kept["utterances"] = [asdict(each) for each in answer.utterances]
    if answer.looked:
        heat = [[round(share, HEAT_DIGITS) for share in row] for row in answer.looked.heat]
        kept["looked"] = asdict(answer.looked) | {"heat": heat}
    if answer.verdict:
        kept["verdict"] = plain_values(replace(answer.verdict, heat=()))
    if answer.worked:
        kept["worked"] = plain_values(answer.worked)
    if answer.timeline:
        kept["timeline"] = answer.timeline.without_left_out().as_json()
    return kept or None


def read_inside(kept: dict[str, Any] | None) -> dict[str, Any]:
    """The fields of an Answer that were kept so."""
    told = kept or {}
    looked, verdict, worked = (told.get(name) for name in ("looked", "verdict", "worked"))
    return {
        "utterances": tuple(read_utterance(each) for each in told.get("utterances", ())),
        "looked": ReaderLook(**looked | {"things": tuple(looked["things"]), "heat": tuple(map(tuple, looked["heat"]))})
        if looked
        else None,
        "verdict": Verdict(**verdict | {"said": tuple(Said(**each) for each in verdict["said"]), "heat": ()})
        if verdict
        else None,
        "worked": Worked(**worked | {"steps": tuple(map(tuple, worked["steps"]))}) if worked else None,
        "timeline": AnswerTimeline.of_json(told["timeline"]) if told.get("timeline") else None,
    }


def plain_values(record: Verdict | Worked) -> dict[str, Any]:
    """Its fields as JSON knows them; numbers may come from numpy."""
    fields_of: dict[str, Any] = json.loads(json.dumps(asdict(record), default=plain))
    return fields_of


def read_utterance(kept: dict[str, Any]) -> Utterance:
    """What a model wrote, as it was kept."""
    trace: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in kept["trace"].items()
    }
    prompt = tuple((role, text) for role, text in kept["prompt"])
    return Utterance(prompt=prompt, text=kept["text"], trace=Trace(**trace))


def turn_row(turn: Turn, conversation: int) -> TurnRow:
    """A finished turn as a new row of `conversation`."""
    frozen = answer_to_rows(turn.answer)
    return TurnRow(
        conversation_id=conversation,
        owner_pid=0,  # nobody is answering it any more
        owner_started="",
        more=[list(picture) for picture in turn.more],
        corrections=[correction_row(box) for box in turn.boxes],
        citations=[CitationRow(**values) for values in frozen.citations],
        checks=[CheckRow(**values) for values in frozen.checks],
        meant=request_values(turn.meant),
        **columns(turn, *TURN_FIELDS),
        **frozen.turn,
    )


def row_to_turn(row: TurnRow) -> Turn:
    """The Turn that `row` holds."""
    return Turn(
        **{name: getattr(row, name) for name in ("id", *TURN_FIELDS)},
        conversation=row.conversation_id,
        answer=rows_to_answer(row),
        more=tuple((name, path) for name, path in row.more),
        boxes=tuple(correction(box) for box in row.corrections),
        meant=read_request(row.meant),
    )


def _citation_values(citation: Citation) -> dict[str, Any]:
    region = citation.region
    return {
        **columns(citation, "number", "score"),
        **columns(region, "page", "at_ms", id="region_id", kind="region_kind", text="region_text"),
        **columns(region.source, *SOURCE_FIELDS, id="source_id", kind="source_kind"),
        **spread_out(SIDES, region.box_px),
        **spread_out(LINES, region.lines),
        "labels": [[label.name, plain(label.score)] for label in region.labels],
        "colours": list(region.colours),
        "symbol": asdict(region.symbol) if region.symbol else None,
    }


def _citation(row: CitationRow) -> Citation:
    region = convert(
        row,
        Region,
        id=row.region_id,
        source=convert(row, Source, id=row.source_id, kind=row.source_kind),
        kind=row.region_kind,
        box_px=_box(row),
        labels=tuple(Label(name=name, score=score) for name, score in row.labels),
        colours=tuple(row.colours),
        text=row.region_text,
        lines=(row.first_line, row.last_line),
        symbol=Symbol(**row.symbol | {"calls": tuple(row.symbol["calls"])}) if row.symbol else None,
    )
    return Citation(number=row.number, region=region, score=row.score)


def _box(row: CitationRow | CorrectionRow) -> Box:
    return row.left_px, row.top_px, row.right_px, row.bottom_px


TITLE_CHARS = 60  # of a question that becomes a title
NAME_CHARS = 200  # of a title that the user gives
STATE = select(TurnRow.state).where(TurnRow.id == bindparam("turn"))
ANSWERED = update(TurnRow).where(TurnRow.id == bindparam("turn"))
PARTS = (TurnRow.citations, TurnRow.checks, TurnRow.corrections)


def correction_row(corrected: Corrected) -> CorrectionRow:
    """A corrected box as it is kept."""
    told = columns(corrected, "number", "label", "made_at")
    return CorrectionRow(**told, **spread_out(SIDES, corrected.box_px))


def correction(row: CorrectionRow) -> Corrected:
    """The corrected box that `row` holds."""
    return convert(row, Corrected, box_px=_box(row))


def read(session: Session, query: Select[Any]) -> list[Turn]:
    """The turns that a query finds, whole: one more query for each kind of part, however many turns there are."""
    return [row_to_turn(row) for row in session.scalars(query.options(*(selectinload(part) for part in PARTS)))]


def page(conversation: int, last: int | None, before: int | None) -> Select[Any]:
    """The conversation's turns with an id below `before`, of these the `last` newest; newest first."""
    query = select(TurnRow).where(TurnRow.conversation_id == conversation).order_by(TurnRow.id.desc())
    return (query if before is None else query.where(TurnRow.id < before)).limit(last)


def write(session: Session, thread: ConversationRow, turns: Iterable[Turn]) -> int:
    """Keep a new conversation with copies of `turns`, which are over from now on: its id."""
    session.add(thread)
    session.flush()
    for turn in turns:
        over = replace(turn.answer, state="stopped") if turn.answer.state == "running" else turn.answer
        session.add(turn_row(replace(turn, answer=over), thread.id))
    return thread.id


def begun_before(session: Session, turn: Mapping[str, Any]) -> tuple[int, int] | None:
    """(conversation, turn) of the turn that the same task began earlier, empty and running again; None of none."""
    if not turn["task"]:
        return None
    row = session.scalar(select(TurnRow).where(TurnRow.task == turn["task"]))
    if row is None:
        return None
    row.state, row.text, row.citations, row.checks = turn["state"], "", [], []
    row.owner_pid, row.owner_started = turn["owner_pid"], turn["owner_started"]
    return row.conversation_id, row.id


def insert_row(session: Session, table: type[HistoryBase], values: Mapping[str, Any]) -> int:
    """Write a new row at once: its id. By the connection, as no row is kept track of that nobody changes any more."""
    made = session.connection().execute(insert(table), dict(values)).inserted_primary_key
    return int(made[0]) if made else 0


def store_answer(session: Session, turn: int, frozen: AnswerRows) -> None:
    """Keep the turn's answer in place of what was there; nothing happens if the turn is gone."""
    connection = session.connection()
    state = connection.execute(STATE, {"turn": turn}).scalar()
    if state is None:
        return
    connection.execute(ANSWERED, {"turn": turn} | frozen.turn)
    for table, values in ((CitationRow, frozen.citations), (CheckRow, frozen.checks)):
        if state != "running":  # a running one has none yet
            connection.execute(delete(table).where(table.turn_id == turn))
        if values:
            connection.execute(insert(table), [each | {"turn_id": turn} for each in values])


def title_of(question: str, chars: int = TITLE_CHARS) -> str:
    """The question on one line, cut at a word when it is longer than `chars`."""
    line = " ".join(question.split())
    if len(line) <= chars:
        return line
    head = line[: chars - 3]
    words = head.rpartition(" ")[0]
    return (words if len(words) > chars // 2 else head).rstrip(" ,.;:") + "..."
