"""MaxBytes.  nethttp.md 10.7: TestMaxBytesReaderStickyError, …DifferentLimits, TestIssue10884_MaxBytesEOF."""

from __future__ import annotations

import pytest

from holdfast.errors import BodyTooLarge
from holdfast.server.maxbytes import MaxBytes
from holdfast.testing import recorder, serving


@pytest.mark.parametrize(
    ("limit", "body", "got"),
    [
        (5, b"123456", b"12345"),
        (1, b"12", b"1"),
        (0, b"1", b""),
        (-1, b"1", b""),
        (5, [b"12", b"34", b"56"], b"12345"),
    ],
    ids=["one more", "one of two", "none", "negative", "chunked"],
)
@pytest.mark.parametrize("piece", [1, 2, 100])
async def test_the_read_beyond_the_limit_raises_for_good(limit, body, got, piece):
    read = b""

    async def handler(w, r):
        nonlocal read
        for _ in range(10):
            read += await r.body.read(min(piece, len(got) - len(read)) or piece)

    w, r = recorder("POST", "/", body=body)
    with pytest.raises(BodyTooLarge) as raised:
        await MaxBytes(handler, limit).serve_http(w, r)
    assert read == got
    assert raised.value.max_bytes == max(limit, 0)


async def test_the_error_stays():
    async def handler(w, r):
        for _ in range(2):
            with pytest.raises(BodyTooLarge):
                await r.body.read()

    w, r = recorder("POST", "/", body=b"123456")
    await MaxBytes(handler, 5).serve_http(w, r)


async def test_a_body_of_exactly_the_limit_ends_as_any_other():
    async def handler(w, r):
        assert await r.body.read(5) == b"12345"
        assert await r.body.read() == b""

    w, r = recorder("POST", "/", body=b"12345")
    await MaxBytes(handler, 5).serve_http(w, r)


async def test_the_original_request_has_no_limit():
    async def handler(w, r):
        pass

    w, r = recorder("POST", "/", body=b"12345")
    await MaxBytes(handler, 1).serve_http(w, r)
    assert await r.read() == b"12345"


async def test_what_is_too_large_is_answered_by_413_and_costs_the_connection():
    async def handler(w, r):
        await w.write(await r.read())

    async with serving(MaxBytes(handler, 5)) as (client, _):
        assert (await client.post("/", body=b"12345")).body == b"12345"
        response = await client.post("/", body=b"123456")
        assert (response.status, response.header("Connection")) == (413, "close")
