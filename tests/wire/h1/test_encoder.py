"""Field lines, chunks and trailers: what goes out, and what is refused."""

from __future__ import annotations

import pytest

from holdfast.errors import LocalProtocolError
from holdfast.limits import REMEMBERED_LENGTH, REMEMBERED_LINES
from holdfast.wire.h1 import encoder
from holdfast.wire.h1.encoder import (
    Line,
    encode_chunk,
    encode_line,
    encode_lines,
    encode_trailers,
    is_remembered,
)

LINES = {
    "a lower-case name is made canonical": (b"x-trace-id", b"1", b"X-Trace-Id: 1\r\n", b""),
    "a name in mixed case stays": (b"ETag", b'"1"', b'ETag: "1"\r\n', b""),
    "white space round a value goes": (b"x", b" \ta b\t ", b"X: a b\r\n", b""),
    "an empty value": (b"x", b"", b"X: \r\n", b""),
    "HTAB and high bytes": (b"x", b"a\tb\xe9", b"X: a\tb\xe9\r\n", b""),
    "what frames is marked": (b"Content-Length", b"3", b"Content-Length: 3\r\n", b"content-length"),
    "what persists is marked": (b"connection", b"close", b"Connection: close\r\n", b"connection"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_line(case):
    name, value, wire, special = LINES[case]
    assert encode_line(name, value) == Line(wire, special)
    assert encode_lines([(name, value)]) == encode_lines([(name, value)]) == [Line(wire, special)]


NAMES = [b"", b"a b", b"a:", b"a\r\nb", b"\xe9", b"a\0", b"(a)"]
VALUES = [b"a\r\nX: y", b"a\nb", b"a\rb", b"a\0b", b"a\x7fb", b"a\x1bb", b"\x0b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_token_is_refused(name):
    with pytest.raises(LocalProtocolError, match="not a header name"):
        encode_lines([(b"fine", b"1"), (name, b"1")])


@pytest.mark.parametrize("value", VALUES)
def test_a_value_with_a_control_character_is_refused_however_often(value):
    for _ in range(2):  # and is not remembered as a good one
        with pytest.raises(LocalProtocolError, match="header 'x' has a control character"):
            encode_lines([(b"x", value)])


NO_FIELDS = {
    "no pair": [b"x"],
    "a triple": [(b"x", b"1", b"2")],
    "a str as name": [("x", b"1")],
    "a str as value": [(b"x", "1")],
    "a number as value": [(b"x", 1)],
    "None": [None],
}


@pytest.mark.parametrize("case", NO_FIELDS)
def test_what_is_no_field_is_refused_and_said(case):
    with pytest.raises(LocalProtocolError, match=r"pair of name and value|are bytes"):
        encode_lines(NO_FIELDS[case])


def test_lists_and_bytes_that_cannot_be_remembered_are_taken():
    assert encode_lines([[b"x", b"1"]]) == encode_lines(iter([(b"x", b"1")])) == [Line(b"X: 1\r\n", b"")]
    with pytest.raises(LocalProtocolError, match="are bytes"):
        encode_lines([(bytearray(b"x"), b"1")])


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"set-cookie", b"id=1"), (b"WWW-Authenticate", b"Basic"), (b"x", b"v" * REMEMBERED_LENGTH)],
    ids=["a cookie", "a challenge", "a long line"],
)
def test_secrets_and_long_lines_are_not_kept(name, value):
    assert encode_lines([(name, value)])
    assert not is_remembered([(name, value)])
    assert encode_lines([(b"x-kept", b"1")])
    assert is_remembered([(b"x-kept", b"1")])


def test_the_memory_is_bounded():
    for number in range(REMEMBERED_LINES + 10):
        encode_lines([(b"x-number", b"%d" % number)])
    assert len(encoder._remembered) <= REMEMBERED_LINES


def test_a_chunk():
    assert encode_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_trailers_end_the_body():
    assert encode_trailers([]) == b"0\r\n\r\n"
    assert encode_trailers([(b"x-sum", b"1"), (b"x-b", b"2")]) == b"0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n"


@pytest.mark.parametrize("name", [b"content-length", b"Transfer-Encoding", b"host", b"IF-MATCH", b"trailer"])
def test_a_field_that_must_come_first_is_no_trailer(name):
    with pytest.raises(LocalProtocolError, match="is not allowed in trailers"):
        encode_trailers([(b"x-sum", b"1"), (name, b"1")])


def test_a_malformed_trailer_is_refused():
    with pytest.raises(LocalProtocolError, match="control character"):
        encode_trailers([(b"x-sum", b"1\r\n\r\nHTTP/1.1 200 OK")])
