"""Each clock of a connection alone, on a fake clock, against a connection that only notes what it is told."""

from math import inf
from types import SimpleNamespace

import pytest

from holdfast.net.clock import FakeClock
from holdfast.net.timers import Timers
from holdfast.server.clocks import Clocks

SECONDS = {
    "read_header_timeout": 10.0,
    "read_timeout": inf,
    "body_read_timeout": 30.0,
    "write_timeout": inf,
    "write_stall_timeout": 60.0,
    "idle_timeout": 75.0,
    "linger_timeout": 0.5,
}


class FakeConn:
    """What ``Clocks`` knows of a connection; ``told`` holds what expired, and when."""

    def __init__(self, min_body_rate=None, **seconds):
        self.clock = clock = FakeClock(start=1000)
        timeouts = SECONDS | seconds
        self.server = SimpleNamespace(
            timers=Timers(clock),
            time=clock.time,
            timeouts=timeouts,
            idle_seconds=timeouts["idle_timeout"],
            exchange_clocks=timeouts["read_timeout"] < inf or timeouts["write_timeout"] < inf,
            min_body_rate=min_body_rate,
            min_body_grace=30.0,
        )
        self.unsent = 0
        self.transport = SimpleNamespace(get_write_buffer_size=lambda: self.unsent)
        self.requests = 1
        self.told = []
        self.clocks = Clocks(self)

    def phase_expired(self):
        self.tell("phase")

    def body_expired(self, timer):
        self.tell(timer)

    def write_expired(self, timer):
        self.tell(timer)

    def tell(self, what):
        self.told.append((what, self.clock.time() - 1000))


# --- phases


@pytest.mark.parametrize("phase", ["read_header_timeout", "idle_timeout", "linger_timeout"])
def test_a_phase_runs_out_once(phase):
    conn = FakeConn()
    conn.clocks.start(phase)
    conn.clock.advance(1000)
    assert conn.told == [("phase", SECONDS[phase])]


def test_a_phase_replaces_the_one_before():
    conn = FakeConn()
    conn.clocks.start("read_header_timeout")
    conn.clock.advance(9)
    conn.clocks.start_idle()
    conn.clock.advance(74)
    assert conn.told == []
    assert conn.clocks.since == 1009
    conn.clock.advance(1)
    assert conn.told == [("phase", 84)]


def test_a_phase_that_has_no_clock_never_runs_out():
    conn = FakeConn(idle_timeout=inf)
    conn.clocks.start("read_header_timeout")
    conn.clocks.start_idle()
    conn.clock.advance(1e6)
    assert conn.told == []


def test_the_short_way_to_idle_is_the_same_as_the_long_one():
    for long in (True, False):
        conn = FakeConn()
        conn.clocks.set_write_deadline(1001)
        conn.clocks.start("idle_timeout") if long else conn.clocks.start_idle()
        assert (conn.clocks.since, conn.clocks.write_at) == (1000, inf)
        conn.clock.advance(100)
        assert conn.told == [("phase", 75)]


def test_a_phase_may_be_made_to_end_sooner_and_never_later():
    conn = FakeConn()
    conn.clocks.start_idle()
    conn.clocks.end_phase(1200)
    conn.clocks.end_phase(1020)
    conn.clock.advance(100)
    assert conn.told == [("phase", 20)]


def test_a_request_stops_the_clock_of_its_head():
    conn = FakeConn()
    conn.clocks.start("read_header_timeout")
    conn.clocks.start_exchange()
    conn.clock.advance(1e6)
    assert conn.told == []


def test_nothing_runs_out_once_stopped():
    conn = FakeConn(write_timeout=5)
    conn.clocks.start_exchange()
    conn.clocks.start_body(0)
    conn.clocks.start("idle_timeout")
    conn.clocks.stop()
    conn.clock.advance(1e6)
    assert conn.told == []


# --- bodies


@pytest.mark.parametrize(
    ("settings", "received", "told"),
    [
        pytest.param({}, 0, ("body_read_timeout", 30), id="gap"),
        pytest.param({"read_timeout": 20}, 0, ("read_timeout", 20), id="whole request"),
        pytest.param({"read_timeout": 40}, 0, ("body_read_timeout", 30), id="gap before whole"),
        pytest.param(
            {"min_body_rate": 10, "body_read_timeout": inf}, 100, ("min_body_rate", 40), id="rate after grace"
        ),
        pytest.param({"min_body_rate": 10}, 100, ("body_read_timeout", 30), id="gap before rate"),
        pytest.param({"min_body_rate": 10}, 0, ("body_read_timeout", 30), id="gap and rate at once"),
    ],
)
def test_the_clock_of_a_body_that_runs_out_first_is_named(settings, received, told):
    conn = FakeConn(**settings)
    conn.clocks.start_exchange()
    conn.clocks.start_body(received)
    conn.clock.advance(1000)
    assert conn.told == [told]


def test_with_no_clock_a_body_is_waited_for_without_end():
    conn = FakeConn(body_read_timeout=inf)
    conn.clocks.start_exchange()
    conn.clocks.start_body(0)
    conn.clock.advance(1e6)
    assert conn.told == []


