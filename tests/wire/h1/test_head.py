"""What tests/corpus does not show: the memories, and what a head may share with the one before."""

from __future__ import annotations

import pytest

from holdfast import limits
from holdfast.errors import RemoteProtocolError
from holdfast.wire.h1 import head as module
from holdfast.wire.h1.head import HeadParser, parse_fields
from holdfast.wire.persistence import CloseReason


@pytest.fixture(autouse=True)
def memories():
    for memory in (module._FIELD_LINES, module._REQUEST_LINES):
        memory.clear()
    return module._FIELD_LINES, module._REQUEST_LINES


def parser(max_count: int = 500) -> HeadParser:
    return HeadParser(max_count)


def test_repeated_fields_mean_the_same_and_share_nothing_that_changes():
    heads = parser()
    block = b"Host: x\r\nConnection: close\r\nContent-Length: 3\r\nExpect: 100-continue\r\nUpgrade: a"
    first = heads.parse(b"POST /1 HTTP/1.1\r\n" + block)
    second = heads.parse(b"PUT /2 HTTP/1.1\r\n" + block)
    for name in (
        "fields",
        "index",
        "host",
        "content_length",
        "persist",
        "upgrade",
        "expect_continue",
        "block",
    ):
        assert getattr(first, name) == getattr(second, name), name
    assert (second.method, second.target) == ("PUT", "/2")
    first.fields.clear()  # its owner may do so
    second.fields.append((b"a", b"b"))
    third = heads.parse(b"GET /3 HTTP/1.1\r\n" + block)
    assert len(third.fields) == 5


def test_a_changed_value_that_means_nothing_here_is_the_only_thing_that_changes():
    heads = parser()
    heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nCookie: 1\r\nConnection: close")
    head = heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nCOOKIE: 2\r\nConnection: close")
    assert head.fields == [(b"host", b"x"), (b"cookie", b"2"), (b"connection", b"close")]
    assert head.index == dict(head.fields)
    assert head.raw_names() == [b"Host", b"COOKIE", b"Connection"]
    assert head.persist is CloseReason.PEER_CLOSE


def test_a_head_that_was_handed_out_does_not_change_with_the_next():
    heads = parser()
    first = heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nA: 1")
    heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nA: 2")
    assert first.index[b"a"] == b"1"
    assert first.fields[1] == (b"a", b"1")


def test_the_first_of_two_values_changes_and_the_last_stays_in_the_index():
    heads = parser()
    heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nA: 2")
    head = heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nA: 3\r\nA: 2")
    assert head.index[b"a"] == b"2"


