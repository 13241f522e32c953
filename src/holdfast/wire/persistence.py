"""May this connection be used for another exchange?

Asked twice per exchange: before the head of the response, to write
``Connection: close``, and after its last byte, to act.  Both get the same
answer unless a fact changed in between.

RFC 9112 section 9.3; the members without a section are our own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

__all__ = ["CloseReason", "Facts", "close_reason"]


class CloseReason(StrEnum):
    """Every reason a connection is not used again.

    The value is what the access log writes and the metrics count.
    """

    # What close_reason() finds when an exchange is complete, in the order in which it looks.
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


class Facts(Protocol):
    """What ``close_reason`` asks about a connection.

    But for ``peer_wish``, a fact that is true stays true: the connection ends with its exchange.
    """

    @property
    def shutting_down(self) -> bool: ...
    @property
    def local_close(self) -> bool: ...
    @property
    def worn_out(self) -> bool: ...
    @property
    def keep_alives_off(self) -> bool: ...
    @property
    def peer_wish(self) -> CloseReason | None: ...
    @property
    def peer_eof(self) -> bool: ...
    @property
    def until_eof(self) -> bool: ...
    @property
    def short_body(self) -> bool: ...
    @property
    def body_unread(self) -> bool: ...
    @property
    def body_broken(self) -> bool: ...
    @property
    def expect_left(self) -> bool: ...
    @property
    def connect(self) -> bool: ...


def close_reason(facts: Facts) -> CloseReason | None:
    """Say why the connection must close after this exchange, or None to keep it.

    When several reasons apply, the order decides only which one is reported.
    """
    if facts.shutting_down:
        return CloseReason.SHUTDOWN
    if facts.local_close:
        return CloseReason.LOCAL_CLOSE
    if facts.worn_out:
        return CloseReason.WORN_OUT
    if facts.keep_alives_off:
        return CloseReason.KEEP_ALIVES_OFF
    if facts.peer_wish is not None:
        return facts.peer_wish
    if facts.peer_eof:
        return CloseReason.PEER_EOF
    if facts.until_eof:
        return CloseReason.UNTIL_EOF
    if facts.short_body:
        return CloseReason.SHORT_BODY
    if facts.body_unread:
        return CloseReason.BODY_LEFT
    if facts.body_broken:
        return CloseReason.BODY_BROKEN
    if facts.expect_left:
        return CloseReason.EXPECT_LEFT
    if facts.connect:
        return CloseReason.CONNECT
    return None
