"""Addresses that somebody names or that a server leads to: nothing inside a network is connected to, whoever asks.

One table of addresses, and every way by which one comes in. The resolver and the sockets of this process are exchanged:
names lead where the table says, a public address leads to a small server of this test, and whatever else would be
connected to is written down.
"""

import gzip
import io
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from far_server import FAR, Elsewhere, answer, drips, elsewhere, floods, onward
from fastapi.testclient import TestClient
from huggingface_hub import constants
from PIL import Image
from rag_house import build
from serve_help import As
from service import STRANGER

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.api.app import build_api
from deepseek_mm.cli.index import fetch_links
from deepseek_mm.config import Config, HubConfig, LMConfig, ServeConfig
from deepseek_mm.errors import DeepSeekMMError, ServerError
from deepseek_mm.library.web_fetcher import Fetcher
from deepseek_mm.lm.backends.served_model import models_at
from deepseek_mm.models.hub_client import HubClient
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.terminal import Desk

OTHER = "1.1.1.1"  # public as well; nothing is ever sent there
NAMES = {  # what the resolver answers, each time the next of them, the last for ever
    "far.example": [[FAR]],
    "inner.example": [["10.0.0.1"]],
    "here.example": [["127.0.0.1"]],
    "here6.example": [["::1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "linklocal.example": [["fe80::1%lo"]],
    "metadata.example": [["169.254.169.254"]],
    "one-of-two.example": [[FAR, "192.168.1.1"]],
    "two-of-two.example": [["192.168.1.1", FAR]],
    "six-of-two.example": [[FAR, "fc00::1"]],
    "rebound.example": [["127.0.0.1"]],
    "localhost": [["127.0.0.1"]],
    "sub.localhost": [["127.0.0.1"]],
    "localhost.": [["127.0.0.1"]],
}
HOSTS = (  # a part of an address that leads inside, in all spellings
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7F.0x0.0x0.0x1", "0177.0.0.1",
    "017700000001", "0177.1", "127.0.0.1.", "127.255.255.254", "0.0.0.0", "0", "00000.0", "localhost", "LOCALHOST",
    "localhost.", "sub.localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]",
    "[fe80::1%25lo]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[::127.0.0.1]", "10.0.0.1",
    "0xa000001", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1", "169.254.169.254", "2852039166",
    "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "100.64.0.1", "100.100.100.200", "168.63.129.16",
    "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "192.0.2.1",
    "198.51.100.1", "203.0.113.1", "inner.example", "here.example", "here6.example", "mapped.example",
    "linklocal.example", "metadata.example", "one-of-two.example", "two-of-two.example", "six-of-two.example",
    "rebound.example", "far.example@127.0.0.1", "far.example:80@127.0.0.1", "127.0.0.1@far.example", "@far.example",
    "far.example\\@127.0.0.1", "127.0.0.1\\@far.example", "127.0.0.1#@far.example", "127.0.0.1?@far.example",
    "far.example%2f@127.0.0.1", "far.example:22", "far.example:8080", "far.example:0x50", "far.example:99999",
    "far.example:-1", "127.0.0.1:80", "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021",
    "\u2460\u2461\u2466.0.0.1", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3", "loc\u00adalhost", "xn--",
    "xn--a", "far.example\r\nHost: inner.example", "far.example\t", " 127.0.0.1", "127.0.0.1%00.far.example",
    "127.0.0.1%09", "[::1", "::1", "[127.0.0.1]", "[::1]:80@far.example", "a" * 300 + ".example", "far..example", ".",
    "",
)  # fmt: skip
WHOLE = (  # addresses of other kinds
    "file:///etc/passwd", "file://localhost/etc/passwd", "FILE:///etc/passwd", "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/", "ftp://127.0.0.1/a.png", "ftp://far.example/a.png", "ldap://127.0.0.1/",
    "tftp://127.0.0.1/a", "jar:http://127.0.0.1!/a", "ws://127.0.0.1/", "data:text/html,<script>",
    "javascript:alert(1)", "//127.0.0.1/", "///127.0.0.1/", "\\\\127.0.0.1\\share", "http:127.0.0.1/",
    "http:/127.0.0.1/", "http:///127.0.0.1/", "http:\\\\127.0.0.1/", "http://127.0.0.1:443/", "https://127.0.0.1:80/",
    "HTTP://127.0.0.1/", "hTtPs://[::1]/", "unix:///run/docker.sock", "http+unix://%2frun%2fdocker.sock/",
    "view-source:http://127.0.0.1/", "blob:http://127.0.0.1/a",
)  # fmt: skip
ADDRESSES = (*(f"http://{host}/a.png" for host in HOSTS), *WHOLE)


@dataclass
class Net:
    """What names lead to, and whatever was connected to."""

    there: Elsewhere
    names: dict[str, list[list[str]]]
    connected: list[tuple[str, int]] = field(default_factory=list)
    allowed: tuple[str, ...] = (FAR, OTHER)

    @property
    def strange(self) -> list[tuple[str, int]]:
        """Whatever was connected to inside some network, or at another port."""
        return [each for each in self.connected if each[0] not in self.allowed or each[1] not in (80, 443)]


@contextmanager
def net_of(monkeypatch) -> Iterator[Net]:
    """Names and sockets of this process as the table has them. Numbers are read as the system reads them."""
    numbers, plain_connect, plain_peer = socket.getaddrinfo, socket.socket.connect, socket.socket.getpeername
    peers: dict[int, tuple[str, int]] = {}  # descriptor -> where it passes for leading to
    with elsewhere() as there:
        net = Net(there, {name: [list(each) for each in answers] for name, answers in NAMES.items()})

        def resolve(host, port, *more, **named):
            name = host.decode() if isinstance(host, bytes) else host
            answers = net.names.get(name)
            found = (answers.pop(0) if len(answers) > 1 else answers[0]) if answers else None
            if found is None:
                return numbers(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            kinds = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in found]
            return [
                (kind, socket.SOCK_STREAM, 6, "", (each, port or 0)) for kind, each in zip(kinds, found, strict=True)
            ]

        def connect(self, address):
            if not isinstance(address, tuple):
                return plain_connect(self, address)
            net.connected.append((address[0], address[1]))
            if address[0] not in net.allowed:
                raise ConnectionRefusedError(f"{address[0]} is inside")
            peers[self.fileno()] = (address[0], address[1])
            return plain_connect(self, net.there.socket.getsockname())

        def peer(self):
            return peers.get(self.fileno()) or plain_peer(self)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket.socket, "connect", connect)
        monkeypatch.setattr(socket.socket, "getpeername", peer)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, "http://10.9.9.9:3128")
        yield net


