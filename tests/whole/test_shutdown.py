"""The end of a server (S19): listeners first, idle connections at once, the others after their answer.

Requirements S2, S19; Go's serve_test.go.
"""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from holdfast.errors import ServerClosed, Timeout
from holdfast.net.listen import bind, parse_addr
from holdfast.net.tasks import Event, spawn
from holdfast.server.server import Server
from holdfast.testing import FakeClock, WireClient, advance, serving, settle
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(w, r):
    await w.write(b"hello")


def waiting(go):
    async def handler(w, r):
        await go.wait()
        await w.write(b"hello")

    return handler


# TestServerShutdown
@every_mode
async def test_shutdown_waits_for_the_request_in_progress_whose_answer_says_close(mode):
    go, states, hooks = Event(), [], []
    settings = {"conn_state": lambda conn, state: states.append(str(state))}
    clock = FakeClock()
    async with serving(waiting(go), mode, clock=clock, memory=False, **settings) as (client, server):
        server.register_on_shutdown(lambda: hooks.append("plain"))
        server.register_on_shutdown(lambda: asyncio.sleep(0, hooks.append("async")))
        serve = spawn(server.serve([]))
        peer = await client.connect()
        await peer.send(GET)
        while server.crowd.requests == 0:
            await settle()
        address = server._listeners[0].sock.getsockname()
        ending = spawn(server.shutdown())
        await settle()
        assert not ending.done()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address).close()
        go.set()
        response = await peer.read_response()
        assert (response.body, response.header("Connection")) == (b"hello", "close")
        await peer.expect_closed()
        await peer.close()
        await ending
        assert sorted(hooks) == ["async", "plain"]
        assert states == ["new", "active", "closed"]
        assert server.stats().closed_because == {"we are shutting down": 1}
        with pytest.raises(ServerClosed):
            await serve


