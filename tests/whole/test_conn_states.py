"""What can be watched: the ``conn_state`` hook in Go's order, snapshots, counts, and the debug log.

Requirements S15, S22; Go's serve_test.go.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from holdfast.errors import ConnectionReset
from holdfast.net.tasks import Event, spawn
from holdfast.server.traced import ConnState
from holdfast.testing import FakeClock, WireClient, advance, serving, settle
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class States:
    """A ``conn_state`` hook that keeps what each connection went through, in order of the connections."""

    def __init__(self):
        self.by_conn = {}

    def __call__(self, conn, state):
        self.by_conn.setdefault(conn, []).append(state)

    @property
    def all(self):
        return [" ".join(states) for states in self.by_conn.values()]


async def handler(w, r):
    if r.path == "/hijack":
        stream, _ = await w.hijack()
        await stream.close()
    elif r.path == "/panic":
        raise RuntimeError("by design")
    else:
        await w.write(b"hello")


async def one_request_that_says_close(peer):
    await peer.send(GET.replace(b"Host", b"Connection: close\r\nHost"))
    await peer.read_response()


async def two_requests_and_a_close(peer):
    for _ in range(2):
        await peer.send(GET)
        await peer.read_response()
        await settle()


async def nothing(peer):
    pass


async def garbage(peer):
    await peer.send(b"what?\r\n\r\n")
    await peer.read_response()


async def half_a_head(peer):
    await peer.send(GET[:9])
    await settle()


async def a_hijack(peer):
    await peer.send(GET.replace(b"/", b"/hijack", 1))
    await peer.expect_closed()


async def a_handler_that_raises(peer):
    await peer.send(GET.replace(b"/", b"/panic", 1))
    await peer.read_response()


# TestServerConnState: Go's seven, with the half head for its slow one
@every_mode
@pytest.mark.parametrize(
    ("talk", "states"),
    [
        (one_request_that_says_close, "new active closed"),
        (two_requests_and_a_close, "new active idle active idle closed"),
        (nothing, "new closed"),
        (garbage, "new active closed"),
        (half_a_head, "new active closed"),
        (a_hijack, "new active hijacked"),
        (a_handler_that_raises, "new active closed"),
    ],
)
async def test_the_states_of_a_connection_in_order(mode, talk, states):
    seen = States()
    async with serving(handler, mode, clock=FakeClock(), conn_state=seen) as (client, _):
        peer = await client.connect()
        await talk(peer)
        await peer.close()
        await settle()
        assert seen.all == [states]


# The ways on which it is we who close: idle goes to closed, and never back to active
@every_mode
@pytest.mark.parametrize("how", ["timeout", "shutdown", "keep-alives off", "shed"])
async def test_an_idle_connection_that_we_close_goes_from_idle_to_closed(mode, how):
    seen, clock = States(), FakeClock()
    async with serving(handler, mode, clock=clock, conn_state=seen, idle_timeout=60) as (client, server):
        peer = await client.connect()
        await two_requests_and_a_close(peer)
        if how == "timeout":
            await advance(clock, 60)
        elif how == "shutdown":
            spawn(server.shutdown())
        elif how == "keep-alives off":
            server.set_keep_alives_enabled(False)
        else:
            assert server.crowd.shed(1) == 1
        await peer.expect_closed()
        await peer.close()
        await advance(clock, 1)
        assert seen.all == ["new active idle active idle closed"]


# TestServerConnStateNew
@every_mode
async def test_new_is_reported_before_the_accept_is_over(mode):
    seen = States()
    async with serving(handler, mode, conn_state=seen) as (_, server):
        conn = server.serve_transport(lambda receiver: seen("nobody", "attached"))
        assert seen.all == ["new", "attached"]
        conn.connection_lost(ConnectionReset("it broke before it began"))
        assert seen.all == ["new closed", "attached"]


async def test_a_failed_handshake_is_a_connection_that_closed():
    seen = States()
    async with serving(handler, "h1+tls", conn_state=seen) as (_, server):
        peer = await WireClient(server, memory=True, tls=False).connect()
        await peer.send(b"not TLS at all\r\n\r\n")
        await peer.read_until_closed()
        await peer.close()
        await settle()
        assert seen.all == ["new closed"]
        assert server.stats().closed_because == {"the TLS handshake failed": 1}


@every_mode
async def test_the_hook_may_ask_who_the_peer_is_from_the_first_moment_on(mode):
    asked = []

    def ask(conn, state):
        asked.append((str(state), conn.peer, repr(conn)))

    async with serving(handler, mode, memory=False, conn_state=ask) as (client, _):
        peer = await client.connect()
        ours = "{}:{}".format(*peer.stream._transport.get_extra_info("sockname"))
        await two_requests_and_a_close(peer)
        await peer.close()
    assert {(state, at) for state, at, _ in asked} == {(s, ours) for s in ("new", "active", "idle", "closed")}
    assert asked[0][2] == f"<Conn {ours} h1 NEW, 0 requests>"


# S15: from the hook, how long connections stay in each state and how many requests each serves
@every_mode
async def test_a_health_picture_is_made_of_the_hook_alone(mode):
    clock, since, spent, served = FakeClock(), {}, defaultdict(float), Counter()

    def watch(conn, state):
        if conn in since:
            old, at = since[conn]
            spent[str(old)] += clock.time() - at
        since[conn] = (state, clock.time())
        served[conn] += state is ConnState.ACTIVE

    async def slow(w, r):
        clock.advance(3)
        await w.write(b"done")

    async with serving(slow, mode, clock=clock, conn_state=watch) as (client, _):
        peer = await client.connect()
        await advance(clock, 1)
        for _ in range(2):
            await peer.send(GET)
            await peer.read_response()
            await advance(clock, 20)
        await peer.close()
        await settle()
    assert dict(spent) == {"new": 1, "active": 6, "idle": 40}
    assert list(served.values()) == [2]


# --- snapshots


@every_mode
async def test_a_snapshot_says_what_each_connection_is_doing(mode):
    clock, go = FakeClock(start=100), Event()

    async def deep(w, r):
        await r.read()
        await deeper()
        await w.write(b"done")

    async def deeper():
        await go.wait()

    async with serving(deep, mode, clock=clock) as (client, server):
        busy = await client.connect()
        await advance(clock, 2)
        idle = await client.connect()
        post = b"POST /orders?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        await busy.send(post)
        await advance(clock, 5)

        one, two = server.connections()
        assert (one.peer, one.protocol, one.state) == ("192.0.2.1:50000", "HTTP/1.1", "exchange")
        assert (one.age, one.requests, one.bytes_received) == (7, 1, len(post))
        assert (one.request, one.close_reason) == ("POST /orders?x=1", "")
        assert [line.rpartition(".")[2] for line in one.stack][-3:] == ["deep", "deeper", "wait"]
        assert all(".py:" in line for line in one.stack)
        assert (two.peer, two.state, two.age, two.state_age) == ("192.0.2.1:50001", "new", 5, 5)
        assert (two.request, two.stack, two.requests) == ("", (), 0)

        go.set()
        await busy.read_response()
        await advance(clock, 4)
        one = server.connections()[0]
        assert (one.state, one.state_age, one.request, one.stack) == ("idle", 4, "", ())
        spawn(server.shutdown())
        await settle()
        assert server.connections()[0].close_reason == "we are shutting down"
        await idle.close()


@every_mode
async def test_counts_of_a_server(mode):
    async with serving(handler, mode, clock=FakeClock()) as (client, server):
        assert server.stats().connections_accepted == 0
        peers = [await client.connect() for _ in range(4)]
        for peer in peers[:3]:
            await peer.send(GET)
            await peer.read_response()
        await peers[0].send(GET[:9])
        await peers[1].close()
        await settle()
        stats = server.stats()
        assert (stats.connections_accepted, stats.connections_open, stats.requests) == (4, 3, 3)
        assert stats.by_state == {"new": 1, "idle": 1, "head": 1}
        assert stats.closed_because == {"the peer closed the connection": 1}


# --- the debug log


@every_mode
async def test_every_change_of_state_is_in_the_debug_log_with_its_cause(mode, caplog):
    caplog.set_level("DEBUG", "holdfast.debug")
    clock = FakeClock()
    async with serving(handler, mode, clock=clock, debug=True, idle_timeout=30) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        await peer.read_response()
        await advance(clock, 30)
        await peer.close()
        await settle()
    peer = "192.0.2.1:50000"
    assert [record.getMessage() for record in caplog.records if record.name == "holdfast.debug"] == [
        f"{peer}: NEW -> HEAD because first byte of the first request",
        f"{peer}: HEAD -> EXCHANGE because the request head is complete",
        f"{peer}: EXCHANGE -> IDLE because close_reason() found none",
        f"{peer}: IDLE -> LINGER because idle_timeout, after a last look that found no bytes",
        f"{peer}: LINGER -> CLOSED because the peer has read our answer",
    ]


@every_mode
async def test_without_a_listener_nobody_is_told(mode, caplog):
    caplog.set_level("DEBUG", "holdfast.debug")
    async with serving(handler, mode) as (client, server):
        await client.get()
        assert server.traced is None
    assert not [record for record in caplog.records if record.name == "holdfast.debug"]
