"""The requests that tests send, and the reader that lets no server get away with anything."""

from __future__ import annotations

import pytest

from holdfast.errors import ConnectionReset
from holdfast.testing.messages import BrokenResponse, pairs, read_response, request_bytes


class Source:
    """Bytes, and then the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def read(self, n: int) -> bytes:
        got, self.data = self.data[:n], self.data[n:]
        return got

    async def readexactly(self, n: int) -> bytes:
        if len(self.data) < n:
            raise ConnectionReset("the end")
        return await self.read(n)

    async def readuntil(self, separator: bytes) -> bytes:
        if separator not in self.data:
            raise ConnectionReset("the end")
        return await self.read(self.data.index(separator) + len(separator))


@pytest.mark.parametrize(
    ("parts", "data"),
    [
        (("GET", "/"), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (("GET", "/", {"host": "x"}), b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
        (("POST", "/"), b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
        (("GET", "/", (), b"ab"), b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab"),
        (
            ("PUT", "/", (), [b"a", b"", b"b" * 17]),
            b"PUT / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1\r\na\r\n11\r\n" + b"b" * 17 + b"\r\n0\r\n\r\n",
        ),
        (
            ("PUT", "/", [("Host", "x"), ("Content-Length", "9")], b"a"),
            b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
        ),
    ],
)
def test_requests(parts, data):
    assert request_bytes(*parts) == data


def test_fields_are_copied():
    given = [("A", "1")]
    assert pairs(given) == given
    assert pairs(given) is not given
    assert pairs({"A": "1"}) == given


@pytest.mark.parametrize(
    ("data", "method", "framing", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", "GET", "length", b"ab"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", "length", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD", "none", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", "none", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "GET", "none", b""),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "GET", "none", b""),
        (b"HTTP/1.1 200 OK\r\n\r\n", "CONNECT", "none", b""),
        (b"HTTP/1.0 200 \r\n\r\nabc", "GET", "close", b"abc"),
    ],
)
async def test_how_a_body_ends(data, method, framing, body):
    response = await read_response(Source(data), method)
    assert (response.framing, response.body, response.closed) == (framing, body, framing == "close")


async def test_a_chunked_response_as_it_came():
    raw = (
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nX:  a \r\nx: b\r\n\r\n"
        b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\nDigest: y\r\n\r\n"
    )
    source = Source(raw + b"HTTP/1.1 200")
    response = await read_response(source)
    assert [(each.status, each.headers) for each in response.interim] == [(103, [("Link", "a")]), (100, [])]
    assert (response.status, response.reason, response.version) == (200, "Fine", "1.1")
    assert (response.body, response.chunks) == (b"abc0123456789", [3, 10])
    assert response.trailers == [("Digest", "y")]
    assert response.raw == raw
    assert source.data == b"HTTP/1.1 200"
    assert response.values("X") == ["a", "b"]
    assert (response.header("transfer-encoding"), response.header("Y")) == ("chunked", None)
    with pytest.raises(AssertionError, match="X came 2 times"):
        response.header("X")
    assert await response.read() == response.body


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the end"),
        (b"HTTP/1.1 200 OK\r\n", "the end"),
        (b"HTTP/2 200 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200\r\n\r\n", "no status line"),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\nA: b\r\n\r\n", "bare CR or LF"),
        (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "no field line"),
        (b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "no field line"),
        (b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", "no field line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "cannot be trusted"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "cannot be trusted"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "cannot be trusted"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 01\r\n\r\na", "no length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", "the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n01\r\na\r\n0\r\n\r\n", "no chunk size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n", "no chunk size"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
            "longer than its size",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", "the end"),
    ],
)
async def test_what_is_no_response(data, message):
    with pytest.raises(BrokenResponse, match=message) as caught:
        await read_response(Source(data))
    assert data.startswith(caught.value.raw)
