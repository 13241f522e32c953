"""One response into bytes: how it is framed, and that nothing malformed leaves."""

from __future__ import annotations

import pytest

from holdfast.errors import BodyNotAllowed, ContentLengthError, LocalProtocolError
from holdfast.wire.events import RequestHead
from holdfast.wire.h1.connection import H1Connection
from holdfast.wire.h1.response import Mode, ResponseEncoder, plain_response
from holdfast.wire.persistence import CloseReason

DATE = b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


def encoder(method="GET", version="1.1", *fields: bytes) -> tuple[ResponseEncoder, H1Connection]:
    connection = H1Connection()
    target = "a.b:1" if method == "CONNECT" else "/"
    head = b"\r\n".join([f"{method} {target} HTTP/{version}".encode(), b"Host: x", *fields, b"", b""])
    connection.feed(head)
    request = connection.next_event()
    assert isinstance(request, RequestHead)
    return ResponseEncoder(connection, request), connection


def said(status=200, fields=(), *, method="GET", version="1.1", length=None, wants=()) -> bytes:
    response, _ = encoder(method, version, *wants)
    out: list[bytes] = []
    response.start(status, fields, out, length=length, date=DATE)
    return b"".join(out)


CL, TE, CONN = b"content-length", b"transfer-encoding", b"connection"

