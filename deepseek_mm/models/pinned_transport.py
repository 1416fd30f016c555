"""Where a hub leads on to: a public hub never to an address inside somebody's network, whatever its names mean later.

A hub gives most files by leading on to where they lie. The name of that place is resolved once, every address of it
must be public, and the connection goes to one of those. TLS and the Host header still speak of the name. A hub that is
itself in a private network was set up by somebody there, and may lead anywhere.
"""

from collections.abc import Callable, Sequence

import httpx

from deepseek_mm.addresses import is_public, parse_address, resolve_here
from deepseek_mm.errors import ServerError

PORTS = {"http": 80, "https": 443}
Resolve = Callable[[str, int], Sequence[str]]  # host and port -> its addresses; OSError for an unknown name


class PinnedTransport(httpx.BaseTransport):
    """Speaks with one hub, and with what it leads to."""

    def __init__(self, hub: httpx.URL, *, resolve: Resolve = resolve_here) -> None:
        self._hub, self._resolve, self._inner = hub, resolve, httpx.HTTPTransport()
        self._is_private: bool | None = None  # whether the hub is; None until that matters

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer. ServerError for an address that a public hub must not lead to."""
        if request.url.host == self._hub.host or self.is_private():
            return self._inner.handle_request(request)
        try:
            found = self._resolve(request.url.host, request.url.port or PORTS.get(request.url.scheme, 0))
        except (OSError, ValueError) as error:
            raise httpx.ConnectError(str(error), request=request) from error
        self.check(request.url.host, found)
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=found[0]),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions | {"sni_hostname": request.url.host},
        )
        return self._inner.handle_request(pinned)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def check_literal(self, request: httpx.Request) -> None:
        """ServerError for an address without a name that the hub must not lead to, also by a proxy."""
        host = request.url.host
        address = parse_address(host)
        if address is not None and host != self._hub.host and not self.is_private():
            self.check(host, [str(address)])

    def check(self, host: str, found: Sequence[str]) -> None:
        """ServerError unless all of these addresses of a host are public."""
        if not found or not all(is_public(each.partition("%")[0]) for each in found):
            raise ServerError(
                f"{self._hub} leads to {host[:80]!r}, which is not at a public address. Nothing was asked of it. "
                "Choose another mirror"
            )

    def is_private(self) -> bool:
        """Whether the hub itself lies in somebody's own network; one of an unknown name does not."""
        if self._is_private is None:
            try:
                found = self._resolve(self._hub.host, self._hub.port or PORTS.get(self._hub.scheme, 0))
            except (OSError, ValueError):
                found = []
            self._is_private = any(not is_public(each.partition("%")[0]) for each in found)
        return self._is_private
