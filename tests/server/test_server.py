"""The server's own decisions; its behaviour with clients is in tests/whole."""

import os
import signal
import socket

import pytest

import holdfast.server.server as module
from holdfast.errors import ServerClosed, UsageError
from holdfast.net.clock import FakeClock
from holdfast.net.listen import AcceptError, bind, parse_addr
from holdfast.net.tasks import Event, spawn
from holdfast.server.server import Server, listen_and_serve
from holdfast.testing import serving, settle
from holdfast.wire.lifecycle import State

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(w, r):
    await w.write(b"hello")


# --- making one


@pytest.mark.parametrize("handler", [1, "module:app", object()], ids=repr)
def test_what_is_no_handler_is_refused_at_once(handler):
    with pytest.raises(TypeError):
        Server(handler)


def test_a_setting_out_of_range_is_refused_at_once():
    with pytest.raises(ValueError, match="idle_timeout"):
        Server(hello, idle_timeout=0)


@pytest.mark.parametrize("pair", [("bad name", "x"), ("X-A", "a\r\nb")])
def test_a_default_header_is_checked_when_the_server_is_made(pair):
    with pytest.raises(ValueError):  # noqa: PT011 - Headers says what is wrong, and tests it
        Server(hello, default_headers=[pair])


async def test_it_says_where_it_stands():
    server = Server(hello, addr="127.0.0.1:0")
    assert repr(server) == "<Server not listening, 0 connections>"
    async with server:
        assert repr(server) == f"<Server {server.addresses[0]}, 0 connections>"
    assert repr(server) == "<Server not listening, shutting down>"
    with pytest.raises(UsageError):
        _ = server.url


def test_a_server_that_never_began_can_be_looked_at_and_ended():
    server = Server(hello)
    assert server.connections() == []
    assert server.stats().connections_accepted == server.crowd.requests == 0


# --- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
async def test_a_signal_drains_and_a_second_one_closes(number):
    cancelled = Event()

    async def stuck(w, r):
        try:
            await Event().wait()
        finally:
            cancelled.set()

    server = Server(stuck, addr="127.0.0.1:0")
    running = spawn(server._run_until_signalled())
    await settle()
    with socket.create_connection(server._listeners[0].sock.getsockname()) as peer:
        peer.sendall(GET)
        while server.crowd.requests == 0:
            await settle()
        os.kill(os.getpid(), number)
        await settle()
        assert server.shutting_down
        assert not cancelled.is_set()
        assert not running.done()
        os.kill(os.getpid(), number)
        await running
        assert cancelled.is_set()
    assert signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)


def test_the_short_way_is_a_server_with_these_settings(monkeypatch):
    made = []
    monkeypatch.setattr(Server, "listen_and_serve", lambda server: made.append(server))
    listen_and_serve(":8080", hello, idle_timeout=3)
    (server,) = made
    assert (server.addr, server.handler, server.idle_timeout) == (":8080", hello, 3)


async def test_time_that_ran_out_is_logged_where_nobody_could_catch_it(caplog):
    async with serving(lambda w, r: None, shutdown_timeout=0.01) as (client, server):
        silent = await client.connect()
        await server.__aexit__()
        await silent.expect_closed()
    assert caplog.messages == ["1 connections were cut after 0.01 s of grace"]


# --- accepting


async def test_want_of_descriptors_is_logged_once_a_second(caplog):
    async with serving(hello, clock=FakeClock()) as (_, server):
        for seconds in (0, 0.5, 0.5):
            server.clock.advance(seconds)
            server._accept_failed(AcceptError.FULL, OSError(24, "no files"))
    assert len(caplog.messages) == 2


async def test_a_listener_that_fails_is_closed_with_those_that_were_given_with_it():
    class Fails:
        async def startup(self):
            raise RuntimeError("no database")

        async def serve_http(self, w, r): ...

    listeners = [bind(parse_addr("127.0.0.1:0"))[0] for _ in range(2)]
    server = Server(Fails())
    with pytest.raises(RuntimeError, match="no database"):
        await server.start(listeners)
    assert [each.sock.fileno() for each in listeners] == [-1, -1]


async def test_listeners_given_after_the_end_are_closed():
    server = Server(hello)
    await server.close()
    (listener,) = bind(parse_addr("127.0.0.1:0"))
    with pytest.raises(ServerClosed):
        await server.start(listener)
    assert listener.sock.fileno() == -1


# --- looking


async def test_the_oldest_connection_comes_first():
    clock = FakeClock()
    async with serving(hello, clock=clock) as (client, server):
        for _ in range(5):
            await client.connect()
            clock.advance(1)
        assert [info.age for info in server.connections()] == [5, 4, 3, 2, 1]
        assert {conn.life.state for conn in server.crowd} == {State.NEW}


async def test_hooks_that_are_unset_cost_nothing():
    server = Server(hello)
    server.use_clock(FakeClock())
    assert server.traced is None
    conn = module.Conn(server, None)
    assert conn._fire == conn.life.fire
