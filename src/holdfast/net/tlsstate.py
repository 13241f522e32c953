"""The life of a TLS connection: its states, and why it moves between them.

Rule 1: every change of a `TLSTransport`'s state is a row of ``TRANSITIONS``; an event for
which a state has no row is our bug.
Rule 2: a close_notify, sent or received, is an event like any other: there is no flag beside the state.
Rule 3: whoever enters CLOSED has closed or aborted the raw transport, or half-closed it and set a
clock to abort it.  Nothing leads out.

RFC 8446 section 6.1; RFC 5246 section 7.2.1.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

__all__ = ["NEXT", "TRANSITIONS", "Event", "State", "Transition"]


class State(IntEnum):
    HANDSHAKE = 0
    ESTABLISHED = 1
    CLOSING = 2  # our close_notify is out; the peer may go on sending
    RECEIVED = 3  # the peer's close_notify came; we may go on sending
    CLOSED = 4  # nothing is sent or handed on any more; the raw transport is closing, or gone


class Event(IntEnum):
    DONE = 0  # the handshake is complete
    SENT = 1  # our close_notify was written
    NOTIFIED = 2  # the peer's close_notify came
    CUT = 3  # the peer's bytes ended without close_notify
    BROKEN = 4  # what came is not TLS, or not what we accept
    TIMEOUT = 5  # the handshake took too long
    DROP = 6  # close() or abort() by our side
    LOST = 7  # the raw transport is gone


class Transition(NamedTuple):
    state: State
    event: Event
    to: State
    because: str


HANDSHAKE, ESTABLISHED, CLOSING, RECEIVED, CLOSED = State
E, T = Event, Transition

# fmt: off
TRANSITIONS: Final = (
    # in           on          to           because
    T(HANDSHAKE,   E.DONE,     ESTABLISHED, "both sides are who they say; the owner is made"),
    T(HANDSHAKE,   E.BROKEN,   CLOSED,      "refused; the alert is out, on_failed will hear why"),
    T(HANDSHAKE,   E.TIMEOUT,  CLOSED,      "tls_handshake_timeout"),
    T(HANDSHAKE,   E.CUT,      CLOSED,      "the peer left before it was done"),
    T(HANDSHAKE,   E.DROP,     CLOSED,      "given up by our side: nothing was promised yet"),
    T(HANDSHAKE,   E.LOST,     CLOSED,      "reset"),

    T(ESTABLISHED, E.SENT,     CLOSING,     "write_eof() or close(): nothing more from us"),
    T(ESTABLISHED, E.NOTIFIED, RECEIVED,    "nothing more from the peer; the owner may finish its answer"),
    T(ESTABLISHED, E.CUT,      CLOSED,      "truncated: the owner is told so"),
    T(ESTABLISHED, E.BROKEN,   CLOSED,      "a bad record, or the peer's fatal alert"),
    T(ESTABLISHED, E.DROP,     CLOSED,      "abort()"),
    T(ESTABLISHED, E.LOST,     CLOSED,      "reset"),

    T(CLOSING,     E.NOTIFIED, CLOSED,      "both have said all"),
    T(CLOSING,     E.CUT,      CLOSED,      "truncated: the owner is told so"),
    T(CLOSING,     E.BROKEN,   CLOSED,      "a bad record; no alert, ours was the last word"),
    T(CLOSING,     E.DROP,     CLOSED,      "close(): the peer's close_notify need not be awaited"),
    T(CLOSING,     E.LOST,     CLOSED,      "reset"),

    T(RECEIVED,    E.SENT,     CLOSED,      "both have said all"),
    T(RECEIVED,    E.DROP,     CLOSED,      "abort()"),
    T(RECEIVED,    E.LOST,     CLOSED,      "reset"),
)
# fmt: on

# What the rows say, as it is asked.
NEXT: Final = {(row.state, row.event): row.to for row in TRANSITIONS}
