"""/library: its numbers, its sources and what is known of one, and their pictures and files, one by one or in a ZIP.

A picture is drawn anew as JPEG: whatever an uploaded file claims to be, nothing of it is ever run. The file itself is
only ever a download of plain bytes, never a page of this server.
"""

import hashlib
import io
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from PIL import Image
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, OurAssistant, OurServices, Page, Paged, Where
from deepseek_mm.api.schemas import Body, Number, RegionOut, SourceOut, Text
from deepseek_mm.assistant import Assistant
from deepseek_mm.library.backup import size_of as folder_size
from deepseek_mm.parse.document import open_original
from deepseek_mm.retrieval.heat import cut
from deepseek_mm.services.streaming import stream_file
from deepseek_mm.sharing.files import same_name
from index import LIBRARY, Region, Source
from index.region import Order

MOST_LABELS = 50  # that are counted


class CountOut(BaseModel):
    """A name, and how many files it stands for."""

    name: Text = Field(examples=["kite"])
    sources: int = Field(examples=[3])


class LibraryOut(BaseModel):
    """How much the library holds."""

    photos: int = Field(examples=[40])
    documents: int
    code: int
    regions: int = Field(examples=[240])
    size_bytes: int = Field(description="of the library's folder, which does not hold the photos themselves")
    labels: list[CountOut] = Field(description="the commonest, commonest first")
    formats: list[CountOut] = Field(description="types of files, commonest first")
    collections: list[CountOut] = Field(description="by name")
    busy: bool = Field(description="whether something is being done, or waits; see /library/jobs")


class ListedOut(SourceOut):
    """A file in a list."""

    region: RegionOut | None = Field(description="what stands for it: the whole picture, or what was added first")


class ExposureOut(BaseModel):
    """With what a photo was taken, and how; empty or null where its file does not say."""

    camera: Text = Field(description="maker and model", examples=["Canon EOS R5"])
    lens: Text
    seconds: float | None = Field(description="how long the shutter was open", examples=[0.004])
    f_number: float | None = Field(examples=[2.8])
    iso: float | None = Field(examples=[400])
    focal_mm: float | None = Field(examples=[35])
    focal_35_mm: float | None = Field(description="what shows as much on film of 35 mm")


class KnownOut(SourceOut):
    """Everything that is known of one file, but for its regions."""

    paths: list[Text] = Field(description="every place where its bytes lie")
    described: Text = Field(description="what was said of a photo, by a model or by somebody")
    machine_made: bool = Field(description="true where a model said it, false of somebody's own words")
    place: Text = Field(description="the city where a photo was taken, what it lies in, and its country")
    exposure: ExposureOut
    num_regions: int


router = APIRouter(tags=["library"], responses=DECLARED)


@router.get("/library")
def library(services: OurServices, assistant: OurAssistant, caller: Asker) -> LibraryOut:
    """How much there is, and by what it can be filtered."""
    store = assistant.store
    kinds = store.kinds()
    jobs = services.library.list_jobs(caller, states=("running", "waiting"))
    return LibraryOut(
        photos=kinds.get("photo", 0),
        documents=kinds.get("document", 0),
        code=kinds.get("code", 0),
        regions=store.counts().regions,
        size_bytes=folder_size(assistant.config.data),
        labels=[CountOut(name=each.name, sources=each.sources) for each in store.labels(MOST_LABELS)],
        formats=to_counts(store.formats()),
        collections=count_collections(assistant),
        busy=any(job.kind != "watch" for job in jobs),
    )


@router.get("/library/sources")
def sources(
    assistant: OurAssistant, page: Paged, where: Where, caller: Asker, order: Order = "added"
) -> Page[ListedOut]:
    """The files, page by page: "added" is the latest first, "size" the largest.

    By date, what has none comes last: a photo that does not say when it was taken, whatever its file's time is.
    """
    store = assistant.store
    total = sum(store.kinds(where=where).values())
    found = store.sources(where, order=order, limit=page.limit, offset=page.offset)
    leading = store.leading([source.id for source in found])
    items = [ListedOut.of(each, region=show_region(leading.get(each.id))) for each in found]
    return Page[ListedOut].of(page, items, total)


@router.get("/library/sources/{source}")
def source(services: OurServices, assistant: OurAssistant, source: Number, caller: Asker) -> KnownOut:
    """One file."""
    found = services.library.find_source(caller, source)
    facts = services.library.read_facts(caller, found)
    return KnownOut.of(
        found,
        paths=list(facts.paths),
        described=facts.said.text,
        machine_made=facts.said.machine_made,
        place=facts.place,
        exposure=ExposureOut(**asdict(facts.exposure)),
        num_regions=len(assistant.store.regions_of([source])[source]),
    )


@router.get("/library/sources/{source}/regions")
def regions(
    services: OurServices, assistant: OurAssistant, source: Number, page: Paged, caller: Asker
) -> Page[RegionOut]:
    """What was found in one file, the whole picture first."""
    services.library.find_source(caller, source)
    return Page[RegionOut].cut(page, assistant.store.regions_of([source])[source], RegionOut.of)


