"""Requests that nobody should send, as bytes: the same seed gives the same ones.

Each is a request that would be right, spoilt in one way: its JSON, its types, its sizes, its kind, its path, its
method, its headers, its pictures, its numbers, its letters, or its end.
"""

import base64
import io
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from PIL import Image

Chance = random.Random
CHAT = {"model": "deepseek-mm", "messages": [{"role": "user", "content": "Is there a red thing?"}], "max_tokens": 8}
RIGHT = (  # method, path, body
    ("POST", "/ask", {"question": "Is there a red thing?", "pictures": [], "conversation": None}),
    ("POST", "/search", {"text": "red", "picture": None, "like": 0, "k": 3, "where": {"label": "", "formats": []}}),
    ("POST", "/embed", {"texts": ["red"], "code": [], "pictures": []}),
    ("POST", "/infer", {"kind": "search", "input": {"text": "red", "k": 2}, "bulk": True}),
    ("POST", "/infer", {"kind": "embed", "input": {"texts": ["red"]}, "bulk": False}),
    ("POST", "/v1/chat/completions", CHAT),
    ("POST", "/v1/embeddings", {"model": "deepseek-mm-embed", "input": ["red"]}),
    ("PUT", "/feedback/1", {"rating": "up"}),
    ("PUT", "/feedback/1/understood", {"understood": {"acts": [{"kind": "find", "subject": "kites"}]}}),
    ("POST", "/feedback/1/boxes", {"number": 1, "box_px": [0, 0, 9, 9], "label": "kite"}),
    ("PATCH", "/history/1", {"title": "one", "pinned": True}),
    ("POST", "/history/1/branch", {"before": 2}),
    ("POST", "/history/1/turns/1/program", {"program": "count(all())"}),
    ("PATCH", "/settings", {"changes": {"rag.num_regions": 6}}),
    ("POST", "/library/put-back", {"token": "0123456789abcdef"}),
    ("POST", "/library/collections", {"sources": [1], "collection": "one"}),
    ("PUT", "/library/sources/1/description", {"text": "red"}),
    ("POST", "/library/rules/check", {"text": 'count(person) > 10 -> note "a crowd"'}),
    ("POST", "/library/zip", {"regions": [1]}),
)  # fmt: skip
PLACES = (
    "/history/{}", "/history/{}/turns", "/history/{}/turns/{}/pictures/{}", "/history/{}/export?kind={}",
    "/library/sources/{}", "/library/sources/{}/picture?px={}", "/library/sources/{}/regions", "/tasks/{}",
    "/tasks/{}/events", "/tasks?limit={}&offset={}", "/library/jobs/{}", "/library/jobs/{}/failures",
    "/feedback?limit={}",
    "/library/sources?limit={}&order={}&kind={}&since={}", "/v1/models/{}", "/{}", "/docs/{}",
    "/assets/{}", "/health/{}",
)  # fmt: skip
ODD = (
    "-1", "0", "99999999999999999999999", "1e9", "NaN", "true", "%00", "%ff%fe", "..", "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd", "a" * 5_000, "%", "%zz", "1;drop", "'", '%22', "<b>", "//", "\\", "%0d%0aX-Evil:%201",
    "1%00.jpg", "%F0%9F%98%80", "%ED%A0%80", "{}", "[]", "*", "~", "+", " ",
)  # fmt: skip
VALUES = (
    None, True, -1, 0, 2**63, 2**64, -(2**70), 1e308, "", "x", "\0", "a\0b", "\ud800", [], {}, [[]], [None], [[[[1]]]],
    {"a": {"b": 1}}, ["\0"], "../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://169.254.169.254/latest",
    "' OR 1=1 --", "data:", "data:image/png;base64,", "${jndi:ldap://x}", "\u202e\u0000", [1] * 5_000, "9" * 400,
)  # fmt: skip
KINDS = (
    "text/plain", "application/xml", "multipart/form-data", "multipart/form-data; boundary=", "image/jpeg", "", "\x7f",
    "application/json; charset=utf-16", "application/json; charset=nonsense", "a/b" * 300, "application/x-ndjson",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
)  # fmt: skip
METHODS = ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "post", "HEAD", "CONNECT", "A" * 60)


