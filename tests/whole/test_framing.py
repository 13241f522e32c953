"""How the server frames what a handler writes: the length, the chunks, or the end of the connection.

RFC 9112 section 6; RFC 9110 sections 6.4 and 8.6; Go's net/http serve_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.errors import BodyNotAllowed, ContentLengthError
from holdfast.server.replies import error
from holdfast.testing import BrokenResponse, serving
from tests.whole.modes import every_mode

TEXT = "text/plain; charset=utf-8"


async def nothing(w, r):
    pass


def writes(*sizes, **headers):
    async def handler(w, r):
        for name, value in headers.items():
            w.headers[name.replace("_", "-")] = value
        for size in sizes:
            await w.write(b"x" * size)

    return handler


async def flush_then_write(w, r):
    await w.flush()
    await w.write(b"abc")


async def write_flush_write(w, r):
    await w.write(b"abc")
    await w.flush()
    await w.write(b"def")


async def length_suppressed(w, r):
    w.headers.suppress("Content-Length")
    await w.write(b"x")


async def type_suppressed(w, r):
    w.headers.suppress("Content-Type")
    await w.write(b"x")


def code(status):
    async def handler(w, r):
        w.write_header(status)

    return handler


def line(method="GET", version="1.1", *fields):
    return "\r\n".join([f"{method} / HTTP/{version}", "Host: x", *fields, "", ""]).encode()


# (the request, the handler, how the end is told, Content-Length, the chunks' sizes, Content-Type)
# fmt: off
FRAMES = {
    "nothing": (line(), nothing, "length", "0", [], None),
    "nothing, 1.0": (line(version="1.0"), nothing, "length", "0", [], None),
    "one write of 2048": (line(), writes(2048), "length", "2048", [], TEXT),
    "one write of 2049": (line(), writes(2049), "chunked", None, [2049], TEXT),
    "1024, then 1025": (line(), writes(1024, 1025), "chunked", None, [2049], TEXT),
    "1024, 1025, then 5": (line(), writes(1024, 1025, 5), "chunked", None, [2049, 5], TEXT),
    "ones": (line(), writes(*[1] * 100), "length", "100", [], TEXT),
    "flush, then 3": (line(), flush_then_write, "chunked", None, [3], None),
    "3, flush, 3": (line(), write_flush_write, "chunked", None, [3, 3], TEXT),
    "1.0, 10": (line(version="1.0"), writes(10), "length", "10", [], TEXT),
    "1.0, 3000": (line(version="1.0"), writes(3000), "close", None, [], TEXT),
    "1.0 kept, 3000": (line("GET", "1.0", "Connection: keep-alive"), writes(3000), "close", None, [], TEXT),
    "1.0 kept, 10": (line("GET", "1.0", "Connection: keep-alive"), writes(10), "length", "10", [], TEXT),
    "HEAD, 5": (line("HEAD"), writes(5), "none", "5", [], TEXT),
    "HEAD, 3000": (line("HEAD"), writes(3000), "none", None, [], TEXT),
    "HEAD, nothing": (line("HEAD"), nothing, "none", None, [], None),
    "HEAD, declared": (line("HEAD"), writes(Content_Length="7"), "none", "7", [], None),
    "204": (line(), code(204), "none", None, [], None),
    "205": (line(), code(205), "length", "0", [], None),
    "304": (line(), code(304), "none", None, [], None),
    "no length wanted": (line(), length_suppressed, "chunked", None, [1], TEXT),
    "no type wanted": (line(), type_suppressed, "length", "1", [], None),
    "declared": (line(), writes(3000, Content_Length="3000"), "length", "3000", [], TEXT),
    "an encoding is not sniffed": (line(), writes(9, Content_Encoding="x"), "length", "9", [], None),
    "identity, declared":
        (line(), writes(3, Content_Length="3", Transfer_Encoding="identity"), "length", "3", [], None),
    "identity": (line(), writes(3, Transfer_Encoding="identity"), "close", None, [], None),
    "chunked by hand": (line(), writes(3, Transfer_Encoding="chunked"), "chunked", None, [3], None),
    "chunked by hand, and declared":
        (line(), writes(3, Transfer_Encoding="chunked", Content_Length="3"), "chunked", None, [3], None),
    "HEAD, chunked by hand": (line("HEAD"), writes(3, Transfer_Encoding="chunked"), "none", None, [], None),
}
# fmt: on


# The table "Observed framing"; also TestIdentityResponse, TestContentLengthZero, TestHeadResponses,
# TestNoContentLengthIfTransferEncoding, TestHandlerSetTransferEncodingChunked,
# TestDisableContentLength, TestContentEncodingNoSniffing, TestResponseWriterWriteString
@every_mode
@pytest.mark.parametrize("frame", FRAMES)
async def test_how_the_end_of_the_body_is_told(mode, frame):
    asked, handler, framing, length, chunks, kind = FRAMES[frame]
    written = []

    async def counted(w, r):
        await handler(w, r)
        written.append(w.bytes_written)

    async with serving(counted, mode) as (client, _):
        peer = await client.connect()
        await peer.send(asked)
        response = await peer.read_response(asked.split()[0].decode())
        assert (response.framing, response.header("Content-Length")) == (framing, length)
        assert response.chunks == chunks
        assert response.header("Content-Type") == kind
        assert len(response.body) == (0 if framing == "none" else written[0])
        if framing != "close" and b"HTTP/1.1" in asked:  # nothing but the response has come
            await peer.send(asked)
            again = await peer.read_response(asked.split()[0].decode())
            assert (again.status, again.chunks) == (response.status, chunks)


# TestServerBufferedChunking
@every_mode
async def test_writes_of_one_byte_are_one_chunk(mode):
    async def handler(w, r):
        await w.flush()
        for letter in "xyz":
            await w.write(letter)

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert (response.chunks, response.body) == ([3], b"xyz")


# TestIdentityResponse, "declared 10, wrote 3"
@every_mode
@pytest.mark.rfc(
    "9112", "8", "the recipient MUST consider the message to be incomplete and close the connection"
)
async def test_a_body_shorter_than_declared_ends_with_the_connection(mode):
    async with serving(writes(3, Content_Length="10"), mode) as (client, _):
        peer = await client.connect()
        await peer.send(line())
        answer = await peer.read_until_closed()
        assert b"\r\nContent-Length: 10\r\n" in answer
        assert answer.endswith(b"\r\n\r\nxxx")
        assert peer.ending == "eof"


# TestIdentityResponse, "declared 2, wrote 3 at once"
@every_mode
async def test_a_body_longer_than_declared_is_refused_where_it_is_written(mode):
    raised = []

    async def handler(w, r):
        w.headers["Content-Length"] = "6"
        await w.write(b"abc")
        for _ in range(2):
            with pytest.raises(ContentLengthError) as caught:
                await w.write(b"defg")
            raised.append(str(caught.value))
        with pytest.raises(ContentLengthError):
            await w.write(b"def")  # or the body would look whole and have a hole in it

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(line())
        with pytest.raises(BrokenResponse, match="expected 6 bytes"):
            await peer.read_response()
        assert raised == [f"4 bytes written, {left} left of Content-Length" for left in (3, 0)]


# TestIdentityResponse; where Go closes without a word, a handler that raises before its head gets a 500
@every_mode
async def test_a_body_longer_than_declared_that_nobody_caught_is_a_500(mode, caplog):
    async with serving(writes(3, Content_Length="2"), mode) as (client, _):
        response = await client.get("/")
        assert (response.status, response.header("Connection")) == (500, "close")
        assert "3 bytes written, 2 left of Content-Length" in caplog.text


# TestHandlerSetTransferEncodingGzip
@every_mode
async def test_a_handlers_coding_is_sent_and_chunked_comes_last(mode):
    async with serving(writes(3, Transfer_Encoding="gzip"), mode) as (client, _):
        peer = await client.connect()
        await peer.send(line("GET", "1.1", "Connection: close"))
        answer = await peer.read_until_closed()
        head, _, body = answer.partition(b"\r\n\r\n")
        codings = [part for part in head.split(b"\r\n") if part.startswith(b"Transfer-Encoding")]
        assert codings == [b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"]
        assert b"Content-" not in head
        assert body == b"3\r\nxxx\r\n0\r\n\r\n"


# TestCodesPreventingContentTypeAndBody, TestContentTypeOkayOn204
@every_mode
@pytest.mark.parametrize(("status", "kind"), [(204, "text/x"), (304, None)])
async def test_a_status_without_body_refuses_one_and_has_no_fields_of_one(mode, status, kind):
    async def handler(w, r):
        w.headers["Content-Length"] = "3"
        w.headers["Content-Type"] = "text/x"
        w.write_header(status)
        with pytest.raises(BodyNotAllowed, match=f"a {status} response has no body"):
            await w.write(b"abc")

    async with serving(handler, mode) as (client, server):
        for _ in range(2):
            response = await client.get("/")
            assert (response.status, response.header("Content-Type")) == (status, kind)
            assert response.header("Content-Length") is None
        assert server.stats().connections_accepted == 1


# TestCodesPreventingContentTypeAndBody (101); a 101 that was not hijacked ends the connection here: the peer
# would speak another protocol on it
@every_mode
async def test_a_101_without_hijack_has_no_body_and_is_the_last_answer(mode):
    async def handler(w, r):
        w.headers.update({"Upgrade": "x", "Connection": "upgrade"})
        w.write_header(101)
        with pytest.raises(BodyNotAllowed):
            await w.write(b"abc")

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(line("GET", "1.1", "Connection: upgrade", "Upgrade: x"))
        response = await peer.read_response()
        assert (response.status, response.header("Upgrade")) == (101, "x")
        assert await peer.expect_closed() == "eof"


# TestServerNoDate
@every_mode
async def test_a_suppressed_date_is_not_sent_and_a_handlers_own_is_the_only_one(mode):
    async def handler(w, r):
        if r.path == "/none":
            w.headers.suppress("Date")
        elif r.path == "/own":
            w.headers["Date"] = "Sun, 06 Nov 1994 08:49:37 GMT"

    async with serving(handler, mode) as (client, _):
        assert (await client.get("/none")).header("Date") is None
        assert (await client.get("/own")).header("Date") == "Sun, 06 Nov 1994 08:49:37 GMT"
        assert (await client.get("/")).header("Date") is not None


# TestErrorContentLength
@every_mode
async def test_an_error_after_a_length_was_set_has_its_own(mode):
    async def handler(w, r):
        w.headers["Content-Length"] = "1000"
        await error(w, "an error", 404)

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert (response.status, response.body, response.framing) == (404, b"an error\n", "length")
