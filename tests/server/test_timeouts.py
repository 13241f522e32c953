"""Timeout.

nethttp.md 10.4: TestTimeoutHandler, …Race, …ContextCanceled, …EmptyResponse, …PanicRecovery,
…StartTimerWhenServing, …SuperfluousLogs.
"""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from holdfast.errors import BodyClosed, BodyNotAllowed, Cancelled, HandlerTimeout, NotSupported
from holdfast.net.tasks import spawn
from holdfast.server.controller import ResponseController
from holdfast.server.timeouts import Timeout
from holdfast.testing import FakeClock, advance, recorder, serving, settle
from tests.whole.modes import every_mode

PAGE = b"<html><head><title>Timeout</title></head><body><h1>Timeout</h1></body></html>"


async def run(handler, method="GET", **kwargs):
    w, r = recorder(method, "/", **kwargs)
    await Timeout(handler, 10).serve_http(w, r)
    return await w.result()


# TestTimeoutHandler
@every_mode
@pytest.mark.parametrize(("text", "body"), [("", PAGE), ("too slow", b"too slow")], ids=["page", "text"])
async def test_who_is_too_late_is_answered_for(mode, text, body):
    late = []

    async def handler(w, r):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            with pytest.raises(HandlerTimeout):
                await w.write("late")
            w.write_header(204)
            late.append(w.status)
            raise

    clock = FakeClock()
    async with serving(Timeout(handler, 10, text), mode, clock=clock) as (client, _):
        for _ in range(2):
            peer = await client.connect()
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await advance(clock, 9.9)
            assert await peer.arrived() == b""
            await advance(clock, 0.2)
            response = await peer.read_response()
            assert (response.status, response.body) == (503, body)
            assert response.header("Connection") is None
    assert late == [0, 0]


@every_mode
async def test_who_is_in_time_is_passed_on_whole(mode):
    async def handler(w, r):
        w.headers["X-Inner"] = "1"
        w.headers.suppress("Content-Type")
        w.trailers["Digest"] = "abc"
        w.write_header(201)
        await w.write("hello ")
        await w.write(b"x" * 5000)

    async with serving(Timeout(handler, 10), mode) as (client, _):
        response = await client.get("/")
        assert (response.status, response.body) == (201, b"hello " + b"x" * 5000)
        assert (response.header("X-Inner"), response.header("Content-Type")) == ("1", None)
        assert response.trailers == [("Digest", "abc")]


# TestTimeoutHandlerEmptyResponse
async def test_who_writes_nothing_has_answered_200():
    async def handler(w, r):
        pass

    response = await run(handler)
    assert (response.status, response.body) == (200, b"")


# TestTimeoutHandlerPanicRecovery
async def test_what_the_handler_raises_comes_out():
    async def handler(w, r):
        await w.write("not sent")
        raise KeyError("that")

    w, r = recorder()
    with pytest.raises(KeyError, match="that"):
        await Timeout(handler, 10).serve_http(w, r)
    assert w.status == 0


# TestTimeoutHandlerContextCanceled
async def test_when_the_request_is_cancelled_so_is_the_handler():
    outcome = []

    async def handler(w, r):
        try:
            await asyncio.sleep(3600)
        finally:
            with pytest.raises(Cancelled):
                await w.write("late")
            outcome.append("told")

    w, r = recorder()
    serving_it = spawn(Timeout(handler, 10).serve_http(w, r))
    await settle()
    serving_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving_it
    await settle()
    assert outcome == ["told"]


# TestTimeoutHandlerStartTimerWhenServing
async def test_the_time_begins_with_each_request():
    async def handler(w, r):
        await w.write("ok")

    clock = FakeClock()
    timeout = Timeout(handler, 10)
    await advance(clock, 100)
    async with serving(timeout, clock=clock) as (client, _):
        for _ in range(3):
            assert (await client.get("/")).status == 200
            await advance(clock, 9)
        assert clock.next_at() is None or clock.next_at() > 130  # no timer of ours is left


