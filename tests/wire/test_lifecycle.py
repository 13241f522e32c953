"""The graph that ``LIFECYCLE`` draws, not the code that steps through it."""

import itertools

import pytest

from holdfast.server.settings import Settings
from holdfast.wire.lifecycle import (
    LIFECYCLE,
    TIMER,
    Event,
    ImpossibleEvent,
    Lifecycle,
    Side,
    State,
    because,
)

both_sides = pytest.mark.parametrize("side", [Side.CLIENT, Side.SERVER], ids=lambda side: side.name.lower())

ENDS = {State.SWITCHED, State.CLOSED}  # another's, and nobody's


def rows(side):
    return [row for row in LIFECYCLE if row.side & side]


def leads_to(side, state):
    """Every state that can follow ``state`` at once."""
    return {row.to for row in rows(side) if row.state is state}


def reachable(side, start):
    found, new = set(), {start}
    while new:
        found |= new
        new = set().union(*(leads_to(side, state) for state in new)) - found
    return found


@both_sides
def test_no_state_can_be_waited_in_forever(side):
    for state in reachable(side, State.NEW) - ENDS:
        assert state in TIMER
        exits = {row.event for row in rows(side) if row.state is state}
        assert exits >= {Event.TIMEOUT, Event.EOF, Event.ABORT, Event.SHUTDOWN}, state.name


@both_sides
def test_the_clock_that_runs_out_always_leads_out_of_its_state(side):
    """A state that its own clock leaves as it is could be waited in for ever, one clock after another."""
    for row in rows(side):
        if row.event in (Event.TIMEOUT, Event.ABORT):
            assert row.to is not row.state, row


@both_sides
def test_timeouts_alone_end_a_connection_from_any_state(side):
    after = {row.state: row.to for row in rows(side) if row.event is Event.TIMEOUT}
    for state in reachable(side, State.NEW) - ENDS:
        path = [state]
        while path[-1] in after:
            path.append(after[path[-1]])
            assert len(path) <= len(State), path
        assert path[-1] is State.CLOSED, path


@both_sides
def test_every_state_can_come_to_its_end(side):
    for state in reachable(side, State.NEW):
        assert State.CLOSED in reachable(side, state)


@both_sides
def test_closed_is_closed(side):
    assert leads_to(side, State.CLOSED) == set()


@both_sides
def test_a_switched_connection_is_never_http_again(side):
    assert leads_to(side, State.SWITCHED) == ENDS


def test_a_server_reaches_every_state_and_a_client_those_that_are_its_own():
    assert reachable(Side.SERVER, State.NEW) == set(State)
    assert reachable(Side.CLIENT, State.NEW) == set(State) - {State.HEAD, State.LINGER}


def test_no_row_is_dead():
    """A row of a state that its side never reaches would be a promise that nobody keeps."""
    for side in (Side.CLIENT, Side.SERVER):
        assert {row.state for row in rows(side)} <= reachable(side, State.NEW)


@both_sides
def test_a_state_and_an_event_have_one_outcome(side):
    pairs = [(row.state, row.event) for row in rows(side)]
    assert len(pairs) == len(set(pairs))


def test_once_our_half_is_closed_a_server_never_answers_again():
    assert leads_to(Side.SERVER, State.LINGER) == {State.LINGER, State.CLOSED}


def test_a_request_that_was_begun_survives_a_shutdown():
    for state in (State.HEAD, State.EXCHANGE):
        after = {row.to for row in rows(Side.SERVER) if (row.state, row.event) == (state, Event.SHUTDOWN)}
        assert after == {state}


def test_a_server_closes_an_idle_connection_by_way_of_a_half_close():
    """A request that crossed our FIN is then read and dropped, and not answered with a reset."""
    life = Lifecycle(Side.SERVER)
    for event in (Event.BYTES, Event.REQUEST, Event.KEEP):
        life.fire(event)
    for event in (Event.TIMEOUT, Event.SHUTDOWN):
        life.state = State.IDLE
        assert life.fire(event) is State.LINGER


def test_every_clock_of_the_table_is_a_setting():
    named = set(" ".join(TIMER.values()).replace(",", " ").replace(" then ", " ").split())
    assert named <= vars(Settings()).keys()
    assert named >= {name for name in Settings().clocks() if name.endswith("_timeout")}


def test_every_row_says_why():
    assert all(row.because for row in LIFECYCLE)
    for side in (Side.CLIENT, Side.SERVER):
        for row in rows(side):
            assert because(side, row.state, row.event) == row.because


def test_two_requests_on_one_connection():
    life = Lifecycle(Side.SERVER)
    steps = [Event.BYTES, Event.REQUEST, Event.KEEP] * 2 + [Event.EOF]
    assert [life.fire(event).name for event in steps] == [
        *("HEAD", "EXCHANGE", "IDLE"),
        *("HEAD", "EXCHANGE", "IDLE"),
        "CLOSED",
    ]


def test_a_refused_request_lingers_until_the_peer_has_read_the_answer():
    life = Lifecycle(Side.SERVER)
    steps = [Event.BYTES, Event.REFUSED, Event.BYTES, Event.EOF]
    assert [life.fire(event).name for event in steps] == ["HEAD", "LINGER", "LINGER", "CLOSED"]


@both_sides
def test_an_event_without_a_row_is_our_bug_and_moves_nothing(side):
    known = {(row.state, row.event) for row in rows(side)}
    for state, event in itertools.product(State, Event):
        if (state, event) in known:
            continue
        life = Lifecycle(side)
        life.state = state
        with pytest.raises(ImpossibleEvent, match=f"{event.name} in {state.name}"):
            life.fire(event)
        assert life.state is state
        with pytest.raises(ImpossibleEvent):
            because(side, state, event)


def test_it_says_where_it_stands():
    assert repr(Lifecycle(Side.SERVER)) == "<Lifecycle NEW>"
