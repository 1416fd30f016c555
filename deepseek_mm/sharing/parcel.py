"""The conversation as a file holds it: every field with its type and its bounds, written as bytes and read again.

These are not the records of the program: those may change with every version, this may not. A change here that an older
program cannot read raises VERSION. Numbers of rows are left out, since they mean nothing on another machine.

    {"format": "deepseek-mm conversation", "version": 1, "exported_at": .., "program": .., "sha256": .., "payload": ..}

The sum is taken over the payload in one fixed spelling (keys sorted, no spaces), so a file may be indented anew. It
tells of damage, not of malice: whoever changes a file can change its sum. So everything behind it is checked as well.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime, ValidationError
from pydantic_core import from_json

from deepseek_mm.errors import BadFile
from deepseek_mm.sharing.files import ExportLimits
from deepseek_mm.types import ActForm, ActKind, ActScope, Understanding

FORMAT = "deepseek-mm conversation"
VERSION = 3  # 1 knew nothing of code, 2 nothing of how a question was understood

Name = Annotated[str, Field(max_length=4_096)]
Text = Annotated[str, Field(max_length=4_000_000)]
Digest = Annotated[str, Field(pattern="^(?:[0-9a-f]{64})?$")]  # SHA-256, hexadecimal; empty where there is none
Known = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0, le=2**63 - 1)]  # as far as SQLite counts
Signed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Pixels = Annotated[int, Field(ge=-(10**9), le=10**9)]
Side = Annotated[int, Field(ge=1, le=10**9)]
Box = tuple[Pixels, Pixels, Pixels, Pixels]
Setting = Name | Signed | float | bool | None


class ParcelPart(BaseModel):
    """What all parts share: nothing is converted, nothing unknown is let in."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class SharedLabel(ParcelPart):
    """As index.Label."""

    name: Name
    score: float


class SharedSource(ParcelPart):
    """As index.Source. Of a picture that came with a question `path` is only its name."""

    path: Name
    kind: Literal["photo", "document", "code"]
    format: Name
    collection: Name
    digest: Digest
    size_bytes: Whole
    modified_ns: Signed
    width_px: Whole
    height_px: Whole
    taken_at: NaiveDatetime | None
    latitude: float | None
    longitude: float | None
    note: Text
    duration_ms: Whole = 0


class SharedPhoto(ParcelPart):
    """The small copy of a cited photo; boxes are in pixels of a picture `of_px` large."""

    sha256: Known  # where its bytes stand in Parcel.files
    of_px: tuple[Side, Side]  # width, height
    scale: float  # the copy's width through that width


class SharedSymbol(ParcelPart):
    """As index.Symbol."""

    name: Name
    parent: Name
    kind: Name
    signature: Text
    doc: Text
    calls: Annotated[tuple[Name, ...], Field(max_length=10_000)]


class SharedCitation(ParcelPart):
    """As records.Citation, with the whole region."""

    number: Whole
    score: float
    source: SharedSource
    kind: Literal["whole", "part", "page", "text", "code", "caption", "name", "note"]
    box_px: Box
    labels: tuple[SharedLabel, ...]
    colours: tuple[Name, ...]
    text: Text
    page: Whole
    lines: tuple[Whole, Whole]
    photo: SharedPhoto | None
    symbol: SharedSymbol | None = None
    at_ms: Whole = 0


class SharedCheck(ParcelPart):
    """As records.Check."""

    claim: Text
    numbers: tuple[Whole, ...]
    kept: bool
    reason: Text


class SharedCorrection(ParcelPart):
    """As history.Corrected."""

    number: Whole
    box_px: Box
    label: Name
    made_at: AwareDatetime


class SharedPicture(ParcelPart):
    """A picture that came with a question."""

    name: Name  # as the user knows it
    file: Name  # as it was kept; empty where its bytes are gone
    sha256: Digest  # where its bytes stand in Parcel.files


class SharedFilters(ParcelPart):
    """As records.ActFilters."""

    date: Text = ""
    place: Text = ""
    colour: Text = ""
    kind: Text = ""
    collection: Text = ""
    file: Text = ""
    label: Text = ""


class SharedAct(ParcelPart):
    """As records.Act."""

    kind: ActKind
    text: Text
    subject: Text
    other: Text
    attribute: Name
    scope: ActScope
    filters: SharedFilters
    form: ActForm
    reference: Text
    chance: float


class SharedRequest(ParcelPart):
    """As records.Request: how a question was understood."""

    acts: Annotated[tuple[SharedAct, ...], Field(max_length=1_000)]
    language: Name
    chance: float
    by: Understanding


