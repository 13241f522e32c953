"""``default_headers``: fields that every response has unless its handler set them."""

from __future__ import annotations

import pytest

from holdfast import Server
from holdfast.net.clock import FakeClock
from holdfast.testing import advance, serving
from tests.whole.modes import every_mode

DEFAULTS = [("Server", "holdfast"), ("X-Frame-Options", "DENY")]


async def plain(w, r):
    await w.write("plain")


async def streamed(w, r):
    await w.write("one")
    await w.flush()
    await w.write("two")


async def empty(w, r):
    w.write_header(204)


async def failing(w, r):
    raise LookupError("on purpose")


HANDLERS = [plain, streamed, empty, failing]


@every_mode
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("handler", HANDLERS, ids=[handler.__name__ for handler in HANDLERS])
async def test_every_response_has_them(handler, method, mode):
    async with serving(handler, mode, default_headers=DEFAULTS) as (client, _):
        for _ in range(2):  # made, then remembered
            response = await client.request(method)
            assert response.values("Server") == ["holdfast"]
            assert response.values("X-Frame-Options") == ["DENY"]
            assert response.header("Date")


@pytest.mark.parametrize("flush", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["Server", "server", "SERVER"])
async def test_a_handler_has_the_last_word(name, flush):
    async def handler(w, r):
        w.headers[name] = "mine"
        await w.write("x")
        if flush:
            await w.flush()

    async with serving(handler, default_headers=DEFAULTS) as (client, _):
        response = await client.get()
        assert response.values("Server") == ["mine"]
        assert response.values("X-Frame-Options") == ["DENY"]


async def test_the_memory_of_one_server_is_not_anothers():
    for value in ("one", "two"):
        async with serving(plain, default_headers=[("Server", value)]) as (client, _):
            assert (await client.get()).values("Server") == [value]
    async with serving(plain) as (client, _):
        assert (await client.get()).values("Server") == []


async def test_a_default_date_takes_the_place_of_ours():
    async with serving(plain, default_headers=[("Date", "today")]) as (client, _):
        assert (await client.get()).values("Date") == ["today"]


async def test_a_default_close_closes():
    async with serving(plain, default_headers=[("Connection", "close")]) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await peer.read_response()).values("Connection") == ["close"]
        assert await peer.expect_closed() == "eof"


async def test_a_refusal_has_them_and_a_date():
    defaults = [*DEFAULTS, ("Connection", "close"), ("Content-Type", "text/html")]
    async with serving(plain, default_headers=defaults) as (client, _):
        peer = await client.connect()
        await peer.send(b"no request\r\n\r\n")
        response = await peer.read_response()
        assert response.status == 400
        assert response.values("Server") == ["holdfast"]
        assert response.values("Connection") == ["close"]
        assert response.values("Content-Type") == ["text/plain; charset=utf-8"]
        assert response.header("Date")


async def test_a_refusal_has_no_date_where_that_is_switched_off():
    clock = FakeClock()
    async with serving(plain, clock=clock, date_header=False, default_headers=DEFAULTS) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HT")
        await advance(clock, 10)
        response = await peer.read_response()
        assert (response.status, response.header("Date")) == (408, None)
        assert response.values("X-Frame-Options") == ["DENY"]


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
def test_what_frames_one_body_cannot_be_a_default(name):
    with pytest.raises(ValueError, match=f"{name.lower()} cannot be a default"):
        Server(plain, default_headers=[(name, "1")])
