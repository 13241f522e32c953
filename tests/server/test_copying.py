"""All of a source into a response.

nethttp.md 10.2 and 10.4: TestHeadReaderFrom, TestReaderFromTooLong, TestServerReaderFromOrder,
TestContentTypeWithVariousSources.
"""

from __future__ import annotations

import asyncio
import io

import pytest

from holdfast.errors import ContentLengthError
from holdfast.testing import recorder, serving

PAGE = b"<html>" + b"x" * 300_000


class Slow:
    """An async source that gives what it is fed."""

    def __init__(self):
        self.pieces = asyncio.Queue()

    async def read(self, n):
        return await self.pieces.get()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "page"
    path.write_bytes(PAGE)
    with path.open("rb") as opened:
        yield opened


@pytest.fixture(params=["file", "bytes", "async"])
def source(request, file):
    if request.param == "async":
        source = Slow()
        for piece in (PAGE[:100], PAGE[100:], b""):
            source.pieces.put_nowait(piece)
        return source
    return file if request.param == "file" else io.BytesIO(PAGE)


async def test_every_kind_of_source_is_copied_and_sniffed(source):
    w, _ = recorder()
    assert await w.read_from(source) == len(PAGE)
    response = await w.result()
    assert response.body == PAGE
    assert response.header("Content-Type") == "text/html; charset=utf-8"


async def test_a_head_request_gets_nothing_of_it(source):
    w, _ = recorder("HEAD")
    assert await w.read_from(source) == len(PAGE)
    assert (await w.result()).body == b""


async def test_no_more_than_the_declared_length_is_sent_and_the_excess_reported(source):
    w, _ = recorder()
    w.headers["Content-Length"] = "10"
    with pytest.raises(ContentLengthError):
        await w.read_from(source)
    assert (await w.result()).body == PAGE[:10]


async def test_a_file_is_copied_from_where_it_stands_and_stands_at_its_end_then(file):
    w, _ = recorder()
    file.seek(len(PAGE) - 3)
    assert await w.read_from(file) == 3
    assert file.tell() == len(PAGE)
    assert (await w.result()).body == b"xxx"


async def test_an_empty_source_leaves_the_response_open():
    w, _ = recorder()
    assert await w.read_from(io.BytesIO()) == 0
    assert w.status == 0
    w.write_header(404)
    assert (await w.result()).status == 404


async def test_nothing_is_sent_before_the_source_gave_something():
    source = Slow()

    async def handler(w, r):
        await w.read_from(source)

    async with serving(handler) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await peer.arrived() == b""
        for piece in (b"at last", b""):
            source.pieces.put_nowait(piece)
        assert (await peer.read_response()).body == b"at last"


async def test_a_request_body_is_a_source():
    async def handler(w, r):
        await w.read_from(r.body)

    async with serving(handler) as (client, _):
        assert (await client.post("/", body=b"echo")).body == b"echo"
