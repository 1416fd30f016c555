"""The pictures of a request: decoded from data URLs or addresses, and stored until their task has ended.

They are read as every picture is: the header first, its size against the limit, then the pixels.

`Inbox` keeps those of tasks, so that what was acknowledged survives a kill: DATA/inbox/DIGEST.jpg (or what else it is)
holds the bytes that came; the same picture is kept once."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from deepseek_mm.config import ParseConfig, ServeConfig
from deepseek_mm.dates import Ages
from deepseek_mm.errors import BadPicture, BadQuestion, Forbidden, NothingThere, TooLarge
from deepseek_mm.library.web_fetcher import Fetcher
from deepseek_mm.parse.document import no_picture, parse_file, read_photo
from deepseek_mm.parse.formats import File, format_of
from deepseek_mm.storage.files import atomic_write
from index.region import VIDEO_FORMATS

DATA = re.compile(r"data:image/[A-Za-z0-9.+-]{1,40}(?:;[A-Za-z0-9=.+-]{1,40})*;base64,", re.IGNORECASE)
HEAD_CHARS = 200  # in which a data URL has said what it is
SHOWN_CHARS = 40  # of an address in a message
MOST = 64  # pictures of one request


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedPicture:
    """A picture that came, and can be read."""

    data: bytes
    ending: str  # of a file with these bytes, its dot included
    image: Image  # upright RGB
    size_px: tuple[int, int] = (0, 0)  # of the upright original, which may be larger


class PictureDecoder:
    """Opens what a caller names as a picture."""

    def __init__(self, serve: ServeConfig, parse: ParseConfig, *, fetch: Callable[[str], bytes] | None = None) -> None:
        """`fetch` gives the bytes at an address; None is the real one."""
        self._serve, self._parse = serve, parse
        self._fetch = fetch or Fetcher(serve).fetch

    def open(self, url: str) -> Image:
        """Upright RGB. Raises what `take` raises."""
        return self.take(url).image

    def take(self, url: str) -> DecodedPicture:
        """The picture. Forbidden, TooLarge, BadPicture or BadFile says why not, and what to send instead."""
        scheme = url[:HEAD_CHARS].partition(":")[0].strip().lower()
        if scheme == "data":
            return self._read(self._decode(url), "the picture")
        if scheme not in ("http", "https"):
            raise Forbidden(
                f"{url[:SHOWN_CHARS]!r} is no picture that a request can bring. "
                "Send it as data:image/jpeg;base64,... or as a file"
            )
        if not self._serve.fetch_urls:
            raise Forbidden(
                "pictures are not fetched from addresses here. Send the picture as data:image/jpeg;base64,..., "
                "or switch it on where the server is started: --set serve.fetch_urls=true"
            )
        return self._read(self._fetch(url), "the fetched picture")

    def take_many(self, urls: Sequence[str]) -> list[DecodedPicture]:
        """In order. BadQuestion if there are too many."""
        if len(urls) > MOST:
            raise BadQuestion(f"the request names {len(urls)} pictures, and {MOST} are taken. Send fewer at a time")
        return [self.take(url) for url in urls]

    def _decode(self, url: str) -> bytes:
        head = DATA.match(url[:HEAD_CHARS])
        if head is None:
            raise BadPicture(f"{url[:SHOWN_CHARS]!r} is no picture in base64. Send data:image/jpeg;base64,...")
        most = min(self._parse.max_bytes, self._serve.max_body_bytes)
        if (len(url) - head.end()) * 3 // 4 > most + 2:
            raise TooLarge(f"a picture has more than {most:,} bytes. Send a smaller one, or raise parse.max_bytes")
        try:
            return base64.b64decode(url[head.end() :], validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadPicture(f"the picture's base64 is damaged: {error}. Encode it again") from error

    def _read(self, data: bytes, name: str) -> DecodedPicture:
        form = format_of(data, "")
        if form is None or form.kind != "photo" or form.name in VIDEO_FORMATS:
            raise no_picture(name, data)
        file = File(path=name, data=data, digest="", size_bytes=len(data), modified_ns=0, format=form)
        parsed = parse_file(file, self._parse)
        (image,) = (piece.image for piece in parsed.pieces)
        assert image is not None, "a photo's one piece is its picture"
        size_px = parsed.source.width_px, parsed.source.height_px
        return DecodedPicture(data=data, ending=form.endings[0], image=image, size_px=size_px)


FOLDER = "inbox"
YOUNG_S = 600.0  # a picture whose task is only about to be written down


class Inbox:
    """The folder, and how large a picture may be."""

    def __init__(self, data: Path, *, max_pixels: int, ages: Ages | None = None) -> None:
        self.folder, self._max_pixels, self._ages = data / FOLDER, max_pixels, ages or Ages()

    def keep(self, taken: DecodedPicture) -> str:
        """Write the picture down: the name that it is found by."""
        name = hashlib.sha256(taken.data).hexdigest() + taken.ending
        if not (self.folder / name).exists():
            atomic_write(self.folder / name, taken.data)
        return name

    def open(self, name: str) -> Image:
        """The picture again. NothingThere if it is gone."""
        return read_photo(self.path(name), max_pixels=self._max_pixels).image

    def path(self, name: str) -> Path:
        """Its file, for those who want the bytes. NothingThere if it is gone."""
        path = self.folder / Path(name).name
        if not path.is_file():
            raise NothingThere(f"the picture {name[:16]} of this task is gone from {self.folder}. Send the task again")
        return path

    def tidy(self, named: Set[str], *, older_s: float = YOUNG_S) -> int:
        """Delete what no task under way names; returns how many went."""
        gone = 0
        for path in self.folder.glob("*"):
            if path.name not in named and self._ages.ago_s(path.stat().st_mtime) >= older_s:
                path.unlink(missing_ok=True)
                gone += 1
        return gone
