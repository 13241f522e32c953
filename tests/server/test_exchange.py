"""The seam between a connection and its front doors: what it refuses, and what it counts.

How an exchange looks on the wire is in tests/whole.
"""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import (
    BodyClosed,
    BodyNotAllowed,
    ConnectionReset,
    ContentLengthError,
    Hijacked,
    LocalProtocolError,
    NotSupported,
    RemoteProtocolError,
    UsageError,
)
from holdfast.limits import WRITES_PER_TURN
from holdfast.net.tasks import spawn
from holdfast.testing import recorder, serving, settle
from holdfast.wire.persistence import CloseReason


def exchange(method="GET", **request):
    w, _ = recorder(method, **request)
    return w.exchange, w._transport


# --- the response ---


async def test_a_whole_response_is_one_write():
    x, transport = exchange(date_header=False)
    x.respond(200, [(b"x", b"1")], b"body")
    assert bytes(transport.data) == b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 4\r\n\r\nbody"
    assert (x.status, x.ended, x.bytes_sent) == (200, True, 4)


async def test_a_response_in_pieces_leaves_when_it_is_flushed():
    x, transport = exchange(date_header=False)
    x.start(200, [])
    x.write(b"abc")
    x.write(b"")
    assert transport.data == b""
    x.flush()
    assert transport.data.endswith(b"\r\n\r\n3\r\nabc\r\n")
    x.end([(b"x-sum", b"1")])
    assert transport.data.endswith(b"\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert (x.bytes_sent, x.ended) == (3, True)


async def test_what_is_not_sent_is_not_counted():
    x, transport = exchange("HEAD")
    x.start(200, [], length=3)
    x.write(b"abc")
    x.end()
    assert (x.body_discarded, x.bytes_sent) == (True, 0)
    assert transport.data.endswith(b"\r\n\r\n")


def started(x):
    x.start(200, [])


def answered(x):
    x.respond(200, [], b"whole")


def ended(x):
    x.start(200, [])
    x.end()


MISTAKES = {
    "two heads": (started, lambda x: x.start(200, []), LocalProtocolError),
    "a whole response after a head": (started, lambda x: x.respond(200, [], b""), LocalProtocolError),
    "two whole responses": (answered, lambda x: x.respond(200, [], b"evil"), LocalProtocolError),
    "a head after a whole response": (answered, lambda x: x.start(200, []), LocalProtocolError),
    "a body after a whole response": (answered, lambda x: x.write(b"a"), LocalProtocolError),
    "a body after the end": (ended, lambda x: x.write(b"a"), LocalProtocolError),
    "two ends": (ended, lambda x: x.end(), LocalProtocolError),
    "an interim head after the final one": (started, lambda x: x.interim(103), LocalProtocolError),
    "a body before the head": (lambda x: None, lambda x: x.write(b"a"), LocalProtocolError),
    "an end before the head": (lambda x: None, lambda x: x.end(), LocalProtocolError),
    "a malformed field": (lambda x: None, lambda x: x.start(200, [(b"x", b"a\nb")]), LocalProtocolError),
    "a malformed field of a whole response":
        (lambda x: None, lambda x: x.respond(200, [(b"x", b"a\r\n\r\nb")], b""), LocalProtocolError),
    "two lengths":
        (lambda x: None, lambda x: x.start(200, [(b"content-length", b"1"), (b"content-length", b"2")]),
         LocalProtocolError),
    "a whole response of another length":
        (lambda x: None, lambda x: x.respond(200, [(b"content-length", b"3")], b"abcd"), ContentLengthError),
    "more than declared":
        (lambda x: x.start(200, [], length=1), lambda x: x.write(b"ab"), ContentLengthError),
    "a body where there is none": (lambda x: x.start(204, []), lambda x: x.write(b"a"), BodyNotAllowed),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_raises_where_it_is_made_and_sends_nothing(mistake):
    before, wrong, error = MISTAKES[mistake]
    x, transport = exchange()
    before(x)
    x.flush()
    sent = bytes(transport.data)
    with pytest.raises(error):
        wrong(x)
    x.flush()
    assert bytes(transport.data) == sent


@pytest.mark.parametrize(("status", "error"), [(200, ContentLengthError), (204, BodyNotAllowed)])
async def test_after_a_whole_response_that_was_refused_another_can_follow(status, error):
    x, transport = exchange(date_header=False)
    with pytest.raises(error):
        x.respond(status, [(b"content-length", b"3")], b"abcd")
    x.start(500, [], length=5)
    x.write(b"sorry")
    x.end()
    answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\nsorry"
    assert bytes(transport.data) == answer


async def test_a_whole_response_shorter_than_it_declares_costs_the_connection():
    x, transport = exchange()
    x.respond(200, [(b"content-length", b"5")], b"abc")
    assert transport.data.endswith(b"\r\n\r\nabc")
    assert x.conn.wire.reasons == {CloseReason.SHORT_BODY}


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x.start(200, []),
        lambda x: x.respond(200, [], b""),
        lambda x: x.write(b"a"),
        lambda x: x.interim(103),
        lambda x: x.hijack(),
    ],
    ids=["start", "respond", "write", "interim", "hijack"],
)
@pytest.mark.parametrize("lost", [True, False], ids=["lost", "hijacked"])
async def test_a_connection_that_is_lost_or_anothers_takes_nothing(use, lost):
    x, transport = exchange()
    if lost:
        x.conn.error = ConnectionReset("gone")
    else:
        x.hijack()
    with pytest.raises(ConnectionReset if lost else Hijacked):
        use(x)
    assert transport.data == b""


