"""The writer beyond its body: statuses, interim responses, what no handler is asked, the peer's going.

Requirements S6, S9, S10, S16; Go's serve_test.go.
"""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from holdfast.errors import LocalProtocolError
from holdfast.net.tasks import Event, spawn
from holdfast.testing import serving, settle
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def nothing(w, r):
    pass


async def not_called(w, r):
    raise AssertionError(f"a handler was given {r!r}")


# --- the status


# TestWriteHeader0
@every_mode
@pytest.mark.parametrize("status", [-1, 0, 99, 1000])
async def test_a_status_that_is_none_raises_and_a_right_one_can_follow(mode, status):
    async def handler(w, r):
        with pytest.raises(ValueError, match=f"from 100 to 999, not {status}"):
            w.write_header(status)
        assert w.status == 0
        w.write_header(299)

    async with serving(handler, mode) as (client, _):
        assert (await client.get()).status == 299


# TestWriteHeaderNoCodeCheck
@every_mode
async def test_a_second_status_is_logged_with_its_place_and_nothing_else(mode, caplog):
    async def handler(w, r):
        w.write_header(202)
        w.write_header(0)
        await w.write(b"ok")
        await w.flush()
        w.write_header(500)

    async with serving(handler, mode) as (client, _):
        response = await client.get()
        assert (response.status, response.body) == (202, b"ok")
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    for status, message in zip((0, 500), caplog.messages, strict=True):
        assert re.search(rf"superfluous.* write_header\({status}\) .*test_writers\.py:\d+$", message)


@every_mode
async def test_a_status_nobody_has_heard_of_is_sent_as_it_is(mode):
    async def handler(w, r):
        w.write_header(int(r.path[1:]))

    async with serving(handler, mode) as (client, _):
        for status in (299, 418, 799, 999):
            assert (await client.get(f"/{status}")).status == status


# --- interim responses


# TestEarlyHints
@every_mode
async def test_early_hints_go_out_at_once_with_their_fields_and_without_a_length(mode):
    go = Event()

    async def handler(w, r):
        w.headers["Content-Length"] = "123"  # must be ignored there
        w.headers.add("Link", "</style.css>; rel=preload; as=style")
        w.headers.add("Link", "</script.js>; rel=preload; as=script")
        w.write_header(103)
        w.headers.add("Link", "</foo.js>; rel=preload; as=script")
        w.write_header(103)
        await go.wait()
        del w.headers["Content-Length"]
        await w.write("stuff")

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        early = b"HTTP/1.1 103 Early Hints\r\n"
        links = b"Link: </style.css>; rel=preload; as=style\r\nLink: </script.js>; rel=preload; as=script\r\n"
        more = b"Link: </foo.js>; rel=preload; as=script\r\n"
        assert await peer.arrived() == early + links + b"\r\n" + early + links + more + b"\r\n"
        go.set()
        response = await peer.read_response()
        assert (response.status, response.body, response.header("Content-Length")) == (200, b"stuff", "5")
        assert len(response.values("Link")) == 3


# TestProcessing
@every_mode
async def test_processing_is_sent_and_the_response_follows(mode):
    async def handler(w, r):
        w.headers["Content-Length"] = "123"
        w.write_header(102)
        del w.headers["Content-Length"]
        await w.write("stuff")

    async with serving(handler, mode) as (client, _):
        response = await client.get()
        assert [each.raw or (each.status, each.headers) for each in response.interim] == [(102, [])]
        assert (response.status, response.body) == (200, b"stuff")


@every_mode
async def test_interim_fields_of_their_own_are_not_those_of_the_response(mode):
    async def handler(w, r):
        await w.write_informational(103, {"Link": "</a.css>"})
        w.headers["X-Final"] = "1"

    async with serving(handler, mode) as (client, _):
        response = await client.get()
        assert [(each.status, each.headers) for each in response.interim] == [(103, [("Link", "</a.css>")])]
        assert (response.header("Link"), response.header("X-Final")) == (None, "1")


# Go sends HTTP/1.0 103 to such a peer
@every_mode
@pytest.mark.rfc("9110", "15.2", "a server MUST NOT send a 1xx response to an HTTP/1.0 client")
async def test_an_http_1_0_peer_gets_no_interim_response(mode):
    async def handler(w, r):
        w.write_header(103)
        await w.write_informational(102)

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        response = await peer.read_response()
        assert (response.status, response.interim) == (200, [])