@dataclass(frozen=True, kw_only=True)
class Bad:
    """One request."""

    family: str
    method: str
    path: str
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    sent: int | None = None  # bytes of it that are sent at all
    length: str | None = None  # what it says of its length, if that is not true

    @property
    def data(self) -> bytes:
        """As it goes over the line."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        said = dict(self.headers)
        lines += [] if "Host" in said else ["Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Type: {self.kind}", "Connection: close"]
        lines += [] if "Transfer-Encoding" in said else [f"Content-Length: {self.length or len(self.body)}"]
        whole = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + self.body
        return whole[: self.sent]


def right(chance: Chance) -> tuple[str, str, dict]:
    method, path, body = chance.choice(RIGHT)
    return method, path, json.loads(json.dumps(body))


def of(family: str, chance: Chance) -> Bad:
    method, path, body = right(chance)
    return Bad(family=family, method=method, path=path, body=json.dumps(body).encode())


def no_json(chance: Chance) -> Bad:
    good = of("no JSON", chance)
    cut = good.body[: chance.randrange(len(good.body))]
    others = [b"", b"{", b"null", b"[]", b'"text"', b"NaN", b"\xff\xfe{}", b"{'a': 1}", b"{}{}", b"[" * 50_000,
              b'{"a":' * 20_000, b"1" * 6_000, b'{"question": 1e999}', b'{"question": "a", "question": "b", "x": 1}',
              b"\0" * 100, zlib.compress(good.body), b'{"question": "\xc3\x28"}', 
              b'{"question": "\xed\xa0\x80"}']  # fmt: skip
    return replace(good, body=chance.choice([cut, *others]))


def wrong_type(chance: Chance) -> Bad:
    method, path, body = right(chance)
    inner = body
    while (below := [each for each in inner.values() if isinstance(each, dict)]) and chance.random() < 0.5:
        inner = chance.choice(below)
    name = chance.choice([*inner, "unknown"])
    inner[name] = chance.choice(VALUES)
    return Bad(family="wrong type", method=method, path=path, body=json.dumps(body).encode())


def left_out(chance: Chance) -> Bad:
    method, path, body = right(chance)
    del body[chance.choice(list(body))]
    return Bad(family="left out", method=method, path=path, body=json.dumps(body).encode())


def huge(chance: Chance) -> Bad:
    method, path, body = right(chance)
    name = chance.choice(list(body))
    body[name] = chance.choice(
        ["x" * 1_000_000, ["x"] * 100_000, {str(n): n for n in range(50_000)}, "\U0001f600" * 90_000]
    )
    return Bad(family="huge", method=method, path=path, body=json.dumps(body).encode())


def wrong_kind(chance: Chance) -> Bad:
    path = chance.choice(["/library/files", "/history/import", ""])
    good = of("wrong kind", chance)
    body = chance.choice(
        [good.body, b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", b"a=1&a=2"]
    )
    method = "POST" if path else good.method
    return replace(good, kind=chance.choice(KINDS), method=method, path=path or good.path, body=body)


def odd_path(chance: Chance) -> Bad:
    place = chance.choice(PLACES)
    return Bad(family="odd path", method=chance.choice(["GET", "GET", "DELETE"]), path=filled(place, chance))


def filled(place: str, chance: Chance) -> str:
    while "{}" in place:
        odd = chance.choice(ODD).replace("{}", "%7B%7D")
        place = place.replace("{}", odd, 1)
    return place


def wrong_method(chance: Chance) -> Bad:
    return replace(of("wrong method", chance), method=chance.choice(METHODS))


def bad_headers(chance: Chance) -> Bad:
    floods: list[tuple[tuple[str, str], ...]] = [
        tuple((f"X-{n}", "y" * 50) for n in range(400)),
        (("X-Long", "y" * 60_000),),
        (("X-Longer", "y" * 200_000),),
        (("Host", "evil.example"),),
        (("Host", "127.0.0.1"), ("Host", "127.0.0.1")),
        (("Host", "\x00"),),
        (("Content-Length", "5"),),
        (("Content-Length", "-5"),),
        (("Transfer-Encoding", "chunked"),),
        (("Transfer-Encoding", "gzip, chunked"),),
        (("Transfer-Encoding", "chunked"), ("Content-Length", "3")),
        (("Content-Encoding", "gzip"),),
        (("Expect", "200-maybe"),),
        (("Authorization", "Bearer " + "x" * 5_000),),
        (("Authorization", "\xff\xfe"),),
        (("Cookie", "deepseek_mm_login=" + "x" * 9_000),),
        (("Idempotency-Key", "k" * 500),),
        (("Idempotency-Key", "\xe4\xff"),),
        (("Last-Event-ID", "9" * 39),),
        (("X-Request-ID", "\xff" * 99),),
        (("Range", "bytes=9-1,-,a"),),
        (("Origin", "http://evil.example"),),
        (("Sec-Fetch-Site", "cross-site"),),
        (("Upgrade", "websocket"), ("Connection", "Upgrade")),
        (("X-Forwarded-For", "1.2.3.4"),),
        (("Accept", "text/event-stream, " * 500),),
        (("Bad Name", "x"),),
        (("X-Folded", "a\r\n b"),),
    ]
    return replace(of("bad headers", chance), headers=chance.choice(floods))


def bad_picture(chance: Chance) -> Bad:
    data = chance.choice([broken_base64, torn, bomb, no_picture])(chance)
    path, body = chance.choice([
        ("/ask", {"question": "What is it?", "pictures": [data]}),
        ("/search", {"picture": data}),
        ("/embed", {"pictures": [data]}),
        ("/caption", {"pictures": [data]}),
        ("/infer", {"kind": "embed", "input": {"pictures": [data]}}),
        ("/infer", {"kind": "caption", "input": {"pictures": [data]}}),
        ("/v1/chat/completions", CHAT | {"messages": [{"role": "user", "content": [
            {"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": data}}]}]}),
        ("/v1/embeddings", {"model": "deepseek-mm-embed", "input": [{"image": data}]}),
    ])  # fmt: skip
    return Bad(family="bad picture", method="POST", path=path, body=json.dumps(body).encode())


def broken_base64(chance: Chance) -> str:
    return "data:image/png;base64," + chance.choice(["!!!!", "AAA", "=", "A" * 4_001, "iVBORw0KGgo\0", "%%%", "\u00e4"])


def torn(chance: Chance) -> str:
    """A picture of which the end is missing, or some bytes are others."""
    file, form = io.BytesIO(), chance.choice(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
    Image.frombytes("RGB", (64, 48), chance.randbytes(64 * 48 * 3)).save(file, form)
    data = bytearray(file.getvalue())
    if chance.random() < 0.5:
        data = data[: chance.randrange(1, len(data))]
    else:
        for _ in range(40):
            data[chance.randrange(len(data))] = chance.randrange(256)
    return f"data:image/{form.lower()};base64," + base64.b64encode(data).decode()


def bomb(chance: Chance) -> str:
    """A small PNG that says it has very many pixels."""
    side = chance.choice([20_000, 65_535, 2**31 - 1])
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 2_000_000, 9)
    chunks = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    )
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunks).decode()


def no_picture(chance: Chance) -> str:
    svg = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>').decode()
    return chance.choice([
        f"data:image/svg+xml;base64,{svg}", "data:text/html;base64,PGI+", "/etc/passwd", "file:///etc/passwd",
        "C:\\a.png", "http://127.0.0.1:1/a.png", "http://169.254.169.254/a", "data:image/png,raw",
        "data:image/png;base64," + "A" * 99_996,
        "javascript:1", "data:" + ";a=b" * 9_000, "ftp://x/y.png", "\0", " ",
    ])  # fmt: skip


def half_sent(chance: Chance) -> Bad:
    good = of("half sent", chance)
    if chance.random() < 0.5:
        return replace(good, length=str(len(good.body) + chance.randrange(1, 10_000)))
    return replace(good, sent=chance.randrange(1, len(good.data)))


def bad_chunks(chance: Chance) -> Bad:
    good = of("bad chunks", chance)
    body = chance.choice(
        [b"zz\r\n", b"-1\r\n", b"ffffffffffffffff\r\nx", b"5\r\nab\r\n0\r\n\r\n", b"1;" + b"x" * 70_000, b"\r\n\r\n"]
    )
    return replace(good, body=body, headers=(("Transfer-Encoding", "chunked"),))


def noise(chance: Chance) -> Bad:
    """What is no HTTP."""
    said = chance.choice([b"\x16\x03\x01\x02\x00\x01\x00", b"SSH-2.0-x\r\n", b"\0" * 500, chance.randbytes(300),
                          b"GET\r\n\r\n",
                          b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                          b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])  # fmt: skip
    return Noise(family="noise", method="", path="", body=said)


class Noise(Bad):
    """Bytes as they are."""

    @property
    def data(self) -> bytes:
        return self.body


FAMILIES: tuple[Callable[[Chance], Bad], ...] = (
    no_json, wrong_type, wrong_type, left_out, huge, wrong_kind, odd_path, odd_path, wrong_method, bad_headers,
    bad_headers, bad_picture, bad_picture, half_sent, bad_chunks, noise,
)  # fmt: skip


def bad_requests(number: int, *, seed: int) -> Iterator[Bad]:
    """Every family in turn."""
    chance = Chance(seed)
    for n in range(number):
        yield FAMILIES[n % len(FAMILIES)](chance)