# (arguments of ``said``, the lines behind the status line but Date)
# fmt: off
HEADS = {
    "unknown length": ({}, [b"Transfer-Encoding: chunked"]),
    "known length": ({"length": 3}, [b"Content-Length: 3"]),
    "declared": ({"fields": [(CL, b"3")]}, [b"Content-Length: 3"]),
    "declared, and known": ({"fields": [(CL, b"3")], "length": 3}, [b"Content-Length: 3"]),
    "unknown length, 1.0": ({"version": "1.0"}, []),
    "known length, 1.0": ({"version": "1.0", "length": 3}, [b"Content-Length: 3"]),
    "chunked by hand, 1.0": ({"version": "1.0", "fields": [(TE, b"chunked")]}, []),
    "known length, 1.0, kept": ({"version": "1.0", "length": 3, "wants": [b"Connection: keep-alive"]},
        [b"Content-Length: 3", b"Connection: keep-alive"]),
    "HEAD, unknown length": ({"method": "HEAD"}, []),
    "HEAD, known length": ({"method": "HEAD", "length": 3}, [b"Content-Length: 3"]),
    "HEAD, chunked by hand": ({"method": "HEAD", "fields": [(TE, b"chunked")]}, []),
    "204, declared": ({"status": 204, "fields": [(CL, b"3")]}, []),
    "204, chunked by hand": ({"status": 204, "fields": [(TE, b"chunked")]}, []),
    "304, known length": ({"status": 304, "length": 0}, []),
    "CONNECT, 200": ({"method": "CONNECT", "fields": [(CL, b"3"), (TE, b"chunked")]}, []),
    "CONNECT, 403": ({"method": "CONNECT", "status": 403, "length": 0},
        [b"Content-Length: 0", b"Connection: close"]),
    "101": ({"status": 101, "fields": [(CONN, b"upgrade"), (b"upgrade", b"x")]},
        [b"Connection: upgrade", b"Upgrade: x"]),
    "identity": ({"fields": [(TE, b"identity")]}, [b"Connection: close"]),
    "identity, declared": ({"fields": [(TE, b"identity"), (CL, b"3")]}, [b"Content-Length: 3"]),
    "chunked by hand": ({"fields": [(TE, b"Chunked")]}, [b"Transfer-Encoding: Chunked"]),
    "chunked by hand, declared":
        ({"fields": [(TE, b"chunked"), (CL, b"3")]}, [b"Transfer-Encoding: chunked"]),
    "gzip": ({"fields": [(TE, b"gzip")]}, [b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"]),
    "gzip, then chunked": ({"fields": [(TE, b"gzip, chunked")]}, [b"Transfer-Encoding: gzip, chunked"]),
    "gzip, and a line for chunked": ({"fields": [(TE, b"gzip"), (TE, b"chunked")]},
        [b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"]),
    "close": ({"fields": [(CONN, b"close")], "length": 0}, [b"Connection: close", b"Content-Length: 0"]),
    "keep-alive on what must close": (
        {"fields": [(CONN, b"keep-alive")], "length": 0, "wants": [b"Connection: close"]},
        [b"Content-Length: 0", b"Connection: close"]),
}
# fmt: on


@pytest.mark.parametrize("case", HEADS)
def test_a_head(case):
    arguments, lines = HEADS[case]
    first, *rest = said(**arguments).split(b"\r\n")
    assert first.startswith(b"HTTP/%b " % arguments.get("version", "1.1").encode())
    assert rest[-2:] == [b"", b""]
    assert rest.count(DATE[:-2]) == 1
    assert sorted(line for line in rest[:-2] if line != DATE[:-2]) == sorted(lines)


def test_a_date_of_the_applications_own_is_the_only_one():
    assert said(fields=[(b"date", b"now")]).count(b"Date:") == 1


BAD = {
    "two lengths that differ": [(CL, b"3"), (CL, b"4")],
    "two lengths": [(CL, b"3"), (b"Content-Length", b"3")],
    "a list of lengths": [(CL, b"3, 3")],
    "a signed length": [(CL, b"+3")],
    "an empty length": [(CL, b"")],
    "an absurd length": [(CL, b"9" * 19)],
    "chunked twice": [(TE, b"chunked"), (TE, b"chunked")],
    "chunked, not last": [(TE, b"chunked, gzip")],
    "chunked, and a line behind it": [(TE, b"chunked"), (TE, b"gzip")],
    "identity among others": [(TE, b"identity, chunked")],
    "a split value": [(b"x", b"a\r\n\r\nHTTP/1.1 200 OK")],
    "a name that is none": [(b"x y", b"a")],
}


def start(response, connection, fields, out):
    response.start(200, fields, out)


def whole(response, connection, fields, out):
    if plain_response(connection, response._head, 200, fields, b"abc", DATE) is None:
        response.whole(200, fields, b"abc", DATE)


@pytest.mark.parametrize("way", [start, whole])
@pytest.mark.parametrize("case", BAD)
def test_a_head_that_would_be_malformed_is_refused_and_another_can_follow(case, way):
    response, connection = encoder()
    out: list[bytes] = []
    with pytest.raises(LocalProtocolError):
        way(response, connection, BAD[case], out)
    assert out == []
    assert response.mode is Mode.UNSENT
    response.start(500, [], out, length=0)
    assert b"".join(out) == b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


def test_a_second_head_is_refused():
    response, _ = encoder()
    out: list[bytes] = []
    response.start(200, [], out, length=0)
    kept = out.copy()
    with pytest.raises(LocalProtocolError, match="sent already"):
        response.start(200, [], out, length=0)
    with pytest.raises(LocalProtocolError, match="sent already"):
        response.whole(200, [], b"", DATE)
    with pytest.raises(LocalProtocolError, match="after the final head"):
        response.interim(103, [], out)
    assert out == kept


# --- the body ---


def body_of(*pieces: bytes, trailers=(), **arguments) -> bytes:
    response, _ = encoder(arguments.pop("method", "GET"), arguments.pop("version", "1.1"))
    response.start(arguments.pop("status", 200), arguments.pop("fields", ()), [], **arguments)
    out: list[bytes] = []
    for piece in pieces:
        response.data(piece, out)
    response.end(trailers, out)
    return b"".join(out)


SUM = [(b"x-sum", b"1")]
BODIES = {
    "chunked": ((b"abc", b"", b"d" * 16), {}, b"3\r\nabc\r\n10\r\ndddddddddddddddd\r\n0\r\n\r\n"),
    "chunked, empty": ((), {}, b"0\r\n\r\n"),
    "chunked, with trailers": ((b"abc",), {"trailers": SUM}, b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
    "counted": ((b"ab", b"c"), {"length": 3}, b"abc"),
    "counted, with trailers": ((b"abc",), {"length": 3, "trailers": SUM}, b"abc"),
    "until the end": ((b"abc",), {"version": "1.0"}, b"abc"),
    "HEAD": ((b"abc",), {"method": "HEAD", "trailers": SUM}, b""),
    "204": ((b"",), {"status": 204}, b""),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body(case):
    pieces, arguments, wire = BODIES[case]
    assert body_of(*pieces, **arguments) == wire


def test_more_than_declared_is_refused_whole():
    response, _ = encoder()
    out: list[bytes] = []
    response.start(200, [(CL, b"3")], [])
    response.data(b"ab", out)
    with pytest.raises(ContentLengthError, match="2 bytes written, 1 left"):
        response.data(b"cd", out)
    assert out == [b"ab"]


def test_less_than_declared_costs_the_connection():
    response, connection = encoder()
    response.start(200, [(CL, b"3")], [])
    response.data(b"ab", [])
    assert response.end((), []) == 1
    assert connection.reasons == {CloseReason.SHORT_BODY}


@pytest.mark.parametrize("status", [101, 204, 304])
def test_a_status_without_body_refuses_one(status):
    response, _ = encoder()
    out: list[bytes] = []
    response.start(status, [], [])
    with pytest.raises(BodyNotAllowed):
        response.data(b"a", out)
    assert out == []


@pytest.mark.parametrize("length", [None, 3], ids=["chunked", "counted"])
def test_behind_the_end_comes_nothing(length):
    response, _ = encoder()
    out: list[bytes] = []
    response.start(200, [], out, length=length)
    response.data(b"abc", out)
    response.end((), out)
    kept = out.copy()
    with pytest.raises(LocalProtocolError, match="after its end"):
        response.data(b"a", out)
    with pytest.raises(LocalProtocolError, match="twice"):
        response.end((), out)
    assert out == kept


def test_before_the_head_comes_no_body():
    response, _ = encoder()
    out: list[bytes] = []
    with pytest.raises(LocalProtocolError, match="before the head"):
        response.data(b"a", out)
    with pytest.raises(LocalProtocolError, match="before its head"):
        response.end((), out)
    assert out == []


def test_a_bad_trailer_leaves_the_body_open():
    response, _ = encoder()
    out: list[bytes] = []
    response.start(200, [], [])
    with pytest.raises(LocalProtocolError):
        response.end([(b"x", b"a\nb")], out)
    assert out == []
    assert not response.ended


# --- interim responses ---


def test_an_interim_head_has_no_fields_that_frame():
    response, _ = encoder()
    out: list[bytes] = []
    response.interim(103, [(b"link", b"</a>"), (CL, b"3"), (TE, b"chunked"), (CONN, b"close")], out)
    assert b"".join(out) == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@pytest.mark.parametrize("status", [99, 101, 200, 204])
def test_what_is_not_interim_is_refused(status):
    with pytest.raises(LocalProtocolError, match=f"not {status}"):
        encoder()[0].interim(status, [], [])


def test_a_1_0_peer_gets_no_interim_head_and_its_fields_are_checked_all_the_same():
    response, _ = encoder(version="1.0")
    out: list[bytes] = []
    response.interim(103, [(b"link", b"</a>")], out)
    assert out == []
    with pytest.raises(LocalProtocolError):
        response.interim(103, [(b"link", b"a\nb")], out)


# --- 100 (Continue) and the connection ---


@pytest.mark.parametrize(
    ("continued", "complete", "left"), [(False, False, True), (True, False, False), (False, True, False)]
)
def test_a_body_that_was_not_asked_for_costs_the_connection(continued, complete, left):
    response, connection = encoder("POST", "1.1", b"Expect: 100-continue", b"Content-Length: 3")
    assert response.awaits_continue
    if continued:
        response.interim(100, [], [])
    out: list[bytes] = []
    response.start(200, [], out, length=0, body_complete=complete)
    assert (CloseReason.EXPECT_LEFT in connection.reasons) is left
    assert (b"Connection: close\r\n" in out) is left


# --- the short way ---

# fmt: off
SHORT = {
    "plain": ("GET", "1.1", (), 200, [(b"x", b"1")], True),
    "a length that is right": ("GET", "1.1", (), 200, [(CL, b"3")], True),
    "a length that is wrong": ("GET", "1.1", (), 200, [(CL, b"4")], False),
    "HEAD": ("HEAD", "1.1", (), 200, [], False),
    "1.0": ("GET", "1.0", (), 200, [], False),
    "the peer closes": ("GET", "1.1", (b"Connection: close",), 200, [], True),
    "the handler closes": ("GET", "1.1", (), 200, [(CONN, b"close")], False),
    "an own date": ("GET", "1.1", (), 200, [(b"date", b"now")], False),
    "no body": ("GET", "1.1", (), 204, [], False),
}
# fmt: on


@pytest.mark.parametrize("case", SHORT)
def test_the_short_way_is_only_for_what_asks_for_no_decision_and_says_the_same(case):
    method, version, wants, status, fields, is_open = SHORT[case]
    for _ in range(2):  # made, and remembered
        response, connection = encoder(method, version, *wants)
        data = plain_response(connection, response._head, status, fields, b"abc", DATE)
        assert (data is not None) is is_open
        if data is not None:
            head, _, body = data.partition(b"\r\n\r\n")
            slow_head, _, slow_body = response.whole(status, fields, b"abc", DATE).partition(b"\r\n\r\n")
            assert sorted(head.split(b"\r\n")) == sorted(slow_head.split(b"\r\n"))
            assert body == slow_body == b"abc"


def test_the_short_way_says_close_once_something_speaks_against_the_connection():
    response, connection = encoder()
    connection.note(CloseReason.SHUTDOWN)
    data = plain_response(connection, response._head, 200, [], b"abc", DATE)
    assert data is not None
    assert b"\r\nConnection: close\r\n" in data
