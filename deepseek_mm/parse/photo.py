"""A picture file becomes an upright RGB picture with its place and time, or an error that says why not."""

from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture
from deepseek_mm.parse.document import source_of
from deepseek_mm.parse.files import no_picture, open_file, real_path
from deepseek_mm.parse.workers.client import read_contents
from index import Source


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
