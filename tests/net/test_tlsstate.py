"""The table of a TLS connection's life, as a graph."""

from __future__ import annotations

import pytest

from holdfast.net.tlsstate import NEXT, TRANSITIONS, Event, State


def test_every_state_but_the_last_can_be_left_and_the_last_is_final():
    for state in set(State) - {State.CLOSED}:
        exits = {row.event for row in TRANSITIONS if row.state is state}
        assert exits >= {Event.DROP, Event.LOST}
    assert not [row for row in TRANSITIONS if row.state is State.CLOSED]


def test_no_row_is_there_twice():
    assert len(NEXT) == len(TRANSITIONS)


def test_our_close_notify_is_sent_once_and_the_peers_counts_once():
    for event in (Event.SENT, Event.NOTIFIED):
        for row in TRANSITIONS:
            if row.event is event:
                assert (row.to, event) not in NEXT, "said twice"


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([Event.DONE, Event.SENT, Event.NOTIFIED], State.CLOSED),
        ([Event.DONE, Event.NOTIFIED, Event.SENT], State.CLOSED),
        ([Event.DONE, Event.SENT, Event.DROP], State.CLOSED),
        ([Event.DONE, Event.SENT], State.CLOSING),
        ([Event.DONE, Event.NOTIFIED], State.RECEIVED),
        ([Event.DONE, Event.CUT], State.CLOSED),
        ([Event.TIMEOUT], State.CLOSED),
    ],
    ids=lambda value: " ".join(event.name for event in value) if isinstance(value, list) else value.name,
)
def test_lives(events, end):
    state = State.HANDSHAKE
    for event in events:
        state = NEXT[state, event]
    assert state is end
