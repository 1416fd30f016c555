"""Addresses that live for a few minutes, from which whoever has one may download one file without a key.

They are for programs that should not have a key: a player, a printer, another service. Whoever asks for one must be
allowed to see the file. Of a file in a bucket it is the bucket's own, so the bytes do not go through this server; of
any other it is one of this server, signed with a key that all servers of the library share where there are several.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, OurAssistant, OurServices
from deepseek_mm.api.routes.library_routes import BYTES, name_download
from deepseek_mm.api.schemas import Number
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import NothingThere
from deepseek_mm.parse.document import open_original
from deepseek_mm.services.streaming import stream_file
from deepseek_mm.sharing.files import same_name
from index import Source

LIVES_S = 300  # of an address
SIGNED = "/signed/"  # begins those of this server, which need no key
PURPOSE = b"address of a file\0"  # of the key, which signs other things as well
KEY_BYTES = 32
OVER = "this address has ended, or is none of this server's. Ask for another: GET /library/sources/{source}/address"


class FileAddressOut(BaseModel):
    """Where a file may be downloaded for a while."""

    address: str = Field(
        description="absolute for a file in a bucket, else from the root of this server", examples=["/signed/eyJ.Zm8"]
    )
    ends_at: datetime = Field(description="when it ends", examples=["2026-05-01T12:05:00Z"])


@dataclass(frozen=True, kw_only=True)
class AddressSigner:
    """Makes tokens that nobody else can make, and reads them."""

    draw_key: Callable[[], bytes]
    now_s: Callable[[], float] = field(default=time.time)

    @classmethod
    def of(cls, assistant: Assistant) -> "AddressSigner":
        """With the key of the library's store of files; without one with a key that ends with this server."""
        files = assistant.files
        return cls(draw_key=files.store.share_key if files else lambda: secrets.token_bytes(KEY_BYTES))

    def sign(self, source: Source, ends_s: int) -> str:
        """A token for these bytes at this path, until then."""
        values = [source.path, source.digest, ends_s]
        body = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")
        return f"{to_letters(body)}.{to_letters(self._sign(body))}"

    def read(self, token: str) -> tuple[str, str]:
        """Path and checksum of what a token stands for. NothingThere if it has ended, or is not of this key."""
        body, _, signature = token.partition(".")
        try:
            data = from_letters(body)
            is_ours = hmac.compare_digest(from_letters(signature), self._sign(data))
            values: Sequence[Any] = json.loads(data.decode("utf-8", "surrogateescape")) if is_ours else ()
        except (ValueError, binascii.Error):
            values = ()
        if not values or values[2] < self.now_s():
            raise NothingThere(OVER)
        return values[0], values[1]

    @cached_property
    def _key(self) -> bytes:
        return self.draw_key()

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._key, PURPOSE + body, hashlib.sha256).digest()


def address_routes(assistant: Assistant, signer: AddressSigner | None = None) -> APIRouter:
    """The routes, with a signer of their own."""
    signer = signer or AddressSigner.of(assistant)
    router = APIRouter(tags=["library"], responses=DECLARED)

    @router.get("/library/sources/{source}/address")
    def address(services: OurServices, assistant: OurAssistant, source: Number, caller: Asker) -> FileAddressOut:
        """An address from which the file may be downloaded without a key, for five minutes."""
        found = services.library.find_source(caller, source)
        ends_s = int(signer.now_s()) + LIVES_S
        store = assistant.files.store if assistant.files else None
        if store is not None and store.signs and store.has(found.digest):
            made = store.sign(found.digest, name=same_name(found.name), lives_s=LIVES_S)
        else:
            made = SIGNED + signer.sign(found, ends_s)
        return FileAddressOut(address=made, ends_at=datetime.fromtimestamp(ends_s, UTC))

    @router.get(SIGNED + "{token}", responses=BYTES, response_class=Response)
    def download(assistant: OurAssistant, token: str) -> Response:
        """The file that such an address of this server stands for, as long as the library knows it as it was then."""
        path, digest = signer.read(token)
        known = assistant.store.source_at(path)
        if known is None or known.digest != digest:
            raise NothingThere(OVER)
        stream = open_original(path, assistant.config.parse)
        headers = name_download(same_name(known.name)) | {"Cache-Control": "no-store"}
        return stream_file(stream, media_type="application/octet-stream", headers=headers)

    return router


def to_letters(data: bytes) -> str:
    """As an address can have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_letters(text: str) -> bytes:
    """Back again. ValueError or binascii.Error if it is none of ours."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
