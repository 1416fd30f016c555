"""Refuses a request's head that is too long before anything of it is looked at: its URL, its headers, their number.

Browsers send URLs of some kilobytes and some thirty headers. More only fills logs and memory, or tries what a parser
can bear.
"""

import h11

URL_BYTES = 16_384  # path and query
MOST_HEADERS = 200
HEAD_BYTES = 65_536  # URL and headers together
TOO_LONG, TOO_LARGE = 414, 431


class HeadTooLong(h11.RemoteProtocolError):
    """Which limit, with the status for it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, error_status_hint=status)


class LimitedConnection(h11.Connection):
    """A server's side of a connection that takes no request with such a head."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEAD_BYTES)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As h11's. HeadTooLong, also of a head that is not complete yet."""
        before = self.their_state
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            if before is h11.IDLE and error.error_status_hint == TOO_LARGE:
                check_url(self.trailing_data[0].partition(b"\r\n")[0])
                raise HeadTooLong(
                    TOO_LARGE, f"its head has more than {HEAD_BYTES:,} bytes. Send fewer headers"
                ) from None
            raise
        if isinstance(event, h11.Request):
            check_head(event)
        return event


def check_head(request: h11.Request) -> None:
    """HeadTooLong names the first limit that it exceeds."""
    check_url(request.target)
    number = len(request.headers)
    if number > MOST_HEADERS:
        raise HeadTooLong(TOO_LARGE, f"it has {number} headers, and may have {MOST_HEADERS}. Send fewer")
    size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
    if size > HEAD_BYTES:
        raise HeadTooLong(TOO_LARGE, f"its head has {size:,} bytes, and may have {HEAD_BYTES:,}. Send fewer headers")


def check_url(url: bytes) -> None:
    """HeadTooLong if it is."""
    if len(url) > URL_BYTES:
        detail = f"its address has {len(url):,} bytes, and may have {URL_BYTES:,}. Send what is long in the body"
        raise HeadTooLong(TOO_LONG, detail)
