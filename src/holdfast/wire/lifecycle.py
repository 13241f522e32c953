"""The life of a connection: its states, and why it moves between them.

Rule 1: every change of a connection's state is a row of ``LIFECYCLE``.
Rule 2: this file knows neither sockets nor clocks nor which HTTP version is
spoken.  HTTP/1 and HTTP/2, the server and the client's pool walk the same rows;
in HTTP/2 ``BYTES`` is a HEADERS frame, and ``EXCHANGE`` one open stream or more.

Three readers share the table: ``Lifecycle`` steps through it, ``make tables``
draws it into docs/design/lifecycle.md, and tests/wire/test_lifecycle.py proves
that no state can be waited in forever.

A server never closes an idle connection outright: it half-closes and lingers, so
that a request which crossed our FIN is read and dropped, not answered with a reset
(a reset may also destroy an answer that the peer has not read yet).

RFC 9112 section 9; RFC 9110 section 7.8.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final, NamedTuple

__all__ = [
    "LIFECYCLE",
    "TIMER",
    "Event",
    "ImpossibleEvent",
    "Lifecycle",
    "Side",
    "State",
    "Transition",
    "because",
]


class Side(IntFlag):
    """Which end of the connection we are; a row of the table may hold for both."""

    CLIENT = 1
    SERVER = 2
    BOTH = CLIENT | SERVER


class State(IntEnum):
    """Where a connection stands."""

    NEW = 0  # dialling, or accepted and not yet heard from
    IDLE = 1  # between exchanges: may be reused, may be closed
    HEAD = 2  # part of a request head has arrived
    EXCHANGE = 3  # a request and its response are in flight
    DRAIN = 4  # our half is complete; reading what is left of the peer's body
    LINGER = 5  # we sent our last byte; waiting for the peer to close
    SWITCHED = 6  # 101, CONNECT or hijack: these bytes are not HTTP any more
    CLOSED = 7


class Event(IntEnum):
    """What can happen to a connection."""

    READY = 0  # dialled, TLS done, protocol chosen
    BYTES = 1  # the first byte of a message
    REQUEST = 2  # a request head is complete: received, or about to be sent
    REFUSED = 3  # a request head was malformed, and has been answered
    KEEP = 4  # the exchange is complete and close_reason() found none
    CLOSE = 5  # the exchange is complete and close_reason() named one; or: nothing is left to do
    UNREAD = 6  # our half is complete, the peer's body is not
    SWITCH = 7
    ABORT = 8  # handler raised, caller cancelled, or connection reset
    EOF = 9  # the peer closed its half
    TIMEOUT = 10  # the state's TIMER ran out
    SHUTDOWN = 11  # Server.shutdown() or Client.aclose()


class Transition(NamedTuple):
    """One row of the table."""

    state: State
    event: Event
    to: State
    side: Side
    because: str


NEW, IDLE, HEAD, EXCHANGE, DRAIN, LINGER, SWITCHED, CLOSED = State
CLIENT, SERVER, BOTH = Side.CLIENT, Side.SERVER, Side.BOTH
E, T = Event, Transition

# fmt: off
LIFECYCLE: Final = (
    # in        on          to        side    because
    T(NEW,      E.BYTES,    HEAD,     SERVER, "first byte of the first request"),
    T(NEW,      E.READY,    IDLE,     CLIENT, "dialled, TLS done, protocol chosen"),
    T(NEW,      E.TIMEOUT,  CLOSED,   BOTH,   "tls_handshake_timeout or read_header_timeout"),
    T(NEW,      E.EOF,      CLOSED,   BOTH,   "the peer left before saying anything"),
    T(NEW,      E.ABORT,    CLOSED,   BOTH,   "dial, TLS or ALPN failed"),
    T(NEW,      E.SHUTDOWN, CLOSED,   BOTH,   "nothing was promised yet"),

    T(IDLE,     E.BYTES,    HEAD,     SERVER, "first byte of the next request"),
    T(IDLE,     E.REQUEST,  EXCHANGE, CLIENT, "the pool handed the connection out"),
    T(IDLE,     E.BYTES,    CLOSED,   CLIENT, "unsolicited: a 408, or a confused peer"),
    T(IDLE,     E.TIMEOUT,  LINGER,   SERVER, "idle_timeout, after a last look that found no bytes"),
    T(IDLE,     E.TIMEOUT,  CLOSED,   CLIENT, "idle_timeout"),
    T(IDLE,     E.EOF,      CLOSED,   BOTH,   "the peer closed an idle connection"),
    T(IDLE,     E.ABORT,    CLOSED,   BOTH,   "reset while idle, or shed for its descriptor"),
    T(IDLE,     E.SHUTDOWN, LINGER,   SERVER, "nothing is in flight, after a last look that found no bytes"),
    T(IDLE,     E.SHUTDOWN, CLOSED,   CLIENT, "nothing is in flight"),

    T(HEAD,     E.REQUEST,  EXCHANGE, SERVER, "the request head is complete"),
    T(HEAD,     E.REFUSED,  LINGER,   SERVER, "400, 414, 431, 501 or 505 was sent"),
    T(HEAD,     E.TIMEOUT,  LINGER,   SERVER, "read_header_timeout; 408 was sent"),
    T(HEAD,     E.EOF,      CLOSED,   SERVER, "half a request, then nothing"),
    T(HEAD,     E.ABORT,    CLOSED,   SERVER, "reset"),
    T(HEAD,     E.SHUTDOWN, HEAD,     SERVER, "let it arrive; the answer will say close"),

    T(EXCHANGE, E.KEEP,     IDLE,     BOTH,   "close_reason() found none"),
    T(EXCHANGE, E.CLOSE,    LINGER,   SERVER, "close_reason() named one"),
    T(EXCHANGE, E.CLOSE,    CLOSED,   CLIENT, "close_reason() named one"),
    T(EXCHANGE, E.UNREAD,   DRAIN,    BOTH,   "reuse needs the rest of the peer's body"),
    T(EXCHANGE, E.SWITCH,   SWITCHED, BOTH,   "101, 2xx to CONNECT, or hijack()"),
    T(EXCHANGE, E.TIMEOUT,  CLOSED,   BOTH,   "write_timeout or write_stall_timeout"),
    T(EXCHANGE, E.EOF,      EXCHANGE, SERVER, "half-close: tell the handler, let the answer out"),
    T(EXCHANGE, E.EOF,      CLOSED,   CLIENT, "an UNTIL_EOF body ends; any other is cut short"),
    T(EXCHANGE, E.ABORT,    CLOSED,   BOTH,   "handler raised, caller cancelled, or reset"),
    T(EXCHANGE, E.SHUTDOWN, EXCHANGE, BOTH,   "finish first; close_reason() will say SHUTDOWN"),

    T(DRAIN,    E.KEEP,     IDLE,     BOTH,   "the rest was small enough to read"),
    T(DRAIN,    E.CLOSE,    LINGER,   SERVER, "more than max_drain bytes are left"),
    T(DRAIN,    E.CLOSE,    CLOSED,   CLIENT, "more than max_drain bytes are left"),
    T(DRAIN,    E.TIMEOUT,  CLOSED,   BOTH,   "body_read_timeout"),
    T(DRAIN,    E.EOF,      CLOSED,   BOTH,   "the peer gave up on its body"),
    T(DRAIN,    E.ABORT,    CLOSED,   BOTH,   "reset"),
    T(DRAIN,    E.SHUTDOWN, LINGER,   SERVER, "our half is out; nobody is waiting"),
    T(DRAIN,    E.SHUTDOWN, CLOSED,   CLIENT, "our half is out; nobody is waiting"),

    T(LINGER,   E.BYTES,    LINGER,   SERVER, "discard, or the kernel resets our last answer"),
    T(LINGER,   E.CLOSE,    CLOSED,   SERVER, "the peer said that it will send nothing more"),
    T(LINGER,   E.TIMEOUT,  CLOSED,   SERVER, "linger_timeout"),
    T(LINGER,   E.EOF,      CLOSED,   SERVER, "the peer has read our answer"),
    T(LINGER,   E.ABORT,    CLOSED,   SERVER, "reset"),
    T(LINGER,   E.SHUTDOWN, LINGER,   SERVER, "already on the way out"),

    T(SWITCHED, E.CLOSE,    CLOSED,   BOTH,   "the new owner is done"),
    T(SWITCHED, E.ABORT,    CLOSED,   BOTH,   "reset"),
    T(SWITCHED, E.SHUTDOWN, SWITCHED, BOTH,   "hijacked: its owner decides"),
)
# fmt: on

# The clock that runs in each state; the server or the pool arms it, the table only names it.
TIMER: Final = {
    NEW: "tls_handshake_timeout, then read_header_timeout",
    IDLE: "idle_timeout",
    HEAD: "read_header_timeout",
    EXCHANGE: "body_read_timeout, read_timeout, write_stall_timeout, write_timeout",
    DRAIN: "body_read_timeout",
    LINGER: "linger_timeout",
}


class ImpossibleEvent(AssertionError):
    """An event came in a state that has no row for it.  This is our bug."""


class Lifecycle:
    """Where one connection stands in ``LIFECYCLE``."""

    __slots__ = ("_rows", "state")

    def __init__(self, side: Side) -> None:
        self.state = NEW
        self._rows = _ROWS[side]

    def fire(self, event: Event) -> State:
        """Step to the next state and return it."""
        try:
            self.state = state = self._rows[self.state][event]
        except KeyError:
            raise ImpossibleEvent(f"{event.name} in {self.state.name}") from None
        return state

    def __repr__(self) -> str:
        return f"<Lifecycle {self.state.name}>"


def because(side: Side, state: State, event: Event) -> str:
    """Why ``event`` moves a connection out of ``state``: the table's own words, for the debug log."""
    for row in LIFECYCLE:
        if row.state is state and row.event is event and row.side & side:
            return row.because
    raise ImpossibleEvent(f"{event.name} in {state.name}")


def _rows_of(side: Side) -> tuple[dict[Event, State], ...]:
    rows: tuple[dict[Event, State], ...] = tuple({} for _ in State)
    for row in LIFECYCLE:
        if row.side & side:
            if row.event in rows[row.state]:
                raise ImpossibleEvent(f"two rows for {row}")
            rows[row.state][row.event] = row.to
    return rows


_ROWS: Final = {side: _rows_of(side) for side in (CLIENT, SERVER)}
