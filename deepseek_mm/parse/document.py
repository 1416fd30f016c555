"""A file's bytes become a source and its pieces, and a photo or a page becomes a picture again.

Nothing is decoded here: a worker process takes the bytes apart (`workers`), within limits, and may die of them.
"""

from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture
from deepseek_mm.parse.files import no_picture, open_file, real_path
from deepseek_mm.parse.formats import File, ParsedDocument
from deepseek_mm.parse.workers.client import Stopping, never, read_contents, read_one_page
from deepseek_mm.parse.workers.wire import FileHead
from index import Source


def parse_file(
    file: File, config: ParseConfig, *, collection: str = "library", stopping: Stopping = never
) -> ParsedDocument:
    """What the file is, and its pieces: a picture is one, a document has some for every page or passage.

    BadFile (BadPicture for a picture) says why it cannot be read, LimitReached that trying again will not help. A page
    is drawn when its piece is asked for. Once `stopping` says so, its worker is ended: Cancelled.
    """
    assert file.format.kind != "archive", "open_file refuses archives"
    head, pieces = read_contents(file, config, stopping=stopping)
    return ParsedDocument(source=source_of(file, head, collection), pieces=pieces)


def read_page(path: str, page: int, config: ParseConfig, *, stopping: Stopping = never) -> Image:
    """The picture of a page, from 1, or of the photo at `path` if `page` is 0; upright RGB as its piece had it."""
    file = open_file(path, config)
    if page and file.format.name == "pdf":
        return read_one_page(file, page, config, stopping=stopping)
    if file.format.kind != "photo":
        raise BadFile(f"{file.path} has no page {page} to draw: it is {file.format.title}. Show its text instead")
    (image,) = (piece.image for piece in parse_file(file, config, stopping=stopping).pieces)
    assert image is not None, "a photo's one piece is its picture"
    return image


def source_of(file: File, head: FileHead, collection: str) -> Source:
    """The file as the library knows it."""
    assert file.format.kind != "archive", "open_file refuses archives"
    return Source(
        path=file.path,
        kind=file.format.kind,
        format=file.format.name,
        collection=collection,
        digest=file.digest,
        size_bytes=file.size_bytes,
        modified_ns=file.modified_ns,
        width_px=head.width_px,
        height_px=head.height_px,
        taken_at=head.camera.taken_at,
        latitude=head.camera.latitude,
        longitude=head.camera.longitude,
        note=head.note,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoFile:
    """A picture and where it comes from."""

    source: Source
    image: Image  # upright RGB; its long side is at most LONG_SIDE_PX, the original's size is in the source


def read_photo(path: Path, *, max_pixels: int, collection: str = "library") -> PhotoFile:
    """The picture at `path`, links followed. Raises NothingThere, or BadPicture with the reason and what to do."""
    config = ParseConfig(max_pixels=max_pixels)
    try:
        file = open_file(real_path(path), config)
        if file.format.kind != "photo":
            raise no_picture(file.path, file.data)
        head, pieces = read_contents(file, config)
        (image,) = (piece.image for piece in pieces)
    except BadPicture:
        raise
    except BadFile as error:
        raise BadPicture(str(error)) from error
    assert image is not None, "a photo's one piece is its picture"
    return PhotoFile(source=source_of(file, head, collection), image=image)
