"""One test for each thing that ``holdfast.testing`` can do: the page to copy from."""

from __future__ import annotations

import pytest

from holdfast.testing import FakeClock, advance, memory_client, recorder, serving
from tests.whole.modes import every_mode


@every_mode
@pytest.mark.rfc("9112", "9.3", "A server MUST read the entire request message body or close the connection")
async def test_a_small_unread_body_does_not_cost_the_connection(mode):
    async def handler(w, r):
        await w.write(b"done")  # never looks at r.body

    async with serving(handler, mode) as (client, server):
        for _ in range(2):
            response = await client.post("/", body=b"x" * 1000)
            assert response.body == b"done"
        assert server.stats().connections_accepted == 1


@every_mode
@pytest.mark.parametrize("memory", [True, False], ids=["memory", "loopback"])
async def test_bytes_as_they_come_and_go(mode, memory):
    async def handler(w, r):
        body = await r.read()
        await w.write(body[:2])
        await w.flush()
        await w.write(body[2:])

    async with serving(handler, mode, memory=memory) as (client, _):
        peer = await client.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert await peer.read_exactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await peer.send(b"abcde")
        response = await peer.read_response()
        assert (response.body, response.framing, response.chunks) == (b"abcde", "chunked", [2, 3])
        await peer.send(b"GET / HTTP/1.1\r\n\r\n")  # no Host
        assert (await peer.read_response()).status == 400
        peer.send_eof()
        assert await peer.expect_closed() == "eof"


@every_mode
async def test_an_idle_connection_is_closed_in_time(mode):
    async def handler(w, r):
        await w.write(b"ok")

    clock = FakeClock()
    async with serving(handler, mode, clock=clock, idle_timeout=30) as (client, server):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await peer.read_response()).raw.endswith(b"\r\n\r\nok")
        await advance(clock, 29.9)
        assert await peer.arrived() == b""
        assert server.stats().by_state == {"idle": 1}
        await advance(clock, 0.1)
        assert await peer.expect_closed() == "eof"


async def test_a_handler_alone():
    async def handler(w, r):
        w.headers["X-Asked"] = f"{r.method} {r.path} {r.query}"
        w.write_header(201)
        await w.write(await r.read())

    w, r = recorder("POST", "/orders?x=1", body=b"tea")
    await handler(w, r)
    result = await w.result()
    assert (result.status, result.body, result.flushed) == (201, b"tea", False)
    assert result.header("X-Asked") == "POST /orders {'x': ['1']}"


async def asgi_app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def wsgi_app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]


async def native(w, r):
    w.headers["Content-Type"] = "text/plain"
    await w.write(r.path)


@pytest.mark.parametrize("app", [asgi_app, wsgi_app, native])
async def test_an_application_of_any_kind(app):
    async with memory_client(app) as client:
        response = await client.get("/a")
    assert (response.status_code, response.text) == (200, "/a")
    assert response.headers["content-type"] == "text/plain"
