"""What a request knows of its connection and its server, and how it learns that the peer has gone.

Requirements S4, S9; Go's serve_test.go.
"""

from __future__ import annotations

import asyncio
import socket

import pytest

from holdfast.net.memory import MemoryTransport
from holdfast.net.tasks import Event, spawn
from holdfast.testing import FakeClock, serving, settle
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


# TestServerContexts
@every_mode
async def test_values_of_server_and_connection_reach_the_handler(mode):
    calls = []

    def base():
        calls.append("base")
        return {"database": "db", "who": "base"}

    async def handler(w, r):
        await w.write_json({name: r.context[name] for name in ("database", "who", "peer")})

    settings = {
        "base_context": base,
        "conn_context": lambda context, conn: {**context, "who": "conn", "peer": conn.server.addr},
    }
    async with serving(handler, mode, **settings) as (client, server):
        for _ in range(2):
            response = await client.get(close=True)
            assert response.body == b'{"database":"db","who":"conn","peer":"127.0.0.1:0"}'
        assert calls == ["base"]
        assert server.stats().connections_accepted == 2


# TestConnContextNotModifyingAllContexts
@every_mode
async def test_the_context_of_one_connection_is_not_seen_on_another(mode):
    def conn_context(context, conn):
        assert "mine" not in context
        return {**context, "mine": conn}

    async def handler(w, r):
        r.context["left behind"] = True
        found.append(r.context["mine"])

    found = []
    async with serving(handler, mode, conn_context=conn_context) as (client, _):
        for _ in range(3):
            await client.get(close=True)
    assert len(set(found)) == 3


@every_mode
async def test_what_a_handler_adds_to_its_context_ends_with_its_request(mode):
    async def handler(w, r):
        assert "left behind" not in r.context
        r.context["left behind"] = True

    async with serving(handler, mode, base_context=lambda: {"a": 1}) as (client, server):
        for _ in range(2):
            assert (await client.get()).status == 200
        assert server.stats().connections_accepted == 1


@every_mode
async def test_conn_context_may_ask_who_the_peer_is(mode):
    async def handler(w, r):
        await w.write(r.context["peer"])

    settings = {"conn_context": lambda context, conn: {"peer": conn.peer}}
    async with serving(handler, mode, memory=False, **settings) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        host, port = peer.stream._transport.get_extra_info("sockname")
        assert (await peer.read_response()).body == f"{host}:{port}".encode()


# TestServerContext_ServerContextKey, TestServerContext_LocalAddrContextKey, TestSetsRemoteAddr
@every_mode
@pytest.mark.parametrize("memory", [True, False], ids=["memory", "loopback"])
async def test_a_request_knows_its_server_and_both_addresses(mode, memory):
    found = []

    async def handler(w, r):
        found.append((r.context["server"], r.context["local_addr"], r.remote_addr))

    async with serving(handler, mode, memory=memory) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await peer.read_response()
        near, far = (peer.stream._transport.get_extra_info(name) for name in ("sockname", "peername"))
        assert found == [(server, "{}:{}".format(*far), "{}:{}".format(*near))]


# TestServerAllowsBlockingRemoteAddr: ours is not asked for at all until somebody wants it
@every_mode
async def test_the_peers_address_is_found_when_it_is_wanted(mode, monkeypatch):
    asked = []
    real = MemoryTransport.get_extra_info

    def counting(self, name, default=None):
        if real(self, "sockname") == ("192.0.2.2", 80):  # the server's end
            asked.append(name)
        return real(self, name, default)

    async def handler(w, r):
        if r.path == "/who":
            await w.write(r.remote_addr)

    async with serving(handler, mode) as (client, _):
        monkeypatch.setattr(MemoryTransport, "get_extra_info", counting)
        await client.get("/")
        assert asked == []
        for _ in range(2):
            assert (await client.get("/who")).body == b"192.0.2.1:50000"
        assert asked.count("peername") == 1


# S4
@every_mode
async def test_an_accepted_socket_answers_at_once_and_is_probed(mode):
    found = {}

    def look(conn, state):
        sock = conn.sock
        if state == "active":
            found["no delay"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            found["keep-alive"] = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            found["period"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)

    async def handler(w, r):
        pass

    async with serving(handler, mode, memory=False, conn_state=look) as (client, _):
        await client.get()
    assert (bool(found["no delay"]), bool(found["keep-alive"]), found["period"]) == (True, True, 15)


# --- the peer has gone


# TestServerRequestContextCancel_ServeHTTPDone
@every_mode
async def test_whoever_waits_for_the_peer_to_go_is_woken_when_the_handler_returns(mode):
    waiting = []

    async def handler(w, r):
        async def watch():
            await r.disconnected
            return r.is_disconnected

        waiting.append(spawn(watch()))
        await asyncio.sleep(0)
        assert not r.is_disconnected

    async with serving(handler, mode) as (client, server):
        await client.get()
        await settle()
        assert waiting[0].done()
        assert await waiting[0]
        assert server.stats().by_state == {"idle": 1}  # and the peer is still there


# TestServerRequestContextCancel_ConnClose
@every_mode
@pytest.mark.parametrize("body", [b"", b"Content-Length: 100\r\n"], ids=["no-body", "unread-body"])
async def test_a_handler_learns_at_once_that_its_peer_has_gone(mode, body):
    """Go's does not while a request body is unread."""
    told = Event()

    async def handler(w, r):
        await r.disconnected
        told.set()

    async with serving(handler, mode, clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(GET[:-2] + body + b"\r\n")
        await settle()
        assert not told.is_set()
        peer.abort()
        await settle()
        assert told.is_set()
        assert server.connections() == []


# Go's watching ends with the first byte of a pipelined request; ours does not.
@every_mode
async def test_a_pipelined_request_does_not_end_the_watching_and_loses_no_byte(mode):
    paths = []

    async def handler(w, r):
        paths.append(r.path)
        if r.path == "/first":
            await r.disconnected
        await w.write(b"done")

    async with serving(handler, mode, clock=FakeClock()) as (client, _):
        peer = await client.connect()
        await peer.send(GET.replace(b"/", b"/first", 1) + GET.replace(b"/", b"/second", 1))
        await settle()
        assert paths == ["/first"]
        peer.send_eof()
        for _ in range(2):
            assert (await peer.read_response()).body == b"done"
        assert paths == ["/first", "/second"]
        assert await peer.expect_closed() == "eof"


@every_mode
async def test_work_that_must_finish_is_not_interrupted(mode):
    go, done = Event(), Event()

    async def handler(w, r):
        await go.wait()
        done.set()

    async with serving(handler, mode, clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await settle()
        peer.abort()
        await settle()
        assert not done.is_set()
        go.set()
        await settle()
        assert done.is_set()
        assert server.connections() == []
