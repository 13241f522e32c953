"""A server for a test: made, used, and gone without a trace."""

from __future__ import annotations

import asyncio
import logging

import pytest

from holdfast.errors import Timeout, TLSError, UsageError
from holdfast.net.tasks import cancel, spawn
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


async def test_a_handler_that_does_not_end_is_left_behind_for_all_to_see():
    """The connection is gone; its task, which ``leaves_nothing_behind`` would report, is not."""
    tasks = []

    async def stays(w, r):
        tasks.append(asyncio.current_task())
        await asyncio.Event().wait()

    async with serving(stays) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await settle()
    assert not tasks[0].done()
    await cancel(*tasks)


async def test_connections_that_do_not_end_fail_the_test():
    """One that no client of ours cuts: made by hand."""

    async def never(receiver):
        await asyncio.Event().wait()

    with pytest.raises(Timeout, match="1 connections were cut"):
        async with serving(hello, clock=FakeClock()) as (_, server):
            server.serve_transport(never)


async def test_a_handshake_that_fails_is_told_to_the_client(caplog):
    async with serving(hello, "h1+tls", memory=False) as (client, _):
        client._tls = False
        peer = await client.connect()
        with caplog.at_level(logging.INFO):
            await peer.send(b"GET / HTTP/1.1\r\n\r\n")
            assert not (await peer.read_until_closed()).startswith(b"HTTP")
        assert "TLS handshake error" in caplog.text
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