async def test_an_ended_exchange_cannot_be_hijacked():
    x, _ = exchange()
    answered(x)
    with pytest.raises(NotSupported):
        x.hijack()


# --- the request ---


async def test_the_body_piece_by_piece():
    x, _ = exchange("POST", body=[b"abc", b"de"])
    assert [await x.read() for _ in range(4)] == [b"abc", b"de", b"", b""]
    assert (x.bytes_received, x.body_complete) == (5, True)


@pytest.mark.parametrize("how", ["finish", "close_body"])
async def test_a_body_that_was_closed_cannot_be_read(how):
    x, _ = exchange("POST", body=b"abc")
    getattr(x, how)()
    with pytest.raises(BodyClosed):
        await x.read()


async def test_the_end_of_a_request_without_body_is_always_the_end():
    x, _ = exchange()
    x.finish()
    assert await x.read() == b""


async def test_a_broken_body_stays_broken():
    w, _ = recorder("POST", headers=[("Transfer-Encoding", "chunked")], body=b"zz\r\n")
    for _ in range(2):
        with pytest.raises(RemoteProtocolError):
            await w.exchange.read()
    assert w.exchange.conn.wire.reasons == {CloseReason.BODY_BROKEN}


async def test_one_task_reads_at_a_time():
    x, _ = exchange("POST", headers=[("Content-Length", "3")])
    first = spawn(x.read())
    await asyncio.sleep(0)
    with pytest.raises(UsageError, match="read by another task"):
        await x.read()
    x.conn.data_received(b"abc")
    assert await first == b"abc"


async def test_a_read_that_is_cancelled_loses_nothing():
    x, _ = exchange("POST", headers=[("Content-Length", "3")])
    reading = spawn(x.read())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    x.conn.data_received(b"abc")
    assert await x.read() == b"abc"


async def test_settling_reads_a_small_rest_and_leaves_a_large_one():
    x, _ = exchange("POST", body=b"x" * 1000)
    await x.settle_body()
    assert (x.body_complete, x.conn.wire.reasons) == (True, frozenset())
    x, _ = exchange("POST", body=b"x" * 1000, max_drain_bytes=999)
    await x.settle_body()
    assert (x.body_complete, x.bytes_received, x.conn.wire.reasons) == (False, 0, {CloseReason.BODY_LEFT})


async def test_who_had_read_all_but_the_end_finds_the_end_after_settling():
    x, _ = exchange("POST", body=[b"abc"])
    assert await x.read() == b"abc"
    await x.settle_body()
    assert await x.read() == b""
    x, _ = exchange("POST", body=[b"abc", b"d"])
    assert await x.read() == b"abc"
    await x.settle_body()  # drops "d"
    with pytest.raises(BodyClosed):
        await x.read()


async def test_settling_reads_nothing_where_the_connection_ends_anyway():
    x, _ = exchange("POST", headers=[("Connection", "close")], body=b"x" * 1000)
    await x.settle_body()
    assert x.bytes_received == 0
    with pytest.raises(BodyClosed):
        await x.read()


# --- the peer, and the others ---


async def test_waiting_for_the_peer_to_go_ends_with_it_or_with_the_exchange():
    for end in (lambda x: x.finish(), lambda x: x.conn.eof_received()):
        x, _ = exchange()
        waiting = spawn(x.wait_disconnected())
        await asyncio.sleep(0)
        assert (x.disconnected, waiting.done()) == (False, False)
        end(x)
        await asyncio.wait_for(waiting, 1)
        assert x.disconnected


async def test_a_writer_without_end_lets_the_others_have_their_turn():
    x, _ = exchange()
    x.start(200, [])
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = spawn(count())
    for _ in range(WRITES_PER_TURN * 10):
        x.write(b"x" * 100)
        await x.drain()
    assert turns == 10
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)


async def test_a_writer_without_end_learns_that_its_peer_has_gone():
    told = []

    async def handler(w, r):
        try:
            for _ in range(10_000):  # without end, but for the test's sake
                await w.write(b"x" * 3000)
        except ConnectionReset as error:
            told.append(error)

    async with serving(handler) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.read_exactly(1)
        peer.abort()
        await settle()
        assert len(told) == 1