def test_the_gap_starts_anew_with_each_wait_and_the_rest_does_not_count():
    conn = FakeConn()
    conn.clocks.start_exchange()
    for _ in range(3):
        conn.clocks.start_body(0)
        conn.clock.advance(29)
        conn.clocks.stop_body()
        conn.clock.advance(500)  # the handler is busy
    assert conn.told == []


def test_the_rate_counts_all_waits_of_a_request_and_none_of_the_one_before():
    conn = FakeConn(min_body_rate=1, body_read_timeout=inf)
    for _ in range(2):
        conn.clocks.start_exchange()
        for received in (0, 1):
            conn.clocks.start_body(received)
            conn.clock.advance(15)
            conn.clocks.stop_body()
    assert conn.told == []
    conn.clocks.start_body(2)
    conn.clock.advance(2)  # 32 s waited for 2 bytes
    assert [what for what, _ in conn.told] == ["min_body_rate"]


def test_the_whole_requests_clock_counts_from_the_first_byte_of_its_head():
    conn = FakeConn(read_timeout=20)
    conn.clocks.start("read_header_timeout")
    conn.clock.advance(5)
    conn.clocks.start_exchange()
    assert conn.clocks.read_at == 1020
    conn.clocks.start_idle()
    conn.clock.advance(50)
    conn.clocks.start_exchange()  # a head that came in one piece
    assert conn.clocks.read_at == 1075


@pytest.mark.parametrize(
    ("deadlines", "told"),
    [
        pytest.param([1010], ("read_timeout", 10), id="sooner"),
        pytest.param([1010, 1020], ("read_timeout", 20), id="sooner, then later"),
        pytest.param([1010, inf], ("body_read_timeout", 30), id="taken away"),
        pytest.param([1100], ("body_read_timeout", 30), id="no more than the gap"),
        pytest.param([999], ("read_timeout", 0), id="past"),
    ],
)
def test_a_read_deadline_moves_also_while_a_read_waits(deadlines, told):
    conn = FakeConn()
    conn.clocks.start_exchange()
    conn.clocks.start_body(0)
    for at in deadlines:
        conn.clocks.set_read_deadline(at)
    conn.clock.advance(1000)
    assert conn.told == [told]


def test_a_read_deadline_ends_with_its_request():
    conn = FakeConn()
    conn.clocks.start_exchange()
    conn.clocks.set_read_deadline(1005)
    conn.clocks.start_idle()
    conn.clock.advance(10)
    conn.requests = 2
    conn.clocks.start_exchange()
    conn.clocks.start_body(0)
    conn.clock.advance(29)
    assert conn.told == []


# --- writing


def test_the_responses_clock_starts_with_the_end_of_the_head_and_stops_with_the_response():
    conn = FakeConn(write_timeout=5)
    conn.clocks.start("read_header_timeout")
    conn.clock.advance(3)
    conn.clocks.start_exchange()
    conn.clock.advance(4.5)
    conn.clocks.start_idle()
    conn.clocks.start_exchange()
    conn.clock.advance(100)
    assert conn.told == [("write_timeout", 12.5)]


def test_a_peer_that_takes_nothing_stalls_the_connection():
    conn = FakeConn()
    conn.unsent = 100
    conn.clocks.start_stall()
    conn.clock.advance(1000)
    assert conn.told == [("write_stall_timeout", 60)]


def test_a_peer_that_takes_something_is_given_as_long_again():
    conn = FakeConn()
    conn.unsent = 100
    conn.clocks.start_stall()
    for left in (60, 30, 1):
        conn.clock.advance(59)
        conn.unsent = left
        conn.clock.advance(1)
        assert conn.told == []
    conn.clock.advance(60)
    assert conn.told == [("write_stall_timeout", 240)]


def test_a_stall_that_ended_is_forgotten():
    conn = FakeConn()
    conn.unsent = 100
    conn.clocks.start_stall()
    conn.clocks.stop_stall()
    conn.clock.advance(1000)
    assert conn.told == []


def test_a_stall_is_seen_while_idle_or_answering_too():
    for begin in (Clocks.start_idle, Clocks.start_exchange):
        conn = FakeConn(write_stall_timeout=5)
        conn.unsent = 100
        conn.clocks.start_stall()
        begin(conn.clocks)
        conn.clock.advance(5)
        assert conn.told == [("write_stall_timeout", 5)]


@pytest.mark.parametrize("phase", ["linger_timeout", "write_stall_timeout"])
def test_last_bytes_that_are_still_being_taken_keep_the_connection(phase):
    conn = FakeConn()
    conn.unsent = 100
    conn.clocks.start(phase)
    conn.unsent = 50
    conn.clock.advance(SECONDS[phase])
    assert conn.told == []
    conn.clock.advance(60)
    assert conn.told == [("phase", SECONDS[phase] + 60)]


def test_several_may_run_out_at_one_moment():
    conn = FakeConn(write_timeout=30)
    conn.clocks.start_exchange()
    conn.clocks.start_body(0)
    conn.clock.advance(30)
    assert conn.told == [("write_timeout", 30), ("body_read_timeout", 30)]
