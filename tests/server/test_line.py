"""What a connection reads, and how much of it."""

import socket

from holdfast import limits
from holdfast.net.tasks import Event
from holdfast.testing import settle
from tests.server.bench import GET, POST, Bench, hello


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


async def test_before_it_is_open_its_peer_is_asked_of_the_socket():
    ours, theirs = socket.socket(), socket.create_server(("127.0.0.1", 0))
    with ours, theirs:
        ours.connect(theirs.getsockname())
        sock, _ = theirs.accept()
        with sock:
            bench = Bench(hello, sock=sock)
            assert bench.conn.peer == "{}:{}".format(*ours.getsockname())
        assert bench.conn.peer == ""  # closed in the meantime
