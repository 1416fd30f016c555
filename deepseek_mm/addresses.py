"""Which addresses of the internet are public, which lead to this machine, and which name web servers.

An address is public if it is reached from anywhere and is nobody's own network. It can hide another one inside it (IPv4
in IPv6, translated or tunnelled): then the inner one is judged, or the outer one refused where nobody needs it today.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from deepseek_mm.errors import ConfigError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
NOT_PUBLIC: tuple[Network, ...] = tuple(  # beside those that Python's own lists know
    ipaddress.ip_network(each)
    for each in (
        "100.64.0.0/10",  # of carriers (RFC 6598); Alibaba's metadata too
        "168.63.129.16/32",  # Azure's metadata: public by its number only
        "192.0.0.0/24",  # of protocols (RFC 6890); Oracle's metadata too
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
        "2001::/23",  # of protocols, Teredo among them (RFC 4380)
        "2002::/16",  # 6to4 (RFC 3056)
        "3fff::/20",  # for documents (RFC 9637)
    )
)
GLOBAL_6 = ipaddress.IPv6Network("2000::/3")  # all that is given out of IPv6
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64 (RFC 6052): the last 32 bits are an IPv4 address
ISATAP = (0x00005EFE, 0x02005EFE)  # bits 64 to 95 of an address that holds an IPv4 one (RFC 5214)
LOCAL_NAME = "localhost"  # and all names below it (RFC 6761)


def is_public(text: str) -> bool:
    """Whether anything may be fetched from this address; also False if it is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = inside(address)
        if inner is not None:
            return is_public(str(inner))
        if address not in GLOBAL_6 or (int(address) >> 32) & 0xFFFFFFFF in ISATAP:
            return False
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in NOT_PUBLIC if network.version == address.version)


def inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that it stands for, mapped or translated."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in TRANSLATED else None


def parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, in any spelling that systems take ("127.1", "0x7f.1", "[::1]"); None for a name."""
    plain = host.strip("[]").partition("%")[0].rstrip(".")
    try:
        return ipaddress.ip_address(plain)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(plain)) if plain and not set(plain) & set(" \t\r\n") else None
    except (OSError, ValueError):
        return None


def read_networks(name: str, said: str) -> tuple[Network, ...]:
    """The networks of a setting that holds addresses and networks with commas between them. ConfigError names the
    setting and what is neither.
    """
    networks = []
    for each in filter(None, (part.strip() for part in said.split(","))):
        try:
            network: Network = ipaddress.ip_network(each)
        except ValueError:
            raise ConfigError(f"{name} has {each!r}, which is no address and no network such as 10.0.0.0/24") from None
        if not network.prefixlen:
            raise ConfigError(f"{name} has {each!r}: anybody could then say to be anybody. Name the proxies alone")
        networks.append(network)
    return tuple(networks)


def is_within(host: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks; False for a name."""
    address = parse_address(host)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return address is not None and any(address in network for network in networks)


def is_this_machine(host: str) -> bool:
    """Whether a name or an address leads to this machine."""
    name, address = host.rstrip(".").lower(), parse_address(host)
    if address is None:
        return name == LOCAL_NAME or name.endswith(f".{LOCAL_NAME}")
    inner = inside(address) if isinstance(address, ipaddress.IPv6Address) else None
    found = inner or address
    return found.is_loopback or found.is_unspecified


def resolve_here(host: str, port: int) -> list[str]:
    """Every address that the system knows for a name. OSError for a name that nobody knows."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def is_web_address(text: str) -> bool:
    """Whether it names a web server by scheme and host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not fit, a port that is no number
        return False


def split_addresses(text: str) -> list[str]:
    """The addresses of a text that names several, with commas or spaces between them."""
    return [address for address in re.split(r"[\s,]+", text) if address]
