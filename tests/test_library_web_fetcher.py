"""Fetching by address: only from public ones, whatever names, redirects and spellings say, and within limits."""

import gzip
import time

import httpcore
import pytest
from far_server import FAR, answer, drips, elsewhere, floods, onward

from deepseek_mm.addresses import resolve_here
from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import BadFile, BadPicture, Forbidden, TooLarge
from deepseek_mm.library.web_fetcher import Fetcher, connect_there, is_link

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"


@pytest.fixture
def there():
    with elsewhere() as there:
        yield there


def test_a_picture_is_fetched_from_the_address_that_was_checked_under_its_name(there):
    there.pages["/a.png?b=1"] = answer(b"picture")
    assert there.fetcher().fetch("http://far.example/a.png?b=1") == b"picture"
    assert there.connected == [(FAR, 80)]
    assert "\r\nHost: far.example\r\n" in there.asked[0]
    assert "accept-encoding: identity" in there.asked[0].lower()
    for unsaid in ("cookie", "authorization", "referer"):
        assert unsaid not in there.asked[0].lower()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00:ec2::254", "::ffff:127.0.0.1", "fe80::1%eth0", "100.64.0.1"],
)
def test_a_name_that_leads_to_a_private_address_is_never_connected_to(there, address):
    for answers in ([address], [FAR, address], [address, FAR]):
        there.names["inner.example"] = [answers]
        with pytest.raises(Forbidden, match="does not lead to a public address only") as refusal:
            there.fetcher().fetch("http://inner.example/")
        assert address not in str(refusal.value)
    assert there.connected == []


def test_a_name_that_is_public_first_and_private_then_is_asked_once_and_pinned(there):
    there.names["rebound.example"] = [[FAR], ["127.0.0.1"]]
    there.pages["/"] = answer(b"picture")
    assert there.fetcher().fetch("http://rebound.example/") == b"picture"
    assert there.connected == [(FAR, 80)]
    with pytest.raises(Forbidden):
        there.fetcher().fetch("http://rebound.example/")
    assert len(there.connected) == 1


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "//169.254.169.254/latest/meta-data",
        "http://inner.example/",
        "http://[::1]/",
        "http://far.example:22/",
        "file:///etc/passwd",
        "ftp://far.example/a.png",
        "http://a@far.example/",
    ],
)
def test_a_redirect_is_checked_as_the_first_address_was(there, to):
    there.names |= {"localhost": [["127.0.0.1"]], "inner.example": [["10.0.0.1"]]}
    there.names |= {name: [[name]] for name in ("127.0.0.1", "169.254.169.254", "::1")}
    there.pages["/"] = onward(to)
    with pytest.raises(Forbidden):
        there.fetcher().fetch("http://far.example/")
    assert there.connected == [(FAR, 80)]


def test_a_redirect_to_the_same_name_is_resolved_and_checked_again(there):
    there.names["far.example"] = [[FAR], ["127.0.0.1"]]
    there.pages["/"] = onward("/a.png")
    there.pages["/a.png"] = answer(b"picture")
    with pytest.raises(Forbidden):
        there.fetcher().fetch("http://far.example/")


def test_three_redirects_are_followed_and_a_fourth_is_not(there):
    there.pages |= {f"/{n}": onward(f"/{n + 1}") for n in range(9)}
    there.pages["/3"] = answer(b"picture")
    assert there.fetcher().fetch("http://far.example/0") == b"picture"
    there.pages["/3"] = onward("/4")
    with pytest.raises(BadFile, match="leads on more than 3 times"):
        there.fetcher().fetch("http://far.example/0")


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::]/",
        "http://localhost./",
        "http://LOCALHOST/",
    ],
)
def test_other_spellings_of_this_machine_are_known_by_where_they_lead(there, url):
    fetcher = Fetcher(ServeConfig(), resolve=resolve_here, connect=there.connect)  # the system's own resolver
    with pytest.raises((Forbidden, BadFile)):
        fetcher.fetch(url)
    assert there.connected == []


