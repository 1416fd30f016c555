"""Chosen files in one ZIP, with a table of what each is."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import LibraryError
from deepseek_mm.records import Citation
from deepseek_mm.serve.shelf_pictures import SAFE
from deepseek_mm.serve.who import needs
from deepseek_mm.serve.wire import Number
from deepseek_mm.services import Services
from deepseek_mm.sharing.chosen import pack_chosen
from index import Region, Source

MOST = 200  # files of one ZIP
PIECE_BYTES = 1 << 20
ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}
ROOM = Path("page") / "zips"  # in the library's folder, which a start empties
GONE = "could not be read any more"


class ZipIn(BaseModel):
    """Which files."""

    model_config = ConfigDict(extra="forbid")

    sources: list[Number] = Field(min_length=1, max_length=MOST, examples=[[7]])
    places: bool = Field(default=False, description="whether found.csv names folders of this machine")


@dataclass(frozen=True, kw_only=True)
class Zipped:
    """Packs files."""

    services: Services
    assistant: Assistant

    def zip(self, asked: ZipIn, caller: Annotated[Caller, needs("ask")]) -> StreamingResponse:
        """The files themselves, and found.csv: path, label, box of each, and which could not be read any more."""
        sources = [self.services.library.find_source(caller, number) for number in dict.fromkeys(asked.sources)]
        leading = self.assistant.store.leading([source.id for source in sources])
        chosen = [cited(number, leading.get(each.id), each) for number, each in enumerate(sources, start=1)]
        room = self.assistant.config.data.absolute() / ROOM
        try:
            picture = self.assistant.picture
            *_, last = pack_chosen(chosen, room, picture=picture, gone=GONE, places=asked.places)
        except OSError as error:
            raise LibraryError(f"the files cannot be packed in {room}: {error}. Free some space there") from error
        assert last.file is not None, "the last one is the file"
        headers = SAFE | {"Content-Disposition": f'attachment; filename="{last.file.name}"'}
        return StreamingResponse(pieces(last.file), media_type="application/zip", headers=headers)


def cited(number: int, region: Region | None, source: Source) -> Citation:
    """A file by what stands for it."""
    whole = region or Region(source=source, kind="whole", box_px=(0, 0, source.width_px, source.height_px))
    return Citation(number=number, region=whole, score=0.0)


def pieces(file: Path) -> Iterator[bytes]:
    """The file bit by bit; then it goes. One that nobody came for goes with a later one, or with the next start."""
    try:
        with file.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
    finally:
        shutil.rmtree(file.parent, ignore_errors=True)


def zip_routes(services: Services, assistant: Assistant) -> APIRouter:
    """Chosen files."""
    zipped, router = Zipped(services=services, assistant=assistant), APIRouter()
    router.post("/library/zip", responses=ZIP, response_class=StreamingResponse)(zipped.zip)
    return router