def test_changed_trailer_names_are_judged_anew():
    heads = parser()
    heads.parse(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: a")
    with pytest.raises(RemoteProtocolError):
        heads.parse(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: content-length")


@pytest.mark.parametrize(
    ("before", "after", "name", "value"),
    [
        (b"Host: x", b"Host: y", "host", "y"),
        (b"Host: x\r\nContent-Length: 1", b"Host: x\r\nContent-Length: 2", "content_length", 2),
        (b"Host: x\r\nContent-Length: 1", b"Host: x\r\nContent-Type: 1", "content_length", 0),
        (b"Host: x\r\nA: 1", b"Host: x\r\nTransfer-Encoding: chunked", "content_length", -1),
        (b"Host: x\r\nConnection: close", b"Host: x\r\nConnection: closed", "persist", None),
        (
            b"Host: x\r\nConnection: upgrade\r\nUpgrade: a",
            b"Host: x\r\nConnection: upgrade\r\nUpgrade: b",
            "upgrade",
            b"b",
        ),
        (b"Host: x\r\nExpect: a", b"Host: x\r\nExpect:", "expect_unknown", False),
        (b"Host: x\r\nA: 1", b"A: 1\r\nHost: y", "host", "y"),
    ],
)
def test_a_changed_value_that_decides_something_is_decided_anew(before, after, name, value):
    heads = parser()
    heads.parse(b"GET / HTTP/1.1\r\n" + before)
    assert getattr(heads.parse(b"GET / HTTP/1.1\r\n" + after), name) == value


@pytest.mark.parametrize("line", [b"A : 2", b"A: \0", b"Host: y", b"A", b"Content-Length: x"])
def test_a_changed_line_that_is_wrong_is_refused(line):
    heads = parser()
    heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nA: 1")
    with pytest.raises(RemoteProtocolError):
        heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\n" + line)
    assert heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nA: 3").index[b"a"] == b"3"


def test_the_same_fields_mean_something_else_in_another_version():
    heads = parser()
    assert heads.parse(b"GET / HTTP/1.1\r\nHost: x").persist is None
    assert heads.parse(b"GET / HTTP/1.0\r\nHost: x").persist is not None
    assert heads.parse(b"GET / HTTP/1.1\r\nHost: x").persist is None


def test_no_fields_in_1_0_do_not_excuse_1_1():
    heads = parser()
    heads.parse(b"GET / HTTP/1.0")
    with pytest.raises(RemoteProtocolError):
        heads.parse(b"GET / HTTP/1.1")


def test_the_authority_of_one_target_is_not_the_host_of_the_next():
    heads = parser()
    hosts = [
        heads.parse(b"GET %b HTTP/1.1\r\nHost: x" % t).host for t in (b"http://y/", b"/", b"http://z/", b"/")
    ]
    assert hosts == ["y", "x", "z", "x"]


def test_fields_over_the_limit_are_not_kept_for_the_next_request():
    heads = parser()
    long = b"Host: x\r\nA: " + b"b" * limits.REMEMBERED_BLOCK
    heads.parse(b"GET / HTTP/1.1\r\n" + long)
    assert heads._block == b""
    heads.parse(b"GET / HTTP/1.1\r\nHost: x\r\nA: b")
    heads.parse(b"GET / HTTP/1.1\r\n" + long)
    assert heads._block == b"Host: x\r\nA: b"


def test_a_line_is_remembered_and_still_counts():
    lines = b"\r\n".join([b"A: b"] * 3)
    assert parse_fields(lines, 3) == [(b"a", b"b")] * 3
    with pytest.raises(RemoteProtocolError) as caught:
        parse_fields(lines, 2)
    assert caught.value.status == 431


@pytest.mark.parametrize(
    "line",
    [
        b"Cookie: a=b",
        b"AUTHORIZATION: Basic eA==",
        b"proxy-authorization: x",
        b"A: " + b"b" * limits.REMEMBERED_LENGTH,
    ],
    ids=["cookie", "authorization", "proxy-authorization", "long"],
)
def test_neither_credentials_nor_long_lines_are_remembered(line, memories):
    assert len(parse_fields(line, 1)) == 1
    assert memories[0] == {}


def test_a_wrong_line_is_not_remembered(memories):
    for line in (b"A : b", b"Host: a/b", b"A: \0"):
        with pytest.raises(RemoteProtocolError):
            parse_fields(line, 1)
    assert memories[0] == {}


def test_a_long_request_line_is_not_remembered(memories):
    parser().parse(b"GET /%b HTTP/1.1\r\nHost: x" % (b"a" * limits.REMEMBERED_LENGTH))
    assert memories[1] == {}


@pytest.mark.parametrize("line", [b"GET /%b HTTP/1.1", b"%b / HTTP/1.1"], ids=["target", "method"])
def test_a_connection_keeps_nothing_of_a_long_request_line(line):
    heads = parser()
    heads.parse(line % (b"A" * 60_000) + b"\r\nHost: x")
    assert len(heads._meaning.target) + len(heads._meaning.method) < limits.REMEMBERED_LENGTH


def test_the_memories_are_bounded(memories):
    heads = parser()
    for i in range(limits.REMEMBERED_LINES + 10):
        head = heads.parse(b"GET /%d HTTP/1.1\r\nHost: x\r\nA: %d" % (i, i))
        assert (head.target, head.index[b"a"]) == (f"/{i}", b"%d" % i)
        assert max(map(len, memories)) <= limits.REMEMBERED_LINES
    assert min(map(len, memories)) < 100


def test_the_index_has_the_last_value_of_a_repeated_field():
    head = parser().parse(b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2")
    assert head.index == {b"host": b"x", b"a": b"2"}
    assert head.raw_names() == [b"Host", b"A", b"a"]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"GET /", "expected a request line, got b'GET /' at byte 0 of the head"),
        (b"GET foo HTTP/1.1", "expected a request target, got b'foo' at byte 4 of the head"),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nA",
            "expected a colon after the field name, got none in b'A' at byte 15",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nA\n",
            "expected CR and LF together, got one of them in b'A\\n' at byte 9",
        ),
        (b"GET / HTTP/1.1\r\nHost: x\r\n a", "expected a field name, got a folded line in b' a' at byte 9"),
        (b"GET / HTTP/1.1\r\nA : b", "expected a field name, got one with a space in b'A : b' at byte 0"),
        (b"GET / HTTP/1.1\r\nHost: @", "expected host and port in b'Host: @' at byte 0"),
        (
            b"GET / HTTP/1.1\r\nHost: \1",
            "expected a field value, got a control byte in b'Host: \\x01' at byte 0",
        ),
    ],
)
def test_a_refusal_says_what_was_expected_what_came_and_where(head, message):
    with pytest.raises(RemoteProtocolError) as caught:
        parser().parse(head)
    assert message in str(caught.value)
