"""What a peer may make the server take, to the byte, and malformed bodies, which are the other side of it.

Requirements S6, S8, S21; RFC 9112 section 7.1; Go's serve_test.go and internal/chunked_test.go.
"""

from __future__ import annotations

import pytest

from holdfast import limits
from holdfast.errors import BodyTooLarge, RemoteProtocolError
from holdfast.server.maxbytes import MaxBytes
from holdfast.testing import serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"


async def hello(w, r):
    await w.write(str(len(r.headers)))


async def read_all(w, r):
    await w.write(await r.read())


# --- the head


def head_of(size: int, line: int = 0) -> bytes:
    """A request whose head is ``size`` bytes up to its last two line ends, and its first line ``line``."""
    start = b"GET /%b HTTP/1.1\r\nHost: x\r\nA: " % (b"p" * max(0, line - 14))
    return start + b"v" * (size - len(start)) + b"\r\n\r\n"


# TestRequestLimit.  Go takes 4096 bytes more than it is told; ours is the number itself.
@every_mode
@pytest.mark.parametrize("limit", [limits.MAX_HEADER_BYTES, 1000])
@pytest.mark.parametrize("more", [0, 1])
async def test_a_head_may_have_so_many_bytes_and_no_more(mode, limit, more):
    async with serving(hello, mode, max_header_bytes=limit) as (client, _):
        peer = await client.connect()
        await peer.send(head_of(limit + more))
        response = await peer.read_response()
        assert response.status == (431 if more else 200)
        if more:
            assert response.header("Connection") == "close"
            assert await peer.expect_closed() == "eof"


# TestRequestLimit: a URI alone that is too long.  Go says 431 to that too; RFC 9110 has 414 for it.
@every_mode
@pytest.mark.rfc("9112", "3", "MUST respond with a 414 (URI Too Long) status code")
async def test_a_long_request_line_is_answered_414(mode):
    async with serving(hello, mode, max_header_bytes=1000) as (client, _):
        peer = await client.connect()
        await peer.send(head_of(2000, line=1100))
        assert (await peer.read_response()).status == 414
        assert await peer.expect_closed() == "eof"


# TestRequestLimit: an endless head is not waited for, nor kept
@every_mode
async def test_a_head_without_end_is_refused_at_the_limit(mode):
    async with serving(hello, mode, max_header_bytes=1000) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\nA: ")
        await peer.send(b"v" * 900)
        assert await peer.arrived() == b""
        await peer.send(b"v" * 100)
        assert (await peer.read_response()).status == 431


# TestRequestHeaderValueCountLimit
@every_mode
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Host: x\r\n" + b"A: 1\r\n" * 9, 200),
        (b"Host: x\r\n" + b"A: 1\r\n" * 10, 431),
        (b"Host: x\r\n" + b"A: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\r\n", 200),  # a list is one value
        (b"Host: x\r\nTransfer-Encoding: chunked\r\nTrailer: %b\r\n" % b",".join([b"a"] * 8), 200),
        (b"Host: x\r\nTransfer-Encoding: chunked\r\nTrailer: %b\r\n" % b",".join([b"a"] * 9), 431),
    ],
    ids=["10 lines", "11 lines", "a list", "10 with declared trailers", "11 with declared trailers"],
)
async def test_a_head_may_have_so_many_fields_and_no_more(mode, fields, status):
    async with serving(hello, mode, max_header_count=10) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\n" + fields + b"\r\n0\r\n\r\n")
        assert (await peer.read_response()).status == status


