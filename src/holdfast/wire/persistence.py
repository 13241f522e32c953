"""May this connection be used for another exchange?

Each fact that speaks against it is a member of ``CloseReason``, noted where it is
found out (``H1Connection.note``).  ``close_reason`` is asked twice per exchange: before
the head of the response, to write ``Connection: close``, and after its last byte, to
act.  Both get the same answer unless something was noted in between.

RFC 9112 section 9.3; the members without a section are our own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["CloseReason", "close_reason"]


class CloseReason(StrEnum):
    """Every reason a connection is not used again.

    The value is what the access log writes and the metrics count.
    """

    # What is noted by the time an exchange is complete, in the order in which it is reported.
    SHUTDOWN = "we are shutting down"
    LOCAL_CLOSE = "the handler sent Connection: close"
    WORN_OUT = "max_requests_per_connection or max_connection_age reached"
    KEEP_ALIVES_OFF = "keep-alives are disabled"
    PEER_CLOSE = "the peer sent Connection: close"  # RFC 9112 9.3
    PEER_OLD = "HTTP/1.0 without keep-alive"  # RFC 9112 9.3
    PEER_EOF = "the peer closed its half"  # RFC 9112 9.6
    UNTIL_EOF = "the body ends where the connection ends"  # RFC 9112 6.3
    SHORT_BODY = "fewer bytes than Content-Length promised"  # RFC 9112 8
    BODY_LEFT = "more than max_drain_bytes of body left unread"  # RFC 9112 9.3
    BODY_BROKEN = "the request body was malformed, too large or too slow"  # RFC 9112 9.3
    EXPECT_LEFT = "100 (Continue) was awaited and never sent"  # RFC 9110 10.1.1
    CONNECT = "CONNECT was answered"  # RFC 9110 9.3.6

    # What ends a connection outside a complete exchange.
    MALFORMED = "the request could not be read, and was answered so"
    IDLE_TIMEOUT = "idle_timeout"
    HANDSHAKE_TIMEOUT = "tls_handshake_timeout"
    HANDSHAKE_FAILED = "the TLS handshake failed"
    READ_HEADER_TIMEOUT = "read_header_timeout"
    WRITE_TIMEOUT = "write_timeout"
    WRITE_STALL = "write_stall_timeout"
    DRAIN_TIMEOUT = "the rest of a request body did not come"
    HANDLER_FAILED = "the handler raised"
    HANDLER_ABORTED = "the handler raised AbortHandler"
    PEER_LEFT = "the peer closed the connection"
    RESET = "the connection was reset"
    SHED = "closed while idle, for want of descriptors or places"
    HIJACKED = "the handler took the connection"
    KILLED = "Server.close() or the end of the grace period"


def close_reason(reasons: Collection[CloseReason]) -> CloseReason | None:
    """Say why the connection must close after this exchange, or None to keep it.

    Args:
        reasons: what speaks against keeping it.  When there are several, the order of the members
            decides only which one is reported.
    """
    if not reasons:
        return None
    return min(reasons, key=_ORDER.__getitem__)


_ORDER = {reason: place for place, reason in enumerate(CloseReason)}