@pytest.mark.parametrize(
    "url",
    [
        "http://public.example@127.0.0.1/",
        "http://far.example:80@127.0.0.1/",
        "http://@far.example/",
        "http://far.example:8080/",
        "https://far.example:80/",
        "http://far.example:0x50/",
        "http://far.example\\@127.0.0.1/",
        "http://far.example/a b",
        "http://far.example/\r\nX: y",
        "http:///a.png",
        "http://",
        "http://[::1",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://far.example/" + "a" * 3_000,
        "file:///etc/passwd",
        "gopher://far.example/",
        "",
    ],
)
def test_what_is_no_plain_address_of_a_picture_is_refused_unasked(there, url):
    with pytest.raises(Forbidden):
        there.fetcher().fetch(url)
    assert there.connected == []


def test_a_name_that_nobody_knows_is_said_to_be_unknown(there):
    with pytest.raises(BadFile, match="no such name"):
        there.fetcher().fetch("http://unknown.example/")


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: ", HEAD + b"\r\n"])
def test_a_server_that_drips_is_left_at_the_deadline(there, start):
    there.pages["/"] = drips(start)
    began_s = time.monotonic()
    with pytest.raises(BadFile, match=r"longer than serve\.fetch_s allows, 0\.3 s"):
        there.fetcher(fetch_s=0.3).fetch("http://far.example/")
    assert time.monotonic() - began_s < 10  # it would drip for ever


def test_redirects_share_one_deadline(there):
    there.pages["/"] = onward("/slow")
    there.pages["/slow"] = drips(b"")
    with pytest.raises(BadFile, match="longer than"):
        there.fetcher(fetch_s=0.3).fetch("http://far.example/")


def test_a_resolver_that_hangs_is_left_at_the_deadline(there):
    def hangs(host: str, port: int) -> list[str]:
        time.sleep(3)
        return [FAR]

    fetcher = Fetcher(ServeConfig(fetch_s=0.2), resolve=hangs, connect=there.connect)
    with pytest.raises(BadFile, match="longer than"):
        fetcher.fetch("http://far.example/")


