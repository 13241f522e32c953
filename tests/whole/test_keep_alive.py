"""Is the connection used again?  Every rule by which the server decides, and what the peer sees of it.

RFC 9112 section 9; Go's net/http serve_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.errors import ConnectionReset
from holdfast.testing import serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

GET = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
KEEP = "Connection: keep-alive"
LARGE = 256 * 1024 + 1


def request(first: str, *fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join([first, "Host: x", *fields, "", ""]).encode() + body


async def ten_bytes(w, r):
    await w.write(b"ten bytes.")


async def of_unknown_length(w, r):
    await w.write(b"a")
    await w.flush()


async def nothing(w, r):
    pass


async def too_little(w, r):
    w.headers["Content-Length"] = "10"
    await w.write(b"abc")


async def read_all(w, r):
    await w.write(str(len(await r.read())))


async def refuse_to_tunnel(w, r):
    w.write_header(403)


async def no_more_keep_alives(w, r):
    r.context["server"].set_keep_alives_enabled(False)


async def read_too_much(w, r):
    r.limit_body(2)
    try:
        await r.read()
    except Exception:
        w.write_header(413)


async def read_what_is_broken(w, r):
    try:
        await r.read()
    except Exception:
        await w.write(b"no")


def status(code):
    async def handler(w, r):
        w.write_header(code)

    return handler


def connection(value):
    async def handler(w, r):
        w.headers["Connection"] = value

    return handler


async def identity(w, r):
    w.headers["Transfer-Encoding"] = "identity"
    await w.write(b"until the end")


# (what is asked, what answers, what the Connection field of the answer says, why it closes or None)
# fmt: off
RULES = {
    "1.1 persists":
        (request("GET / HTTP/1.1"), nothing, None, None),
    "1.1 keep-alive says nothing":
        (request("GET / HTTP/1.1", KEEP), nothing, None, None),
    "1.1 204":
        (request("GET / HTTP/1.1"), status(204), None, None),
    "1.1 of unknown length":
        (request("GET / HTTP/1.1"), of_unknown_length, None, None),
    "1.1 HEAD":
        (request("HEAD / HTTP/1.1"), of_unknown_length, None, None),
    "1.0 without keep-alive":
        (request("GET / HTTP/1.0"), ten_bytes, None, CloseReason.PEER_OLD),
    "1.0 keep-alive, length known":
        (request("GET / HTTP/1.0", KEEP), ten_bytes, "keep-alive", None),
    "1.0 keep-alive in any case, in a list":
        (request("GET / HTTP/1.0", "Connection: foo, Keep-ALIVE"), ten_bytes, "keep-alive", None),
    "1.0 keep-alive, empty":
        (request("GET / HTTP/1.0", KEEP), nothing, "keep-alive", None),
    "1.0 keep-alive, 204":
        (request("GET / HTTP/1.0", KEEP), status(204), "keep-alive", None),
    "1.0 keep-alive, 304":
        (request("GET / HTTP/1.0", KEEP), status(304), "keep-alive", None),
    "1.0 keep-alive, HEAD":
        (request("HEAD / HTTP/1.0", KEEP), of_unknown_length, "keep-alive", None),
    "1.0 keep-alive, of unknown length":
        (request("GET / HTTP/1.0", KEEP), of_unknown_length, None, CloseReason.UNTIL_EOF),
    "1.0 keep-alive, and close":
        (request("GET / HTTP/1.0", KEEP, "Connection: close"), nothing, None, CloseReason.PEER_CLOSE),
    "1.0, the handler closes":
        (request("GET / HTTP/1.0", KEEP), connection("close"), "close", CloseReason.LOCAL_CLOSE),
    "1.1 close":
        (request("GET / HTTP/1.1", "Connection: close"), nothing, "close", CloseReason.PEER_CLOSE),
    "1.1 close in any case, in a list":
        (request("GET / HTTP/1.1", "Connection: foo, CLOSE"), nothing, "close", CloseReason.PEER_CLOSE),
    "1.1 close wins over keep-alive":
        (request("GET / HTTP/1.1", KEEP, "Connection: close"), nothing, "close", CloseReason.PEER_CLOSE),
    "other fields of the kind mean nothing":
        (request("GET / HTTP/1.1", "Proxy-Connection: close", "Keep-Alive: max=1"), nothing, None, None),
    "the handler closes":
        (request("GET / HTTP/1.1"), connection("close"), "close", CloseReason.LOCAL_CLOSE),
    "the handler closes, in any case, in a list":
        (request("GET / HTTP/1.1"), connection("foo, Close"), "foo, Close", CloseReason.LOCAL_CLOSE),
    "the handler's keep-alive does not keep what must close":
        (request("GET / HTTP/1.1", "Connection: close"), connection("keep-alive"), "close",
         CloseReason.PEER_CLOSE),
    "keep-alives switched off":
        (request("GET / HTTP/1.1"), no_more_keep_alives, "close", CloseReason.KEEP_ALIVES_OFF),
    "CONNECT refused":
        (b"CONNECT a.b:443 HTTP/1.1\r\nHost: x\r\n\r\n", refuse_to_tunnel, "close", CloseReason.CONNECT),
    "100 (Continue) awaited, and the body not read":
        (request("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 3"), nothing, "close",
         CloseReason.EXPECT_LEFT),
    "a large body not read":
        (request("POST / HTTP/1.1", f"Content-Length: {LARGE}"), nothing, "close", CloseReason.BODY_LEFT),
    "a large chunked body not read":
        (request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"%x\r\n%b" % (LARGE, b"x" * LARGE)),
         nothing, "close", CloseReason.BODY_LEFT),
    "a malformed body":
        (request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"1\r\nab\r\n0\r\n\r\n"),
         read_what_is_broken, "close", CloseReason.BODY_BROKEN),
    "a body beyond the handler's limit, of which little is left":
        (request("POST / HTTP/1.1", "Content-Length: 3", body=b"abc"), read_too_much, None, None),
    "a body beyond the handler's limit, of which much is left":
        (request("POST / HTTP/1.1", f"Content-Length: {2 * LARGE}", body=b"abc"), read_too_much, "close",
         CloseReason.BODY_LEFT),
    "Transfer-Encoding: identity":
        (request("GET / HTTP/1.1"), identity, "close", CloseReason.UNTIL_EOF),
    "the handler wrote less than it declared":
        (request("GET / HTTP/1.1"), too_little, None, CloseReason.SHORT_BODY),
    "HTTP/2's preface":
        (b"PRI * HTTP/2.0\r\n\r\n", nothing, "close", CloseReason.PEER_CLOSE),
}
# fmt: on


# The table of Go's closeAfterReply; also TestServeHTTP10Close, TestClientCanClose,
# TestHandlersCanSetConnectionClose11, TestHandlersCanSetConnectionClose10,
# TestHTTP2UpgradeClosesConnection, TestHTTP10KeepAlive204Response, TestHTTP11KeepAlive204Response,
# TestHTTP10ConnectionHeader
@every_mode
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.rfc("9112", "9.3", "HTTP/1.1 defaults to the use of persistent connections")
async def test_when_a_connection_is_kept(mode, rule):
    asked, handler, said, reason = RULES[rule]
    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(asked)
        if reason is CloseReason.SHORT_BODY:
            answer = (await peer.read_until_closed()).decode()
            assert answer.endswith("\r\n\r\nabc")
        else:
            response = await peer.read_response(asked.split()[0].decode())
            assert response.header("Connection") == said
        if reason is None:
            await peer.send(GET)
            assert await peer.read_response()
            assert server.stats().requests == 2
            return
        assert await peer.expect_closed() == "eof"
        await peer.close()
        await settle()
        assert server.stats().closed_because == {reason: 1}


# TestServeHTTP10Close
@every_mode
async def test_what_is_pipelined_behind_a_last_request_is_not_served(mode):
    served = []

    async def handler(w, r):
        served.append(r.path)

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(request("GET /one HTTP/1.1", "Connection: close") + GET)
        assert (await peer.read_response()).header("Connection") == "close"
        assert await peer.expect_closed() == "eof"
        assert served == ["/one"]


# TestServerKeepAlivesEnabled is of 10.1; here: a shutdown that begins while the handler runs
@every_mode
@pytest.mark.rfc("9112", "9.6", "A server that sends a close connection option MUST initiate closure")
async def test_an_answer_during_the_shutdown_says_close(mode):
    async def handler(w, r):
        r.context["server"].shutting_down = True
        for conn in r.context["server"].crowd:
            conn.shut_down()

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        assert (await peer.read_response()).header("Connection") == "close"
        assert await peer.expect_closed() == "eof"
        await peer.close()
        await settle()
        assert server.stats().closed_because == {CloseReason.SHUTDOWN: 1}


# TestZeroLengthPostAndResponse
@every_mode
async def test_posts_and_answers_of_no_length_share_a_connection(mode):
    async def handler(w, r):
        assert await r.read() == b""

    async with serving(handler, mode) as (client, server):
        for _ in range(5):
            assert (await client.post("/")).header("Content-Length") == "0"
        assert server.stats().connections_accepted == 1


# TestKeepAliveFinalChunkWithEOF
@every_mode
async def test_a_chunked_body_whose_last_chunk_comes_with_its_data_does_not_cost_the_connection(mode):
    async with serving(read_all, mode) as (client, server):
        for _ in range(2):
            assert (await client.post("/", body=[b"x" * 100])).body == b"100"
        assert server.stats().connections_accepted == 1


# TestServerKeepAliveAfterWriteError
@every_mode
async def test_a_connection_that_broke_while_it_was_written_to_is_over(mode):
    told = []

    async def handler(w, r):
        try:
            for _ in range(10_000):  # without end, but for the test's sake
                await w.write(b"x" * 10_000)
        except ConnectionReset as error:
            told.append(error)

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await peer.read_exactly(1000)
        peer.abort()
        await settle()
        assert len(told) == 1
        stats = server.stats()
        assert (stats.requests, stats.connections_open) == (1, 0)


# TestTolerateCRLFBeforeRequestLine
@every_mode
@pytest.mark.parametrize(("blank", "kept"), [(b"\r\n", True), (b"\r\n\r\n", True), (b"\r\n\r\n\r\n", False)])
async def test_blank_lines_behind_a_post_are_skipped(mode, blank, kept):
    async with serving(nothing, mode) as (client, _):
        peer = await client.connect()
        await peer.send(request("POST / HTTP/1.1", "Content-Length: 3", body=b"ABC") + blank + GET)
        assert (await peer.read_response()).status == 200
        assert (await peer.read_response()).status == (200 if kept else 400)


# S5: a connection may be limited by requests and by age
@every_mode
async def test_the_last_request_of_a_worn_out_connection_is_told_so(mode):
    async with serving(nothing, mode, max_requests_per_connection=2) as (client, server):
        said = [(await client.get("/")).header("Connection") for _ in range(4)]
        assert said == [None, "close", None, "close"]
        assert server.stats().connections_accepted == 2
