"""From a connection's moments to whoever listens: ``ServerTrace``, ``conn_state`` and the debug log.

A server without listeners has no ``Traced``, and its connections ask one question
per moment.

Go's net/http ``ConnState``; S15 and S22 of the requirements.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from holdfast.trace.hooks import ExchangeDone
from holdfast.wire.lifecycle import Side, State, because

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.errors import HTTPError
    from holdfast.server.conn import Conn
    from holdfast.server.exchange import Exchange
    from holdfast.trace.hooks import ServerTrace
    from holdfast.wire.lifecycle import Event
    from holdfast.wire.persistence import CloseReason

__all__ = ["ConnState", "Traced"]


class ConnState(StrEnum):
    """A connection's state as Go's hook tells it."""

    NEW = "new"
    ACTIVE = "active"
    IDLE = "idle"
    HIJACKED = "hijacked"
    CLOSED = "closed"


# Go's ConnState is a projection of ours.  Lingering is not told: a connection that idled goes
# from idle to closed there.
PROJECTION: Final = {
    State.NEW: ConnState.NEW,
    State.IDLE: ConnState.IDLE,
    State.HEAD: ConnState.ACTIVE,
    State.EXCHANGE: ConnState.ACTIVE,
    State.DRAIN: ConnState.ACTIVE,
    State.LINGER: ConnState.ACTIVE,
    State.SWITCHED: ConnState.HIJACKED,
    State.CLOSED: ConnState.CLOSED,
}


class Traced:
    """Tells listeners what happens; every hook is read once."""

    __slots__ = (
        "_accept_error",
        "_closed",
        "_conn_state",
        "_debug",
        "_done",
        "_moved",
        "_opened",
        "_received",
        "_refused",
        "_time",
        "_wrote_body",
        "_wrote_head",
    )

    def __init__(
        self,
        trace: ServerTrace,
        conn_state: Callable[[Conn, ConnState], object] | None,
        debug: bool,
        time: Callable[[], float],
    ) -> None:
        self._time = time
        self._conn_state = conn_state
        self._debug = debug
        self._opened = trace.connection_opened
        self._moved = trace.state_changed
        self._received = trace.request_received
        self._wrote_head = trace.wrote_head
        self._wrote_body = trace.first_byte
        self._done = trace.exchange_done
        self._closed = trace.connection_closed
        self._refused = trace.refused
        self._accept_error = trace.accept_error

    def opened(self, conn: Conn) -> None:
        """A connection was accepted; its life begins in NEW."""
        if self._opened is not None:
            self._opened(conn)
        if self._conn_state is not None:
            self._conn_state(conn, ConnState.NEW)

    def moved(self, conn: Conn, old: State, new: State, event: Event) -> None:
        """One row of the table was walked."""
        if old is new:
            return
        if (
            self._conn_state is not None
            and new is not State.LINGER
            and PROJECTION[old] is not PROJECTION[new]
        ):
            self._conn_state(conn, PROJECTION[new])
        if self._moved is None and not self._debug:
            return
        why = because(Side.SERVER, old, event)
        if self._moved is not None:
            self._moved(conn, old, new, why)
        if self._debug:
            _log.debug("%s: %s -> %s because %s", conn.peer, old.name, new.name, why)

    def began(self, exchange: Exchange) -> None:
        """A request head is complete."""
        exchange.started_at = self._time()
        if self._received is not None:
            self._received(exchange)

    def wrote(self, exchange: Exchange) -> None:
        """Bytes of the response were handed to the transport."""
        if not exchange.first_byte_at and exchange.status:
            exchange.first_byte_at = self._time()
            if self._wrote_head is not None:
                self._wrote_head(exchange)
            if self._wrote_body is not None:
                self._wrote_body(exchange)

    def done(self, exchange: Exchange, reason: CloseReason | None) -> None:
        """The exchange is over; ``reason`` is why the connection will close, if it will."""
        if self._done is None:
            return
        now = self._time()
        first = exchange.first_byte_at
        self._done(
            exchange,
            ExchangeDone(
                head=exchange.head,
                peer=exchange.remote_addr,
                status=exchange.status,
                bytes_sent=exchange.bytes_sent,
                bytes_received=exchange.bytes_received,
                started=exchange.started_at,
                duration=now - exchange.started_at,
                time_to_first_byte=first - exchange.started_at if first else None,
                close_reason=reason,
                response_fields=list(exchange.fields),
            ),
        )

    def closed(self, conn: Conn) -> None:
        """The connection is over, or another's."""
        if self._closed is not None:
            self._closed(conn, conn.reason or "unknown")

    def refused(self, conn: Conn, error: HTTPError) -> None:
        """A request could not be read, and was answered so."""
        if self._refused is not None:
            self._refused(conn, error)

    def accept_error(self, error: Exception) -> None:
        """A connection could not be accepted."""
        if self._accept_error is not None:
            self._accept_error(error)


_log: Final = logging.getLogger("holdfast.debug")
