"""A conversation of the history becomes a parcel, and a parcel becomes turns of the history and files to write.

Out: numbers of rows and secrets are left out, pictures put in. In: nothing is written here, and no path in it is
opened. A path in an imported file is a stranger's word: it only counts where the library knows a file of the same
digest.

A picture that came with a question gets the place that it would have had: DATA/uploads/DIGEST/NAME. A cited photo stays
where it is if the library here knows its bytes; otherwise its small copy takes its place, in DATA/uploads/imported, and
boxes shrink with it. What has neither keeps its text, and a path at which nothing lies.
"""

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC
from pathlib import Path
from typing import Any, TypeVar

from deepseek_mm.errors import BadFile
from deepseek_mm.history import Conversation, Corrected, Turn
from deepseek_mm.history.queries import MOST_RIGHT
from deepseek_mm.parse.document import stat_known
from deepseek_mm.parse.links import open_plain
from deepseek_mm.sharing.files import PhotoCopies, look_at, same_name, sha256
from deepseek_mm.sharing.parcel import (
    Parcel,
    ParcelPart,
    SharedAnswer,
    SharedCheck,
    SharedCitation,
    SharedCorrection,
    SharedLabel,
    SharedPhoto,
    SharedPicture,
    SharedRequest,
    SharedSource,
    SharedSymbol,
    SharedTurn,
)
from deepseek_mm.sharing.privacy import allowed_settings, remove_coordinates
from deepseek_mm.storage.schema import convert
from deepseek_mm.types import Answer, Check, Citation, Request
from index import Box, Label, Region, Source, Symbol
from index.region import UPLOADS
from index.store import RegionStore

Part = TypeVar("Part", bound=ParcelPart)


@dataclass(frozen=True, kw_only=True, slots=True)
class Packer:
    """Packs one conversation."""

    album: PhotoCopies
    places: bool = False  # whether folders, and where photos were taken, go along
    files: dict[str, bytes] = field(default_factory=dict)  # SHA-256 -> bytes, filled on the way

    def pack(self, conversation: Conversation, turns: Iterable[Turn]) -> Parcel:
        """The whole conversation."""
        shared = tuple(self._turn(turn) for turn in turns)
        return Parcel(
            title=conversation.title,
            pinned=conversation.pinned,
            started_at=min(turn.asked_at for turn in shared),  # as whoever adopts the turns will reckon
            last_at=max(turn.asked_at for turn in shared),
            turns=shared,
            files={digest: b64encode(data).decode() for digest, data in sorted(self.files.items())},
        )

    def _turn(self, turn: Turn) -> SharedTurn:
        first = self._picture(turn.image_name, turn.image_path)
        return share(
            SharedTurn,
            turn,
            picture=first if first.name or first.file else None,
            more=tuple(self._picture(name, path) for name, path in turn.more),
            answer=self._answer(turn.answer),
            corrected=tuple(share(SharedCorrection, each) for each in turn.boxes),
            meant=share_request(turn.meant),
            settings=allowed_settings(turn.settings),
        )

    def _picture(self, name: str, path: str) -> SharedPicture:
        digest = self._keep_file(path)
        return SharedPicture(name=name, file=same_name(Path(path).name) if digest else "", sha256=digest)

    def _keep_file(self, path: str) -> str:
        """The digest of a file whose bytes go along; empty where it is gone."""
        try:
            with open_plain(path) as file:
                return self._keep(file.read())
        except (OSError, BadFile):
            return ""

    def _keep(self, data: bytes) -> str:
        data = data if self.places else remove_coordinates(data)
        digest = sha256(data)
        self.files[digest] = data
        return digest

    def _answer(self, answer: Answer) -> SharedAnswer:
        return share(
            SharedAnswer,
            answer,
            state="stopped" if answer.state == "running" else answer.state,  # as far as it has come
            citations=tuple(self._citation(each) for each in answer.citations),
            checks=tuple(share(SharedCheck, each) for each in answer.checks),
            request=share_request(answer.request),
        )

    def _citation(self, citation: Citation) -> SharedCitation:
        region = citation.region
        return share(
            SharedCitation,
            region,
            number=citation.number,
            score=citation.score,
            source=self._source(region.source),
            labels=tuple(share(SharedLabel, label) for label in region.labels),
            photo=self._photo(citation),
            symbol=share(SharedSymbol, region.symbol) if region.symbol else None,
        )

    def _source(self, source: Source) -> SharedSource:
        """Where it lies among the uploads is nobody's business, and elsewhere they lie elsewhere."""
        uploaded = source.collection == UPLOADS
        return share(
            SharedSource,
            source,
            path=same_name(source.name) if uploaded else source.path if self.places else source.name,
            digest=(self._keep_file(source.path) if uploaded else "") or source.digest,
            **({} if self.places else {"latitude": None, "longitude": None}),
        )

    def _photo(self, citation: Citation) -> SharedPhoto | None:
        """A small copy; an upload's bytes go along whole already."""
        region = citation.region
        copy = None if region.source.collection == UPLOADS else self.album.of_region(region)
        if copy is None:
            return None
        return SharedPhoto(sha256=self._keep(copy.jpeg), of_px=copy.of_px, scale=copy.width_px / copy.of_px[0])