# TestTimeoutHandlerSuperfluousLogs
async def test_a_second_status_is_logged_with_its_place(caplog):
    async def handler(w, r):
        w.write_header(201)
        w.write_header(202)

    with caplog.at_level(logging.WARNING, "holdfast.error"):
        assert (await run(handler)).status == 201
    assert f"superfluous: write_header(202) from {__file__}:" in caplog.text


async def test_interim_responses_go_out_at_once_and_are_not_the_answer():
    go = asyncio.Event()

    async def handler(w, r):
        w.headers["Link"] = "</a.css>"
        w.write_header(103)
        del w.headers["Link"]
        await w.write_informational(102)
        await go.wait()
        w.write_header(404)

    async with serving(Timeout(handler, 10)) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        early = await peer.arrived()
        assert early.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n")
        go.set()
        response = await peer.read_response()
        assert (response.status, response.header("Link")) == (404, None)


# TestTimeoutHandlerRace
async def test_a_blocking_handler_that_is_too_late_goes_on_unheard():
    begun, go, told = threading.Event(), threading.Event(), threading.Event()

    def handler(w, r):
        begun.set()
        go.wait(10)
        try:
            w.write("late")
        except HandlerTimeout:
            told.set()

    clock = FakeClock()
    async with serving(Timeout(handler, 10), clock=clock) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await asyncio.to_thread(begun.wait, 10)
        await advance(clock, 10)
        assert (await peer.read_response()).status == 503
        go.set()
        assert await asyncio.to_thread(told.wait, 10)


async def test_a_blocking_handler_in_time():
    def handler(w, r):
        w.write("blocking ")
        w.write(r.body.read())

    async with serving(Timeout(handler, 10)) as (client, _):
        assert (await client.post("/", body=b"body")).body == b"blocking body"


async def test_a_body_that_was_being_read_is_nobodys_any_more():
    outcome = []

    async def handler(w, r):
        try:
            await r.read()
        except asyncio.CancelledError:
            with pytest.raises(BodyClosed):
                await r.read()
            outcome.append("told")
            raise

    clock = FakeClock()
    async with serving(Timeout(handler, 10), clock=clock) as (client, _):
        peer = await client.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12")
        await advance(clock, 10)
        response = await peer.read_response("POST")
        assert (response.status, response.header("Connection")) == (503, "close")
        await peer.close()
    assert outcome == ["told"]


async def test_a_failure_after_the_time_is_logged(caplog):
    async def handler(w, r):
        try:
            await asyncio.sleep(3600)
        finally:
            raise KeyError("late")

    clock = FakeClock()
    with caplog.at_level(logging.ERROR, "holdfast.error"):
        async with serving(Timeout(handler, 10), clock=clock) as (client, _):
            peer = await client.connect()
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await settle()
            await advance(clock, 10)
            assert (await peer.read_response()).status == 503
    assert "KeyError: 'late'" in caplog.text


async def test_a_status_without_a_body_allows_none():
    async def handler(w, r):
        w.write_header(204)
        with pytest.raises(BodyNotAllowed):
            await w.write("x")

    assert (await run(handler)).status == 204


async def test_what_needs_the_connection_is_not_supported():
    async def handler(w, r):
        for call in (w.flush, w.hijack, ResponseController(w).flush, ResponseController(w).hijack):
            with pytest.raises(NotSupported):
                await call()
        ResponseController(w).set_write_deadline(5)
        with pytest.raises(ValueError, match="100 to 999"):
            w.write_header(0)
        await w.write_json({"a": 1})
        assert (w.status, w.bytes_written) == (200, 7)

    response = await run(handler)
    assert (response.body, response.header("Content-Type")) == (b'{"a":1}', "application/json")


async def test_without_a_server_the_loops_clock_counts():
    async def handler(w, r):
        await asyncio.sleep(3600)

    w, r = recorder()
    del r.context["server"]
    await Timeout(handler, 0.01).serve_http(w, r)
    assert (await w.result()).status == 503