@every_mode
async def test_idle_connections_are_closed_at_once(mode):
    async with serving(hello, mode, clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        assert (await peer.read_response()).header("Connection") is None
        ending = spawn(server.shutdown())
        assert await peer.expect_closed() == "eof"
        peer.send_eof()
        await ending
        assert server.stats().closed_because == {"we are shutting down": 1}


# TestServerShutdownStateNew
@every_mode
async def test_a_connection_that_never_spoke_delays_the_end_five_seconds_from_its_opening(mode):
    clock = FakeClock()
    async with serving(hello, mode, clock=clock) as (client, server):
        peer = await client.connect()
        await advance(clock, 2)
        ending = spawn(server.shutdown())
        await advance(clock, 2.9)
        assert not ending.done()
        await advance(clock, 0.1)
        assert ending.done()
        await peer.expect_closed()
        await ending


async def test_a_handshake_that_hangs_delays_the_end_no_longer():
    clock = FakeClock()
    async with serving(hello, "h1+tls", clock=clock) as (_, server):
        peer = await WireClient(server, memory=True, tls=False).connect()
        await peer.send(b"\x16\x03\x01")
        ending = spawn(server.shutdown())
        await advance(clock, 5)
        assert ending.done()
        assert await peer.expect_closed() in ("eof", "reset")
        await ending
        assert server.stats().closed_because == {"we are shutting down": 1}


# Go drops a request that comes after the beginning of the end; we answer it, and say close.
@every_mode
async def test_a_request_on_a_connection_that_was_new_is_still_answered(mode):
    async with serving(hello, mode, clock=FakeClock()) as (client, server):
        peer = await client.connect()
        ending = spawn(server.shutdown())
        await settle()
        await peer.send(GET)
        response = await peer.read_response()
        assert (response.body, response.header("Connection")) == (b"hello", "close")
        await peer.close()
        await ending


@every_mode
async def test_a_head_that_has_begun_to_arrive_is_let_in(mode):
    async with serving(hello, mode, clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(GET[:9])
        await settle()
        ending = spawn(server.shutdown())
        await settle()
        await peer.send(GET[9:])
        assert (await peer.read_response()).body == b"hello"
        await peer.close()
        await ending


@every_mode
async def test_past_its_deadline_shutdown_cuts_what_is_left_and_says_so(mode):
    clock, go = FakeClock(), Event()
    async with serving(waiting(go), mode, clock=clock, shutdown_timeout=9) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await settle()
        ending = spawn(server.shutdown())
        await advance(clock, 8.9)
        assert not ending.done()
        await advance(clock, 0.1)
        with pytest.raises(Timeout, match="1 connections were cut") as raised:
            await ending
        assert raised.value.timer == "shutdown_timeout"
        await peer.expect_closed()
        assert list(server.stats().closed_because) == ["Server.close() or the end of the grace period"]


@every_mode
async def test_close_is_now(mode):
    cancelled = []

    async def handler(w, r):
        try:
            await Event().wait()
        except asyncio.CancelledError:
            cancelled.append(r.path)
            raise

    async with serving(handler, mode, clock=FakeClock()) as (client, server):
        idle, busy = await client.connect(), await client.connect()
        await busy.send(GET)
        await settle()
        await server.close()
        await idle.expect_closed()
        await busy.expect_closed()
        assert cancelled == ["/"]
        assert server.connections() == []


async def test_close_cuts_a_handshake_too():
    async with serving(hello, "h1+tls", clock=FakeClock()) as (_, server):
        peer = await WireClient(server, memory=True, tls=False).connect()
        await peer.send(b"\x16\x03\x01")
        await settle()
        await server.close()
        await peer.expect_closed()
        assert server.connections() == []


# TestServerCloseDeadlock
@every_mode
async def test_close_and_shutdown_may_be_called_again(mode):
    async with serving(hello, mode, memory=False) as (client, server):
        assert (await client.get()).body == b"hello"
        await asyncio.gather(server.close(), server.close())
        await server.close()
        await server.shutdown()


# TestServerCloseDeadlock: at the very moment of an accept
@every_mode
async def test_a_connection_that_is_only_just_accepted_is_closed(mode):
    accepted = Event()
    settings = {"conn_state": lambda conn, state: accepted.set()}
    async with serving(hello, mode, memory=False, **settings) as (_, server):
        ours = socket.create_connection(server._listeners[0].sock.getsockname())
        ours.settimeout(2)
        await accepted.wait()
        await asyncio.gather(server.close(), server.close())
        await settle()
        with ours:
            try:
                assert ours.recv(1) == b""
            except ConnectionResetError:
                pass
        assert server.connections() == []


# TestServerShutdownThenServe
@pytest.mark.parametrize("end", [Server.shutdown, Server.close])
async def test_serving_after_the_end_raises_at_once_and_closes_the_listener(end):
    server = Server(hello)
    await end(server)
    (listener,) = bind(parse_addr("127.0.0.1:0"))
    with pytest.raises(ServerClosed):
        await server.serve(listener)
    assert listener.sock.fileno() == -1
    with pytest.raises(ServerClosed):
        await server.serve()


class CountedSocket:
    """A listening socket that counts how often it is closed."""

    def __init__(self, sock):
        self.sock, self.closed = sock, 0

    def close(self):
        self.closed += 1
        self.sock.close()

    def __getattr__(self, name):
        return getattr(self.sock, name)


# TestServerCloseListenerOnce
async def test_a_listener_is_closed_exactly_once():
    server = Server(hello)
    (listener,) = bind(parse_addr("127.0.0.1:0"))
    listener.sock = counted = CountedSocket(listener.sock)
    serve = spawn(server.serve(listener))
    await settle()
    await server.close()
    await server.shutdown()
    with pytest.raises(ServerClosed):
        await serve
    assert counted.closed == 1


# TestServerSetKeepAlivesEnabledClosesConns
@every_mode
async def test_turning_keep_alives_off_closes_idle_connections(mode):
    async with serving(hello, mode, clock=FakeClock()) as (client, server):
        idle, new = await client.connect(), await client.connect()
        await idle.send(GET)
        assert (await idle.read_response()).header("Connection") is None
        server.set_keep_alives_enabled(False)
        assert await idle.expect_closed() == "eof"
        await new.send(GET)  # it was promised nothing yet, and is not idle
        assert (await new.read_response()).header("Connection") == "close"


# TestServerKeepAlivesEnabled, TestServerKeepAlivesEnabledResultClose
@every_mode
async def test_with_keep_alives_off_each_connection_has_one_request(mode):
    async with serving(hello, mode, clock=FakeClock()) as (client, server):
        server.set_keep_alives_enabled(False)
        for _ in range(3):
            assert (await client.get()).header("Connection") == "close"
        assert server.stats().connections_accepted == 3
        server.set_keep_alives_enabled(True)
        for _ in range(3):
            assert (await client.get()).header("Connection") is None
        assert server.stats().connections_accepted == 4


@every_mode
async def test_a_hijacked_connection_is_its_owners(mode):
    taken = []

    async def handler(w, r):
        taken.append((await w.hijack())[0])

    async with serving(handler, mode, clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await settle()
        await server.shutdown()
        await server.close()
        await taken[0].write(b"still here")
        assert await peer.read_exactly(10) == b"still here"
        await taken[0].close()


@every_mode
async def test_a_peer_that_was_reset_a_moment_ago_does_not_break_the_end(mode):
    async with serving(hello, mode, memory=False) as (client, server):
        others = [await client.connect() for _ in range(2)]
        for peer in others:
            await peer.send(GET)
            await peer.read_response()
        raw = others[0].stream._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        others[0].abort()
        await asyncio.sleep(0)  # the kernel knows, the server's loop does not yet
        ending = spawn(server.shutdown())
        assert await others[1].expect_closed() == "eof"
        await others[1].close()
        await ending


# --- what ends while it begins


class SlowToStart:
    """A handler whose application takes time to start."""

    def __init__(self):
        self.ready, self.order = Event(), []

    async def startup(self):
        self.order.append("starting")
        await self.ready.wait()
        self.order.append("started")

    async def shutdown(self):
        self.order.append("stopped")

    async def serve_http(self, w, r):
        self.order.append("request")
        await w.write(b"hello")


async def test_a_shutdown_during_the_start_leaves_nothing_listening():
    app = SlowToStart()
    server = Server(app)
    (listener,) = bind(parse_addr("127.0.0.1:0"))
    serve = spawn(server.serve(listener))
    await settle()
    await server.shutdown()
    app.ready.set()
    with pytest.raises(ServerClosed):
        await serve
    assert listener.sock.fileno() == -1


# TestConcurrentServerServe
async def test_serving_on_several_listeners_at_once_waits_for_the_one_start():
    app = SlowToStart()
    server = Server(app)
    listeners = [bind(parse_addr("127.0.0.1:0"))[0] for _ in range(3)]
    serving_all = [spawn(server.serve(listener)) for listener in listeners]
    socks = [socket.create_connection(listener.sock.getsockname()) for listener in listeners]
    await settle()
    assert app.order == ["starting"]
    assert server.stats().connections_accepted == 0
    app.ready.set()
    loop = asyncio.get_running_loop()
    for sock in socks:
        sock.setblocking(False)
        await loop.sock_sendall(sock, GET)
        assert (await loop.sock_recv(sock, 65536)).startswith(b"HTTP/1.1 200 OK\r\n")
        sock.close()
    await server.shutdown()
    for task in serving_all:
        with pytest.raises(ServerClosed):
            await task
    assert app.order == ["starting", "started", *["request"] * 3, "stopped"]