def share(part: type[Part], record: object, **changes: Any) -> Part:
    """A part of a parcel with the fields that a record has as well; `changes` are the others."""
    names = [name for name in part.model_fields if name not in changes and hasattr(record, name)]
    return part(**{name: getattr(record, name) for name in names}, **changes)


Here = Callable[[Region], Region | None]


def nowhere(region: Region) -> Region | None:
    """For a machine without a library."""
    return None


def here_in(store: RegionStore) -> Here:
    """The same region as this store knows it: under the same path, or wherever the same bytes lie."""

    def here(region: Region) -> Region | None:
        source = same_source(store, region.source)
        if source is None:
            return None
        known = store.regions_of([source.id]).get(source.id, ())
        same = next((each.id for each in known if same_place(each, region)), 0)
        return replace(region, id=same, source=source)

    return here


def same_source(store: RegionStore, source: Source) -> Source | None:
    """What has the same bytes, if its file is still there."""
    if not source.digest:
        return None
    known = store.source_at(source.path)
    if known is None or known.digest != source.digest:
        known = store.source_with(source.digest)
    return known if known is not None and stat_known(known.path) is not None else None


def same_place(one: Region, other: Region) -> bool:
    """The same rectangle, page and lines, of the same kind."""
    return (one.kind, one.box_px, one.view, one.lines) == (other.kind, other.box_px, other.view, other.lines)


