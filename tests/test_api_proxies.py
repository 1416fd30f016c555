"""What comes through a proxy needs a key, whichever way the proxy says so; what browsers and clients send does not."""

import asyncio

import pytest
from door_help import House
from starlette.websockets import WebSocketDisconnect

from deepseek_mm.api.origins import is_trace
from deepseek_mm.config import ServeConfig

ADDED_BY_PROXIES = """
    Forwarded Forwarded-For Forwarded-For-Ip X-Forwarded X-Forwarded-By X-Forwarded-For X-Forwarded-Host
    X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Proto X-Forwarded-Scheme X-Forwarded-Server X-Forwarded-Ssl
    X-Forwarded-User
    X-Forwarded-Client-Cert X-Forward-For X-Original-Forwarded-For HTTP-X-Forwarded-For X_Forwarded_For
    Via X-Via X-Real-IP X-Real-Port X-Client-IP Client-IP X-Cluster-Client-IP True-Client-IP X-True-IP X-Remote-IP
    X-Remote-Addr X-Originating-IP X-ProxyUser-Ip X-Proxy-User-Ip X-NginX-Proxy Proxy-Client-IP WL-Proxy-Client-IP
    Proxy-Connection X-Host X-Scheme X-Url-Scheme Front-End-Https X-Original-Host X-Original-URL X-Original-Remote-Addr
    X-Rewrite-URL X-Replaced-Path X-Script-Name X-Ingress-Path X-Request-Start X-Queue-Start X-Varnish
    CF-Connecting-IP CF-Connecting-IPv6 CF-Ray CF-Visitor CF-IPCountry CDN-Loop Fly-Client-IP Fly-Forwarded-Proto
    Fastly-Client-IP Fastly-SSL X-Fastly-Request-ID X-Akamai-Edgescape X-Amz-Cf-Id CloudFront-Viewer-Address
    X-Amzn-Trace-Id X-Amzn-Tls-Version X-Appengine-User-IP X-Appengine-Country X-Cloud-Trace-Context
    X-Goog-IAP-JWT-Assertion X-Azure-ClientIP X-Azure-SocketIP X-Azure-FDID X-FD-HealthProbe X-MS-Client-Principal-Name
    X-ARR-LOG-ID X-ARR-SSL X-SSL-Client-Cert X-Envoy-External-Address X-Envoy-Expected-Rq-Timeout-Ms X-Traefik-Foo
    X-Vercel-Id X-Nf-Client-Connection-Ip X-Railway-Edge Rndr-Id DO-Connecting-IP Tailscale-User-Login
    X-Auth-Request-Email X-Authentik-Username Remote-User Incap-Client-IP X-Sucuri-ClientIP
"""
SENT_BY_CLIENTS = """
    Host User-Agent Accept Accept-Language Accept-Encoding Accept-Charset Connection Keep-Alive Cache-Control Pragma
    Upgrade-Insecure-Requests Upgrade DNT Sec-GPC Sec-Fetch-Site Sec-Fetch-Mode Sec-Fetch-Dest Sec-Fetch-User
    Sec-CH-UA Sec-CH-UA-Mobile Sec-CH-UA-Platform Sec-CH-UA-Full-Version-List Sec-CH-UA-Arch Sec-Purpose Purpose
    Sec-WebSocket-Key Sec-WebSocket-Version Sec-WebSocket-Extensions Sec-WebSocket-Protocol Priority Referer Origin
    Cookie Authorization Content-Type Content-Length Content-Encoding Content-Disposition Transfer-Encoding Expect TE
    Trailer Range If-Range If-None-Match If-Match If-Modified-Since If-Unmodified-Since Date From Save-Data
    Device-Memory DPR Viewport-Width Width Downlink ECT RTT X-Requested-With X-CSRF-Token X-Request-ID
    X-Correlation-ID X-Client-Data X-Wap-Profile X-Moz Last-Event-ID Idempotency-Key traceparent tracestate baggage
    X-B3-TraceId X-Gradio-User X-Gradio-Target X-Stainless-Lang X-Stainless-OS X-Stainless-Retry-Count OpenAI-Beta
    Ping-From Ping-To Service-Worker Access-Control-Request-Method Mcp-Session-Id X-Zip X-Clip
"""
ADDED, SENT = ADDED_BY_PROXIES.split(), SENT_BY_CLIENTS.split()


@pytest.fixture
def local(tmp_path):
    return House(tmp_path, ServeConfig())


@pytest.mark.parametrize("spell", [str, str.lower, str.upper], ids=["as usual", "small", "large"])
def test_every_header_that_proxies_add_makes_a_caller_need_a_key(local, spell):
    client, keyed = local.client(), local.client(local.all)
    free = [name for name in ADDED if client.get("/me", headers={spell(name): "127.0.0.1"}).status_code != 401]
    assert free == []
    shut = [name for name in ADDED if keyed.get("/me", headers={spell(name): "127.0.0.1"}).json()["name"] != "all"]
    assert shut == []


def test_nothing_that_browsers_and_clients_send_by_themselves_counts_as_a_proxy():
    assert [name for name in SENT if is_trace(name)] == []


def test_a_trace_among_many_headers_or_empty_or_twice_counts(local):
    for headers in ([("X-Client-IP", "")], [("DNT", "1"), ("X-Client-Ip", "127.0.0.1"), ("x-client-ip", "::1")]):
        assert local.client().get("/me", headers=headers).status_code == 401


def test_a_websocket_that_comes_through_a_proxy_needs_a_key(local):
    for headers in ({"X-Envoy-External-Address": "::1"}, {"True-Client-IP": "127.0.0.1"}):
        with (
            pytest.raises(WebSocketDisconnect),
            local.client().websocket_connect("ws://127.0.0.1:7860/live", headers=headers),
        ):
            pass
        with local.client(local.all).websocket_connect("ws://127.0.0.1:7860/live", headers=headers) as socket:
            assert socket.receive_text() == "all"


def through(door, *, version: str = "1.1", client: str = "127.0.0.1", host: str = "127.0.0.1:7860") -> int:
    """The status of a request as the server's protocol hands it over."""
    said = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        said.append(message)

    scope = {
        "type": "http", "http_version": version, "method": "GET", "scheme": "http", "path": "/me", "raw_path": b"/me",
        "root_path": "", "query_string": b"", "headers": [(b"host", host.encode())], "client": (client, 50_000),
        "server": ("127.0.0.1", 7860),
    }  # fmt: skip
    asyncio.run(door(scope, receive, send))
    return said[0]["status"]


def test_http_1_0_needs_a_key_since_only_a_proxy_speaks_it(local):
    assert (through(local.door), through(local.door, version="1.0")) == (200, 401)


def test_only_loopback_addresses_and_loopback_names_are_local(local):
    for client in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        assert through(local.door, client=client) == 200
    for client in ("192.0.2.7", "::ffff:192.0.2.7", "fe80::1"):
        assert through(local.door, client=client) == 401
    for host in ("localhost", "LOCALHOST.:80", "127.0.0.2", "[::1]:7860"):
        assert through(local.door, host=host) == 200
    for host in ("photos.example", "192.0.2.7", "localhost.evil.example", "127.0.0.1.nip.io"):
        assert through(local.door, host=host) == 421