@pytest.fixture
def net(monkeypatch):
    with net_of(monkeypatch) as net:
        yield net


class Doors:
    """Every way by which an address comes in: each gives the status or the words of the refusal."""

    def __init__(self, folder: Path) -> None:
        self.assistant = build(folder)
        serve = replace(self.assistant.config.serve, fetch_urls=True, fetch_s=5.0)
        self.assistant.config = replace(self.assistant.config, serve=serve)
        self.config: Config = self.assistant.config
        self.api = build_api(self.assistant, SettingsFile.of(self.config))
        self.stranger = TestClient(As(self.api.app, STRANGER))
        self.local = TestClient(As(self.api.app, LOCAL))
        self.ways: dict[str, Callable[[str], str]] = {
            "POST /search": lambda url: self.post("/search", {"picture": url}),
            "POST /search/why": lambda url: self.post("/search/why", {"picture": url, "source": 1}),
            "POST /embed": lambda url: self.post("/embed", {"pictures": [url]}),
            "POST /infer": lambda url: self.post(
                "/infer", {"kind": "ask", "input": {"question": "What?", "pictures": [url]}}
            ),
            "POST /ask": lambda url: self.post("/ask", {"question": "What is it?", "pictures": [url]}),
            "POST /caption": lambda url: self.post("/caption", {"pictures": [url]}),
            "POST /v1/embeddings": lambda url: self.post(
                "/v1/embeddings", {"model": "deepseek-mm-embed", "input": [picture_part(url)]}
            ),
            "POST /v1/chat/completions": lambda url: self.post("/v1/chat/completions", chat(url)),
            "POST /library/paths": lambda url: self.post("/library/paths", {"links": [url]}),
            "POST /models/use": lambda url: self.post("/models/use", {"name": "m", "url": url}),
            "POST /models/try": lambda url: self.post("/settings/models", {"url": url}),
            "PATCH /settings": lambda url: self.patch({"lm.url": url}),
            "index ADDRESS": self.index,
        }

    def post(self, path: str, body: object) -> str:
        """The answer to a stranger with every right."""
        return f"{self.stranger.post(path, json=body).status_code}"

    def patch(self, values: object) -> str:
        return f"{self.stranger.patch('/settings', json={'values': values}).status_code}"

    def index(self, url: str) -> str:
        desk = Desk(out=io.StringIO(), err=io.StringIO(), load=None, environ={}, cwd=Path())  # type: ignore[arg-type]
        try:
            fetch_links([url], self.config, desk)
        except DeepSeekMMError as error:
            return str(error)
        return "200"