IMPORTED = "imported"
DIGEST_CHARS = 16  # of a folder's name below uploads
COPY_NOTE = "This is a small copy that came with an imported conversation."


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacker:
    """Unpacks one parcel for one library."""

    parcel: Parcel
    uploads: Path  # absolute
    here: Here
    max_pixels: int
    pictures: dict[str, tuple[bytes, Source]] = field(default_factory=dict)  # SHA-256 -> bytes, and what they are
    asked: set[str] = field(default_factory=set)  # SHA-256 of the pictures that came with questions
    files: dict[Path, bytes] = field(default_factory=dict)  # to be written

    def unpack(self) -> list[Turn]:
        """The turns, oldest first; then `files` is filled. BadFile if a picture is missing, damaged or none."""
        for digest, text in self.parcel.files.items():
            data, name = decode_picture(digest, text), f"picture {digest[:8]} of this file"
            self.pictures[digest] = data, look_at(data, name=name, max_pixels=self.max_pixels)
        for turn in self.parcel.turns:
            self.asked.update(each.sha256 for each in (turn.picture, *turn.more) if each)
        return [self._turn(turn) for turn in self.parcel.turns]

    def _turn(self, turn: SharedTurn) -> Turn:
        pictures = [self._picture(each) for each in ((turn.picture, *turn.more) if turn.picture else turn.more)]
        (name, path), more = (pictures[0], pictures[1:]) if turn.picture else (("", ""), pictures)
        placed = [self._citation(each) for each in turn.answer.citations]
        scales = {citation.number: scale for citation, scale in placed}
        return convert(
            turn,
            Turn,
            id=0,
            conversation=0,
            asked_at=turn.asked_at.astimezone(UTC),
            image_name=name,
            image_path=path,
            more=tuple(more),
            answer=answer(turn, tuple(citation for citation, _ in placed)),
            boxes=tuple(
                convert(
                    each,
                    Corrected,
                    box_px=scale_box(each.box_px, scales.get(each.number, 1.0)),
                    made_at=each.made_at.astimezone(UTC),
                )
                for each in turn.corrected
            ),
            settings=allowed_settings(turn.settings),
            right=turn.right[:MOST_RIGHT],
            meant=request_of(turn.meant),
        )

    def _picture(self, picture: SharedPicture) -> tuple[str, str]:
        """Its name, and where it will lie; no place where its bytes did not come along."""
        if not picture.sha256:
            return picture.name, ""
        return picture.name, str(self._place(picture.sha256, picture.file, self.uploads))

    def _place(self, digest: str, name: str, folder: Path) -> Path:
        """Where the bytes will lie. BadFile if they did not come along."""
        if digest not in self.pictures:
            raise BadFile(
                f"this file names the picture {digest[:8]}, but does not hold it. Export the conversation again"
            )
        path = folder / digest[:DIGEST_CHARS] / same_name(name)
        self.files[path] = self.pictures[digest][0]
        return path

    def _citation(self, shared: SharedCitation) -> tuple[Citation, float]:
        """The citation, and by how much its box has shrunk."""
        region = region_of(shared)
        if shared.source.collection == UPLOADS:
            region = self._uploaded_region(region)
        else:
            known = self.here(region)
            if known is None:
                return self._copied_region(shared, region)
            region = known
        return Citation(number=shared.number, region=region, score=shared.score), 1.0

    def _uploaded_region(self, region: Region) -> Region:
        """A region of a picture that came with a question, or of an earlier copy."""
        source = region.source
        if source.digest not in self.pictures:
            return replace(region, source=replace(source, path=str(self._nothing_at(source))))
        folder = self.uploads if source.digest in self.asked else self.uploads / IMPORTED
        moved = replace(region, source=replace(source, path=str(self._place(source.digest, source.path, folder))))
        known = self.here(moved)
        return known if known is not None and known.source.path == moved.source.path else moved

    def _copied_region(self, shared: SharedCitation, region: Region) -> tuple[Citation, float]:
        """The region in the small copy of its photo, if there is one."""
        photo, source = shared.photo, replace(region.source, collection=UPLOADS)
        if photo is None:
            lost = replace(region, source=replace(source, path=str(self._nothing_at(source))))
            return Citation(number=shared.number, region=lost, score=shared.score), 1.0
        path = self._place(photo.sha256, region.source.path, self.uploads / IMPORTED)
        copy = self.pictures[photo.sha256][1]
        scale = copy.width_px / photo.of_px[0]
        source = replace(
            source,
            path=str(path),
            format=copy.format,
            digest=copy.digest,
            size_bytes=copy.size_bytes,
            width_px=copy.width_px if source.kind == "photo" else 0,
            height_px=copy.height_px if source.kind == "photo" else 0,
            note=f"{source.note} {COPY_NOTE}".strip(),
        )
        placed = replace(region, source=source, box_px=scale_box(region.box_px, scale))
        return Citation(number=shared.number, region=placed, score=shared.score), scale

    def _nothing_at(self, source: Source) -> Path:
        """A place for a file that did not come along: its name can be told, and nothing lies there."""
        folder = (source.digest or sha256(source.path.encode()))[:DIGEST_CHARS]
        return self.uploads / IMPORTED / folder / same_name(source.path)


def decode_picture(digest: str, text: str) -> bytes:
    """The bytes of a picture. BadFile if they are not those that were exported."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if sha256(data) != digest:
        raise BadFile(f"the picture {digest[:8]} of this file is damaged. Export the conversation again")
    return data


def region_of(shared: SharedCitation) -> Region:
    """As index.Region, with the path as the file has it."""
    return convert(
        shared,
        Region,
        source=convert(shared.source, Source),
        labels=tuple(convert(label, Label) for label in shared.labels),
        symbol=convert(shared.symbol, Symbol) if shared.symbol else None,
    )


def answer(turn: SharedTurn, citations: tuple[Citation, ...]) -> Answer:
    """As records.Answer."""
    checks = tuple(convert(each, Check) for each in turn.answer.checks)
    return convert(turn.answer, Answer, citations=citations, checks=checks, request=request_of(turn.answer.request))


def request_of(shared: SharedRequest | None) -> Request | None:
    """As records.Request."""
    return Request.of_json(shared.model_dump()) if shared else None


def share_request(request: Request | None) -> SharedRequest | None:
    """How a question was understood, as a part of the parcel."""
    return SharedRequest.model_validate_json(json.dumps(request.as_json())) if request else None


def scale_box(box_px: Box, scale: float) -> Box:
    """The box in a picture that is `scale` times as wide."""
    left, top, right, bottom = (round(edge * scale) for edge in box_px)
    return left, top, right, bottom
