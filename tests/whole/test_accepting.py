"""Accepting (S2, S3, S4): one after another on one connection, several listeners, and a kernel that says no.

Requirements S1-S4; Go's serve_test.go.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest

from holdfast import server as package
from holdfast.errors import DialError, ServerClosed, UsageError
from holdfast.net.listen import bind, parse_addr
from holdfast.net.tasks import spawn
from holdfast.net.tlsconfig import TLSConfig
from holdfast.server.mux import default_mux
from holdfast.server.server import Server
from holdfast.testing import FakeClock, advance, serving, settle
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(w, r):
    await w.write(b"hello")


class Failing:
    """A listening socket whose next accepts fail as told; the rest of it is real."""

    def __init__(self, sock):
        self.sock, self.failures, self.accepts = sock, [], 0

    def accept(self):
        self.accepts += 1
        if self.failures:
            number = self.failures.pop(0)
            raise OSError(number, os.strerror(number))
        return self.sock.accept()

    def __getattr__(self, name):
        return getattr(self.sock, name)


def failing_listener(*failures):
    (listener,) = bind(parse_addr("127.0.0.1:0"))
    listener.sock = Failing(listener.sock)
    listener.sock.failures += failures
    return listener


async def ask(address, request=GET):
    """A request on a connection of its own; the whole answer."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(2):
            writer.write(request.replace(b"Host", b"Connection: close\r\nHost"))
            return await reader.read()
    finally:
        writer.close()


# TestConsumingBodyOnNextConn
@every_mode
async def test_unread_bodies_are_consumed_so_that_the_next_request_is_read_right(mode):
    async def handler(w, r):
        await w.write(r.path)

    async with serving(handler, mode, clock=FakeClock()) as (client, server):
        peer = await client.connect()
        for path in (b"/one", b"/two"):
            await peer.send(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nfoo=1&bar=2" % path)
        for path in (b"/one", b"/two"):
            assert (await peer.read_response()).body == path
        assert server.stats().connections_accepted == 1


# TestAcceptMaxFds, the temporary half
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS], ids=os.strerror)
async def test_want_of_descriptors_or_memory_pauses_tells_and_goes_on(number, caplog):
    clock, told = FakeClock(), []
    server = Server(hello, on_accept_error=told.append)
    server.use_clock(clock)
    listener = failing_listener(number, number)
    serve = spawn(server.serve(listener))
    await settle()
    asking = spawn(ask(listener.sock.getsockname()))
    while listener.sock.accepts < 1:
        await settle()
    assert (listener.sock.accepts, [error.errno for error in told]) == (1, [number])
    clock.advance(0.0049)
    await settle()
    assert listener.sock.accepts == 1
    clock.advance(0.0001)  # after 5 ms
    await settle()
    assert listener.sock.accepts == 2
    clock.advance(0.0099)
    await settle()
    assert listener.sock.accepts == 2
    clock.advance(0.0001)  # and 10 more
    assert (await asking).endswith(b"hello")
    assert caplog.messages == [
        f"cannot accept: [Errno {number}] {os.strerror(number)}; 0 idle connections closed for it"
    ]  # once a second
    await server.shutdown()
    with pytest.raises(ServerClosed):
        await serve


async def test_for_want_of_descriptors_idle_connections_are_closed_first():
    clock = FakeClock()
    async with serving(hello, clock=clock, on_accept_error=lambda error: None) as (client, server):
        listener = failing_listener()
        await server.start(listener)
        idle, busy = await client.connect(), await client.connect()
        await idle.send(GET)
        await idle.read_response()
        await busy.send(GET[:9])
        await settle()
        listener.sock.failures.append(errno.EMFILE)
        with socket.create_connection(listener.sock.getsockname()):
            await idle.expect_closed()
            assert server.stats().closed_because == {
                "closed while idle, for want of descriptors or places": 1
            }
            await busy.send(GET[9:])
            assert (await busy.read_response()).body == b"hello"
            await advance(clock, 0.005)
            while server.stats().connections_accepted < 3:
                await settle()


