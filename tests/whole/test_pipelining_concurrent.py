"""``pipeline="concurrent"``: handlers of pipelined safe requests side by side, their answers in order.

Each test runs in both concurrency models.  Requirement B4; RFC 9112 section 9.3.2.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import partial

import pytest

from holdfast import limits
from holdfast.errors import AbortHandler, ConnectionReset, NotSupported
from holdfast.net.tasks import spawn
from holdfast.testing import FakeClock, advance, settle
from holdfast.testing import serving as serving_serial
from holdfast.testing.waiting import within
from holdfast.trace.hooks import ServerTrace
from tests.whole.gate import Gate

both_models = pytest.mark.parametrize("model", ["task", "pool"])
serving = partial(serving_serial, pipeline="concurrent")


def get(target: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


POST = b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"


@both_models
@pytest.mark.parametrize("mode", ["h1", "h1+tls"])
@pytest.mark.rfc(
    "9112",
    "9.3.2",
    "A server MAY process a sequence of pipelined requests in parallel if they all have safe methods",
)
async def test_safe_requests_run_side_by_side_and_are_answered_in_order(mode, model):
    gate = Gate()
    async with serving(gate, mode, concurrency=model) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2", method="OPTIONS") + get("/3"))
        await settle()
        assert gate.running == ["/1", "/2", "/3"]
        gate["/3"].set()
        gate["/2"].set()
        assert await peer.arrived() == b""
        assert gate.ended == ["/3", "/2"]
        gate["/1"].set()
        assert [(await peer.read_response()).body for _ in range(3)] == [b"/1", b"/2", b"/3"]
        gate["/4"].set()
        await peer.send(get("/4"))
        assert (await peer.read_response()).body == b"/4"
        assert server.stats().requests == 4
        assert server.stats().by_state == {"idle": 1}


@both_models
async def test_a_request_joins_those_that_run_when_it_comes(model):
    gate = Gate()
    async with serving(gate, concurrency=model) as (client, _):
        peer = await client.connect()
        for at in range(3):
            await peer.send(get(f"/{at}"))
            await settle()
            assert gate.running == [f"/{n}" for n in range(at + 1)]
        for byte in get("/3"):
            await peer.send(bytes([byte]))
            await settle()
        assert gate.running[-1] == "/3"
        for at in range(4):
            gate[f"/{at}"].set()
            assert (await peer.read_response()).body == f"/{at}".encode()


@both_models
async def test_no_more_than_max_pipelined_run(model):
    gate = Gate()
    async with serving(gate, concurrency=model, max_pipelined=2) as (client, _):
        peer = await client.connect()
        await peer.send(b"".join(get(f"/{n}") for n in range(5)))
        await settle()
        assert gate.running == ["/0", "/1"]
        gate["/1"].set()
        await settle()
        assert gate.running == ["/0", "/1"]  # its answer is still to be sent
        gate["/0"].set()
        await settle()
        assert gate.running == ["/0", "/1", "/2", "/3"]
        for n in range(5):
            gate[f"/{n}"].set()
        assert [(await peer.read_response()).body for n in range(5)] == [b"/%d" % n for n in range(5)]


ALONE = {
    "a method that is not safe": get("/alone", method="DELETE"),
    "a body": get("/alone", "Content-Length: 4") + b"body",
    "a chunked body": get("/alone", "Transfer-Encoding: chunked") + b"4\r\nbody\r\n0\r\n\r\n",
    "an upgrade": get("/alone", "Connection: upgrade", "Upgrade: x"),
    "HTTP/1.0": b"GET /alone HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
}


@both_models
@pytest.mark.parametrize("request_", ALONE.values(), ids=ALONE)
async def test_any_other_request_runs_alone(request_, model):
    gate = Gate()
    async with serving(gate, concurrency=model) as (client, _):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + request_ + get("/3") + get("/4"))
        await settle()
        assert gate.running == ["/1", "/2"]
        gate["/1"].set()
        await settle()
        assert gate.running == ["/1", "/2"]
        gate["/2"].set()
        await settle()
        assert gate.running == ["/1", "/2", "/alone"]
        gate["/alone"].set()
        await settle()
        assert gate.running == ["/1", "/2", "/alone", "/3", "/4"]
        gate["/3"].set()
        gate["/4"].set()
        paths = [b"/1", b"/2", b"/alone", b"/3", b"/4"]
        assert [(await peer.read_response()).body for _ in paths] == paths


@both_models
async def test_a_malformed_request_is_refused_after_the_answers_before_it(model):
    gate = Gate()
    async with serving(gate, concurrency=model) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + b"no request\r\n\r\n" + get("/3"))
        gate["/2"].set()
        assert await peer.arrived() == b""
        gate["/1"].set()
        assert [(await peer.read_response()).body for _ in range(2)] == [b"/1", b"/2"]
        assert (await peer.read_response()).status == 400
        assert await peer.expect_closed() == "eof"
        assert server.stats().requests == 2


@both_models
async def test_the_last_of_a_batch_says_close_and_the_others_do_not(model):
    gate = Gate()
    async with serving(gate, concurrency=model) as (client, _):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + get("/3", "Connection: close") + get("/never"))
        await settle()
        assert gate.running == ["/1", "/2", "/3"]
        for path in ("/3", "/2", "/1"):
            gate[path].set()
            await settle()
        said = [(await peer.read_response()).header("Connection") for _ in range(3)]
        assert said == [None, None, "close"]
        assert await peer.expect_closed() == "eof"
        assert "/never" not in gate.running


@both_models
async def test_a_peer_that_closes_its_half_gets_every_answer(model):
    gate = Gate()
    async with serving(gate, concurrency=model) as (client, _):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + POST)
        peer.send_eof()
        await settle()
        for path in ("/2", "/1", "/post"):
            gate[path].set()
        answers = [await peer.read_response() for _ in range(3)]
        assert [answer.body for answer in answers] == [b"/1", b"/2", b"/post"]
        assert [answer.header("Connection") for answer in answers] == [None, None, "close"]
        assert await peer.expect_closed() == "eof"


@both_models
@pytest.mark.parametrize("way", ["close", "raise", "abort"])
async def test_what_runs_behind_a_last_answer_is_discarded_and_told(way, model):
    gate = Gate()
    told = []

    async def handler(w, r):
        if r.path == "/2":
            await gate["/2"].wait()
            if way == "raise":
                raise LookupError("on purpose")
            if way == "abort":
                raise AbortHandler
            w.headers["Connection"] = "close"
        elif r.path == "/3":
            await r.disconnected
            try:
                await w.write("x" * limits.RESPONSE_BUFFER * 2)
                await w.flush()
            except ConnectionReset as error:
                told.append(error)
        await w.write(r.path)

    async with serving(handler, concurrency=model) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + get("/3") + POST)
        assert (await peer.read_response()).body == b"/1"
        gate["/2"].set()
        if way != "abort":
            answer = await peer.read_response()
            assert (answer.status, answer.header("Connection")) == (500 if way == "raise" else 200, "close")
        assert await peer.read_until_closed() == b""
        await settle()
        assert len(told) == 1
        assert server.stats().requests == 3  # the POST was never begun


@both_models
async def test_an_abort_out_of_turn_lets_the_answers_before_it_out(model):
    gate = Gate()

    async def handler(w, r):
        if r.path == "/2":
            w.headers["Content-Length"] = "100"
            await w.write("half")
            await w.flush()
            raise AbortHandler
        await gate(w, r)

    async with serving(handler, concurrency=model) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + get("/3"))
        await settle()
        assert server.stats().by_state == {"exchange": 1}
        gate["/1"].set()
        assert (await peer.read_response()).body == b"/1"
        assert (await peer.read_until_closed()).endswith(b"\r\n\r\nhalf")
        gate["/3"].set()


@both_models
async def test_everyone_in_flight_is_told_that_the_peer_has_gone(model):
    told = []

    async def handler(w, r):
        await r.disconnected
        told.append(r.path)

    async with serving(handler, concurrency=model) as (client, _):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + get("/3"))
        await settle()
        peer.abort()
        await settle()
        assert sorted(told) == ["/1", "/2", "/3"]


@both_models
async def test_what_waits_for_its_turn_is_bounded(model):
    gate = Gate()
    written = 0

    async def handler(w, r):
        nonlocal written
        if r.path == "/1":
            return await gate(w, r)
        for _ in range(100):
            await w.write(b"x" * 10_000)
            await w.flush()
            written += 10_000

    async with serving(handler, concurrency=model) as (client, _):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + get("/3"))
        await settle()
        assert 0 < written <= limits.WRITE_HIGH_WATER
        gate["/1"].set()
        assert (await peer.read_response()).body == b"/1"
        assert [len((await peer.read_response()).body) for _ in range(2)] == [1_000_000] * 2


@both_models
async def test_a_file_waits_for_its_turn(model, tmp_path):
    gate = Gate()
    size = limits.FILE_IN_ONE_WRITE * 4
    (tmp_path / "file").write_bytes(b"f" * size)

    async def handler(w, r):
        if r.path != "/2":
            return await gate(w, r)
        with (tmp_path / "file").open("rb") as file:
            w.headers["Content-Length"] = str(size)
            await w.send_file(file, 0, size)

    async with serving(handler, memory=False, concurrency=model) as (client, _):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + get("/3"))
        await settle()
        gate["/3"].set()
        await asyncio.sleep(0.02)
        gate["/1"].set()
        assert [(await peer.read_response()).body for _ in range(3)] == [b"/1", b"f" * size, b"/3"]


@both_models
async def test_only_an_exchange_that_is_alone_can_be_hijacked(model):
    gate = Gate()
    refused = []

    async def handler(w, r):
        if r.path == "/plain":
            return await gate(w, r)
        try:
            stream, leftover = await w.hijack()
        except NotSupported as error:
            refused.append(error)
        else:
            await stream.write(b"mine " + leftover)
            await stream.close()

    async with serving(handler, concurrency=model) as (client, _):
        peer = await client.connect()
        await peer.send(get("/plain") + get("/hijack"))
        await settle()
        assert len(refused) == 1
        gate["/plain"].set()
        assert (await peer.read_response()).body == b"/plain"
        assert (await peer.read_response()).status == 200
        await peer.send(get("/hijack"))
        assert await peer.read_until_closed() == b"mine "


@both_models
async def test_a_shutdown_answers_all_that_was_begun(model):
    gate = Gate()
    async with serving(gate, concurrency=model) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2"))
        await settle()
        ending = spawn(server.shutdown(5))
        await settle()
        await peer.send(get("/late"))
        gate["/2"].set()
        gate["/1"].set()
        answers = [await peer.read_response() for _ in range(2)]
        assert [answer.body for answer in answers] == [b"/1", b"/2"]
        assert [answer.header("Connection") for answer in answers] == [None, "close"]
        assert await peer.expect_closed() == "eof"
        await peer.close()
        await within(ending, "the shutdown")
        assert "/late" not in gate.running


@both_models
async def test_close_ends_every_handler_before_it_returns(model):
    gate = Gate()
    async with serving(gate, concurrency=model, pool_size=2) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + get("/3"))
        await settle()
        await within(server.close(), "the server to close")
        assert sorted(gate.ended) == sorted(gate.running)
        assert len(gate.running) == (2 if model == "pool" else 3)
        assert await peer.read_until_closed() == b""


@both_models
async def test_all_in_flight_are_shown_and_traced(model):
    gate = Gate()
    done = []
    trace = ServerTrace(exchange_done=lambda exchange, info: done.append((exchange.head.target, info.status)))
    async with serving(gate, concurrency=model, trace=trace) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + POST)
        await settle()
        (info,) = server.connections()
        assert (info.state, info.request, info.requests) == ("exchange", "GET /1, GET /2", 2)
        assert sum("Gate.__call__" in line for line in info.stack) == 2
        gate["/2"].set()
        await settle()
        assert server.connections()[0].request == "GET /1"
        gate["/1"].set()
        gate["/post"].set()
        for _ in range(3):
            await peer.read_response()
        assert done == [("/1", 200), ("/2", 200), ("/post", 200)]
        await peer.send(get("/5") + get("/6"))
        await settle()
        for conn in list(server.crowd):
            conn.kill()
        await settle()
        assert done[3:] == [("/5", 0), ("/6", 0)]


@both_models
async def test_an_answer_with_a_handler_that_goes_on_does_not_hold_up_the_next(model):
    gate = Gate()

    async def handler(w, r):
        w.headers["Content-Length"] = "2"
        await w.write(r.path)
        await w.flush()
        w.exchange.end()
        w.exchange.detach()
        await gate["/" + r.path].wait()
        gate.ended.append(r.path)

    async with serving(handler, concurrency=model) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2"))
        assert [(await peer.read_response()).body for _ in range(2)] == [b"/1", b"/2"]
        assert server.stats().by_state == {"idle": 1}
        ending = spawn(server.shutdown(5))
        await settle()
        assert not ending.done()
        gate["//1"].set()
        gate["//2"].set()
        await within(ending, "the shutdown")
        assert gate.ended == ["/1", "/2"]


@both_models
async def test_a_write_deadline_counts_from_its_own_turn(model):
    clock = FakeClock()
    gate = Gate()

    async def handler(w, r):
        if r.path == "/2":
            w.controller.set_write_deadline(5)
        await gate(w, r)

    async with serving(handler, clock=clock, concurrency=model) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2"))
        await advance(clock, 10)
        assert server.stats().by_state == {"exchange": 1}  # the first may take as long as it wants
        gate["/1"].set()
        assert (await peer.read_response()).body == b"/1"
        await advance(clock, 0)
        assert await peer.read_until_closed() == b""
        assert server.stats().closed_because == {"write_timeout": 1}
        gate["/2"].set()


@both_models
async def test_the_whole_responses_clock_starts_anew_with_each_turn(model):
    clock = FakeClock()
    gate = Gate()
    async with serving(gate, clock=clock, concurrency=model, write_timeout=3) as (client, server):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2"))
        await advance(clock, 2)
        gate["/1"].set()
        assert (await peer.read_response()).body == b"/1"
        await advance(clock, 2)
        assert server.stats().by_state == {"exchange": 1}
        await advance(clock, 1)
        assert server.stats().closed_because == {"write_timeout": 1}
        gate["/2"].set()


@both_models
async def test_the_last_request_that_may_come_is_the_last_that_is_begun(model):
    gate = Gate()
    async with serving(gate, concurrency=model, max_requests_per_connection=2) as (client, _):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + get("/3"))
        await settle()
        assert gate.running == ["/1", "/2"]
        gate["/1"].set()
        gate["/2"].set()
        said = [(await peer.read_response()).header("Connection") for _ in range(2)]
        assert said == [None, "close"]
        assert await peer.expect_closed() == "eof"


@both_models
async def test_a_peer_that_takes_nothing_starts_nothing_more(model):
    begun = 0

    async def handler(w, r):
        nonlocal begun
        begun += 1
        await w.write(b"x" * 50_000)

    async with serving(handler, concurrency=model) as (client, _):
        peer = await client.connect()
        await peer.send(get("/") * 60)
        await settle()
        assert begun < 60
        for _ in range(60):
            assert len((await peer.read_response()).body) == 50_000


user: ContextVar[str] = ContextVar("user", default="nobody")


@both_models
async def test_what_a_handler_sets_in_a_context_variable_is_its_own(model):
    async def handler(w, r):
        seen = user.get()
        user.set(r.path)
        await asyncio.sleep(0)
        await w.write(f"{seen} {user.get()}")

    async with serving(handler, concurrency=model, pool_size=1) as (client, _):
        peer = await client.connect()
        await peer.send(get("/1") + get("/2") + POST + get("/3"))
        bodies = [(await peer.read_response()).body for _ in range(4)]
        assert bodies == [b"nobody /1", b"nobody /2", b"nobody /post", b"nobody /3"]
