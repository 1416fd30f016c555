"""By which names the server is called (DNS rebinding), and whose page asks (CSRF)."""

import pytest
from door_help import HERE, House
from starlette.datastructures import Headers

from deepseek_mm.api.origins import check_host, is_foreign
from deepseek_mm.config import ServeConfig

LOCAL = ServeConfig()
WIDE = ServeConfig(host="0.0.0.0", hosts="Photos.example.org, box.lan:8000,")


def headers(*hosts: str, **others: str) -> Headers:
    raw = [("host", host) for host in hosts] + [(name.replace("_", "-"), value) for name, value in others.items()]
    return Headers(raw=[(name.encode(), value.encode("latin-1")) for name, value in raw])


@pytest.mark.parametrize(
    ("serve", "host"),
    [
        (LOCAL, "127.0.0.1"),
        (LOCAL, "127.0.0.1:7860"),
        (LOCAL, "localhost:9"),
        (LOCAL, "LOCALHOST"),
        (LOCAL, "localhost.:7860"),
        (LOCAL, "[::1]:7860"),
        (LOCAL, "[0:0:0:0:0:0:0:1]"),
        (LOCAL, "[::ffff:127.0.0.1]"),
        (WIDE, "photos.EXAMPLE.org."),
        (WIDE, "box.lan:7860"),
        (WIDE, "192.168.1.5:7860"),  # where the connection came to
        (WIDE, "[::ffff:192.168.1.5]"),
        (ServeConfig(host="box.lan"), "box.lan"),
        (ServeConfig(host="192.168.1.5"), "192.168.1.5"),
    ],
)
def test_a_server_answers_to_its_own_names_however_they_are_spelled(serve, host):
    assert check_host(headers(host), serve, "192.168.1.5") is None


@pytest.mark.parametrize(
    ("serve", "host"),
    [
        (LOCAL, "evil.example"),
        (LOCAL, "localhost.evil.example"),
        (LOCAL, "127.0.0.1.evil.example:7860"),
        (LOCAL, "0.0.0.0"),
        (LOCAL, "192.168.1.5"),  # it is not listened to
        (LOCAL, "2130706433"),
        (WIDE, "10.0.0.1"),
        (WIDE, "example.org"),
        (WIDE, "sub.photos.example.org"),
        (WIDE, "8.8.8.8"),
    ],
)
def test_a_foreign_name_is_refused_with_the_setting_that_would_allow_it(serve, host):
    refusal = check_host(headers(host), serve, "192.168.1.5")
    assert refusal.status == 421
    assert "serve.hosts" in refusal.detail


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("",),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "evil.example"),
        ("127.0.0.1:x",),
        ("127.0.0.1:70000",),
        ("user@127.0.0.1",),
        ("127.0.0.1/x",),
        ("127.0.0.1, evil.example",),
        ("[::1",),
        ("::1",),
        ("loc alhost",),
        ("ﬁ.example".encode().decode("latin-1"),),
    ],
)
def test_a_request_without_exactly_one_host_is_malformed(hosts):
    assert check_host(headers(*hosts), LOCAL, "127.0.0.1").status == 400


def test_a_page_that_was_bound_to_this_machines_address_gets_nothing(tmp_path):
    """DNS rebinding: the browser believes evil.example to be here, and sends its name."""
    client = House(tmp_path, LOCAL).client(base_url="http://evil.example:7860")
    for path in ("/", "/me", "/health/live", "/login"):
        answer = client.get(path)
        assert answer.status_code == 421
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("POST", {"origin": "http://evil.example"}),
        ("GET", {"origin": "http://evil.example"}),
        ("POST", {"origin": "null"}),
        ("POST", {"origin": "http://127.0.0.1:3000"}),  # another program's page on this machine
        ("POST", {"origin": "http://localhost:7860"}),  # the same server, another name
        ("POST", {"origin": "http://127.0.0.1:7860.evil.example"}),
        ("POST", {"origin": "http://127.0.0.1:7860@evil.example"}),
        ("POST", {"origin": "file://"}),
        ("POST", {"origin": "http://[bad"}),
        ("POST", {"origin": "chrome-extension://127.0.0.1:7860"}),
        ("POST", {"sec_fetch_site": "cross-site"}),
        ("POST", {"sec_fetch_site": "same-site"}),
        ("POST", {"sec_fetch_site": "cross-site", "origin": HERE}),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}),
        ("POST", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}),
    ],
)
def test_what_a_page_of_others_sends_is_known_as_foreign(method, sent):
    assert is_foreign(headers("127.0.0.1:7860", **sent), method=method, scheme="http")


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("POST", {}),  # a program
        ("POST", {"origin": HERE}),
        ("POST", {"origin": HERE, "sec_fetch_site": "same-origin"}),
        ("POST", {"origin": "null", "sec_fetch_site": "same-origin"}),  # a form of ours, under "no-referrer"
        ("GET", {"sec_fetch_site": "none"}),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}),
    ],
)
def test_our_own_page_programs_and_links_to_here_are_not_foreign(method, sent):
    assert not is_foreign(headers("127.0.0.1:7860", **sent), method=method, scheme="http")


def test_behind_https_a_page_without_it_is_foreign_and_default_ports_need_not_be_named():
    assert is_foreign(headers("a.example", origin="http://a.example"), method="POST", scheme="https")
    assert not is_foreign(headers("a.example", origin="https://a.example:443"), method="POST", scheme="https")
    assert not is_foreign(headers("a.example:443", origin="https://a.example"), method="POST", scheme="http")