# TestAcceptMaxFds, the permanent half
async def test_a_listener_that_is_broken_for_good_ends_serve_with_its_error(caplog):
    server = Server(hello)
    listener, other = failing_listener(errno.EINVAL), failing_listener()
    serve = spawn(server.serve([listener, other]))
    await settle()
    with socket.create_connection(listener.sock.getsockname()):
        with pytest.raises(OSError, match="Invalid argument") as raised:
            await serve
        assert raised.value.errno == errno.EINVAL
    assert caplog.messages == ["cannot accept any more: [Errno 22] Invalid argument"]
    assert [each.sock.fileno() for each in (listener, other)] == [-1, -1]
    await server.shutdown()


async def test_a_client_that_left_the_queue_is_passed_over_silently(caplog):
    server = Server(hello)
    listener = failing_listener(errno.ECONNABORTED, errno.EPROTO, errno.EPERM)
    await server.start(listener)
    assert (await ask(listener.sock.getsockname())).endswith(b"hello")
    assert caplog.messages == []
    await server.shutdown()


# "One bad accept never ends the server": here the connection breaks between accept and its first byte
@every_mode
async def test_connections_that_break_at_once_do_not_trouble_the_others(mode):
    async with serving(hello, mode, memory=False) as (client, server):
        for _ in range(5):
            socket.create_connection(server._listeners[0].sock.getsockname()).close()
        assert (await client.get()).body == b"hello"
        while server.stats().connections_open > 1:
            await settle()


# S2
async def test_several_listeners_one_server(tmp_path):
    path = tmp_path / "s"
    async with Server(hello, addr=["127.0.0.1:0", "127.0.0.1:0", f"unix:{path}"]) as server:
        tcp = [tuple(address.rsplit(":", 1)) for address in server.addresses[:2]]
        for host, port in tcp:
            assert (await ask((host, int(port)))).endswith(b"hello")
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(GET.replace(b"Host", b"Connection: close\r\nHost"))
        assert (await reader.read()).endswith(b"hello")
        writer.close()
        assert server.url == f"http://127.0.0.1:{tcp[0][1]}"
        assert server.stats().connections_accepted == 3
    assert not path.exists()


async def test_when_one_address_cannot_be_had_none_is_listened_on():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = Server(hello, addr=["127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}"])
        with pytest.raises(DialError):
            await server.start()
    assert server.addresses == []
    with pytest.raises(UsageError):
        _ = server.url


# S1
@pytest.mark.parametrize(
    ("settings", "address"),
    [({}, ":http"), ({"tls": TLSConfig("cert.pem", "key.pem")}, ":https"), ({"addr": ":8080"}, ":8080")],
    ids=["plain", "tls", "given"],
)
async def test_without_an_address_it_is_the_port_of_the_scheme(settings, address, monkeypatch):
    asked = []
    monkeypatch.setattr(package.server, "bind", lambda address, **options: asked.append(address) or [])
    Server(hello, **settings)._bind()
    assert asked == [parse_addr(address)]


# S1
@every_mode
async def test_without_a_handler_it_is_the_default_mux(mode):
    default_mux.handle(f"/of-the-default-mux/{mode}", hello)
    async with serving(None, mode) as (client, server):
        assert server.scheme == ("https" if mode == "h1+tls" else "http")
        assert (await client.get(f"/of-the-default-mux/{mode}")).body == b"hello"
        assert (await client.get("/elsewhere")).status == 404


async def test_a_full_server_leaves_new_connections_in_the_queue_until_one_has_gone():
    async with serving(hello, memory=False, max_connections=2) as (client, server):
        first, second = await client.connect(), await client.connect()
        while server.stats().connections_open < 2:
            await settle()
        third = await client.connect()
        await third.send(GET)
        assert await third.arrived() == b""
        assert server.stats().connections_accepted == 2
        first.abort()
        assert (await third.read_response()).body == b"hello"
        second.abort()
