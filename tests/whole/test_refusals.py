"""A request that cannot be read: what its peer is told, and that nothing of it reaches a handler.

The grammar itself, line by line, is tested on tests/corpus; here is what the server makes of it.

Requirements S6, S21; RFC 9112 sections 2.2, 3, 5 and 6.1; Go's serve_test.go and readrequest_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.errors import LimitExceeded, RemoteProtocolError
from holdfast.net.sockets import reset_on_close
from holdfast.testing import serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


def head(*lines: str, host: str = "Host: x") -> bytes:
    return "\r\n".join([*lines[:1], *([host] if host else []), *lines[1:], "", ""]).encode("latin-1")


def post(*fields: str) -> bytes:
    return head("POST / HTTP/1.1", *fields)


async def not_called(w, r):
    raise AssertionError(f"a handler was given {r!r}")


CODING = "Unsupported transfer encoding"
VERSION = "unsupported protocol version"
BAD_HOST = "malformed Host header"

# (what is sent, status, what the peer may be told behind the status's own phrase)
# fmt: off
REFUSED = {
    # TestServerValidatesMethod
    "a method with a parenthesis":     (head("GET( / HTTP/1.1"), 400, ""),
    "no method":                       (head(" / HTTP/1.1"), 400, ""),
    # TestParseHTTPVersion, TestReadRequestErrors, TestReadRequest_Bad
    "no version":                      (head("GET /"), 400, ""),
    "two spaces":                      (head("GET  / HTTP/1.1"), 400, ""),
    "a version in lower case":         (head("GET / http/1.1"), 400, ""),
    "a version of two digits":         (head("GET / HTTP/1.10"), 400, ""),
    "a version before 1":              (head("GET / HTTP/0.9"), 505, VERSION),
    "HTTP/2.0 by another method":      (head("GET / HTTP/2.0"), 505, VERSION),
    "HTTP/3.0":                        (head("GET / HTTP/3.0"), 505, VERSION),
    "a target without a slash":        (head("GET foo HTTP/1.1"), 400, ""),
    "a broken escape in the path":     (head("GET /%zz HTTP/1.1"), 400, ""),
    "a control byte in the target":    (head("GET /a\x01b HTTP/1.1"), 400, ""),
    "an empty line before the first":  (b"\r\n" + NEXT, 400, ""),
    "a TLS hello on a plain port":     (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, ""),
    # stricter than Go (RFC 9112 2.2 allows it; who is lenient there is smuggled through)
    "lines that end in LF alone":      (b"GET / HTTP/1.1\nHost: x\n\n", 400, ""),
    # TestServerValidatesHostHeader
    "no Host in 1.1":                  (head("GET / HTTP/1.1", host=""), 400, "missing required Host header"),
    "no Host beside an absolute URI":  (head("GET http://x/ HTTP/1.1", host=""), 400,
                                        "missing required Host header"),
    "two Hosts":                       (head("GET / HTTP/1.1", "Host: x"), 400, ""),
    "a Host with a slash":             (head("GET / HTTP/1.1", host="Host: a/b"), 400, BAD_HOST),
    "a Host with userinfo":            (head("GET / HTTP/1.1", host="Host: a@b"), 400, BAD_HOST),
    "a Host with a space":             (head("GET / HTTP/1.1", host="Host: a b"), 400, BAD_HOST),
    "a Host beyond ASCII":             (head("GET / HTTP/1.1", host="Host: \xff"), 400, BAD_HOST),
    "a bad Host in 1.0 too":           (head("GET / HTTP/1.0", host="Host: a{b"), 400, BAD_HOST),
    # TestServerValidatesHeaders
    "a space before the colon":        (head("GET / HTTP/1.1", "Foo : bar"), 400, "invalid header name"),
    "a space in a name":               (head("GET / HTTP/1.1", "Foo bar: x"), 400, "invalid header name"),
    "a tab in a name":                 (head("GET / HTTP/1.1", "Foo\t: x"), 400, ""),
    "a name beyond ASCII":             (head("GET / HTTP/1.1", "F\xffoo: x"), 400, ""),
    "a name that is empty":            (head("GET / HTTP/1.1", ": x"), 400, ""),
    "a line without a colon":          (head("GET / HTTP/1.1", "Foo"), 400, ""),
    "a NUL in a value":                (head("GET / HTTP/1.1", "Foo: a\x00b"), 400, ""),
    "a DEL in a value":                (head("GET / HTTP/1.1", "Foo: a\x7fb"), 400, ""),
    "a CR in a value":                 (head("GET / HTTP/1.1", "Foo: a\rb"), 400, ""),
    # stricter than Go, which joins the lines (RFC 9112 5.2: "MUST either reject the message")
    "a folded line":                   (head("GET / HTTP/1.1", "Foo: a", " b"), 400, ""),
    # TestParseContentLength
    "a length with a sign":            (post("Content-Length: +3"), 400, ""),
    "a negative length":               (post("Content-Length: -1"), 400, ""),
    "a length in hex":                 (post("Content-Length: 0x3"), 400, ""),
    "a length that is empty":          (post("Content-Length:"), 400, ""),
    "a list of lengths":               (post("Content-Length: 3,3"), 400, ""),
    "a length beyond 2^63 - 1":        (post("Content-Length: 9223372036854775808"), 400, ""),
    "two lengths that differ":         (post("Content-Length: 3", "Content-Length: 4"), 400, ""),
    # stricter than Go, which takes equal ones for one
    "two lengths that agree":          (post("Content-Length: 3", "Content-Length: 3"), 400, ""),
    # TestUnsupportedTransferEncodingsReturn501, TestParseTransferEncoding
    "identity":                        (post("Transfer-Encoding: identity"), 501, CODING),
    "gzip, chunked":                   (post("Transfer-Encoding: gzip, chunked"), 501, CODING),
    "chunked twice":                   (post("Transfer-Encoding: chunked, chunked"), 501, CODING),
    "chunked in two lines":            (post(*["Transfer-Encoding: chunked"] * 2), 501, CODING),
    "no coding":                       (post("Transfer-Encoding:"), 501, CODING),
    "a coding not to be echoed":       (post("Transfer-Encoding: <script>"), 501, CODING),
    "a vertical tab before chunked":   (post("Transfer-Encoding: \x0bchunked"), 400, ""),
    # stricter than Go, which lets chunked win (RFC 9112 6.1: "ought to be handled as an error")
    "chunked, and a length":           (post("Transfer-Encoding: chunked", "Content-Length: 3"), 400, ""),
    # stricter than Go, which ignores it (RFC 9112 6.1: "as if the framing is faulty")
    "chunked in 1.0":                  (head("POST / HTTP/1.0", "Transfer-Encoding: chunked"), 400, ""),
    # TestReadRequest_Bad: a declared trailer that would frame
    "a declared trailer that frames":  (post("Transfer-Encoding: chunked", "Trailer: Content-Length"),
                                        400, ""),
}
# fmt: on


# The tests named in the table; also TestReadRequest_Bad
@every_mode
@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.rfc("9112", "2.2", "the server SHOULD respond with a 400 (Bad Request) response and close")
async def test_what_cannot_be_read_is_answered_by_kind_and_reaches_no_handler(mode, case):
    sent, status, reason = REFUSED[case]
    async with serving(not_called, mode) as (client, server):
        peer = await client.connect()
        await peer.send(sent + NEXT)
        response = await peer.read_response()
        assert response.status == status
        assert response.header("Connection") == "close"
        assert response.header("Content-Type") == "text/plain; charset=utf-8"
        text = f"{status} {response.reason}"
        assert response.body.decode() == (f"{text}: {reason}" if reason else text)
        assert await peer.expect_closed() == "eof"  # and what came behind it was not served
        await peer.close()
        await settle()
        assert server.stats().closed_because == {CloseReason.MALFORMED: 1}
        assert server.stats().requests == 0


# TestReadRequestErrors: EOF.  Go says nothing to who left before the first byte, nor do we.
@every_mode
async def test_who_leaves_without_a_word_is_told_nothing(mode):
    async with serving(not_called, mode) as (client, server):
        peer = await client.connect()
        peer.send_eof()
        assert await peer.expect_closed() == "eof"
        await settle()
        assert server.stats().closed_because == {CloseReason.PEER_LEFT: 1}


# TestReadRequestErrors: unexpected EOF
@every_mode
@pytest.mark.parametrize("half", [b"GET", b"GET / HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: x\r\n\r"])
async def test_half_a_request_and_then_the_end_is_answered_400(mode, half):
    async with serving(not_called, mode) as (client, _):
        peer = await client.connect()
        await peer.send(half)
        assert await peer.arrived() == b""
        peer.send_eof()
        assert (await peer.read_response()).status == 400
        assert await peer.expect_closed() == "eof"


@every_mode
async def test_a_peer_that_broke_the_connection_is_told_nothing(mode):
    refused = []

    def note(conn, error):
        refused.append(error)

    async with serving(not_called, mode, memory=False, on_refused=note) as (client, server):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\n")
        await settle()
        assert server.stats().by_state == {"head": 1}
        reset_on_close(peer.stream._transport.get_extra_info("socket"))
        peer.abort()
        await settle()
        assert refused == []
        assert server.stats().closed_because == {CloseReason.RESET: 1}


# A refusal waits for the answers before it (S14)
@every_mode
async def test_a_request_that_cannot_be_read_is_refused_in_its_turn(mode):
    async def hello(w, r):
        await w.write(r.path)

    async with serving(hello, mode) as (client, _):
        peer = await client.connect()
        await peer.send(NEXT + b"GET / HTTP/9.9\r\n\r\n" + NEXT)
        assert (await peer.read_response()).body == b"/next"
        assert (await peer.read_response()).status == 505
        assert await peer.expect_closed() == "eof"


@every_mode
async def test_a_refused_peer_can_read_its_answer_while_it_is_still_sending(mode):
    async with serving(not_called, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: a b\r\nContent-Length: 300000\r\n\r\n")
        for _ in range(30):
            await peer.send(b"x" * 10_000)
        assert (await peer.read_response()).status == 400
        assert await peer.expect_closed() == "eof"


# S21
@every_mode
@pytest.mark.parametrize(
    ("sent", "status", "limit"),
    [
        (b"GET /%b HTTP/1.1\r\n" % (b"x" * 600), 414, "request line"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nFoo: %b\r\n" % (b"x" * 600), 431, "head"),
        (b"GET / HTTP/1.1\r\n%b\r\n" % (b"Host: x\r\n" * 6), 431, "field lines"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Host"),
    ],
    ids=["a long line", "a large head", "many fields", "malformed"],
)
async def test_a_hook_hears_of_what_was_refused(mode, sent, status, limit):
    heard = []

    def on_refused(conn, error):
        heard.append((conn.peer, error))

    settings = {"max_header_bytes": 500, "max_header_count": 5, "on_refused": on_refused}
    async with serving(not_called, mode, **settings) as (client, _):
        peer = await client.connect()
        await peer.send(sent)
        assert (await peer.read_response()).status == status
    ((address, error),) = heard
    assert address == "192.0.2.1:50000"
    assert isinstance(error, RemoteProtocolError | LimitExceeded)
    assert (error.status, limit in str(error)) == (status, True)


@every_mode
async def test_the_hook_may_give_another_answer(mode):
    def plain(conn, error):
        return b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % error.status

    async with serving(not_called, mode, on_refused=plain) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\r\n\r\n")
        response = await peer.read_response()
        assert (response.status, response.reason, response.headers) == (400, "No", [("Content-Length", "0")])
        assert await peer.expect_closed() == "eof"


# 417 is of TestServerExpect (10.2); here: that it is one of the kinds of S6, and no handler is asked
@every_mode
async def test_an_expectation_that_is_unknown_is_answered_417(mode):
    async with serving(not_called, mode) as (client, server):
        peer = await client.connect()
        await peer.send(head("GET / HTTP/1.1", "Expect: the-spanish-inquisition"))
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (417, "close")
        assert await peer.expect_closed() == "eof"
        await peer.close()
        await settle()
        assert server.stats().closed_because == {CloseReason.LOCAL_CLOSE: 1}