def picture_part(url: str) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


def chat(url: str) -> dict[str, object]:
    parts = [{"type": "text", "text": "What is it?"}, picture_part(url)]
    return {"model": "deepseek-mm", "messages": [{"role": "user", "content": parts}]}


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    doors = Doors(tmp_path_factory.mktemp("doors"))
    with doors.assistant:
        yield doors


PICTURE_WAYS = (
    "POST /search",
    "POST /embed",
    "POST /infer",
    "POST /ask",
    "POST /caption",
    "POST /v1/embeddings",
    "POST /v1/chat/completions",
)
SHUT = ("POST /models/use", "POST /models/try", "PATCH /settings")  # for whoever is not on this machine
WAYS = (*PICTURE_WAYS, *SHUT, "POST /search/why", "POST /library/paths", "index ADDRESS")


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("way", WAYS)
def test_an_address_that_leads_inside_is_refused_by_every_way_and_never_connected_to(doors, net, way):
    net.there.pages["/a.png"] = answer(png())
    said = {url: doors.ways[way](url) for url in ADDRESSES[:: 5 if way in SHUT else 1]}
    assert net.strange == []
    assert [url for url, status in said.items() if status.startswith("2") or status == "500"] == []


@pytest.mark.parametrize("way", [way for way in WAYS if way not in (*SHUT, "POST /search/why", "POST /caption")])
def test_every_way_fetches_from_a_public_address_so_that_the_refusals_mean_something(doors, net, way):
    net.there.pages["/a.png"] = answer(png())
    assert doors.ways[way]("http://far.example/a.png").startswith("2")
    assert net.connected == [(FAR, 80)]


@pytest.mark.parametrize("way", ["POST /embed", "POST /library/paths", "index ADDRESS"])
@pytest.mark.parametrize("steps", [1, 2])
def test_a_redirect_that_leads_inside_is_not_followed_however_many_lead_there(doors, net, way, steps):
    followed = []
    for n, url in enumerate(each for each in ADDRESSES if each.isascii() and not set(each) & set("\r\n\t")):
        net.there.pages[f"/{n}"] = onward(f"/{n}/more" if steps == 2 else url, status="307 Temporary Redirect")
        net.there.pages[f"/{n}/more"] = onward(url)
        followed += [url] if doors.ways[way](f"http://far.example/{n}").startswith("2") else []
    assert (net.strange, followed) == ([], [])


@pytest.mark.parametrize("way", ["POST /embed", "POST /library/paths", "index ADDRESS"])
def test_a_name_that_changes_meanwhile_is_connected_to_where_it_was_looked_up(doors, net, way):
    net.there.pages["/a.png"] = answer(png())
    net.names["rebound.example"] = [[FAR], ["127.0.0.1"]]
    assert doors.ways[way]("http://rebound.example/a.png").startswith("2")
    assert not doors.ways[way]("http://rebound.example/a.png").startswith("2")
    net.names["far.example"] = [[FAR], ["127.0.0.1"]]
    net.there.pages["/on"] = onward("/a.png")
    assert not doors.ways[way]("http://far.example/on").startswith("2")
    assert net.strange == []