def show_region(region: Region | None) -> RegionOut | None:
    """As JSON says it, if there is one."""
    return RegionOut.of(region) if region else None


def to_counts(counts: dict[str, int]) -> list[CountOut]:
    """In their order."""
    return [CountOut(name=name, sources=count) for name, count in counts.items()]


def count_collections(assistant: Assistant) -> list[CountOut]:
    """Those that somebody named."""
    return to_counts({name: count for name, count in assistant.store.collections().items() if name != LIBRARY})


AT_ONCE = 2  # pictures that are decoded at the same time: each takes a processor and up to 300 MB
QUALITY = 85  # of a JPEG
MOST_PX = 4096  # longest side
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-cache",  # kept by the browser, which asks each time whether it is still right
}
TURN = threading.BoundedSemaphore(AT_ONCE)
BOX = r"^\d{1,6},\d{1,6},\d{1,6},\d{1,6}$"
Box = Annotated[str, Query(pattern=BOX, description="only this part: left,top,right,bottom in its own pixels")]
Px = Annotated[int, Query(ge=16, le=MOST_PX, description="longest side")]
PageNumber = Annotated[int, Query(ge=0, le=1_000_000_000, description="of a document, from 1; of a video milliseconds")]
JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}},
    304: {"description": "the browser has it already"},
}
BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


def read_view(page: PageNumber = 0, px: Px = 1024, box: Box | None = None) -> tuple[int, int, str]:
    """Page, longest side and box of a picture, from the query."""
    return page, px, box or ""


@router.get("/library/sources/{source}/picture", responses=JPEG, response_class=Response)
def picture(
    services: OurServices,
    request: Request,
    source: Number,
    caller: Asker,
    how: Annotated[tuple[int, int, str], Depends(read_view)],
) -> Response:
    """A photo, or a page of a document, upright."""
    return answer_picture(request, services.library.find_source(caller, source), how)


def answer_picture(request: Request, source: Source, how: tuple[int, int, str]) -> Response:
    """The JPEG; or only that the browser has it. `how`: page, longest side, box. NothingThere, BadFile."""
    page, px, box = how
    tag = f'"{hashlib.sha256(f"{source.digest}{how}".encode()).hexdigest()[:32]}"'
    headers = SAFE | {"ETag": tag}
    if source.digest and tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    with TURN:
        image = request.app.state.assistant.picture(source, page)
        data = encode_jpeg(crop_part(image, source, page, box), px)
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/library/sources/{source}/file", responses=BYTES, response_class=Response)
def file(services: OurServices, assistant: OurAssistant, source: Number, caller: Asker) -> Response:
    """The file itself, as a download; a part of it, where the request names one by `Range`."""
    found = services.library.find_source(caller, source)
    headers = name_download(same_name(found.name))
    return stream_file(
        open_original(found.path, assistant.config.parse), media_type="application/octet-stream", headers=headers
    )


def crop_part(image: Image.Image, source: Source, page: int, box: str) -> Image.Image:
    """What lies in the box, which is given in pixels of the whole; all of it without one. BadFile if nothing does."""
    if not box:
        return image
    left, top, right, bottom = map(int, box.split(","))
    return cut(image, (left, top, right, bottom), size_of(image, source, page))


def size_of(image: Image.Image, source: Source, page: int = 0) -> tuple[int, int]:
    """The size in which boxes of it are given: that of the original, of which the image may be a reduced copy."""
    return image.size if (page and not source.is_video) or not source.width_px else (source.width_px, source.height_px)


def encode_jpeg(image: Image.Image, px: int) -> bytes:
    """With a longest side of at most `px`."""
    small = image.convert("RGB")
    small.thumbnail((px, px))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def download(data: bytes, name: str, media_type: str) -> Response:
    """Bytes that a browser saves and never shows; the name is safe on every system."""
    return Response(data, media_type=media_type, headers=name_download(name))


def name_download(name: str) -> dict[str, str]:
    """The headers of what a browser saves under this name."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_").replace("\\", "_")
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return SAFE | {"Content-Disposition": named}


MOST = 200  # files of one ZIP
PIECE_BYTES = 1 << 20
ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}


class ZipIn(Body):
    """Which files."""

    sources: list[Number] = Field(min_length=1, max_length=MOST, examples=[[7]])
    places: bool = Field(default=False, description="whether found.csv names folders of this machine")


@router.post("/library/zip", responses=ZIP, response_class=StreamingResponse)
def zip(services: OurServices, asked: ZipIn, caller: Asker) -> StreamingResponse:
    """The files themselves, and found.csv: path, label, box of each, and which could not be read any more."""
    sources = [services.library.find_source(caller, number).id for number in dict.fromkeys(asked.sources)]
    file = services.photos.pack_files(caller, sources, folders=asked.places, coordinates=True)
    headers = SAFE | {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return StreamingResponse(read_pieces(file), media_type="application/zip", headers=headers)


def read_pieces(file: Path) -> Iterator[bytes]:
    """The file bit by bit; then it goes. One that nobody came for goes with a later one, or with the next start."""
    try:
        with file.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
    finally:
        shutil.rmtree(file.parent, ignore_errors=True)
