"""The client that speaks bytes, with a server that is real."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import ConnectionReset
from holdfast.testing import BrokenResponse, serving, waiting
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(w, r):
    w.headers["X-Method"] = r.method
    await w.write(await r.read())


@every_mode
async def test_requests_share_a_connection_that_is_kept(mode):
    async with serving(echo, mode) as (client, server):
        assert (await client.get("/")).header("X-Method") == "GET"
        assert (await client.post("/", body=[b"a", b"b"])).body == b"ab"
        assert (await client.request("HEAD", "/")).body == b""
        assert server.stats().connections_accepted == 1
        assert (await client.get("/", close=True)).header("Connection") == "close"
        await client.get("/")
        assert server.stats().connections_accepted == 2


@every_mode
async def test_a_response_may_come_before_the_request_is_all_sent(mode):
    async def refuse(w, r):
        w.write_header(413)

    async with serving(refuse, mode) as (client, _):
        assert (await client.post("/", body=bytes(2 << 20))).status == 413


@every_mode
async def test_two_peers_are_two_connections(mode):
    async with serving(echo, mode) as (client, server):
        one, other = await client.connect(), await client.connect()
        await other.send(GET)
        assert (await other.read_response()).status == 200
        await one.send(GET)
        assert (await one.read_response()).status == 200
        assert server.stats().by_state == {"idle": 2}


@every_mode
async def test_how_the_server_ends_a_connection(mode):
    async with serving(echo, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        response = await peer.read_response()
        assert response.framing == "length"
        assert await peer.expect_closed() == "eof"
        assert peer.ending == "eof"
        peer = await client.connect()
        await peer.send(GET + b"nonsense\r\n\r\n")
        assert b"400 Bad Request" in await peer.read_until_closed()
        await peer.close()


async def test_a_broken_connection_is_told_from_an_ended_one():
    async def breaks_off(w, r):
        await w.write(b"some")
        await w.flush()
        w.exchange.abort()

    async with serving(breaks_off, "h1+tls", memory=False) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(BrokenResponse) as caught:
            await peer.read_response()
        assert caught.value.raw.endswith(b"some")


async def test_expect_closed_fails_for_bytes():
    async with serving(echo) as (client, _):
        peer = await client.connect()
        await peer.send(b"nonsense\r\n\r\n")
        peer.send_eof()
        with pytest.raises(AssertionError, match=r"expected the connection to be closed; got b'HTTP/1.1 400"):
            await peer.expect_closed()


async def test_what_has_arrived_and_what_has_not():
    go = asyncio.Event()

    async def waits(w, r):
        await go.wait()
        await w.write(b"now")

    async with serving(waits) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        assert await peer.arrived() == b""
        go.set()
        assert (await peer.arrived()).endswith(b"now")
        peer.abort()
        with pytest.raises(ConnectionReset):
            await peer.read_exactly(1)


async def test_every_wait_says_what_it_waited_for(monkeypatch):
    async with serving(echo) as (client, _):
        peer = await client.connect()
        with monkeypatch.context() as patch:
            patch.setattr(waiting, "GUARD", 0.01)
            with pytest.raises(AssertionError, match="in vain for the response to GET"):
                await peer.read_response()
            with pytest.raises(AssertionError, match="in vain for 3 bytes"):
                await peer.read_exactly(3)
            with pytest.raises(AssertionError, match="in vain for the server to close"):
                await peer.read_until_closed()
