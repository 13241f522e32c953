"""A server for a test: made, used, and gone without a trace."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import Timeout, TLSError, UsageError
from holdfast.net.tasks import spawn
from holdfast.testing import FakeClock, serving, settle
from tests.whole.modes import every_mode


async def hello(w, r):
    await w.write(b"hello")


@every_mode
@pytest.mark.parametrize("memory", [True, False], ids=["memory", "loopback"])
@pytest.mark.parametrize("fake", [True, False], ids=["fake clock", "real clock"])
async def test_a_server_is_there_and_then_it_is_gone(mode, memory, fake):
    async with serving(hello, mode, memory=memory, clock=FakeClock() if fake else None) as (client, server):
        assert (await client.get("/")).body == b"hello"
        assert len(server.addresses) == (0 if memory else 1)
        await client.connect()
        assert server.stats().connections_open == 2
    assert server.shutting_down
    assert server.connections() == []


async def test_in_memory_the_server_does_not_listen():
    async with serving(hello) as (_, server):
        with pytest.raises(UsageError, match="does not listen"):
            assert server.url


async def test_settings_and_the_life_of_the_application():
    calls = []

    class Handler:
        async def startup(self):
            calls.append("startup")

        async def shutdown(self):
            calls.append("shutdown")

        async def serve_http(self, w, r):
            await w.write(b"x")

    async with serving(Handler(), clock=FakeClock(), default_headers=[("Server", "me")]) as (client, _):
        assert (await client.get("/")).header("Server") == "me"
        assert calls == ["startup"]
    assert calls == ["startup", "shutdown"]


async def test_a_test_may_shut_the_server_down_itself():
    calls = []
    async with serving(hello) as (client, server):
        server.register_on_shutdown(lambda: calls.append(1))
        await client.get("/")
        await server.shutdown()
    await settle()
    assert calls == [1]


async def test_a_handler_that_does_not_end_fails_the_test():
    cut = []

    async def stays(w, r):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.append(r.path)
            raise

    async def test():
        async with serving(stays, clock=FakeClock()) as (client, _):
            peer = await client.connect()
            await peer.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            await settle()

    with pytest.raises(Timeout, match="were cut"):
        await test()
    assert cut == ["/a"]


async def test_connections_that_do_not_end_fail_the_test():
    """One that the client knows nothing of, and that never opens."""

    async def test():
        async with serving(hello, clock=FakeClock()) as (_, server):
            conn = server.serve_transport(lambda receiver: None)
            assert conn.life.state.name == "NEW"

    with pytest.raises(Timeout, match="were cut"):
        await test()


async def test_a_handshake_that_fails_is_told_to_the_client():
    async with serving(hello, "h1+tls", memory=False) as (client, _):
        client._tls = False
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\n\r\n")
        assert b"HTTP request to an HTTPS server" in await peer.read_until_closed()
    async with serving(hello, memory=False) as (client, _):
        client._tls = True
        with pytest.raises(TLSError):
            await client.connect()


async def test_what_the_test_raises_comes_out():
    async def test():
        async with serving(hello) as (client, _):
            await client.get("/")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await test()


async def test_several_at_once():
    async def one(n):
        async with serving(hello) as (client, _):
            for _ in range(n):
                assert (await client.get("/")).body == b"hello"

    await asyncio.gather(*[spawn(one(n)) for n in range(3)])
