"""Where a request comes from: the host name it was sent to, the page that sent it, and the proxies between.

DNS rebinding and CSRF: a page elsewhere can give its own name this machine's address, and then counts as our own page
for the browser. But the browser still sends the page's name as Host, so a server that only answers to its own names
gives it nothing. And every request that a page of others makes says so, in Origin or in Sec-Fetch-Site.

A proxy leaves traces in what it passes on: headers of a few families, or HTTP/1.0, which no browser speaks and which is
what nginx speaks where nobody configured more. Names are compared in lower case, with "_" as "-". What browsers and
HTTP clients send by themselves has none of these traces.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from deepseek_mm.config import ServeConfig

LOCAL_NAME = "localhost"
WILDCARDS = ("", "0.0.0.0", "::")  # "every address of this machine"
HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a request goes no further."""

    status: int
    kind: str
    detail: str


def check_host(headers: Headers, serve: ServeConfig, arrived_at: str) -> Refusal | None:
    """None if the request calls this server by a name of its own.

    `arrived_at` is the address of this machine that the connection came to: with serve.host=0.0.0.0 it may be named.
    """
    said = headers.getlist("host")
    name = host_name(said[0]) if len(said) == 1 else ""
    if not name:
        detail = f"the request has {len(said)} Host headers, or one that is none. Send one, such as 127.0.0.1:7860"
        return Refusal(status=400, kind="host", detail=detail)
    if is_loopback(name) or name in own_names(serve, arrived_at):
        return None
    detail = f"this server is not called {name!r}. If it should be, add the name to the setting serve.hosts"
    return Refusal(status=421, kind="host", detail=detail)


def own_names(serve: ServeConfig, arrived_at: str) -> set[str]:
    """The names that the settings say, and the address itself where every address is listened to."""
    further = {host_name(name.strip()) for name in serve.hosts.split(",")} - {""}
    bound = arrived_at.partition("%")[0] if serve.host in WILDCARDS else serve.host
    return further | {plain_name(bound)} - {""}


def host_name(host: str) -> str:
    """The name in a Host header, in lower case, without port and last dot; "" if it is none."""
    found = HOST.fullmatch(host)
    if found is None or int(found["port"] or 0) > 65535:
        return ""
    return plain_name(found["name"].strip("[]"))


def plain_name(name: str) -> str:
    """A name or an address in its one spelling."""
    address = address_of(name)
    return str(address) if address is not None else name.lower().removesuffix(".")


def address_of(name: str) -> Address | None:
    """The IP address that it spells, an IPv4 one where it is one inside IPv6; None if it is a name."""
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(name: str) -> bool:
    """Whether only this machine is reached by it."""
    address = address_of(name)
    return address.is_loopback if address is not None else plain_name(name) == LOCAL_NAME


def is_foreign(headers: Headers, *, method: str, scheme: str) -> bool:
    """Whether a page that is not ours makes this request; following a link to here is not that."""
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    if site in ("cross-site", "same-site"):  # another port of this machine is the same site, and not ours
        return not is_link(headers, method)
    if origin in ("", "null"):  # "null" may be our own form, as long as the browser says that it is
        return origin == "null" and site not in ("same-origin", "none")
    return not is_own(origin, headers.get("host", ""), scheme)


def is_link(headers: Headers, method: str) -> bool:
    """Whether somebody goes to a page of ours: nothing changes, and the page they come from sees nothing of it."""
    seen = (headers.get("sec-fetch-mode", ""), headers.get("sec-fetch-dest", ""))
    return method in ("GET", "HEAD") and seen == ("navigate", "document")


def is_own(origin: str, host: str, scheme: str) -> bool:
    """Whether the origin is this server's: the same name and port, and https where that is spoken."""
    try:
        said = urlsplit(origin)
        default = {"http": 80, "https": 443}.get(said.scheme)
        ours = urlsplit(f"{said.scheme}://{host}")
        same = (said.hostname, said.port or default) == (ours.hostname, ours.port or default)
    except ValueError:
        return False
    wanted = ("https",) if scheme in ("https", "wss") else ("http", "https")  # a proxy may speak https for us
    return same and said.scheme in wanted and not (said.path or said.query or said.username)


CONTAINED = ("forward", "proxy")  # X-Forwarded-For and its many kin, X-ProxyUser-Ip, WL-Proxy-Client-IP, X-Nginx-Proxy
BEGINNINGS = (  # nginx, ingress-nginx, IIS, Azure and its Front Door, Netlify, Render, oauth2-proxy, ...
    "x-real-", "x-original", "x-remote-", "x-envoy-", "x-traefik-", "x-arr-", "x-ssl-", "ssl-client-", "x-azure-",
    "x-fd-", "x-ms-client-principal", "x-amzn-", "x-amz-cf-", "cloudfront-", "x-appengine-", "x-goog-iap-",
    "x-goog-authenticated-", "cf-", "fly-", "fastly-", "x-fastly-", "akamai-", "x-akamai-", "x-vercel-", "x-nf-",
    "x-railway-", "rndr-", "tailscale-", "x-authentik-", "x-auth-request-", "x-sucuri-", "incap-", "cdn-",
)  # fmt: skip
NAMES = {
    "via", "x-via", "x-host", "x-scheme", "x-url-scheme", "x-script-name", "x-ingress-path", "x-rewrite-url",
    "x-replaced-path", "x-request-start", "x-queue-start", "x-varnish", "x-cloud-trace-context", "x-iinfo",
    "front-end-https", "surrogate-capability", "remote-user", "remote-addr",
}  # fmt: skip
ADDRESS = re.compile(r"(?:.*-)?(?:client|connecting|originating|real|remote|socket|source|src|true|user)?ip(?:v[46])?")


def is_local(asking: HTTPConnection) -> bool:
    """Whether somebody on this machine asks: from a loopback address, by a loopback name, and past no proxy."""
    client = address_of(asking.client.host) if asking.client else None
    elsewhere = client is not None and not client.is_loopback
    named = is_loopback(host_name(asking.headers.get("host", "")))
    return named and not elsewhere and not came_through_proxy(asking)


def came_through_proxy(asking: HTTPConnection) -> bool:
    """Whether the request shows traces of a proxy."""
    return asking.scope.get("http_version") == "1.0" or any(is_trace(name) for name in asking.headers)


def is_trace(header: str) -> bool:
    """Whether proxies add a header of this name, and callers do not."""
    name = header.lower().replace("_", "-")
    return (
        name in NAMES
        or name.startswith(BEGINNINGS)
        or any(part in name for part in CONTAINED)
        or ADDRESS.fullmatch(name) is not None
    )
