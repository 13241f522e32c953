"""``w.read_from(source)``: a whole source into the response, no further than its declared length.

Go's net/http serve_test.go, ``ReadFrom``.
"""

from __future__ import annotations

import asyncio
import io

import pytest

from holdfast.errors import ContentLengthError
from holdfast.testing import BrokenResponse, serving
from tests.whole.modes import every_mode


class Source:
    """Something with an async ``read``, that waits for a go."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.go = asyncio.Event()

    async def read(self, n: int) -> bytes:
        await self.go.wait()
        return self.pieces.pop(0) if self.pieces else b""


def kinds(tmp_path, body):
    path = tmp_path / "body"
    path.write_bytes(body)
    waiting = Source(body[:1], body[1:])
    waiting.go.set()
    return {"memory": io.BytesIO(body), "file": path.open("rb"), "async": waiting}


KINDS = pytest.mark.parametrize("kind", ["memory", "file", "async"])


# TestHeadReaderFrom
@every_mode
@KINDS
async def test_an_answer_to_head_sends_nothing_of_the_source(mode, kind, tmp_path):
    async def handler(w, r):
        sources = kinds(tmp_path, b"a" * 5000)
        await w.read_from(sources[kind])
        sources["file"].close()

    async with serving(handler, mode, memory=False) as (client, _):
        for _ in range(2):
            response = await client.request("HEAD", "/")
            assert (response.status, response.header("Content-Type")) == (200, "text/plain; charset=utf-8")


# TestReaderFromTooLong
@every_mode
@KINDS
@pytest.mark.parametrize("excess", [1, 10_000])
@pytest.mark.parametrize("length", [5, 5000])
async def test_no_more_than_the_declared_length_is_sent_and_the_excess_is_reported(
    mode, kind, length, excess, tmp_path
):
    raised = []

    async def handler(w, r):
        sources = kinds(tmp_path, b"a" * length + b"b" * excess)
        w.headers["Content-Length"] = str(length)
        try:
            await w.read_from(sources[kind])
        except ContentLengthError as error:
            raised.append(error)
        sources["file"].close()

    async with serving(handler, mode, memory=False) as (client, _):
        for _ in range(2):  # the connection is in order behind it
            response = await client.get("/")
            assert (response.framing, response.body) == ("length", b"a" * length)
        assert len(raised) == 2


# TestServerReaderFromOrder
@every_mode
async def test_nothing_is_sent_before_the_source_has_something(mode):
    source = Source(b"<html>late")

    async def handler(w, r):
        await w.read_from(source)

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await peer.arrived() == b""
        source.go.set()
        response = await peer.read_response()
        assert (response.header("Content-Type"), response.body) == ("text/html; charset=utf-8", b"<html>late")


# A source that fails in the middle must not look like one that ended
@every_mode
async def test_a_source_that_fails_breaks_the_response_off(mode):
    class Failing(Source):
        async def read(self, n):
            if not self.pieces:
                raise OSError("the disk is gone")
            return self.pieces.pop(0)

    async def handler(w, r):
        await w.read_from(Failing(b"x" * 5000))

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(BrokenResponse):
            await peer.read_response()
