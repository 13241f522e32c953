"""A handler that raises, hangs, writes too much or too little, or never ends, costs its own connection only.

Requirement S12; Go's serve_test.go.
"""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest

from holdfast import limits
from holdfast.errors import (
    AbortHandler,
    BodyClosed,
    ContentLengthError,
    Timeout,
)
from holdfast.net.tasks import spawn
from holdfast.testing import BrokenResponse, FakeClock, advance, serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def neighbour(client):
    """Open a connection that must live through what happens on the others."""
    peer = await client.connect()
    await peer.send(b"GET /neighbour HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await peer.read_response()).body == b"fine"
    return peer


async def still_served(peer):
    await peer.send(b"GET /neighbour HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await peer.read_response()).body == b"fine"


def beside(handler):
    """``handler``, and a page for the neighbour."""

    async def either(w, r):
        if r.path == "/neighbour":
            await w.write(b"fine")
        else:
            await handler(w, r)

    return either


class Unheard(BaseException):
    """What an application may raise that is no Exception."""


async def cancelled_work():
    task = spawn(asyncio.sleep(100))
    await asyncio.sleep(0)
    task.cancel()
    await task


async def raise_exception():
    raise RuntimeError("intentional")


async def raise_base_exception():
    raise Unheard("intentional")


async def leave():
    sys.exit("intentional")


async def raise_group():
    raise BaseExceptionGroup("intentional", [Unheard()])


# (what fails, what the log says of it)
FAILURES = {
    "an exception": (raise_exception, "RuntimeError: intentional"),
    "a base exception": (raise_base_exception, "Unheard: intentional"),
    "a group": (raise_group, "BaseExceptionGroup: intentional"),
    "sys.exit": (leave, "SystemExit: intentional"),
    "a cancelled task that was awaited": (cancelled_work, "CancelledError"),
}


# TestHandlerPanic.  Go closes without a word; a peer that is told 500 knows whose fault it was.
@every_mode
@pytest.mark.parametrize("case", FAILURES)
async def test_a_handler_that_raises_before_its_head_is_answered_500_and_logged(mode, case, caplog):
    fail, logged = FAILURES[case]

    async def handler(w, r):
        await w.write(b"what was kept is not sent")
        await fail()

    async with serving(beside(handler), mode) as (client, server):
        other = await neighbour(client)
        peer = await client.connect()
        await peer.send(GET)
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (500, "close")
        assert response.body == b"Internal Server Error\n"
        assert await peer.expect_closed() == "eof"
        await peer.close()
        await settle()
        assert server.stats().closed_because == {CloseReason.HANDLER_FAILED: 1}
        await still_served(other)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("holdfast.error", logging.ERROR)
    message = record.getMessage()
    assert "GET /" in message
    assert "192.0.2.1:50001" in message
    assert logged in message
    assert 'test_handler_failures.py", line' in message


# TestHandlerPanic, once the head is out: nothing can be said any more, but that it is not whole
@every_mode
@pytest.mark.parametrize("case", FAILURES)
async def test_a_handler_that_raises_behind_its_head_leaves_a_body_that_is_not_whole(mode, case, caplog):
    fail, logged = FAILURES[case]

    async def handler(w, r):
        await w.write(b"partial")
        await w.flush()
        await fail()

    async with serving(beside(handler), mode) as (client, server):
        other = await neighbour(client)
        peer = await client.connect()
        await peer.send(GET)
        with pytest.raises(BrokenResponse) as broken:
            await peer.read_response()
        assert broken.value.raw.endswith(b"\r\n\r\n7\r\npartial\r\n")  # and no last chunk
        await settle()
        assert server.stats().closed_because == {CloseReason.HANDLER_FAILED: 1}
        await still_served(other)
    assert len(caplog.messages) == 1
    assert logged in caplog.text


# TestHandlerPanicNil: Python has no such thing; an exception without text is the nearest
@every_mode
async def test_an_exception_without_text_counts(mode, caplog):
    async def handler(w, r):
        raise ValueError

    async with serving(handler, mode) as (client, _):
        assert (await client.get()).status == 500
    assert "ValueError" in caplog.text


@every_mode
async def test_a_stack_of_any_depth_is_logged_up_to_64_kb(mode, caplog):
    async def handler(w, r):
        raise ValueError("long " * limits.MAX_TRACEBACK)

    async with serving(handler, mode) as (client, _):
        assert (await client.get()).status == 500
    (message,) = caplog.messages
    assert limits.MAX_TRACEBACK <= len(message) <= limits.MAX_TRACEBACK + 200


# TestInterruptWithPanic, TestAbortHandler
@every_mode
@pytest.mark.parametrize("flushed", [False, True])
async def test_abort_handler_is_not_logged_and_the_peer_sees_what_was_sent_cut_short(mode, flushed, caplog):
    caplog.set_level(logging.DEBUG)

    async def handler(w, r):
        await w.write(b"hello")
        if flushed:
            await w.flush()
        raise AbortHandler

    async with serving(beside(handler), mode) as (client, server):
        other = await neighbour(client)
        peer = await client.connect()
        await peer.send(GET)
        if flushed:
            with pytest.raises(BrokenResponse) as broken:
                await peer.read_response()
            assert broken.value.raw.endswith(b"5\r\nhello\r\n")
        else:
            assert await peer.read_until_closed() == b""
        await settle()
        assert server.stats().closed_because == {CloseReason.HANDLER_ABORTED: 1}
        await still_served(other)
    assert [record for record in caplog.records if record.name.startswith("holdfast")] == []


# TestHandlerAbortRacesBodyRead
@every_mode
async def test_who_still_reads_the_body_of_an_aborted_exchange_is_told(mode):
    failures = []

    async def reading(r):
        try:
            await r.read()
        except Exception as error:
            failures.append(error)

    async def handler(w, r):
        spawn(reading(r))
        await asyncio.sleep(0)
        raise AbortHandler

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
        await peer.read_until_closed()
        await settle()
    assert len(failures) == 1


# The body's reader outlives its handler, which returned in good order
@every_mode
async def test_a_body_that_is_read_after_its_handler_is_closed(mode):
    kept = []

    async def handler(w, r):
        kept.append(r)

    async with serving(handler, mode) as (client, _):
        assert (await client.post("/", body=b"abc")).status == 200
        with pytest.raises(BodyClosed):
            await kept[0].body.read(2)


# --- too much, too little, nothing, for ever


@every_mode
@pytest.mark.parametrize("caught", [True, False])
async def test_a_handler_that_writes_too_much_is_refused_it_at_the_place(mode, caught, caplog):
    async def handler(w, r):
        w.headers["Content-Length"] = "2"
        if not caught:
            await w.write(b"abc")
        with pytest.raises(ContentLengthError):
            await w.write(b"abc")

    async with serving(beside(handler), mode) as (client, _):
        other = await neighbour(client)
        peer = await client.connect()
        await peer.send(GET)
        raw = await peer.read_until_closed()
        if caught:  # as in Go: the head, and not a byte of what was too much
            assert raw.endswith(b"\r\n\r\n")
            assert b"\r\nContent-Length: 2\r\n" in raw
        else:
            assert raw.startswith(b"HTTP/1.1 500 ")
            assert "ContentLengthError: 3 bytes written, 2 left" in caplog.text
        await still_served(other)


@every_mode
async def test_a_handler_that_writes_too_little_leaves_a_response_that_is_not_whole(mode):
    async def handler(w, r):
        w.headers["Content-Length"] = "10"
        await w.write(b"abc")

    async with serving(beside(handler), mode) as (client, server):
        other = await neighbour(client)
        peer = await client.connect()
        await peer.send(GET + GET)
        assert (await peer.read_until_closed()).endswith(b"\r\n\r\nabc")
        await peer.close()
        await settle()
        assert server.stats().closed_because == {CloseReason.SHORT_BODY: 1}
        await still_served(other)


@every_mode
async def test_a_handler_that_hangs_keeps_nobody_else_waiting(mode):
    async def handler(w, r):
        await r.disconnected

    clock = FakeClock()
    async with serving(beside(handler), mode, clock=clock) as (client, server):
        other = await neighbour(client)
        peer = await client.connect()
        await peer.send(GET)
        await advance(clock, 60)
        await still_served(other)
        assert server.stats().by_state == {"idle": 1, "exchange": 1}
        peer.abort()
        await settle()
        assert server.stats().by_state == {"idle": 1}


@every_mode
async def test_a_handler_that_never_ends_loses_its_connection_to_the_clock_that_was_set(mode):
    never = asyncio.Event()

    async def handler(w, r):
        await never.wait()

    clock = FakeClock()
    async with serving(beside(handler), mode, clock=clock, write_timeout=5) as (client, server):
        other = await neighbour(client)
        peer = await client.connect()
        await peer.send(GET)
        await advance(clock, 5)
        assert await peer.read_until_closed() == b""
        assert server.stats().closed_because == {CloseReason.WRITE_TIMEOUT: 1}
        await still_served(other)
        never.set()  # nothing is interrupted by force (S9): it would run for as long as the process does
        await settle()


# As in Go, where a connection is tracked for as long as its handler runs
@every_mode
@pytest.mark.parametrize("patience", [10, 1], ids=["enough", "too-little"])
async def test_a_handler_whose_peer_has_gone_finishes_its_work_before_the_server_ends(mode, patience):
    clock, begun, saved = FakeClock(), asyncio.Event(), []

    async def handler(w, r):
        begun.set()
        await r.disconnected
        await saving.wait()
        saved.append(True)

    saving = asyncio.Event()
    async with serving(handler, mode, clock=clock) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await begun.wait()
        peer.abort()
        await settle()
        ending = spawn(server.shutdown(patience))
        await advance(clock, 5)
        assert ending.done() == (patience == 1)
        saving.set()
        await settle()
        if patience == 1:
            assert isinstance(ending.exception(), Timeout)
        assert saved == ([] if patience == 1 else [True])
        await asyncio.wait([ending])


@every_mode
async def test_a_handler_that_writes_for_ever_lets_the_others_have_their_turn(mode):
    async def handler(w, r):
        while True:
            await w.write(b"x" * 4096)

    async with serving(beside(handler), mode) as (client, server):
        other = await neighbour(client)
        peer = await client.connect()
        await peer.send(GET)
        for _ in range(20):
            await peer.read_exactly(100_000)
            await still_served(other)
        peer.abort()
        await settle()
        assert server.stats().connections_open == 1


@every_mode
async def test_a_handler_that_ends_its_own_task_costs_its_connection(mode):
    async def handler(w, r):
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    async with serving(beside(handler), mode) as (client, server):
        other = await neighbour(client)
        peer = await client.connect()
        await peer.send(GET)
        assert await peer.read_until_closed() == b""
        await settle()
        assert server.stats().closed_because == {CloseReason.HANDLER_FAILED: 1}
        await still_served(other)


@every_mode
async def test_a_blocking_handler_that_raises_is_answered_likewise(mode, caplog):
    def handler(w, r):
        if r.path == "/exit":
            sys.exit("intentional")
        raise RuntimeError("intentional")

    async with serving(handler, mode) as (client, _):
        for path in ("/", "/exit"):
            assert (await client.get(path)).status == 500
    assert len(caplog.messages) == 2
