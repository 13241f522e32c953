"""What speaks against keeping a connection, and the answer to a request that cannot be read."""

from __future__ import annotations

import pytest

from holdfast.errors import LimitExceeded, RemoteProtocolError
from holdfast.wire.events import RequestHead
from holdfast.wire.h1.connection import H1Connection, refusal
from holdfast.wire.persistence import CloseReason

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def asked(connection: H1Connection, data: bytes) -> RequestHead:
    connection.feed(data)
    head = connection.next_event()
    assert isinstance(head, RequestHead)
    return head


def test_nothing_speaks_against_a_new_connection():
    connection = H1Connection()
    assert connection.close_reason(asked(connection, GET)) is None


def test_the_peers_wish_is_its_requests_own():
    connection = H1Connection()
    first = asked(connection, CLOSE)
    assert connection.close_reason(first) is CloseReason.PEER_CLOSE
    assert connection.reasons == frozenset()


def test_what_was_noted_stays():
    connection = H1Connection()
    head = asked(connection, GET)
    connection.note(CloseReason.BODY_LEFT)
    connection.note(CloseReason.SHUTDOWN)
    assert connection.close_reason(head) is CloseReason.SHUTDOWN  # the first in the enum's order
    connection.take_back(CloseReason.SHUTDOWN)
    connection.take_back(CloseReason.WORN_OUT)  # never noted
    assert connection.close_reason(head) is CloseReason.BODY_LEFT


def test_a_half_closed_peer_is_served_what_it_sent_before():
    connection = H1Connection()
    first = asked(connection, GET + GET)
    connection.feed_eof()
    connection.note_eof()
    assert connection.close_reason(first) is None
    connection.next_event()  # the End
    second = connection.next_event()
    connection.note_eof()
    assert connection.close_reason(second) is CloseReason.PEER_EOF


def test_a_connection_has_facts_of_its_own():
    one, other = H1Connection(), H1Connection()
    one.note(CloseReason.WORN_OUT)
    assert other.reasons == frozenset()


# Each kind has its status line; what the peer sent is never echoed.
# fmt: off
REFUSALS = [
    (RemoteProtocolError("got b'<script>'"), "400 Bad Request", "400 Bad Request"),
    (RemoteProtocolError("x", reason="missing required Host header"), "400 Bad Request",
     "400 Bad Request: missing required Host header"),
    (RemoteProtocolError("x", status=408), "408 Request Timeout", "408 Request Timeout"),
    (RemoteProtocolError("x", status=414), "414 Request URI Too Long", "414 Request URI Too Long"),
    (RemoteProtocolError("x", status=431), "431 Request Header Fields Too Large",
     "431 Request Header Fields Too Large"),
    (RemoteProtocolError("x", status=501, reason="Unsupported transfer encoding"), "501 Not Implemented",
     "501 Not Implemented: Unsupported transfer encoding"),
    (RemoteProtocolError("x", status=505, reason="unsupported protocol version"),
     "505 HTTP Version Not Supported", "505 HTTP Version Not Supported: unsupported protocol version"),
    (LimitExceeded("max", "x", status=413), "413 Request Entity Too Large", "413 Request Entity Too Large"),
]
# fmt: on


@pytest.mark.parametrize(("error", "line", "body"), REFUSALS, ids=[line for _, line, _ in REFUSALS])
def test_a_refusal_says_its_kind_and_closes(error, line, body):
    head, _, text = refusal(error).decode().partition("\r\n\r\n")
    assert head.split("\r\n") == [
        f"HTTP/1.1 {line}",
        "Content-Type: text/plain; charset=utf-8",
        "Connection: close",
        f"Content-Length: {len(body)}",
    ]
    assert text == body