@every_mode
@pytest.mark.parametrize(("count", "status"), [(500, 200), (501, 431)])
async def test_by_default_a_head_may_have_500_fields(mode, count, status):
    async with serving(hello, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: 1\r\n" * (count - 1) + b"\r\n")
        assert (await peer.read_response()).status == status


# --- trailers


# TestRequestTrailerHeaderValueCountLimit: what comes counts with the head's lines, as a failure of the body
@every_mode
@pytest.mark.parametrize(("count", "kept"), [(8, True), (9, False)])
async def test_trailers_count_with_the_fields_of_their_head(mode, count, kept):
    async def handler(w, r):
        try:
            await r.read()
        except RemoteProtocolError:
            await w.write(b"too many")
        else:
            await w.write(str(len(r.trailers)))

    async with serving(handler, mode, max_header_count=10) as (client, server):
        peer = await client.connect()
        await peer.send(CHUNKED + b"\r\n0\r\n" + b"A: 1\r\n" * count + b"\r\n")
        response = await peer.read_response()
        assert response.body == (b"8" if kept else b"too many")
        assert response.header("Connection") == (None if kept else "close")
        if not kept:
            peer.send_eof()
            assert await peer.expect_closed() == "eof"
            await settle()
            assert server.stats().closed_because == {CloseReason.BODY_BROKEN: 1}


# --- malformed bodies

# fmt: off
MALFORMED = {
    # TestInvalidChunkedBodies: a reader that goes on here sees another request than the one before it
    "LF alone behind the size":           b"1\na\r\n0\r\n\r\n",
    "LF alone in an extension":           b"1;a=\n\r\na\r\n0\r\n\r\n",
    "no CRLF behind the data":            b"1\r\na0\r\n\r\n",
    "LF alone behind the data":           b"1\r\na\n0\r\n\r\n",
    "two other bytes behind the data":    b"1\r\naXY0\r\n\r\n",
    "LF alone behind the last chunk":     b"1\r\na\r\n0\n\r\n",
    # TestChunkInvalidInputs
    "a CR in the size":                   b"1\ra\r\na\r\n0\r\n\r\n",
    "no size":                            b"\r\na\r\n0\r\n\r\n",
    "a size of 17 digits":                b"00000000000000001\r\na\r\n0\r\n\r\n",
    "a size with a sign":                 b"+1\r\na\r\n0\r\n\r\n",
    "a size with 0x":                     b"0x1\r\na\r\n0\r\n\r\n",
    "a size behind a space":              b" 1\r\na\r\n0\r\n\r\n",
    "a space before an extension":        b"1 ;a=b\r\na\r\n0\r\n\r\n",
    "a size that is none":                b"xyz\r\na\r\n0\r\n\r\n",
    "a line that is too long":            b"1;a=%b\r\na\r\n0\r\n\r\n" % (b"x" * limits.MAX_CHUNK_LINE),
    # TestChunkReaderTooMuchOverhead
    "little but framing":                 (b"1;a=%b\r\na\r\n" % (b"x" * 1000)) * 20 + b"0\r\n\r\n",
    # TestInvalidTrailerClosesConnection is of 10.2; a trailer that would frame, and one without end
    "a trailer that frames":              b"1\r\na\r\n0\r\nContent-Length: 3\r\n\r\n",
    "a trailer section that is too long": b"1\r\na\r\n0\r\nA: %b\r\n\r\n" % (b"x" * limits.MAX_TRAILER_BYTES),
    "a malformed trailer":                b"1\r\na\r\n0\r\nA : b\r\n\r\n",
}
# fmt: on


# TestInvalidChunkedBodies, TestChunkInvalidInputs, TestChunkReaderTooMuchOverhead
@every_mode
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_body_is_answered_400_and_nothing_behind_it_is_read(mode, case):
    async with serving(read_all, mode) as (client, server):
        peer = await client.connect()
        await peer.send(CHUNKED + b"\r\n" + MALFORMED[case] + NEXT)
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (400, "close")
        peer.send_eof()
        assert await peer.expect_closed() == "eof"
        await settle()
        assert server.stats().requests == 1
        assert server.stats().closed_because == {CloseReason.BODY_BROKEN: 1}


# TestChunkReaderTooMuchOverhead: what is small, and not only framing, is no attack
@every_mode
async def test_a_body_of_many_small_chunks_is_read(mode):
    async with serving(read_all, mode) as (client, _):
        assert len((await client.post("/", body=[b"x"] * 5000)).body) == 5000


# TestBodyReadBadTrailer
@every_mode
async def test_after_a_bad_trailer_further_reads_fail_too(mode):
    failures = []

    async def handler(w, r):
        assert await r.body.read(1) == b"a"
        for _ in range(3):
            with pytest.raises(RemoteProtocolError) as failed:
                await r.body.read(1)
            failures.append(str(failed.value))

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(CHUNKED + b"\r\n" + MALFORMED["a malformed trailer"])
        assert (await peer.read_response()).header("Connection") == "close"
    assert len(failures) == 3
    assert len(set(failures)) == 1


# TestReadRequestErrors: a body that is shorter than it was to be
@every_mode
@pytest.mark.parametrize(
    "body", [b"Content-Length: 5\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"]
)
async def test_a_body_that_ends_early_is_an_error_and_not_an_end(mode, body):
    async with serving(read_all, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\n" + body)
        peer.send_eof()
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (400, "close")
        assert await peer.expect_closed() == "eof"


# --- the handler's own limit


# TestRequestBodyLimit
@every_mode
@pytest.mark.parametrize("framing", [b"Content-Length: 100000000", b"Transfer-Encoding: chunked"])
async def test_a_flood_stops_soon_behind_the_limit(mode, framing):
    read = []

    async def handler(w, r):
        r.limit_body(100_000)
        async for piece in r.body:
            read.append(len(piece))

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % framing)
        sent = 0
        (conn,) = server.crowd
        chunk = b"1000\r\n%b\r\n" % (b"x" * 4096) if b"chunked" in framing else b"x" * 4096
        while conn.reason is None and sent < 10_000_000:
            await peer.send(chunk)
            sent += 4096
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (413, "close")
        assert await peer.expect_closed() == "eof"
        assert sum(read) == 100_000
        assert sent <= 100_000 + 2 * limits.MAX_DRAIN_BYTES
        await peer.close()
        await settle()
        assert server.stats().closed_because == {CloseReason.BODY_BROKEN: 1}


# TestMaxBytesHandler, TestIssue10884_MaxBytesEOF
@every_mode
@pytest.mark.parametrize("chunks", [False, True], ids=["counted", "chunked"])
async def test_the_limit_of_a_handler_is_for_each_request(mode, chunks):
    async with serving(MaxBytes(read_all, 100), mode) as (client, server):
        for size, status in [(99, 200), (100, 200), (100, 200), (101, 413), (0, 200), (100, 200)]:
            body = b"x" * size
            response = await client.post("/", body=[body] if chunks and body else body)
            assert response.status == status
            assert response.header("Connection") == ("close" if status == 413 else None)
        assert server.stats().connections_accepted == 2


# TestMaxBytesReaderStickyError
@every_mode
async def test_behind_the_limit_every_read_fails(mode):
    async def handler(w, r):
        r.limit_body(3)
        assert await r.body.read(3) == b"abc"
        for _ in range(2):
            with pytest.raises(BodyTooLarge) as failed:
                await r.body.read(1)
            assert failed.value.max_bytes == 3
        w.write_header(413)

    async with serving(handler, mode) as (client, _):
        assert (await client.post("/", body=b"abcdef")).status == 413
