"""One connection on a transport that keeps what it is told; the behaviour of whole ones is in tests/whole."""

import socket

import pytest

from holdfast import limits
from holdfast.net.clock import FakeClock
from holdfast.net.tasks import Event, cancel, spawn
from holdfast.server.server import Server
from holdfast.testing import settle
from holdfast.wire.lifecycle import State
from holdfast.wire.persistence import CloseReason

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


class FakeTransport:
    """Notes what is written and asked; its peer takes everything at once."""

    def __init__(self):
        self.written = b""
        self.calls = []
        self.unsent = 0

    def write(self, data):
        self.written += data

    def get_write_buffer_size(self):
        return self.unsent

    def set_write_buffer_limits(self, high, low):
        assert (high, low) == (limits.WRITE_HIGH_WATER, limits.WRITE_LOW_WATER)

    def get_extra_info(self, name, default=None):
        return {"peername": ("192.0.2.1", 50000), "sockname": ("192.0.2.2", 80)}.get(name, default)

    def is_closing(self):
        return bool({"close", "abort"} & set(self.calls))

    def __getattr__(self, name):
        return lambda: self.calls.append(name)


class Bench:
    """A connection whose task runs ``handler``."""

    def __init__(self, handler, *, sock=None, **settings):
        self.clock = FakeClock()
        self.server = Server(handler, **settings)
        self.server.use_clock(self.clock)
        self.conn = self.server.adopt(sock)
        self.transport = FakeTransport()

    async def __aenter__(self):
        self.conn.connection_made(self.transport)
        self.conn.task = spawn(self.conn.run())
        return self

    async def __aexit__(self, *exc):
        await cancel(self.conn.task)

    @property
    def state(self):
        return self.conn.life.state.name

    async def receive(self, data):
        self.conn.data_received(data)
        await settle()


async def hello(w, r):
    await w.write(b"hello")


async def test_a_head_is_read_when_its_bytes_come_and_answered_when_the_task_has_its_turn():
    async with Bench(hello) as bench:
        bench.conn.data_received(GET)
        assert (bench.state, bench.transport.written) == ("EXCHANGE", b"")
        await settle()
        assert bench.state == "IDLE"
        assert bench.transport.written.endswith(b"\r\n\r\nhello")
        assert repr(bench.conn) == "<Conn 192.0.2.1:50000 h1 IDLE, 1 requests>"


async def test_bytes_behind_a_request_are_read_so_far_and_no_further():
    go = Event()

    async def handler(w, r):
        await go.wait()

    async with Bench(handler) as bench:
        await bench.receive(GET)
        await bench.receive(b"x" * limits.MAX_READ_AHEAD)
        assert bench.transport.calls == []
        await bench.receive(b"x")
        assert bench.transport.calls == ["pause_reading"]
        go.set()
        await settle()
        assert bench.transport.written.startswith(b"HTTP/1.1 200 OK")
        assert bench.transport.calls == ["pause_reading", "resume_reading"]


async def test_a_long_head_that_was_held_back_is_read_to_its_end():
    """More of it is kept than is read ahead of a request, and nothing but its rest can use it up."""
    go = Event()

    async def handler(w, r):
        await go.wait()

    async with Bench(handler, max_header_bytes=1 << 20) as bench:
        await bench.receive(GET + GET[:-2] + b"X: " + b"x" * limits.MAX_READ_AHEAD)
        await bench.receive(b"x")
        assert bench.transport.calls == ["pause_reading"]
        go.set()
        await settle()
        assert (bench.state, bench.transport.calls) == ("HEAD", ["pause_reading", "resume_reading"])
        await bench.receive(b"\r\n\r\n")
        assert bench.transport.written.count(b"HTTP/1.1 200 OK") == 2


async def test_lingering_reads_on_whatever_was_held_back():
    """Bytes that the kernel holds at our close become a reset, which may destroy the last answer."""
    go = Event()

    async def handler(w, r):
        await go.wait()
        w.headers["Connection"] = "close"

    async with Bench(handler) as bench:
        await bench.receive(GET)
        await bench.receive(b"x" * (limits.MAX_READ_AHEAD + 1))
        go.set()
        await settle()
        assert bench.state == "LINGER"
        assert bench.transport.calls == ["pause_reading", "write_eof", "resume_reading"]


async def test_a_body_that_is_not_read_holds_the_peer_back_until_it_is():
    go, got = Event(), []

    async def handler(w, r):
        await go.wait()
        got.append(len(await r.read()))

    size = 3 * limits.MAX_READ_AHEAD
    async with Bench(handler) as bench:
        await bench.receive(POST % size)
        for _ in range(3):
            await bench.receive(b"x" * limits.MAX_READ_AHEAD)
        assert "pause_reading" in bench.transport.calls
        assert "resume_reading" not in bench.transport.calls
        go.set()
        await settle()
        assert "resume_reading" in bench.transport.calls
        assert got == [size]
        assert bench.state == "IDLE"


async def test_after_a_refusal_everything_else_is_dropped_unread():
    async with Bench(hello) as bench:
        await bench.receive(b"what?\r\n\r\n")
        assert bench.state == "LINGER"
        assert "write_eof" in bench.transport.calls
        written = bench.transport.written
        await bench.receive(GET)
        assert bench.conn.wire.buffered == 0
        assert bench.transport.written == written
        assert bench.conn.reason is CloseReason.MALFORMED


