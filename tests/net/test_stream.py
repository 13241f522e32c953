"""Streams, on every kind of transport and both loops."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest

from holdfast import limits
from holdfast.errors import ConnectionReset, DialError, LimitExceeded, NotSupported, Timeout, UsageError
from holdfast.net.address import Address, parse_addr
from holdfast.net.clock import FakeClock
from holdfast.net.stream import Stream, connect
from holdfast.net.tasks import spawn
from holdfast.net.timers import Timers
from tests.net.contract import Notes, every_kind, every_loop, run, settle, streams


def contract(test):
    """Run an ``async def test(a, b)`` with two joined streams of every kind, on every loop."""

    @every_loop
    @every_kind
    def runner(kind, loop):
        async def main():
            async with streams(kind) as (a, b):
                await test(a, b)

        run(main(), loop)

    runner.__name__, runner.__doc__ = test.__name__, test.__doc__
    return runner


@contract
async def test_read_gives_what_there_is_then_the_end(a, b):
    await a.write(b"hello")
    assert await b.read() == b"hello"
    await a.write(b"abcdef")
    assert await b.read(2) == b"ab"
    assert await b.read(0) == b""
    assert await b.read(100) == b"cdef"
    a.close_write()
    assert await b.read() == b""
    assert await b.read() == b""
    with pytest.raises(ValueError, match="not negative"):
        await b.read(-1)


@contract
async def test_readexactly(a, b):
    await a.write(b"abc")
    await a.write(b"defgh")
    assert await b.readexactly(0) == b""
    assert await b.readexactly(5) == b"abcde"
    a.close_write()
    with pytest.raises(ConnectionReset, match="expected 4 bytes, the peer ended after 3"):
        await b.readexactly(4)
    assert await b.read() == b"fgh"
    with pytest.raises(ValueError, match="not negative"):
        await b.readexactly(-1)


@contract
async def test_readexactly_of_more_than_is_kept_ahead(a, b):
    size = 8 * limits.MAX_READ_AHEAD
    sender = spawn(a.write(b"x" * size))
    assert len(await b.readexactly(size)) == size
    await sender


@contract
async def test_readuntil(a, b):
    await a.write(b"one\r\ntwo\r")
    assert await b.readuntil(b"\r\n") == b"one\r\n"
    reader = spawn(b.readuntil(b"\r\n"))
    await settle()
    assert not reader.done()
    await a.write(b"\nthree")
    assert await reader == b"two\r\n"
    a.close_write()
    with pytest.raises(ConnectionReset, match=r"expected b'\\r\\n', the peer ended after 5 bytes"):
        await b.readuntil(b"\r\n")
    assert await b.read() == b"three"
    with pytest.raises(ValueError, match="empty"):
        await b.readuntil(b"")


@contract
async def test_readuntil_has_a_limit(a, b):
    await a.write(b"12345678\n")
    with pytest.raises(LimitExceeded, match="within 8 bytes"):
        await b.readuntil(b"\n", limit=8)
    assert await b.readuntil(b"\n", limit=9) == b"12345678\n"


@contract
async def test_what_was_sent_before_the_end_arrives(a, b):
    size = 3 << 20
    closer = spawn(send_and_close(a, b"x" * size))
    got = 0
    while piece := await b.read():
        got += len(piece)
    assert got == size
    await b.close()
    await closer
    assert a.is_closing()
    assert b.is_closing()


async def send_and_close(stream, data):
    await stream.write(data)
    await stream.close()


@contract
async def test_a_second_read_at_once_is_a_mistake(a, b):
    reader = spawn(b.readexactly(4))
    await a.write(b"ab")
    await settle()
    with pytest.raises(UsageError, match="two reads"):
        await b.read()
    await a.write(b"cd")
    assert await reader == b"abcd"


@contract
async def test_a_cancelled_read_loses_nothing(a, b):
    reader = spawn(b.readexactly(4))
    await a.write(b"ab")
    await settle()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await a.write(b"cd")
    assert await b.readexactly(4) == b"abcd"


@contract
async def test_a_peer_that_is_not_read_is_held_back(a, b):
    written = 0

    async def flood():
        nonlocal written
        while written < 64 << 20:
            await a.write(b"x" * 65536)
            written += 65536

    flooder = spawn(flood())
    for _ in range(10):
        await settle()
    stopped_at = written
    await settle()
    assert written == stopped_at < 64 << 20
    assert len(b._buffer) < limits.MAX_READ_AHEAD + (512 << 10)
    await b.readexactly(stopped_at)  # and goes on when it is
    await b.read()
    flooder.cancel()
    await asyncio.wait([flooder])


@contract
async def test_a_broken_connection_is_not_an_end(a, b):
    b._transport.pause_reading()
    await a.write(b"unread")
    await settle()
    b.abort()  # with bytes unread: a reset
    with pytest.raises(ConnectionReset, match="the connection broke") as caught:
        await a.read()
    assert isinstance(caught.value.__cause__, ConnectionError)
    with pytest.raises(ConnectionReset):
        await a.write(b"x")
    await a.close()
    a.abort()


@contract
async def test_closing_on_this_side_ends_a_read_with_an_error(a, b):
    reader = spawn(a.read())
    await settle()
    await a.close()
    with pytest.raises(ConnectionReset, match="closed on this side"):
        await reader
    with pytest.raises(ConnectionReset, match="closed on this side"):
        await a.write(b"x")
    assert await b.read() == b""


@contract
async def test_what_arrived_before_a_reset_can_be_read(a, b):
    await a.write(b"last words")
    await settle()
    assert await b.read(4) == b"last"
    a.abort()
    await settle()
    assert await b.read() == b" words"


@contract
async def test_writing_after_the_end_of_our_half_is_a_mistake(a, b):
    a.close_write()
    with pytest.raises(UsageError, match="writing half"):
        await a.write(b"x")
    await b.write(b"still open")
    assert await a.read() == b"still open"


@contract
async def test_writing_to_a_closing_stream_is_a_mistake(a, b):
    a._transport.close()
    with pytest.raises(UsageError, match="closed"):
        await a.write(b"x")
    with pytest.raises(UsageError, match="closed"):
        a.close_write()


@contract
async def test_abort_wakes_a_writer_that_waits(a, b):
    b._transport.pause_reading()
    writer = spawn(a.write(b"x" * (16 << 20)))
    await settle()
    assert not writer.done()
    a.abort()
    with pytest.raises(ConnectionReset, match="closed on this side"):
        await writer


@contract
async def test_a_read_deadline_ends_the_read_that_waits_and_those_after(a, b):
    clock = fake_clock(b)
    b.set_read_deadline(5)
    reader = spawn(b.read())
    await settle()
    clock.advance(5)
    with pytest.raises(Timeout) as caught:
        await reader
    assert caught.value.timer == "read_deadline"
    with pytest.raises(Timeout):
        await b.read()
    await a.write(b"late")
    b.set_read_deadline(None)
    assert await b.read() == b"late"
    clock.advance(100)
    b.set_read_deadline(clock.time() - 1)
    with pytest.raises(Timeout):
        await b.read()
    b.set_read_deadline(clock.time() + 1)
    await a.write(b"again")
    assert await b.read() == b"again"


@contract
async def test_a_write_deadline_ends_the_write_that_waits(a, b):
    clock = fake_clock(a)
    b._transport.pause_reading()
    a.set_write_deadline(5)
    writer = spawn(a.write(b"x" * (16 << 20)))
    await settle()
    clock.advance(5)
    with pytest.raises(Timeout) as caught:
        await writer
    assert caught.value.timer == "write_deadline"
    with pytest.raises(Timeout):
        await a.write(b"x")


@contract
async def test_a_write_deadline_ends_a_close_that_waits(a, b):
    clock = fake_clock(a)
    b._transport.pause_reading()
    a._transport.write(b"x" * (16 << 20))
    a.set_write_deadline(5)
    closer = spawn(a.close())
    await settle()
    assert not closer.done()
    clock.advance(5)
    await closer


def fake_clock(stream):
    clock = FakeClock()
    stream._timers = Timers(clock)
    return clock


@contract
async def test_a_stream_takes_a_connection_over(a, b):
    async def handed_over(old, **told):
        transport = old._transport
        leftover, old._buffer = bytes(old._buffer), bytearray()
        return Stream.take_over(transport, leftover, **told)

    await a.write(b"read ahead, ")
    await settle()
    heir = await handed_over(b)
    await a.write(b"and after")
    assert await heir.readexactly(21) == b"read ahead, and after"
    await heir.write(b"answer")
    assert await a.read() == b"answer"
    a.close_write()
    assert await heir.read() == b""
    late = await handed_over(heir, eof=True)
    assert await late.read() == b""
    await late.write(b"still")
    assert await a.read() == b"still"
    await late.close()


@contract
async def test_a_taken_over_stream_waits_for_a_paused_writer(a, b):
    b._transport.pause_reading()
    a._transport.write(b"x" * (16 << 20))
    assert a._writing_paused
    heir = Stream.take_over(a._transport, writing_paused=True)
    writer = spawn(heir.write(b"more"))
    await settle()
    assert not writer.done()
    b._transport.resume_reading()
    await b.readexactly((16 << 20) + 4)
    await writer
    await heir.close()


def test_a_transport_without_halves():
    class Whole(Notes):
        def can_write_eof(self):
            return False

        def is_closing(self):
            return False

    async def main():
        stream = Stream()
        stream._transport = Whole()
        with pytest.raises(NotSupported):
            stream.close_write()

    run(main())


@every_loop
def test_connect_over_tcp(loop):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            stream = await connect(Address("127.0.0.1", port))
            with server.accept()[0] as accepted:
                assert stream.peer == f"127.0.0.1:{port}"
                assert stream.local == f"127.0.0.1:{accepted.getpeername()[1]}"
                assert repr(stream) == f"<Stream {stream.local} to {stream.peer} open, 0 bytes to read>"
                stream.set_read_deadline(asyncio.get_running_loop().time() + 0.01)
                with pytest.raises(Timeout):
                    await stream.read()
                accepted.sendall(b"hi")
                stream.set_read_deadline(None)
                assert await stream.read() == b"hi"
                await stream.close()
                assert "closed" in repr(stream)

    run(main(), loop)


@every_loop
def test_connect_over_a_unix_socket(loop, tmp_path):
    async def main():
        path = str(tmp_path / "s")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            stream = await connect(parse_addr(f"unix:{path}"))
            server.accept()[0].close()
            assert stream.peer == path
            assert await stream.read() == b""
            await stream.close()

    run(main(), loop)


@every_loop
def test_what_cannot_be_connected_to(loop, tmp_path):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with pytest.raises(DialError, match=f"^cannot connect to 127.0.0.1:{port}: .*refused"):
            await connect(Address("127.0.0.1", port))
        with pytest.raises(DialError, match=r"^cannot connect to unix:.*no such file"):
            await connect(Address(path=str(tmp_path / "none")))
        with pytest.raises(ValueError, match="fd:3"):
            await connect(Address(fd=3))

    run(main(), loop)


def test_a_closed_stream_leaves_no_deadline_behind():
    async def main():
        timers = Timers(FakeClock())
        async with streams("memory") as (a, b):
            a._timers = timers
            a.set_read_deadline(75)
            a.set_write_deadline(75)
            await a.close()
            assert len(timers) == 0
            assert await b.read() == b""
        gc.collect()

    run(main())
