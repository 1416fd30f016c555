"""By which name a server is called, and by whose page: against DNS rebinding, and against pages of others (CSRF).

A page elsewhere can give its own name this machine's address, and then counts as our own page for the browser. But the
browser still sends the page's name as Host, so a server that only answers to its own names gives it nothing. And every
request that a page of others makes says so, in Origin or in Sec-Fetch-Site.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers

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
