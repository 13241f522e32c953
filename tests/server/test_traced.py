import logging
from types import SimpleNamespace

import pytest

from holdfast.net.clock import FakeClock
from holdfast.server.traced import PROJECTION, ConnState, Traced
from holdfast.trace.hooks import ServerTrace
from holdfast.wire.lifecycle import LIFECYCLE, Event, Side, State
from holdfast.wire.persistence import CloseReason

CONN = SimpleNamespace(peer="192.0.2.1:50000", reason=CloseReason.PEER_LEFT)


class Heard:
    """Every hook there is, and what they were called with."""

    def __init__(self, *, trace=(), conn_state=False, debug=False):
        self.calls = []
        self.clock = FakeClock(start=10)
        hooks = ServerTrace(**{name: self.note(name) for name in trace})
        self.traced = Traced(hooks, self.note("conn_state") if conn_state else None, debug, self.clock.time)

    def note(self, name):
        return lambda *args: self.calls.append((name, *args))


def an_exchange(**changes):
    given = {
        "head": "the head",
        "remote_addr": "192.0.2.1:50000",
        "status": 200,
        "bytes_sent": 5,
        "bytes_received": 3,
        "fields": [(b"a", b"b")],
        "started_at": 0.0,
        "first_byte_at": 0.0,
    }
    return SimpleNamespace(**given | changes)


def test_gos_states_are_a_projection_of_all_of_ours():
    assert set(PROJECTION) == set(State)
    assert set(PROJECTION.values()) == set(ConnState)


@pytest.mark.parametrize("row", [row for row in LIFECYCLE if row.side & Side.SERVER], ids=str)
def test_a_step_of_the_table_is_told_where_gos_state_changes(row):
    heard = Heard(conn_state=True)
    heard.traced.moved(CONN, row.state, row.to, row.event)
    told = [state for _, _, state in heard.calls]
    if row.to is State.LINGER or PROJECTION[row.state] is PROJECTION[row.to]:
        assert told == []
    else:
        assert told == [PROJECTION[row.to]]


def test_the_beginning_is_new():
    heard = Heard(conn_state=True, trace=["connection_opened"])
    heard.traced.opened(CONN)
    assert heard.calls == [("connection_opened", CONN), ("conn_state", CONN, ConnState.NEW)]


def test_a_change_of_state_is_told_with_its_cause_and_written_to_the_debug_log(caplog):
    caplog.set_level(logging.DEBUG, "holdfast.debug")
    heard = Heard(trace=["state_changed"], debug=True)
    heard.traced.moved(CONN, State.IDLE, State.CLOSED, Event.EOF)
    why = "the peer closed an idle connection"
    assert heard.calls == [("state_changed", CONN, State.IDLE, State.CLOSED, why)]
    assert caplog.messages == [f"192.0.2.1:50000: IDLE -> CLOSED because {why}"]


def test_a_step_that_stays_where_it_is_is_not_told(caplog):
    caplog.set_level(logging.DEBUG, "holdfast.debug")
    heard = Heard(trace=["state_changed"], conn_state=True, debug=True)
    heard.traced.moved(CONN, State.EXCHANGE, State.EXCHANGE, Event.SHUTDOWN)
    assert heard.calls == []
    assert caplog.messages == []


def test_without_the_debug_log_nothing_is_written(caplog):
    caplog.set_level(logging.DEBUG, "holdfast.debug")
    Heard(trace=["state_changed"], conn_state=True).traced.moved(CONN, State.IDLE, State.CLOSED, Event.EOF)
    assert caplog.messages == []


def test_the_end_is_told_with_its_reason():
    heard = Heard(trace=["connection_closed"])
    heard.traced.closed(CONN)
    assert heard.calls == [("connection_closed", CONN, CloseReason.PEER_LEFT)]


def test_the_head_of_the_response_is_told_once():
    heard = Heard(trace=["wrote_head", "first_byte"])
    exchange = an_exchange()
    heard.traced.wrote(an_exchange(status=0))  # an interim response
    for _ in range(2):
        heard.traced.wrote(exchange)
    assert heard.calls == [("wrote_head", exchange), ("first_byte", exchange)]
    assert exchange.first_byte_at == 10


@pytest.mark.parametrize(("first_byte_at", "to_first_byte"), [(0.0, None), (12.5, 2.5)], ids=["none", "some"])
def test_what_is_told_when_an_exchange_is_done(first_byte_at, to_first_byte):
    heard = Heard(trace=["request_received", "exchange_done"])
    exchange = an_exchange(first_byte_at=first_byte_at)
    heard.traced.began(exchange)
    heard.clock.advance(4)
    heard.traced.done(exchange, CloseReason.PEER_CLOSE)
    assert heard.calls[0] == ("request_received", exchange)
    name, of, done = heard.calls[1]
    assert (name, of) == ("exchange_done", exchange)
    assert (done.head, done.peer, done.status) == ("the head", "192.0.2.1:50000", 200)
    assert (done.bytes_sent, done.bytes_received) == (5, 3)
    assert (done.started, done.duration, done.time_to_first_byte) == (10, 4, to_first_byte)
    assert (done.close_reason, done.response_fields) == (CloseReason.PEER_CLOSE, [(b"a", b"b")])


def test_errors_are_passed_on():
    heard, error = Heard(trace=["refused", "accept_error"]), ValueError()
    heard.traced.refused(CONN, error)
    heard.traced.accept_error(error)
    assert heard.calls == [("refused", CONN, error), ("accept_error", error)]


def test_a_hook_that_is_not_set_is_not_missed():
    traced = Heard().traced
    traced.opened(CONN)
    traced.moved(CONN, State.IDLE, State.CLOSED, Event.EOF)
    traced.wrote(an_exchange())
    traced.done(an_exchange(), None)
    traced.refused(CONN, ValueError())
    traced.accept_error(ValueError())
    traced.closed(CONN)
