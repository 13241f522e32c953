"""One HTTP/1 connection as its server sees it: requests in, responses out, and whether it goes on.

A connection is a decoder, which reads one message at a time, and the facts that
``close_reason`` asks about; ``ResponseEncoder`` writes one response and adds to them.

Rule 1: nothing behind a request is parsed before that request has been decided
upon: ``next_event`` is called by the owner, never by the arrival of bytes.
Rule 2: a fact that is set stays set; the connection ends with its exchange.

RFC 9112 section 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast import limits
from holdfast.errors import LimitExceeded, RemoteProtocolError
from holdfast.status import reason, status_line
from holdfast.wire.h1.decoder import RequestDecoder
from holdfast.wire.h1.response import ResponseEncoder

if TYPE_CHECKING:
    from holdfast.wire.events import RequestHead
    from holdfast.wire.persistence import CloseReason

__all__ = ["H1Connection", "refusal"]


class H1Connection(RequestDecoder):
    """A decoder, and the facts of its connection; see ``persistence.Facts`` for the facts.

    Args:
        max_header_bytes: of a request line and its fields together.
        max_header_count: field lines of a head, and of a trailer section.
    """

    __slots__ = (
        "body_broken",
        "body_unread",
        "connect",
        "expect_left",
        "keep_alives_off",
        "local_close",
        "peer_eof",
        "peer_wish",
        "short_body",
        "shutting_down",
        "until_eof",
        "worn_out",
    )

    def __init__(
        self,
        *,
        max_header_bytes: int = limits.MAX_HEADER_BYTES,
        max_header_count: int = limits.MAX_HEADER_COUNT,
    ) -> None:
        super().__init__(max_header_bytes=max_header_bytes, max_header_count=max_header_count)
        self.peer_wish: CloseReason | None = None
        self.peer_eof = False
        self.shutting_down = False
        self.local_close = False
        self.worn_out = False
        self.keep_alives_off = False
        self.until_eof = False
        self.short_body = False
        self.body_unread = False
        self.body_broken = False
        self.expect_left = False
        self.connect = False

    def note_eof(self) -> None:
        """The peer closed its half; a fact against keeping the connection once nothing before it is left."""
        self.peer_eof = not self.buffered

    def respond(self, head: RequestHead) -> ResponseEncoder:
        """Return the sending half of the exchange that ``head`` opened."""
        self.peer_wish = head.persist
        if self._eof:
            self.note_eof()
        return ResponseEncoder(self, head)


def refusal(error: RemoteProtocolError | LimitExceeded) -> bytes:
    """The whole answer to a request that cannot be read; the connection closes after it (S6).

    The offending bytes are never echoed.
    """
    phrase = reason(error.status)
    said = error.reason if isinstance(error, RemoteProtocolError) else ""
    text = f"{error.status} {phrase}: {said}" if said else f"{error.status} {phrase}"
    body = text.encode("ascii", "replace")
    return (
        status_line("1.1", error.status)
        + b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )
