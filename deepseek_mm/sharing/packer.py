"""A conversation of the history becomes a parcel: numbers of rows and secrets left out, pictures put in."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deepseek_mm.errors import BadFile
from deepseek_mm.history import Conversation, Corrected, Turn
from deepseek_mm.parse.links import open_plain
from deepseek_mm.sharing.files import PhotoCopies, same_name, sha256
from deepseek_mm.sharing.parcel import (
    Parcel,
    SharedAnswer,
    SharedCheck,
    SharedCitation,
    SharedCorrection,
    SharedLabel,
    SharedPhoto,
    SharedPicture,
    SharedSource,
    SharedSymbol,
    SharedTurn,
)
from deepseek_mm.sharing.privacy import allowed_settings, remove_coordinates
from deepseek_mm.types import Answer, Check, Citation
from index import Source
from index.region import UPLOADS


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
        return SharedTurn(
            asked_at=turn.asked_at,
            question=turn.question,
            picture=first if first.name or first.file else None,
            more=tuple(self._picture(name, path) for name, path in turn.more),
            answer=self._answer(turn.answer),
            rating=turn.rating,
            corrected=tuple(correction(each) for each in turn.boxes),
            settings=allowed_settings(turn.settings),
            fingerprint=turn.fingerprint,
            about=turn.about,
            right=turn.right,
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
        return SharedAnswer(
            text=answer.text,
            state="stopped" if answer.state == "running" else answer.state,  # as far as it has come
            model=answer.model,
            seconds=answer.seconds,
            confidence=answer.confidence,
            found=answer.found,
            citations=tuple(self._citation(each) for each in answer.citations),
            checks=tuple(check(each) for each in answer.checks),
        )

    def _citation(self, citation: Citation) -> SharedCitation:
        region = citation.region
        return SharedCitation(
            number=citation.number,
            score=citation.score,
            source=self._source(region.source),
            kind=region.kind,  # type: ignore[arg-type]  # pydantic looks at the word itself
            box_px=region.box_px,
            labels=tuple(SharedLabel(name=label.name, score=label.score) for label in region.labels),
            colours=region.colours,
            text=region.text,
            page=region.page,
            lines=region.lines,
            photo=self._photo(citation),
            symbol=SharedSymbol(**asdict(region.symbol)) if region.symbol else None,
        )

    def _source(self, source: Source) -> SharedSource:
        """Where it lies among the uploads is nobody's business, and elsewhere they lie elsewhere."""
        uploaded = source.collection == UPLOADS
        return SharedSource(
            path=same_name(source.name) if uploaded else source.path if self.places else source.name,
            kind=source.kind,  # type: ignore[arg-type]  # as above
            format=source.format,
            collection=source.collection,
            digest=(self._keep_file(source.path) if uploaded else "") or source.digest,
            size_bytes=source.size_bytes,
            modified_ns=source.modified_ns,
            width_px=source.width_px,
            height_px=source.height_px,
            taken_at=source.taken_at,
            latitude=source.latitude if self.places else None,
            longitude=source.longitude if self.places else None,
            note=source.note,
        )

    def _photo(self, citation: Citation) -> SharedPhoto | None:
        """A small copy; an upload's bytes go along whole already."""
        region = citation.region
        copy = None if region.source.collection == UPLOADS else self.album.of_region(region)
        if copy is None:
            return None
        return SharedPhoto(sha256=self._keep(copy.jpeg), of_px=copy.of_px, scale=copy.width_px / copy.of_px[0])


def check(each: Check) -> SharedCheck:
    """A claim."""
    return SharedCheck(claim=each.claim, numbers=each.numbers, kept=each.kept, reason=each.reason)


def correction(each: Corrected) -> SharedCorrection:
    """A box that the user drew."""
    return SharedCorrection(number=each.number, box_px=each.box_px, label=each.label, made_at=each.made_at)
