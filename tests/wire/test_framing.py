"""RFC 9112 6.3 as a table: the rule, what decides, and the length."""

from __future__ import annotations

import pytest

from holdfast.errors import RemoteProtocolError
from holdfast.wire.framing import CHUNKED, MAX_CONTENT_LENGTH, UNTIL_EOF, allowed_in_trailers, body_length

REQUEST = {}
RESPONSE = {"request_method": "GET", "status": 200}


@pytest.mark.parametrize(
    ("rule", "te", "cl", "message", "length"),
    [
        ("1 HEAD", None, b"5", {"request_method": "HEAD", "status": 200}, 0),
        ("1 HEAD", b"chunked", None, {"request_method": "HEAD", "status": 200}, 0),
        ("1 interim", None, b"5", {"request_method": "GET", "status": 103}, 0),
        ("1 switching", None, None, {"request_method": "GET", "status": 101}, 0),
        ("1 no content", None, b"5", {"request_method": "GET", "status": 204}, 0),
        ("1 not modified", b"chunked", None, {"request_method": "GET", "status": 304}, 0),
        ("2 tunnel", b"chunked", b"5", {"request_method": "CONNECT", "status": 200}, 0),
        ("2 refused tunnel", None, b"5", {"request_method": "CONNECT", "status": 407}, 5),
        ("4 request", b"chunked", None, REQUEST, CHUNKED),
        ("4 response", b"Chunked", None, RESPONSE, CHUNKED),
        ("6 request", None, b"5", REQUEST, 5),
        ("6 response", None, b"5", RESPONSE, 5),
        ("6 zeros", None, b"0005", REQUEST, 5),
        ("6 many zeros", None, b"0" * 5000 + b"5", REQUEST, 5),
        ("6 nothing", None, b"0", RESPONSE, 0),
        ("6 longest", None, b"9223372036854775807", REQUEST, MAX_CONTENT_LENGTH),
        ("6 in 1.0", None, b"5", {"version": "1.0"}, 5),
        ("7 request", None, None, REQUEST, 0),
        ("8 response", None, None, RESPONSE, UNTIL_EOF),
        ("8 error", None, None, {"request_method": "POST", "status": 500}, UNTIL_EOF),
    ],
    ids=str,
)
def test_the_eight_rules(rule, te, cl, message, length):
    assert body_length(te, cl, **message) == length


@pytest.mark.parametrize("message", [REQUEST, RESPONSE], ids=["request", "response"])
@pytest.mark.parametrize(
    ("te", "cl", "status"),
    [
        (b"chunked", b"5", 400),  # rule 3
        (b"chunked", b"", 400),
        (b"gzip", b"5", 400),
        (b"", None, 501),  # rule 4
        (b"gzip", None, 501),
        (b"gzip, chunked", None, 501),
        (b"chunked,chunked", None, 501),
        (b"identity", None, 501),
        (None, b"", 400),  # rule 5
        (None, b"+5", 400),
        (None, b"-5", 400),
        (None, b"5,5", 400),
        (None, b"5 5", 400),
        (None, b" 5", 400),
        (None, b"0x5", 400),
        (None, b"1_0", 400),
        (None, b"\xd9\xa3", 400),
        (None, b"9223372036854775808", 400),
        (None, b"9" * 5000, 400),
    ],
    ids=str,
)
def test_what_two_readers_could_read_in_two_ways_is_an_error(te, cl, status, message):
    with pytest.raises(RemoteProtocolError) as caught:
        body_length(te, cl, **message)
    assert caught.value.status == status


def test_chunked_in_http_1_0_is_faulty_framing():
    with pytest.raises(RemoteProtocolError) as caught:
        body_length(b"chunked", None, version="1.0")
    assert caught.value.status == 400


def test_an_unknown_coding_is_not_told_back():
    with pytest.raises(RemoteProtocolError) as caught:
        body_length(b"<script>", None)
    assert caught.value.reason == "Unsupported transfer encoding"


@pytest.mark.parametrize("name", [b"digest", b"grpc-status", b"server-timing", b"iffy", b"x-if-match"])
def test_what_a_body_has_shown_may_be_a_trailer(name):
    assert allowed_in_trailers(name)


@pytest.mark.parametrize(
    "name", [b"content-length", b"transfer-encoding", b"host", b"te", b"if-match", b"if-x", b"trailer"]
)
def test_what_was_acted_on_before_may_not(name):
    assert not allowed_in_trailers(name)