@pytest.mark.parametrize(
    "page",
    [
        answer(b"x" * 1_001),
        floods(HEAD + b"\r\n", b"x" * 1_000),
        floods(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1_000 + b"\r\n"),
        floods(HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", b"x" * 1_000),
    ],
)
def test_a_body_without_end_is_cut_at_the_limit(there, page):
    there.pages["/"] = page
    with pytest.raises((TooLarge, BadFile)) as refusal:
        there.fetcher(fetch_bytes=1_000).fetch("http://far.example/")
    assert "longer than" not in str(refusal.value)


def test_a_body_of_exactly_the_limit_is_taken(there):
    there.pages["/"] = answer(b"x" * 1_000)
    assert len(there.fetcher(fetch_bytes=1_000).fetch("http://far.example/")) == 1_000


def test_a_packed_answer_is_refused_before_it_is_unpacked(there):
    bomb = gzip.compress(b"\0" * 10_000_000)
    assert len(bomb) < 20_000
    there.pages["/"] = answer(bomb, Content_Encoding="gzip")
    with pytest.raises(BadPicture, match="sends it packed"):
        there.fetcher().fetch("http://far.example/")


@pytest.mark.parametrize("kind", ["text/html", "", "application/json", "text/image/png"])
def test_what_is_no_picture_by_its_type_is_refused(there, kind):
    there.pages["/"] = answer(b"secret of a service", kind=kind)
    with pytest.raises(BadPicture, match="no picture") as refusal:
        there.fetcher().fetch("http://far.example/")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oh", "206 Partial Content", "304 Not Modified"])
def test_only_a_whole_answer_counts(there, status):
    there.pages["/"] = answer(b"", status=status)
    with pytest.raises(BadFile, match=f"status {status[:3]}"):
        there.fetcher().fetch("http://far.example/")


@pytest.mark.parametrize("page", [b"garbage\r\n\r\n", b"", HEAD + b"Content-Length: 50\r\n\r\nshort"])
def test_a_server_that_speaks_no_http_is_said_to_have_failed(there, page):
    there.pages["/"] = page
    with pytest.raises(BadFile, match="did not answer as it should"):
        there.fetcher().fetch("http://far.example/")


def test_of_several_addresses_the_next_is_tried_when_one_does_not_answer(there):
    there.names["far.example"] = [["1.1.1.1", FAR]]
    there.pages["/"] = answer(b"picture")
    real = there.connect

    def connect(address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
        if address == "1.1.1.1":
            raise httpcore.ConnectError("refused")
        return real(address, port, timeout_s)

    assert Fetcher(ServeConfig(), resolve=there.resolve, connect=connect).fetch("http://far.example/") == b"picture"


def test_the_proxy_of_the_environment_is_not_used(there, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    there.pages["/"] = answer(b"picture")
    assert there.fetcher().fetch("http://far.example/") == b"picture"


class Certified(httpcore.NetworkStream):
    """A connection that notes for which name TLS is asked, and ends there."""

    def __init__(self) -> None:
        self.names: list[str | None] = []

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        self.names.append(server_hostname)
        raise httpcore.ConnectError("seen enough")

    def close(self) -> None:
        pass


def test_the_certificate_is_asked_for_by_name_though_the_address_is_pinned():
    stream, where = Certified(), []

    def connect(address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
        where.append((address, port))
        return stream

    fetcher = Fetcher(ServeConfig(), resolve=lambda host, port: [FAR], connect=connect)
    with pytest.raises(BadFile):
        fetcher.fetch("https://far.example/")
    assert (where, stream.names) == ([(FAR, 443)], ["far.example"])


def test_a_connection_that_leads_back_to_this_machine_is_cut_before_a_byte_is_sent(there):
    with pytest.raises(Forbidden, match="this machine's own"):
        connect_there("127.0.0.1", there.socket.getsockname()[1], 5)
    assert there.asked in ([], [""])


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/a/kite%20up.png", "image/png", "kite up.png"),
        ("/a/photo?id=7", "image/jpeg", "photo.jpg"),
        ("/wiki/Dog_(animal)", "text/html; charset=utf-8", "Dog_(animal).html"),
        ("/", "text/html", "far.example.html"),
        ("/paper.pdf", "application/pdf", "paper.pdf"),
        ("/notes.md", "text/markdown", "notes.md"),
        ("/..%2F..%2Fetc%2Fpasswd", "text/plain", "etc passwd.txt"),
    ],
)
def test_a_file_is_named_after_its_address_with_the_ending_of_its_kind(there, path, kind, name):
    there.pages[path] = answer(b"x", kind)
    assert there.fetcher().fetch_file(f"http://far.example{path}").name == name


def test_a_page_says_where_it_was_saved_from_and_keeps_the_encoding_it_was_sent_in(there):
    there.pages["/old"] = onward("/news")
    there.pages["/news"] = answer("<p>\u732b</p>".encode("gbk"), "text/html; charset=gbk")
    page = there.fetcher().fetch_file("http://far.example/old").data
    assert page.startswith(b'<!-- saved from url=(0023)http://far.example/news -->\n<meta charset="gbk">\n')
    assert page.endswith("<p>\u732b</p>".encode("gbk"))
    there.pages["/a.png"] = answer(b"picture")
    assert there.fetcher().fetch_file("http://far.example/a.png").data == b"picture"


def test_what_is_neither_a_picture_nor_a_page_is_refused(there):
    there.pages["/a"] = answer(b"MZ", "application/x-msdownload")
    with pytest.raises(BadFile, match="neither a picture nor a page. Save it and add the file"):
        there.fetcher().fetch_file("http://far.example/a")


@pytest.mark.parametrize(
    ("text", "link"),
    [("https://example.org/a.jpg", True), ("HTTP://x", True), ("/home/me", False), ("see https://a.b", False)],
)
def test_a_link_is_known_from_a_path(text, link):
    assert is_link(text) is link
