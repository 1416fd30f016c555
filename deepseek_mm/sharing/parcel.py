"""The conversation as a file holds it: every field with its type and its bounds, so that reading one is checking it.

These are not the records of the program: those may change with every version, this may not. A change here that an older
program cannot read raises VERSION. Numbers of rows are left out, since they mean nothing on another machine.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime

FORMAT = "deepseek-mm conversation"
VERSION = 2  # 1 knew nothing of code

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
    kind: Literal["whole", "part", "page", "text", "code", "caption"]
    box_px: Box
    labels: tuple[SharedLabel, ...]
    colours: tuple[Name, ...]
    text: Text
    page: Whole
    lines: tuple[Whole, Whole]
    photo: SharedPhoto | None
    symbol: SharedSymbol | None = None


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


class Parcel(ParcelPart):
    """One conversation and every picture it needs."""

    title: Name
    pinned: bool
    started_at: AwareDatetime
    last_at: AwareDatetime
    turns: Annotated[tuple[SharedTurn, ...], Field(min_length=1, max_length=100_000)]
    files: dict[Known, str]  # SHA-256 of the bytes -> the bytes in base64
