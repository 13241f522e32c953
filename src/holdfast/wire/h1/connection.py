"""One HTTP/1 connection as its server sees it: requests in, responses out, and whether it goes on.

A connection is a decoder, which reads one message at a time, and the reasons that
speak against keeping it; ``ResponseEncoder`` writes one response and adds to them.

Rule 1: nothing behind a request is parsed before that request has been decided
upon: ``next_event`` is called by the owner, never by the arrival of bytes.
Rule 2: what a head says of itself (``Connection: close``, HTTP/1.0) counts for its own exchange.

RFC 9112 section 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from holdfast import limits
from holdfast.errors import LimitExceeded, RemoteProtocolError
from holdfast.status import reason, status_line
from holdfast.wire.h1.decoder import RequestDecoder
from holdfast.wire.h1.response import Starts
from holdfast.wire.persistence import CloseReason, close_reason

if TYPE_CHECKING:
    from holdfast.wire.events import RequestHead

__all__ = ["H1Connection", "refusal"]


class H1Connection(RequestDecoder):
    """A decoder, and what speaks against keeping its connection.

    Args:
        max_header_bytes: of a request line and its fields together.
        max_header_count: field lines of a head, and of a trailer section.
        starts: of its responses; an owner of several connections gives them the same.

    Attributes:
        reasons: what was noted, on this side or by the peer's end; not what a head says of itself.
    """

    __slots__ = ("reasons", "starts")

    def __init__(
        self,
        *,
        max_header_bytes: int = limits.MAX_HEADER_BYTES,
        max_header_count: int = limits.MAX_HEADER_COUNT,
        starts: Starts | None = None,
    ) -> None:
        super().__init__(max_header_bytes=max_header_bytes, max_header_count=max_header_count)
        self.reasons = _NOTHING
        self.starts = Starts() if starts is None else starts

    def note(self, reason: CloseReason) -> None:
        """Something speaks against another exchange on this connection."""
        self.reasons |= {reason}

    def take_back(self, reason: CloseReason) -> None:
        """It does not any more."""
        self.reasons -= {reason}

    def note_eof(self) -> None:
        """The peer closed its half: that speaks against it once nothing it sent before is left."""
        if self.buffered:
            self.take_back(CloseReason.PEER_EOF)
        else:
            self.note(CloseReason.PEER_EOF)

    def close_reason(self, head: RequestHead) -> CloseReason | None:
        """Why the connection closes after the exchange that ``head`` opened, or None (RFC 9112 9.3)."""
        wish = head.persist
        if wish is None:
            return close_reason(self.reasons)
        return close_reason(self.reasons | {wish})


def refusal(error: RemoteProtocolError | LimitExceeded, lines: bytes = b"") -> bytes:
    """The whole answer to a request that cannot be read; the connection closes after it (S6).

    The offending bytes are never echoed.  ``lines`` are the field lines that every answer has.
    """
    phrase = reason(error.status)
    said = error.reason if isinstance(error, RemoteProtocolError) else ""
    text = f"{error.status} {phrase}: {said}" if said else f"{error.status} {phrase}"
    body = text.encode("ascii", "replace")
    return (
        status_line("1.1", error.status)
        + b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
        + b"Content-Length: %d\r\n%b\r\n" % (len(body), lines)
        + body
    )


_NOTHING: Final[frozenset[CloseReason]] = frozenset()
