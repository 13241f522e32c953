"""Fields behind the body, both ways.

RFC 9110 section 6.5, RFC 9112 section 7.1.2; Go's net/http serve_test.go and clientserver_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.errors import LocalProtocolError
from holdfast.testing import serving
from tests.whole.modes import every_mode


# TestTrailersServerToClient, TestTrailersServerToClientFlush
@every_mode
@pytest.mark.parametrize("flushes", [False, True], ids=["at once", "flushed"])
@pytest.mark.rfc("9110", "6.5", "Trailer fields can be useful for supplying message integrity checks")
async def test_declared_trailers_arrive_and_others_do_not(mode, flushes):
    async def handler(w, r):
        w.headers["Trailer"] = "Server-Trailer-A, Server-Trailer-B"
        w.headers.add("Trailer", "Server-Trailer-C")
        await w.write(b"hello")
        if flushes:
            await w.flush()
        w.headers["Server-Trailer-A"] = "valuea"
        w.headers["Server-Trailer-C"] = "valuec"  # B is declared and never set
        w.headers["Server-Trailer-NotDeclared"] = "should be omitted"

    async with serving(handler, mode) as (client, server):
        for _ in range(2):
            response = await client.get("/")
            assert (response.body, response.framing) == (b"hello", "chunked")
            assert response.values("Trailer") == ["Server-Trailer-A, Server-Trailer-B", "Server-Trailer-C"]
            assert response.trailers == [("Server-Trailer-A", "valuea"), ("Server-Trailer-C", "valuec")]
        assert server.stats().connections_accepted == 1


# TestServerUndeclaredTrailers: where Go has names with the prefix "Trailer:", here is ``w.trailers``
@every_mode
async def test_undeclared_trailers_are_sent_once_the_response_is_chunked(mode):
    async def handler(w, r):
        w.headers["Foo"] = "Bar"
        await w.flush()
        w.trailers["Foo"] = "Baz"
        w.trailers.add("Foo", "Qux")
        w.trailers["Baz"] = "2"

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert response.header("Foo") == "Bar"
        assert response.trailers == [("Foo", "Baz"), ("Foo", "Qux"), ("Baz", "2")]


# TestServerUndeclaredTrailers: those set before the first write make the response chunked, and are declared
@every_mode
async def test_trailers_set_in_time_declare_themselves(mode):
    async def handler(w, r):
        w.trailers["X-Sum"] = "not known yet"
        await w.write(b"small")
        w.trailers["X-Sum"] = "forty-two"

    async with serving(handler, mode) as (client, _):
        response = await client.get("/")
        assert (response.header("Trailer"), response.framing) == ("X-Sum", "chunked")
        assert response.trailers == [("X-Sum", "forty-two")]


# What of it a response without chunks can carry: nothing, and nothing breaks
@every_mode
@pytest.mark.parametrize(
    ("first", "fields"),
    [
        ("HEAD / HTTP/1.1", {}),
        ("GET / HTTP/1.0", {}),
        ("GET / HTTP/1.1", {"Content-Length": "2"}),
    ],
    ids=["HEAD", "1.0", "declared"],
)
async def test_a_response_that_is_not_chunked_has_no_trailers(mode, first, fields):
    async def handler(w, r):
        w.headers.update(fields)
        w.trailers["X-Sum"] = "forty-two"
        await w.write(b"ok")

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(f"{first}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await peer.read_until_closed()
        assert b"forty-two" not in answer
        assert answer.endswith(b"\r\n\r\n" if first.startswith("HEAD") else b"\r\n\r\nok")


FORBIDDEN = [
    "Content-Length",
    "Transfer-Encoding",
    "Trailer",
    "Host",
    "Authorization",
    "Content-Type",
    "If-Match",
]


# Go leaves a forbidden name out of the trailers without a word; in ``w.trailers`` it is refused
@every_mode
@pytest.mark.parametrize("name", FORBIDDEN)
async def test_what_frames_or_routes_is_no_trailer(mode, name, caplog):
    async def handler(w, r):
        await w.flush()
        w.trailers[name] = "1"

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"\r\n0\r\n" not in await peer.read_until_closed()  # cut, and not ended
        assert LocalProtocolError.__name__ in caplog.text
        assert f"{name.lower()!r} is not allowed in trailers" in caplog.text


# TestTrailersClientToServer
@every_mode
async def test_a_requests_trailers_are_there_once_its_body_was_read(mode):
    seen = []

    async def handler(w, r):
        seen.append(r.trailers.items())
        await w.write(await r.read())
        seen.append(r.trailers.items())

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        for _ in range(2):
            await peer.send(
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                b"Trailer: Client-Trailer-A, Client-Trailer-B\r\n\r\n"
                b"3\r\nfoo\r\n0\r\nClient-Trailer-A: valuea\r\nClient-Trailer-Undeclared: too\r\n\r\n"
            )
            assert (await peer.read_response()).body == b"foo"
        arrived = [("Client-Trailer-A", "valuea"), ("Client-Trailer-Undeclared", "too")]
        assert seen == [[], arrived] * 2
        assert server.stats().connections_accepted == 1


# TestTrailersClientToServer: they never mix with the fields of the head
@every_mode
async def test_a_requests_trailers_are_not_among_its_headers(mode):
    async def handler(w, r):
        await r.read()
        await w.write(r.headers.get("X-Auth", "none"))

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Auth: admin\r\n\r\n"
        )
        assert (await peer.read_response()).body == b"none"
