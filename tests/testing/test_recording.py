"""A handler called without a server answers as it does on one."""

from __future__ import annotations

import pytest

from holdfast.errors import RemoteProtocolError
from holdfast.testing import BrokenResponse, recorder, request, serving


async def plain(w, r):
    w.headers["X-A"] = "1"
    w.write_header(201)
    await w.write(b"a")
    await w.write("b")


async def nothing(w, r): ...


async def streams(w, r):
    w.trailers["Digest"] = "y"
    await w.write_informational(103, {"Link": "a"})
    await w.write(b"abc")
    await w.flush()
    await w.write(b"d" * 5000)


async def echoes(w, r):
    w.headers["Content-Type"] = "text/plain"
    await w.write(await r.read())
    await w.write(f" {r.target} {r.headers['x-q']}")


CASES = [
    pytest.param(plain, {}, id="plain"),
    pytest.param(nothing, {}, id="nothing"),
    pytest.param(streams, {}, id="streams"),
    pytest.param(plain, {"method": "HEAD"}, id="HEAD"),
    pytest.param(
        echoes, {"method": "POST", "target": "/a?b", "headers": {"X-Q": "1"}, "body": b"in"}, id="body"
    ),
    pytest.param(
        echoes, {"method": "POST", "target": "/", "headers": {"X-Q": "1"}, "body": [b"i", b"n"]}, id="chunks"
    ),
]


@pytest.mark.parametrize(("handler", "asked"), CASES)
async def test_it_is_what_a_server_sends(handler, asked):
    asked = {"method": "GET", "target": "/", **asked}
    w, r = recorder(**asked, date_header=False)
    await handler(w, r)
    recorded = await w.result()
    async with serving(handler, date_header=False) as (client, _):
        assert recorded.raw == (await client.request(**asked)).raw


async def test_what_was_recorded():
    w, r = recorder()
    await streams(w, r)
    assert (w.status, w.bytes_written) == (200, 5003)
    result = await w.result()
    assert (result.status, result.flushed, result.chunks[0]) == (200, True, 3)
    assert (result.trailers, result.interim[0].status) == ([("Digest", "y")], 103)
    assert await w.result() is result
    w, r = recorder()
    await plain(w, r)
    assert not (await w.result()).flushed


async def test_a_response_that_was_broken_off():
    w, _ = recorder()
    await w.write(b"abc")
    await w.flush()
    w.exchange.abort()
    with pytest.raises(BrokenResponse):
        await w.result()


async def test_a_hijacked_connection():
    w, _ = recorder()
    stream, leftover = await w.hijack()
    await stream.write(b"raw")
    assert leftover == b""
    with pytest.raises(BrokenResponse) as caught:
        await w.result()
    assert caught.value.raw == b""


async def test_a_request_alone():
    r = request("DELETE", "/a%20b?x=1", headers={"X-A": "1"}, body=b"12")
    assert (r.method, r.path, r.query, r.host) == ("DELETE", "/a b", {"x": ["1"]}, "example.com")
    assert (r.headers["X-A"], r.remote_addr, await r.read()) == ("1", "192.0.2.1:1234", b"12")
    assert not r.is_disconnected


async def test_what_a_server_refuses_is_no_request():
    with pytest.raises(RemoteProtocolError, match="400 Bad Request"):
        request("GET", "/ /")


async def test_a_big_upload_goes_to_the_disk_and_is_gone():
    body = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + bytes(100) + b"\r\n--b--"
    )
    w, r = recorder("POST", "/", headers={"Content-Type": "multipart/form-data; boundary=b"}, body=body)
    file = (await r.form(max_memory=0)).file("f")
    assert await file.read() == bytes(100)
    await w.result()
    with pytest.raises(ValueError, match="closed"):
        file.file.read(1)