@every_mode
async def test_an_interim_response_behind_the_final_head_is_refused(mode):
    async def handler(w, r):
        await w.flush()
        with pytest.raises(LocalProtocolError):
            await w.write_informational(103)
        await w.write(b"fine")

    async with serving(handler, mode) as (client, _):
        assert (await client.get()).body == b"fine"


# --- requests for the server itself (S16)


# TestOptions
@every_mode
async def test_options_asterisk_is_answered_without_a_handler(mode):
    async with serving(not_called, mode) as (client, server):
        for body in (b"", b"x" * 100):
            response = await client.request("OPTIONS", "*", body=body)
            assert (response.status, response.header("Content-Length")) == (200, "0")
        assert server.stats().connections_accepted == 1


# TestOptions: of a path is the handler's
@every_mode
async def test_options_of_a_path_is_the_handlers(mode):
    async def handler(w, r):
        await w.write(f"{r.method} {r.target}")

    async with serving(handler, mode) as (client, _):
        assert (await client.request("OPTIONS", "/second")).body == b"OPTIONS /second"


# TestOptionsHandler
@every_mode
async def test_options_asterisk_is_the_handlers_when_it_is_asked_for(mode):
    async def handler(w, r):
        await w.write(f"{r.method} {r.target} {r.path}")

    async with serving(handler, mode, general_options=False) as (client, _):
        assert (await client.request("OPTIONS", "*")).body == b"OPTIONS * *"


# TestStarRequestMethod
@every_mode
@pytest.mark.parametrize("method", ["GET", "M-SEARCH", "options"])
async def test_an_asterisk_of_another_method_is_the_handlers(mode, method):
    async def handler(w, r):
        await w.write(f"{r.method} {r.target}")

    async with serving(handler, mode) as (client, _):
        response = await client.request(method, "*")
        assert (response.status, response.body) == (200, f"{method} *".encode())


# --- the peer's going (S9)


# TestCloseNotifier
@every_mode
@pytest.mark.parametrize("how", ["its half", "all"])
async def test_a_handler_is_told_when_the_peer_goes(mode, how):
    begun, told = Event(), Event()

    async def handler(w, r):
        assert not r.is_disconnected
        begun.set()
        await r.disconnected
        assert r.is_disconnected
        told.set()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        await begun.wait()
        assert not told.is_set()
        if how == "all":
            peer.abort()
        else:
            peer.send_eof()
        await asyncio.wait_for(told.wait(), 2)


# TestCloseNotifierPipelined.  Go stops looking once a byte has come; ours goes on.
@every_mode
async def test_what_is_pipelined_is_no_going_and_hides_none(mode):
    asked, told = [], Event()

    async def handler(w, r):
        asked.append(r.path)
        if r.path == "/1":
            await settle()
            assert not r.is_disconnected
            return
        await r.disconnected
        told.set()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
        assert (await peer.read_response()).status == 200
        await settle()
        assert asked == ["/1", "/2"]
        assert not told.is_set()
        peer.abort()
        await asyncio.wait_for(told.wait(), 2)


# TestCloseNotifierChanLeak, TestServerDuplicateBackgroundRead
@every_mode
async def test_watching_ends_with_the_handler_and_costs_no_byte_of_the_next_request(mode):
    watching = []

    async def handler(w, r):
        watching.extend(spawn(r._source.wait_disconnected()) for _ in range(3))
        await asyncio.sleep(0)

    async with serving(handler, mode) as (client, server):
        for _ in range(20):
            assert (await client.get()).status == 200
        await settle()
        assert len(watching) == 60
        assert all(task.done() for task in watching)
        assert server.stats().connections_accepted == 1


# TestCloseWrite is shown wherever a connection lingers: test_keep_alive.py, test_refusals.py


# --- the log


@every_mode
async def test_the_log_has_nothing_to_say_of_what_went_well(mode, caplog):
    caplog.set_level(logging.INFO)
    async with serving(nothing, mode) as (client, _):
        assert (await client.get()).status == 200
    assert [record for record in caplog.records if record.name.startswith("holdfast")] == []
