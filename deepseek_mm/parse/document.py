"""A file's bytes become a source and its pieces: the one door to every format, and the way back to a picture of a page.

Nothing is decoded here: a worker process takes the bytes apart (`workers`), within limits, and may die of them.
"""

from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.files import open_file
from deepseek_mm.parse.nouns import File, ParsedDocument
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
