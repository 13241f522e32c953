"""A clock for every phase of reading (S17), and for waiting: what each cuts, what the peer is told, and
what it leaves alone.  The clocks of writing are in test_write_timeouts.py.

Requirements S11, S17; Go's serve_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.errors import Timeout
from holdfast.testing import FakeClock, WireClient, advance, serving
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


async def hello(w, r):
    await w.write(b"hello")


async def echo(w, r):
    await w.write(await r.read())


# --- the handshake


# TestTLSHandshakeTimeout, TestServerTLSHandshakeTimeout
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "half-a-hello"])
async def test_a_client_that_does_not_shake_hands_is_dropped_and_logged(said, caplog):
    clock = FakeClock()
    caplog.set_level("INFO", "holdfast.error")
    async with serving(hello, "h1+tls", clock=clock, tls_handshake_timeout=7) as (_, server):
        peer = await WireClient(server, memory=True, tls=False).connect()
        if said:
            await peer.send(said)
        await advance(clock, 6.9)
        assert server.stats().by_state == {"new": 1}
        assert caplog.messages == []
        await advance(clock, 0.1)
        assert await peer.expect_closed() == ("reset" if said and peer.ending == "reset" else "eof")
        assert server.stats().closed_because == {"tls_handshake_timeout": 1}
    assert caplog.messages == ["TLS handshake error from 192.0.2.1:50000: not done in 7 s"]


async def test_a_finished_handshake_has_no_clock_of_its_own_left():
    clock = FakeClock()
    settings = {"tls_handshake_timeout": 1, "read_header_timeout": 20}
    async with serving(hello, "h1+tls", clock=clock, **settings) as (client, _):
        peer = await client.connect()
        await advance(clock, 19)
        await peer.send(GET)
        assert (await peer.read_response()).status == 200


# --- the head


# TestServerTimeouts: a silent connection.  Ours has a header clock without being asked.
@every_mode
async def test_a_connection_that_says_nothing_is_closed_without_a_word(mode):
    clock = FakeClock()
    async with serving(hello, mode, clock=clock) as (client, server):
        silent = await client.connect()
        await advance(clock, 9.9)
        assert server.stats().connections_open == 1
        await advance(clock, 0.1)
        await silent.expect_closed()
        assert server.stats().closed_because == {"read_header_timeout": 1}
        assert (await client.get()).status == 200  # on a new one


# TestServerTimeouts: the whole-request clock stands in for the header's, in either order
@every_mode
@pytest.mark.parametrize("header", [None, 10], ids=["no-header-clock", "a-longer-header-clock"])
async def test_the_whole_requests_clock_covers_its_head(mode, header):
    clock = FakeClock()
    settings = {"read_timeout": 3, "read_header_timeout": header}
    async with serving(hello, mode, clock=clock, **settings) as (client, _):
        peer = await client.connect()
        await peer.send(GET[:10])
        await advance(clock, 2.9)
        assert await peer.arrived() == b""
        await advance(clock, 0.1)
        assert (await peer.read_response()).status == 408


@every_mode
@pytest.mark.rfc(
    "9112", "9.6", 'A sender SHOULD send a Connection header field containing the "close" connection option'
)
async def test_half_a_head_is_answered_with_408_and_no_trickle_helps(mode):
    clock = FakeClock()
    async with serving(hello, mode, clock=clock, read_header_timeout=10) as (client, server):
        peer = await client.connect()
        for byte in GET[:10]:  # one byte a second
            await peer.send(bytes([byte]))
            assert await peer.arrived() == b""
            await advance(clock, 1)
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (408, "close")
        assert await peer.expect_closed() == "eof"
        peer.send_eof()
        await advance(clock, 0)
        assert server.stats().closed_because == {"read_header_timeout": 1}


# TestServerReadHeaderTimeoutIsCleared
@every_mode
async def test_the_headers_clock_does_not_limit_the_body(mode):
    clock = FakeClock()
    async with serving(echo, mode, clock=clock, read_header_timeout=5) as (client, _):
        peer = await client.connect()
        await peer.send(POST % 4 + b"ab")
        await advance(clock, 20)
        await peer.send(b"cd")
        assert (await peer.read_response()).body == b"abcd"


# TestServerCancelsReadHeaderTimeoutWhenIdle
@every_mode
async def test_the_headers_clock_starts_with_the_first_byte_of_the_next_request(mode):
    clock = FakeClock()
    async with serving(hello, mode, clock=clock, read_header_timeout=5, idle_timeout=60) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        assert (await peer.read_response()).status == 200
        await advance(clock, 50)
        await peer.send(GET[:10])
        await advance(clock, 4.9)
        await peer.send(GET[10:])
        assert (await peer.read_response()).status == 200
        await peer.send(GET[:10])
        await advance(clock, 5)
        assert (await peer.read_response()).status == 408


@every_mode
async def test_half_a_head_behind_a_request_has_its_own_clock(mode):
    clock = FakeClock()
    async with serving(hello, mode, clock=clock, read_header_timeout=5, idle_timeout=60) as (client, _):
        peer = await client.connect()
        await peer.send(GET + GET[:10])
        assert (await peer.read_response()).status == 200
        await advance(clock, 5)
        assert (await peer.read_response()).status == 408


# --- the body


def keeping(errors):
    """An echo that notes what its reading raised, and passes it on."""

    async def handler(w, r):
        try:
            await w.write(await r.read())
        except Exception as error:
            errors.append(error)
            raise

    return handler


# TestServerReadTimeout
@every_mode
async def test_reading_the_body_fails_once_the_whole_requests_time_has_passed(mode):
    clock, errors = FakeClock(), []
    async with serving(keeping(errors), mode, clock=clock, read_timeout=10) as (client, server):
        peer = await client.connect()
        await peer.send(POST[:5])
        await advance(clock, 4)  # of the same ten seconds
        await peer.send(POST[5:] % 100)
        for _ in range(5):
            await advance(clock, 1)
            await peer.send(b"x")
        await advance(clock, 0.9)
        assert errors == []
        await advance(clock, 0.1)
        assert [(type(error), error.timer) for error in errors] == [(Timeout, "read_timeout")]
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (408, "close")
        assert await peer.expect_closed() == "eof"
        peer.send_eof()
        await advance(clock, 0)
        assert list(server.stats().closed_because) == [
            "the request body was malformed, too large or too slow"
        ]


# TestServerNoReadTimeout
@every_mode
async def test_without_a_whole_requests_clock_a_slow_body_is_read_to_its_end(mode):
    clock = FakeClock()
    settings = {"read_timeout": None, "min_body_rate": None, "body_read_timeout": None}
    async with serving(echo, mode, clock=clock, **settings) as (client, _):
        peer = await client.connect()
        await peer.send(POST % 5)
        for byte in b"slow!":
            await advance(clock, 3600)
            await peer.send(bytes([byte]))
        assert (await peer.read_response()).body == b"slow!"


@every_mode
async def test_a_gap_in_the_body_ends_it(mode):
    clock, errors = FakeClock(), []
    async with serving(keeping(errors), mode, clock=clock, body_read_timeout=5) as (client, _):
        peer = await client.connect()
        await peer.send(POST % 100)
        for _ in range(5):  # as long as something comes, the gap starts anew
            await advance(clock, 4.9)
            await peer.send(b"x")
        await advance(clock, 4.9)
        assert errors == []
        await advance(clock, 0.1)
        assert [error.timer for error in errors] == ["body_read_timeout"]
        assert (await peer.read_response()).status == 408


@every_mode
async def test_a_body_must_keep_its_least_rate_once_the_grace_is_over(mode):
    clock, errors = FakeClock(), []
    settings = {"min_body_rate": 100, "body_read_timeout": 20}
    async with serving(keeping(errors), mode, clock=clock, **settings) as (client, _):
        slow = await client.connect()
        await slow.send(POST % 10_000)
        for _ in range(4):  # 10 bytes a second, and never a gap: 30 s of grace and 0.1 s a piece
            await advance(clock, 7.5)
            await slow.send(b"x" * 10)
        assert errors == []
        await advance(clock, 0.5)
        assert [error.timer for error in errors] == ["min_body_rate"]
        assert (await slow.read_response()).status == 408

        brisk = await client.connect()
        await brisk.send(POST % 10_000)
        for _ in range(10):
            await advance(clock, 10)
            await brisk.send(b"x" * 1000)
        assert len((await brisk.read_response()).body) == 10_000


@every_mode
async def test_a_handler_that_takes_its_time_is_not_its_peers_fault(mode):
    """The clocks of a body run only while it is waited for."""
    clock = FakeClock()

    async def handler(w, r):
        clock.advance(1000)
        await w.write(await r.read())

    settings = {"min_body_rate": 100, "body_read_timeout": 5}
    async with serving(handler, mode, clock=clock, **settings) as (client, _):
        peer = await client.connect()
        await peer.send(POST % 4 + b"ab")
        await advance(clock, 0)
        await advance(clock, 4)
        await peer.send(b"cd")
        assert (await peer.read_response()).body == b"abcd"


# Go: a body that cannot be drained costs the connection, not the answer.
@every_mode
async def test_a_body_that_nobody_reads_and_that_never_comes_does_not_cost_the_answer(mode):
    clock = FakeClock()
    async with serving(hello, mode, clock=clock, body_read_timeout=5) as (client, _):
        peer = await client.connect()
        await peer.send(POST % 10 + b"x")
        await advance(clock, 5)
        response = await peer.read_response()
        assert (response.status, response.body, response.header("Connection")) == (200, b"hello", "close")
        assert await peer.expect_closed() == "eof"


@every_mode
async def test_a_read_deadline_of_one_request_is_not_the_next_ones(mode):
    clock = FakeClock()

    async def handler(w, r):
        if r.path == "/first":
            w.controller.set_read_deadline(3)
        await w.write(await r.read())

    async with serving(handler, mode, clock=clock) as (client, _):
        peer = await client.connect()
        await peer.send(POST.replace(b"/", b"/first", 1) % 2 + b"ab")
        assert (await peer.read_response()).body == b"ab"
        await advance(clock, 10)
        await peer.send(POST % 2)
        await advance(clock, 10)
        await peer.send(b"cd")
        assert (await peer.read_response()).body == b"cd"


# --- idle


# TestServerIdleTimeout
@every_mode
async def test_an_idle_connection_is_closed_and_the_next_request_uses_a_new_one(mode):
    clock = FakeClock()
    async with serving(hello, mode, clock=clock, idle_timeout=30) as (client, server):
        peer = await client.connect()
        for _ in range(2):  # the wait starts anew after each answer
            await peer.send(GET)
            assert (await peer.read_response()).body == b"hello"
            await advance(clock, 29.9)
        await advance(clock, 0.1)
        assert await peer.expect_closed() == "eof"
        await advance(clock, 0.5)
        assert server.stats().closed_because == {"idle_timeout": 1}
        assert (await client.get()).body == b"hello"
        assert server.stats().connections_accepted == 2


# TestServerCancelsReadTimeoutWhenIdle
@every_mode
async def test_the_whole_requests_clock_stops_with_the_request(mode):
    clock = FakeClock()

    async def handler(w, r):
        await r.read()
        clock.advance(100)  # a slow handler
        await w.write(b"done")

    async with serving(handler, mode, clock=clock, read_timeout=5, idle_timeout=60) as (client, server):
        peer = await client.connect()
        for wait in (0, 50):
            await advance(clock, wait)  # a long idle wait
            await peer.send(POST % 2 + b"ab")
            assert (await peer.read_response()).body == b"done"
        assert server.stats().connections_accepted == 1


# Server.IdleTimeout: "if zero, the value of ReadTimeout is used"
@every_mode
async def test_without_an_idle_clock_the_whole_requests_clock_limits_the_wait(mode):
    clock = FakeClock()
    async with serving(hello, mode, clock=clock, idle_timeout=None, read_timeout=8) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        assert (await peer.read_response()).status == 200
        await advance(clock, 8)
        assert await peer.expect_closed() == "eof"


@every_mode
async def test_with_no_clock_at_all_an_idle_connection_is_kept(mode):
    clock = FakeClock()
    async with serving(hello, mode, clock=clock, idle_timeout=None) as (client, server):
        await client.get()
        await advance(clock, 86_400)
        assert (await client.get()).status == 200
        assert server.stats().connections_accepted == 1


# --- linger


@every_mode
@pytest.mark.rfc(
    "9112",
    "9.6",
    "the server performs a half-close by closing only the write side of the read/write connection",
)
async def test_the_last_answer_is_followed_by_a_half_close_and_a_while_of_reading(mode):
    clock = FakeClock()
    settings = {"linger_timeout": 2, "max_requests_per_connection": 1}
    async with serving(hello, mode, clock=clock, **settings) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        assert (await peer.read_response()).header("Connection") == "close"
        assert await peer.expect_closed() == "eof"  # our half
        await peer.send(GET)  # read and dropped: it would be a reset
        await advance(clock, 1.9)
        assert server.stats().by_state == {"linger": 1}
        await advance(clock, 0.1)
        assert server.stats().connections_open == 0
        assert server.crowd.requests == 1