class SharedAnswer(ParcelPart):
    """As records.Answer."""

    text: Text
    state: Literal["done", "stopped", "failed"]
    model: Name
    seconds: float
    confidence: float | None
    found: bool
    citations: Annotated[tuple[SharedCitation, ...], Field(max_length=1_000)]
    checks: Annotated[tuple[SharedCheck, ...], Field(max_length=10_000)]
    request: SharedRequest | None = None


class SharedTurn(ParcelPart):
    """As history.Turn."""

    asked_at: AwareDatetime
    question: Text
    picture: SharedPicture | None
    more: Annotated[tuple[SharedPicture, ...], Field(max_length=1_000)]
    answer: SharedAnswer
    rating: Literal["", "up", "down"]
    corrected: Annotated[tuple[SharedCorrection, ...], Field(max_length=10_000)]
    settings: dict[Name, dict[Name, Setting]]
    fingerprint: Name
    about: Literal["photos", "code"] = "photos"
    right: Name = ""
    meant: SharedRequest | None = None


class Parcel(ParcelPart):
    """One conversation and every picture it needs."""

    title: Name
    pinned: bool
    started_at: AwareDatetime
    last_at: AwareDatetime
    turns: Annotated[tuple[SharedTurn, ...], Field(min_length=1, max_length=100_000)]
    files: dict[Known, str]  # SHA-256 of the bytes -> the bytes in base64


HEAD = {"format", "version", "exported_at", "program", "sha256", "payload"}
AGAIN = "Export the conversation again where it came from"
DAMAGED = "this file is damaged or was changed: its contents do not fit its sha256. Copy it again, or export it anew"


def write(parcel: Parcel, *, program: str, now: datetime, limits: ExportLimits) -> bytes:
    """The same parcel gives the same bytes but for `exported_at`. BadFile when they would be too many."""
    payload = parcel.model_dump(mode="json")
    head = {"format": FORMAT, "version": VERSION, "exported_at": now.astimezone(UTC).isoformat(), "program": program}
    whole = head | {"sha256": checksum(payload), "payload": payload}
    data = json.dumps(whole, ensure_ascii=False, indent=1).encode() + b"\n"
    if len(data) > limits.max_bytes:
        raise BadFile(
            f"this conversation and its pictures make {len(data):,} bytes, and a file holds at most "
            f"{limits.max_bytes:,}. Export it as HTML, or back up the whole library"
        )
    return data


def read(data: bytes, *, limits: ExportLimits) -> Parcel:
    """What `write` wrote. BadFile says what is wrong with anything else."""
    if len(data) > limits.max_bytes:
        raise BadFile(
            f"this file has {len(data):,} bytes, and at most {limits.max_bytes:,} are read. "
            "Restore a backup instead, or export a shorter conversation"
        )
    payload = open_payload(parse_object(data))
    try:
        return Parcel.model_validate_json(canonical(payload))
    except ValidationError as error:
        raise BadFile(f"this file holds what no export writes: {first_fault(error)}. {AGAIN}") from None


def parse_object(data: bytes) -> dict[str, Any]:
    """Any JSON object. BadFile for what is none, or is nested beyond reason."""
    try:
        whole = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        why = f"this file is no whole JSON: {error}. Copy it again, or choose one that was exported as JSON"
        raise BadFile(why) from None
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise BadFile(
            "this file is JSON, but no conversation of this program. Choose one that was exported as JSON from History"
        )
    return whole


def open_payload(whole: dict[str, Any]) -> Any:
    """The payload, if it is of a version that is known and as it was written."""
    version = whole.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadFile(f"this file names {version!r:.40} as its version, which is no number of one. {AGAIN}")
    if version > VERSION:
        raise BadFile(
            f"this file was written by a newer version of the program (its format is {version}; up to {VERSION} is "
            "known here). Update with: pip install -U deepseek-mm"
        )
    if set(whole) != HEAD:
        odd = ", ".join(sorted(f"{key:.40}" for key in set(whole) ^ HEAD))
        raise BadFile(f"this file lacks, or has beside what belongs there: {odd}. {AGAIN}")
    if checksum(whole["payload"]) != whole["sha256"]:
        raise BadFile(DAMAGED)
    return whole["payload"]


def canonical(payload: Any) -> bytes:
    """The one spelling that the sum is taken over."""
    try:
        return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except ValueError as error:  # a number of thousands of digits
        raise BadFile(f"this file holds what no export writes: {error}. {AGAIN}") from None


def checksum(payload: Any) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(canonical(payload)).hexdigest()


def first_fault(error: ValidationError) -> str:
    """Where, and what is wrong there; never the value, which may be long."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step)[:40] for step in fault["loc"]) or "payload"
    return f"{place}: {fault['msg']}"
