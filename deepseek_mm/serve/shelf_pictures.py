"""Pictures and files of the library, as a browser may have them.

A picture is drawn anew as JPEG: whatever an uploaded file claims to be, nothing of it is ever run. The file itself is
only ever a download of plain bytes, never a page of this server.
"""

import hashlib
import io
import threading
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from PIL import Image

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.assistant import Assistant
from deepseek_mm.retrieval.heat import cut
from deepseek_mm.serve.who import needs
from deepseek_mm.serve.wire import Number
from deepseek_mm.services import Services
from deepseek_mm.sharing.names import same_name
from index import Source

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
class Drawn:
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
            data = jpeg(part_of(image, source, page, box), px)
        return Response(data, media_type="image/jpeg", headers=headers)

    def file(self, source: Number, caller: Annotated[Caller, needs("ask")]) -> Response:
        """The file itself, as a download."""
        found = self.services.library.find_source(caller, source)
        return download(self.assistant.original(found), same_name(found.name), "application/octet-stream")


def part_of(image: Image.Image, source: Source, page: int, box: str) -> Image.Image:
    """What lies in the box, which is given in pixels of the whole; all of it without one. BadFile if nothing does."""
    if not box:
        return image
    left, top, right, bottom = map(int, box.split(","))
    return cut(image, (left, top, right, bottom), size_of(image, source, page))


def size_of(image: Image.Image, source: Source, page: int = 0) -> tuple[int, int]:
    """The size in which boxes of it are given: that of the original, of which the image may be a reduced copy."""
    return image.size if page or not source.width_px else (source.width_px, source.height_px)


def jpeg(image: Image.Image, px: int) -> bytes:
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
    drawn, router = Drawn(services=services, assistant=assistant), APIRouter()
    router.get("/library/sources/{source}/picture", responses=JPEG, response_class=Response)(drawn.picture)
    router.get("/library/sources/{source}/file", responses=BYTES, response_class=Response)(drawn.file)
    return router
