"""Copies of pictures and heat maps for the page, each made when it is first asked for.

An address is a random name for a search and a photo; the newest are remembered. So the dialog opens at once, and the
heat comes after it. What cannot be drawn any more is a clear picture: a photo without its heat is still a photo.

A page may show thousands of photos, so it names them only; the browser fetches what comes into view. An address cannot
be made up: it carries what to show and a signature, so whoever was never shown a picture cannot fetch it.
"""

import base64
import binascii
import hashlib
import hmac
import io
import json
import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from cachetools import LRUCache
from PIL import Image, ImageDraw, ImageFont
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deepseek_mm import Assistant, DeepSeekMMError, Query, heat_map
from index import Box, IndexProblem, Region, Source

THUMB_PX = 512  # longest side of a thumbnail
LARGE_PX = 1600  # longest side of a photo that is looked at
INKS = ("#d1243f", "#0969da", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#0e7c86", "#57606a")  # all carry white text
PAPER = "#eef0f2"


def ink(number: int) -> str:
    """The colour of a number; numbers beyond the table start over."""
    return INKS[(number - 1) % len(INKS)]


def shrink(image: Image.Image, longest_px: int) -> Image.Image:
    """An RGB copy whose longer side is at most `longest_px`; a smaller one keeps its size."""
    scale = min(1.0, longest_px / max(image.size))
    if scale == 1:
        return image.convert("RGB").copy()
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def blank(text: str, *, size: tuple[int, int] = (384, 288)) -> Image.Image:
    """A quiet plate in place of a photo that cannot be shown."""
    plate = Image.new("RGB", size, PAPER)
    font = ImageFont.load_default(18)  # Pillow's own, so that no machine lacks it
    ImageDraw.Draw(plate).text((size[0] / 2, size[1] / 2), text, fill="#57606a", font=font, anchor="mm")
    return plate


HEAT_PATH = "/heat"
KEPT = 64  # addresses that are remembered: some of their searches hold a picture
Make = Callable[[Query, Region], Image.Image]  # the heat of a photo for a search, RGBA
HEADERS = {"Cache-Control": "private, max-age=3600"}


class HeatMaps:
    """Remembers what addresses stand for, and draws it."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._known: LRUCache[str, tuple[Query, Region]] = LRUCache(KEPT)
        self._turn = Lock()

    def address(self, query: Query, region: Region) -> str:
        """Where the browser finds the heat of the region's photo or page."""
        token = secrets.token_urlsafe(12)
        with self._turn:
            self._known[token] = query, region
        return f"{HEAT_PATH}/{token}"

    def png(self, token: str) -> bytes:
        """The drawn heat; a clear dot where it is forgotten, or the photo is gone."""
        with self._turn:
            known = self._known.get(token)
        try:
            image = Image.new("RGBA", (1, 1)) if known is None else self._make(*known)
        except (DeepSeekMMError, IndexProblem, OSError):
            image = Image.new("RGBA", (1, 1))
        out = io.BytesIO()
        image.save(out, "PNG")
        return out.getvalue()

    def route(self) -> Route:
        """What the server answers at an address."""

        def answer(request: Request) -> Response:
            return Response(self.png(request.path_params["token"]), media_type="image/png", headers=HEADERS)

        return Route(HEAT_PATH + "/{token}", answer)


def make_heat_maps(assistant: Assistant) -> HeatMaps:
    """Over the photos of a library."""

    def make(query: Query, region: Region) -> Image.Image:
        image = assistant.picture(region.source, region.view)
        return heat_map(assistant.retriever.search, query, image).to_image(image.size)

    return HeatMaps(make)


Picture = Callable[
    [Source, int], Image.Image
]  # Assistant.picture: upright, perhaps reduced; the number is a page, or 0
TINY_PX = 96  # in the text of an answer
SIZES = (TINY_PX, THUMB_PX, LARGE_PX)  # longest sides that are made
PATH = "/picture"
SIGNATURE_BYTES = 12
AT_ONCE = 2  # pictures that are decoded at the same time: each takes a processor and up to 300 MB
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # an address means these bytes
NOT_KEPT = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """What an address stands for."""

    path: str
    digest: str
    page: int
    px: int
    part: tuple[float, float, float, float] | None  # left, top, right, bottom as shares of the sides; None is all


class SharedCopies(Protocol):
    """Where the servers of one library keep small copies for each other, by the beginning of the original's checksum.

    Each raises a DeepSeekMMError while nothing can be kept there or read.
    """

    def load_copy(self, digest: str, name: str) -> bytes | None:
        """None if nobody has made it yet."""

    def save_copy(self, digest: str, name: str, data: bytes) -> None:
        """For all others."""

    def share_key(self) -> bytes:
        """What signs addresses, alike for all."""


Companions = Callable[[Sequence[int]], Mapping[int, tuple[Source, ...]]]


class PagePictures:
    """Makes addresses, and the JPEG behind each."""

    def __init__(self, folder: Path, picture: Picture) -> None:
        """Copies lie in `folder`, beside the key that signs addresses; `picture` opens a source's picture."""
        self._folder, self._picture = folder, picture
        self.heats: HeatMaps | None = None  # heat maps to lay over them, where somebody draws some
        self.is_offline: Callable[[Source], bool] = lambda source: False  # whether a file's drive is away
        self.is_hidden: Callable[[str], bool] = lambda path: False  # from whoever asks, whatever they were shown before
        self.companions: Companions = lambda ids: {}  # of sources, by id: the files that belong to each
        self.shared: SharedCopies | None = None  # with whom copies and the key are shared, where there are several
        self._key = b""
        self._sizes: dict[tuple[str, str, int], tuple[int, int]] = {}
        self._making = threading.BoundedSemaphore(AT_ONCE)

    def address(self, source: Source, page: int = 0, *, px: int = THUMB_PX, box: Box | None = None) -> str:
        """Where the page finds this picture, its longest side `px`, or the part of it inside `box`."""
        assert px in SIZES, f"pictures are made in {SIZES}, not {px}"
        part = shares(box, self.size(source, page)) if box else None
        return f"{PATH}/{self.sign([source.path, source.digest[:16], page, px, part])}"

    def sign(self, values: Sequence[Any]) -> str:
        """Values as a token that nobody else can make."""
        body = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        return f"{_letters(body.encode('utf-8', 'surrogateescape'))}.{_letters(self._sign(body))}"

    def verify(self, token: str) -> list[Any] | None:
        """The values of a token, the first a path; None of one that is none of ours, and where the visitor may not see
        by now what lies there.
        """
        body, _, signature = token.partition(".")
        try:
            text = _bytes(body).decode("utf-8", "surrogateescape")
            values = list(json.loads(text)) if hmac.compare_digest(_bytes(signature), self._sign(text)) else []
            return values if values and not self.is_hidden(values[0]) else None
        except (ValueError, binascii.Error):
            return None

    def size(self, source: Source, page: int = 0) -> tuple[int, int]:
        """Width and height in which boxes of this source's page are given; (0, 0) if it cannot be read any more."""
        if (source.is_video or not page) and source.width_px and source.height_px:
            return source.width_px, source.height_px
        key = (source.path, source.digest, page)
        if key not in self._sizes:
            try:
                self._sizes[key] = self._picture(source, page).size
            except (DeepSeekMMError, OSError):  # moved, deleted or damaged since it was indexed
                return 0, 0
        return self._sizes[key]

    def file(self, token: str) -> Path | None:
        """The JPEG that an address stands for; None if the address is none of ours, or the picture is gone."""
        wanted = self._read(token)
        if wanted is None:
            return None
        path = self._copy_at(wanted)
        if path.exists():
            return path
        with self._making:
            return path if path.exists() else self._fetch(wanted, path) or self._make(wanted, path)

    def find_other_size(self, token: str) -> Path | None:
        """A copy of another size, the largest that was made, for a picture that cannot be opened now; None if none."""
        wanted = self._read(token)
        copies = [self._copy_at(replace(wanted, px=px)) for px in sorted(SIZES, reverse=True)] if wanted else []
        return next((path for path in copies if path.exists()), None)

    def _copy_at(self, wanted: SignedAddress) -> Path:
        name = hashlib.sha256(repr(wanted).encode("utf-8", "surrogateescape")).hexdigest()[:40]
        return self._folder / name[:2] / f"{name}.jpg"

    def route(self) -> Route:
        """What the server answers at an address."""

        def answer(request: Request) -> Response:
            token = request.path_params["token"]
            path = self.file(token)
            if path is not None:
                return Response(path.read_bytes(), media_type="image/jpeg", headers=FOR_EVER)
            other = self.find_other_size(token)
            if other is None:
                return Response(_plate(), media_type="image/png", headers=NOT_KEPT)
            return Response(other.read_bytes(), media_type="image/jpeg", headers=NOT_KEPT)

        return Route(PATH + "/{token}", answer)

    def _make(self, wanted: SignedAddress, path: Path) -> Path | None:
        try:
            image = self._picture(Source(path=wanted.path, digest=wanted.digest), wanted.page)
        except (DeepSeekMMError, OSError):  # as above
            return None
        small = io.BytesIO()
        shrink(_part(image, wanted.part), wanted.px).save(small, "JPEG", quality=85, progressive=True)
        if self.shared is not None and wanted.digest:
            with suppress(DeepSeekMMError):  # another server makes its own
                self.shared.save_copy(wanted.digest, path.name, small.getvalue())
        return _write(small.getvalue(), path)

    def _fetch(self, wanted: SignedAddress, path: Path) -> Path | None:
        """The copy that another server has made; None if there is none, or it cannot be had now."""
        data = None
        if self.shared is not None and wanted.digest:
            with suppress(DeepSeekMMError):
                data = self.shared.load_copy(wanted.digest, path.name)
        return _write(data, path) if data else None

    def _read(self, token: str) -> SignedAddress | None:
        values = self.verify(token)
        if values is None or len(values) != len(fields(SignedAddress)):
            return None
        path, digest, page, px, part = values
        return SignedAddress(path, digest, page, px, tuple(part) if part else None)

    def _sign(self, body: str) -> bytes:
        data = body.encode("utf-8", "surrogateescape")
        return hmac.new(self._secret(), data, hashlib.sha256).digest()[:SIGNATURE_BYTES]

    def _secret(self) -> bytes:
        """The key, drawn once for a library: pages that stay open over a restart, or are answered by another server,
        keep their pictures.
        """
        if not self._key and self.shared is not None:
            with suppress(DeepSeekMMError):  # then it is this server's own until the next start
                self._key = self.shared.share_key()
        if not self._key:
            self._folder.mkdir(parents=True, exist_ok=True)
            file, mine = self._folder / "key", self._folder / f"key.{os.getpid()}.{threading.get_ident()}"
            with open(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(secrets.token_bytes(32))
            with suppress(FileExistsError):
                os.link(mine, file)  # whole, and only if there is none
            mine.unlink()
            self._key = file.read_bytes()
        return self._key


def _write(data: bytes, path: Path) -> Path:
    """A copy, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{threading.get_ident()}")
    beside.write_bytes(data)
    os.replace(beside, path)
    return path


def shares(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """The box as shares of the sides of a picture, cut to it; None if nothing is inside, or the size is unknown."""
    width, height = size
    if not width or not height:
        return None
    left, top, right, bottom = (
        round(min(1.0, max(0.0, edge / side)), 4) for edge, side in zip(box, (width, height) * 2, strict=True)
    )
    return (left, top, right, bottom) if left < right and top < bottom else None


def _part(image: Image.Image, part: tuple[float, float, float, float] | None) -> Image.Image:
    """The picture, or a part of it."""
    if part is None:
        return image
    left, top, right, bottom = (
        round(share * side) for share, side in zip(part, (image.width, image.height) * 2, strict=True)
    )
    return image.crop((left, top, max(left + 1, right), max(top + 1, bottom)))


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _plate() -> bytes:
    """A quiet plate in place of a photo that cannot be shown."""
    data = io.BytesIO()
    blank("?").save(data, "PNG")
    return data.getvalue()