@pytest.mark.parametrize(
    "page",
    [
        answer(gzip.compress(bytes(9_000_000)), Content_Encoding="gzip"),
        answer(b"x", Content_Encoding="br"),
        floods(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n", b"x" * 100_000),
        floods(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 100_000),
        drips(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nX: "),
        b"",
    ],
    ids=["packed", "packed-br", "endless", "endless-head", "drips", "drips-head", "nothing"],
)
def test_an_answer_that_is_packed_or_has_no_end_is_given_up(doors, net, page, tmp_path):
    net.there.pages["/a.png"] = page
    serve = ServeConfig(fetch_urls=True, fetch_s=0.3, fetch_bytes=1_000_000)
    with pytest.raises(DeepSeekMMError):
        Fetcher(serve).fetch("http://far.example/a.png")
    assert net.strange == []


@pytest.fixture
def hub(net, monkeypatch):
    """A hub at a public address, without a proxy."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name)
    client = HubClient({"HF_ENDPOINT": "http://far.example"}, HubConfig(connect_s=1.0, silence_s=1.0))
    yield client
    client.close()


def test_a_public_hub_leads_to_no_address_inside_a_network(hub, net):
    places = [url for url in ADDRESSES if url.startswith("http") and url.isascii() and not set(url) & set("\r\n\t")]
    led = []
    for n, url in enumerate(places):
        net.there.pages[f"/owner/name/resolve/{'a' * 40}/{n}"] = onward(url)
        try:
            with hub.open_file("owner/name", "a" * 40, f"{n}", 0) as stream:
                led.append((url, b"".join(stream.chunks)))
        except DeepSeekMMError:
            continue
    assert [each for each in net.connected if each[0] not in net.allowed] == []
    assert [url for url, _ in led if "far.example" not in url] == []


def test_what_a_public_hub_leads_to_is_looked_up_once_and_pinned(hub, net):
    net.there.pages[f"/owner/name/resolve/{'a' * 40}/f"] = onward("http://rebound.example/data")
    net.there.pages["/data"] = answer(b"bytes of a model")
    net.names["rebound.example"] = [[OTHER], ["127.0.0.1"]]
    with hub.open_file("owner/name", "a" * 40, "f", 0) as stream:
        assert b"".join(stream.chunks) == b"bytes of a model"
    assert net.connected[-1] == (OTHER, 80)
    assert "\r\nhost: rebound.example\r\n" in net.there.asked[-1].lower()
    with pytest.raises(ServerError, match="not at a public address"), hub.open_file("owner/name", "a" * 40, "f", 0):
        pass
    assert net.strange == []


def test_a_hub_inside_a_network_may_lead_to_what_lies_there(net, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name)
    net.allowed += ("10.0.0.1", "10.0.0.2")
    net.there.pages[f"/owner/name/resolve/{'a' * 40}/f"] = onward("http://10.0.0.2/data")
    net.there.pages["/data"] = answer(b"bytes of a model")
    client = HubClient({"HF_ENDPOINT": "http://inner.example"}, HubConfig())
    with client.open_file("owner/name", "a" * 40, "f", 0) as stream:
        assert b"".join(stream.chunks) == b"bytes of a model"
    client.close()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.2", "127.1", "0x7f.1", "2130706433", "localhost.", "sub.localhost", "[::1]", "0.0.0.0"],
)
def test_what_is_asked_of_this_machine_goes_by_no_proxy_in_whatever_spelling(net, host):
    with pytest.raises(ServerError):
        models_at(LMConfig(url=f"http://{host}:8000/v1"))
    assert net.connected
    assert "10.9.9.9" not in {address for address, _ in net.connected}


def test_a_model_server_leads_nowhere_else(net):
    net.there.pages["/v1/models"] = onward("http://inner.example/v1/models")
    with pytest.raises(ServerError):
        asked_models(net)
    assert {address for address, _ in net.connected} == {FAR}


@pytest.mark.parametrize(
    "page",
    [
        answer(gzip.compress(bytes(9_000_000)), kind="application/json", Content_Encoding="gzip"),
        answer(b"x", kind="application/json", Content_Encoding="deflate"),
        floods(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" " * 100_000),
        drips(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nX: "),
    ],
    ids=["packed", "packed-deflate", "endless", "drips", "drips-head"],
)
def test_a_model_server_that_packs_floods_or_drips_its_list_is_given_up(net, page):
    net.there.pages["/v1/models"] = page
    began_s = time.monotonic()
    with pytest.raises(ServerError):
        asked_models(net)
    assert time.monotonic() - began_s < 10


def asked_models(net: Net) -> list[str]:
    """The list of a server at a public address, without a proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name)
        return models_at(LMConfig(url="http://far.example/v1", timeout_s=0.5))