async def test_a_peer_that_said_close_is_not_lingered_for():
    async with Bench(hello) as bench:
        await bench.receive(GET.replace(b"Host", b"Connection: close\r\nHost"))
        assert (bench.state, bench.transport.calls) == ("CLOSED", ["close"])
        bench.clock.advance(60)
        assert bench.transport.calls == ["close", "abort"]  # it took nothing


async def test_half_a_head_and_the_peers_end_is_answered_with_400():
    async with Bench(hello) as bench:
        await bench.receive(GET[:9])
        assert bench.conn.eof_received()
        assert bench.transport.written.startswith(b"HTTP/1.1 400 ")
        assert bench.state == "CLOSED"


async def test_the_peers_end_while_idle_closes():
    async with Bench(hello) as bench:
        await bench.receive(GET)
        assert bench.conn.eof_received()
        assert (bench.state, bench.conn.reason) == ("CLOSED", CloseReason.PEER_LEFT)
        assert bench.transport.calls == ["close"]


@pytest.mark.parametrize(
    ("exc", "reason"),
    [(None, CloseReason.PEER_LEFT), (OSError("reset"), CloseReason.RESET)],
    ids=["eof", "reset"],
)
async def test_a_connection_that_is_lost_is_forgotten(exc, reason):
    async with Bench(hello) as bench:
        await bench.receive(GET)
        bench.conn.connection_lost(exc)
        assert (bench.state, bench.conn.reason) == ("CLOSED", reason)
        assert bench.server.stats().connections_open == 0
        await settle()
        assert bench.conn.task.done()
        bench.clock.advance(1000)  # and no clock of it runs
        assert bench.transport.calls == []


async def test_only_an_idle_connection_is_shed():
    async with Bench(hello) as bench:
        assert not bench.conn.shed()
        await bench.receive(GET[:5])
        assert not bench.conn.shed()
        await bench.receive(GET[5:])
        assert bench.conn.shed()
        assert (bench.state, bench.transport.calls) == ("CLOSED", ["abort"])


async def test_it_is_killed_in_any_state_and_more_than_once():
    async with Bench(hello) as bench:
        bench.conn.kill()
        bench.conn.kill()
        assert bench.transport.calls == ["abort", "abort"]
        assert bench.conn.reason is CloseReason.KILLED


async def test_a_connection_without_a_transport_yet_can_be_killed_and_looked_at():
    bench = Bench(hello)
    assert bench.conn.peer == ""
    assert repr(bench.conn) == "<Conn unknown peer h1 NEW, 0 requests>"
    bench.conn.kill()
    bench.conn.kill()
    assert bench.state == "CLOSED"


async def test_before_it_is_open_its_peer_is_asked_of_the_socket():
    ours, theirs = socket.socket(), socket.create_server(("127.0.0.1", 0))
    with ours, theirs:
        ours.connect(theirs.getsockname())
        sock, _ = theirs.accept()
        with sock:
            bench = Bench(hello, sock=sock)
            assert bench.conn.peer == "{}:{}".format(*ours.getsockname())
        assert bench.conn.peer == ""  # closed in the meantime


# --- the last look


@pytest.fixture
def sockets():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


@pytest.mark.parametrize("end", ["timeout", "shutdown", "keep-alives", "shed"])
async def test_a_connection_with_bytes_nobody_has_seen_yet_is_not_idle(sockets, end):
    ours, theirs = sockets
    async with Bench(hello, sock=ours) as bench:
        await bench.receive(GET)
        theirs.send(GET)  # the loop has not read it
        if end == "timeout":
            bench.clock.advance(75)
        elif end == "shutdown":
            bench.conn.shut_down()
        elif end == "keep-alives":
            bench.conn.end_keep_alive()
        else:
            assert not bench.conn.shed()
        assert (bench.state, bench.transport.calls) == ("IDLE", [])
        await bench.receive(ours.recv(100))
        assert bench.transport.written.count(b"hello") == 2


async def test_bytes_that_come_to_nothing_do_not_keep_it_for_ever(sockets):
    """On TLS what is unread need not be a request, nor ever become one."""
    ours, theirs = sockets
    async with Bench(hello, sock=ours) as bench:
        await bench.receive(GET)
        theirs.send(b"half a record")
        bench.clock.advance(75)
        assert bench.state == "IDLE"
        ours.recv(100)
        bench.clock.advance(75)
        assert (bench.state, bench.conn.reason) == ("LINGER", CloseReason.IDLE_TIMEOUT)


# --- wearing out


async def test_the_last_request_that_may_come_says_so():
    async with Bench(hello, max_requests_per_connection=2) as bench:
        await bench.receive(GET)
        assert b"Connection: close" not in bench.transport.written
        await bench.receive(GET)
        assert b"Connection: close" in bench.transport.written
        assert bench.conn.reason is CloseReason.WORN_OUT


async def test_a_connection_past_its_age_ends_with_its_next_answer():
    async with Bench(hello, max_connection_age=100, idle_timeout=75) as bench:
        for _ in range(2):
            await bench.receive(GET)
            bench.clock.advance(50)
        assert b"Connection: close" not in bench.transport.written
        await bench.receive(GET)
        assert b"Connection: close" in bench.transport.written


async def test_a_transport_that_cannot_half_close_any_more_is_no_failure():
    async with Bench(hello) as bench:
        await bench.receive(GET)

        def gone():
            raise OSError(107, "not connected")

        bench.transport.write_eof = gone
        bench.conn.shut_down()
        assert bench.conn.life.state is State.LINGER
        bench.clock.advance(0.5)
        assert bench.state == "CLOSED"
