"""Other servers of this program that embed texts and code for this one, as `encoder.url` names them.

Each is asked over its `POST /embed`, where the texts of all callers share a pass. Its answer says which weights made
it: vectors of others are refused, since an index of both would find nothing. Whoever is asked computes by itself, so
two machines that name each other do not pass a text to and fro. Where no box answers, this machine computes.
"""

import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from deepseek_mm.addresses import is_this_machine
from deepseek_mm.balancer import Balancer, ServerHealth
from deepseek_mm.embeddings.space import EmbeddingModel, Encode, Floats, SharingSpace, SpaceIdentity
from deepseek_mm.errors import ConfigError, ServerError
from deepseek_mm.storage.files import parse_json

LOOK = ("a",)  # what is embedded to see whether a box works


class OtherSpace(ServerError):
    """Its vectors are of another space, and may not be mixed with those here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxLimits:
    """How much a box is sent at a time, and how long it may take."""

    items: int = 64  # of one request, as many as share a pass there
    chars: int = 20_000  # of one text: what a box takes; a tower reads far less
    connect_s: float = 2.0
    wait_s: float = 30.0  # for the next byte of an answer
    look_s: float = 5.0  # the same where nobody waits for it
    bytes: int = 20_000_000  # of one answer


class EncoderBox:
    """One of them. Every failure is a ServerError."""

    def __init__(self, address: str, key: str, identity: SpaceIdentity | None, limits: BoxLimits) -> None:
        """Without an `identity` any space will do."""
        self.address, self._identity, self._limits = address, identity, limits
        self._client = httpx.Client(
            base_url=address,
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            trust_env=not is_this_machine(urlsplit(address).hostname or ""),
            follow_redirects=False,
        )

    def embed(self, kind: str, items: Sequence[str], *, wait_s: float = 0.0) -> Floats:
        """(N, D) of "texts" or "code". OtherSpace."""
        body = self._ask(kind, items, wait_s)
        told = self._read_identity(body)
        if self._identity not in (None, told):
            here = describe(self._identity or told)
            raise OtherSpace(f"{self.address} embeds in another space ({describe(told)}) than this library ({here})")
        try:
            vectors_ND = np.asarray(body[kind], dtype=np.float32)
        except (ValueError, TypeError, LookupError) as error:
            raise self._no_vectors() from error
        if vectors_ND.ndim != 2 or len(vectors_ND) != len(items) or not np.isfinite(vectors_ND).all():
            raise self._no_vectors()
        return vectors_ND

    def identify(self) -> SpaceIdentity:
        """The space that it embeds in."""
        return self._read_identity(self._ask("texts", LOOK, self._limits.look_s))

    def _ask(self, kind: str, items: Sequence[str], wait_s: float) -> Any:
        """The JSON of its answer."""
        limits = self._limits
        timeout = httpx.Timeout(wait_s or limits.wait_s, connect=limits.connect_s)
        sent = {kind: [item[: limits.chars] for item in items], "here": True}
        try:
            with self._client.stream("POST", "/embed", json=sent, timeout=timeout) as reply:
                status, data = reply.status_code, b"".join(self._read(reply))
        except (httpx.HTTPError, OSError) as error:
            raise ServerError(f"{self.address} does not embed ({str(error) or type(error).__name__})") from error
        if status != httpx.codes.OK:
            wants = f". It wants a key: python -m deepseek_mm hosts add {self.address}" if status in (401, 403) else ""
            raise ServerError(f"{self.address} answers {status}{wants}")
        try:
            return parse_json(data.decode())
        except ValueError as error:
            raise self._no_vectors() from error

    def _read(self, reply: httpx.Response) -> Iterator[bytes]:
        read = 0
        for piece in reply.iter_raw():
            read += len(piece)
            if read > self._limits.bytes:
                raise ServerError(f"{self.address} answers more than {self._limits.bytes:,} bytes")
            yield piece

    def _read_identity(self, body: Any) -> SpaceIdentity:
        names = [each.name for each in fields(SpaceIdentity)]
        try:
            return SpaceIdentity(**{name: str(body["space"][name]) for name in names})
        except (TypeError, LookupError) as error:
            raise self._no_vectors() from error

    def _no_vectors(self) -> ServerError:
        return ServerError(f"{self.address} answers no vectors. Is it a server of this program and version?")


def open_box(address: str, keys: Mapping[str, str], identity: SpaceIdentity | None, limits: BoxLimits) -> EncoderBox:
    """The box at an address, with the key that is kept for it."""
    url = str(httpx.URL(address)).rstrip("/")  # without a port that goes without saying
    return EncoderBox(url, keys.get(url, ""), identity, limits)


def describe(identity: SpaceIdentity) -> str:
    """Name and beginnings of the fingerprints."""
    prints = (identity.fingerprint, identity.code_fingerprint, identity.languages_fingerprint)
    return f"{identity.name} {'+'.join(each[:8] for each in prints)}"


class EncoderBoxes:
    """Fills `EncoderPool`: the box with the least to do embeds the next part."""

    def __init__(
        self, boxes: Sequence[EncoderBox], *, balancer: Balancer | None = None, limits: BoxLimits | None = None
    ) -> None:
        self.boxes, self._limits = tuple(boxes), limits or BoxLimits()
        self.balancer = balancer or Balancer([box.address for box in boxes])
        self._senders = ThreadPoolExecutor(2 * len(self.boxes), thread_name_prefix="encoders")

    def embed(self, kind: str, items: Sequence[str], here: Encode) -> Floats:
        """As `EncoderPool` says; long lists go to several boxes at a time."""
        size = self._limits.items
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        if len(parts) < 2:
            return self._embed_part(kind, here, items) if items else here(items)
        return np.concatenate(list(self._senders.map(partial(self._embed_part, kind, here), parts)))

    def list_servers(self) -> tuple[ServerHealth, ...]:
        """As `EncoderPool` says."""
        return self.balancer.states()

    def watch(self) -> None:
        """Have a thread look at boxes that are left out, or had nothing to do for a while."""
        looks = partial(watch_boxes, self.balancer, self.boxes, self._limits.look_s)
        threading.Thread(target=looks, name="encoder-looks", daemon=True).start()
        weakref.finalize(self, self.balancer.close)

    def _embed_part(self, kind: str, here: Encode, items: Sequence[str]) -> Floats:
        tried = set[int]()
        while (turn := self.balancer.begin(tried)) is not None:
            tried.add(turn.number)
            with turn:
                try:
                    vectors_ND = self.boxes[turn.number].embed(kind, items)
                except ServerError as error:
                    turn.fail(str(error))
                    continue
                turn.speak()
                turn.succeed()
                return vectors_ND
        return here(items)


def watch_boxes(balancer: Balancer, boxes: Sequence[EncoderBox], look_s: float) -> None:
    """Look at boxes whenever one is due, until nobody asks them any more."""
    while balancer.wait():
        look_at_due(balancer, boxes, look_s)


def look_at_due(balancer: Balancer, boxes: Sequence[EncoderBox], look_s: float) -> None:
    """Look at those that are due, one after another."""
    for number in balancer.take_due():
        try:
            boxes[number].embed("texts", LOOK, wait_s=look_s)
        except ServerError as error:
            balancer.note_look(number, str(error), unfit=isinstance(error, OtherSpace))
        else:
            balancer.note_look(number)


def open_boxes(space: EmbeddingModel, keys: Mapping[str, str], addresses: Sequence[str]) -> EncoderBoxes:
    """The boxes for a space, each looked at once: one that is away may come. ConfigError: one embeds in another space.

    `keys` are by address.
    """
    if not isinstance(space, SharingSpace):
        raise ConfigError(f"encoder.url is for the packaged spaces, and {space.name} is none. Leave it empty")
    limits, identity = BoxLimits(), SpaceIdentity.of(space)
    opened = EncoderBoxes([open_box(each, keys, identity, limits) for each in addresses])
    for number, box in enumerate(opened.boxes):
        try:
            box.embed("texts", LOOK, wait_s=limits.look_s)
        except OtherSpace as error:
            raise ConfigError(f"{error}. Run the same version there, or leave encoder.url empty") from error
        except ServerError as error:
            opened.balancer.note_look(number, str(error), unfit=True)
    return opened
