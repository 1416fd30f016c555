"""Pictures and files of the library, one by one or in a ZIP.

A picture is drawn anew as JPEG: whatever an uploaded file claims to be, nothing of it is ever run. The file itself is
only ever a download of plain bytes, never a page of this server.
"""

import hashlib
import io
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.route_parameters import needs
from deepseek_mm.api.schemas import Number
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import LibraryError
from deepseek_mm.retrieval.search import cut
from deepseek_mm.services import Services
from deepseek_mm.sharing.files import same_name
from deepseek_mm.sharing.zip_export import pack_chosen
from deepseek_mm.types import Citation
from index import Region, Source

AT_ONCE = 2  # pictures that are decoded at the same time: each takes a processor and up to 300 MB
QUALITY = 85  # of a JPEG
MOST_PX = 4096  # longest side
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-cache",  # kept by the browser, which asks each time whether it is still right
}
BOX = r"^\d{1,6},\d{1,6},\d{1,6},\d{1,6}$"
Box = Annotated[str, Query(pattern=BOX, description="only this part: left,top,right,bottom in its own pixels")]
Px = Annotated[int, Query(ge=16, le=MOST_PX, description="longest side")]
PageNumber = Annotated[int, Query(ge=0, le=1_000_000, description="of a document, from 1")]
JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}},
    304: {"description": "the browser has it already"},
}
BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


@dataclass(frozen=True, kw_only=True)
class PictureEndpoints:
    """Draws pictures."""

    services: Services
    assistant: Assistant
    turn: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))

    def picture(
        self,
        request: Request,
        source: Number,
        caller: Annotated[Caller, needs("ask")],
        page: PageNumber = 0,
        px: Px = 1024,
        box: Box | None = None,
    ) -> Response:
        """A photo, or a page of a document, upright."""
        found = self.services.library.find_source(caller, source)
        return self.answer(request, found, (page, px, box or ""))

    def answer(self, request: Request, source: Source, how: tuple[int, int, str]) -> Response:
        """The JPEG; or only that the browser has it. `how`: page, longest side, box. NothingThere, BadFile."""
        page, px, box = how
        tag = f'"{hashlib.sha256(f"{source.digest}{how}".encode()).hexdigest()[:32]}"'
        headers = SAFE | {"ETag": tag}
        if source.digest and tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        with self.turn:
            image = self.assistant.picture(source, page)
            data = encode_jpeg(crop_part(image, source, page, box), px)
        return Response(data, media_type="image/jpeg", headers=headers)

    def file(self, source: Number, caller: Annotated[Caller, needs("ask")]) -> Response:
        """The file itself, as a download."""
        found = self.services.library.find_source(caller, source)
        return download(self.assistant.original(found), same_name(found.name), "application/octet-stream")


def crop_part(image: Image.Image, source: Source, page: int, box: str) -> Image.Image:
    """What lies in the box, which is given in pixels of the whole; all of it without one. BadFile if nothing does."""
    if not box:
        return image
    left, top, right, bottom = map(int, box.split(","))
    return cut(image, (left, top, right, bottom), size_of(image, source, page))


def size_of(image: Image.Image, source: Source, page: int = 0) -> tuple[int, int]:
    """The size in which boxes of it are given: that of the original, of which the image may be a reduced copy."""
    return image.size if page or not source.width_px else (source.width_px, source.height_px)


def encode_jpeg(image: Image.Image, px: int) -> bytes:
    """With a longest side of at most `px`."""
    small = image.convert("RGB")
    small.thumbnail((px, px))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def download(data: bytes, name: str, media_type: str) -> Response:
    """Bytes that a browser saves and never shows; the name is safe on every system."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_").replace("\\", "_")
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Response(data, media_type=media_type, headers=SAFE | {"Content-Disposition": named})


def picture_routes(services: Services, assistant: Assistant) -> APIRouter:
    """Pictures and files."""
    drawn, router = PictureEndpoints(services=services, assistant=assistant), APIRouter()
    router.get("/library/sources/{source}/picture", responses=JPEG, response_class=Response)(drawn.picture)
    router.get("/library/sources/{source}/file", responses=BYTES, response_class=Response)(drawn.file)
    return router


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
class ZipEndpoints:
    """Packs files."""

    services: Services
    assistant: Assistant

    def zip(self, asked: ZipIn, caller: Annotated[Caller, needs("ask")]) -> StreamingResponse:
        """The files themselves, and found.csv: path, label, box of each, and which could not be read any more."""
        sources = [self.services.library.find_source(caller, number) for number in dict.fromkeys(asked.sources)]
        leading = self.assistant.store.leading([source.id for source in sources])
        chosen = [cite_source(number, leading.get(each.id), each) for number, each in enumerate(sources, start=1)]
        room = self.assistant.config.data.absolute() / ROOM
        try:
            picture = self.assistant.picture
            *_, last = pack_chosen(chosen, room, picture=picture, gone=GONE, places=asked.places)
        except OSError as error:
            raise LibraryError(f"the files cannot be packed in {room}: {error}. Free some space there") from error
        assert last.file is not None, "the last one is the file"
        headers = SAFE | {"Content-Disposition": f'attachment; filename="{last.file.name}"'}
        return StreamingResponse(read_pieces(last.file), media_type="application/zip", headers=headers)


def cite_source(number: int, region: Region | None, source: Source) -> Citation:
    """A file by what stands for it."""
    whole = region or Region(source=source, kind="whole", box_px=(0, 0, source.width_px, source.height_px))
    return Citation(number=number, region=whole, score=0.0)


def read_pieces(file: Path) -> Iterator[bytes]:
    """The file bit by bit; then it goes. One that nobody came for goes with a later one, or with the next start."""
    try:
        with file.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
    finally:
        shutil.rmtree(file.parent, ignore_errors=True)


def zip_routes(services: Services, assistant: Assistant) -> APIRouter:
    """Chosen files."""
    zipped, router = ZipEndpoints(services=services, assistant=assistant), APIRouter()
    router.post("/library/zip", responses=ZIP, response_class=StreamingResponse)(zipped.zip)
    return router
