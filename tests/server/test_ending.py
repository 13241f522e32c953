"""The ways out of a connection; the behaviour of whole ones is in tests/whole."""

import socket

import pytest

from holdfast.wire.lifecycle import State
from holdfast.wire.persistence import CloseReason
from tests.server.bench import GET, Bench, hello


async def test_a_peer_that_said_close_is_not_lingered_for():
    async with Bench(hello) as bench:
        await bench.receive(GET.replace(b"Host", b"Connection: close\r\nHost"))
        assert (bench.state, bench.transport.calls) == ("CLOSED", ["close"])
        bench.clock.advance(60)
        assert bench.transport.calls == ["close", "abort"]  # it took nothing


async def test_only_an_idle_connection_is_shed():
    async with Bench(hello) as bench:
        assert not bench.conn.shed()
        await bench.receive(GET[:5])
        assert not bench.conn.shed()
        await bench.receive(GET[5:])
        assert bench.conn.shed()
        assert (bench.state, bench.transport.calls) == ("CLOSED", ["close"])


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
