from dataclasses import fields

import pytest

from holdfast.trace.hooks import ExchangeDone, ServerTrace, join


class FakeHead:
    def __init__(self):
        self.method, self.target, self.version = "GET", "/a?b", "1.1"
        self.index = {b"user-agent": b"curl/8", b"referer": b"http://x/\xe9"}


def done(**changes):
    values = dict(
        head=FakeHead(),
        peer="127.0.0.1:5",
        status=200,
        bytes_sent=3,
        bytes_received=0,
        started=10.0,
        duration=0.5,
    )
    return ExchangeDone(**values | changes)


def test_every_hook_is_optional():
    assert all(getattr(ServerTrace(), field.name) is None for field in fields(ServerTrace))


def test_a_hook_that_does_not_exist_is_refused():
    with pytest.raises(TypeError):
        ServerTrace(exchange_finished=print)


def test_the_request_is_read_through_its_head():
    exchange = done()
    assert (exchange.method, exchange.target, exchange.version) == ("GET", "/a?b", "1.1")
    assert exchange.user_agent == "curl/8"
    assert exchange.referer == "http://x/\xe9"
    assert exchange.request_header(b"x-absent") is None


def test_a_response_header_is_the_first_of_its_name():
    exchange = done(response_fields=[(b"vary", b"a"), (b"vary", b"b")])
    assert exchange.response_header(b"vary") == "a"
    assert exchange.response_header(b"etag") is None


def test_joined_traces_are_called_in_order_and_a_lone_hook_is_used_as_it_is():
    heard = []
    lone = heard.append
    one = ServerTrace(connection_closed=lambda conn, reason: heard.append(("one", reason)), accept_error=lone)
    two = ServerTrace(connection_closed=lambda conn, reason: heard.append(("two", reason)))
    joined = join(one, None, two)
    joined.connection_closed(None, "idle_timeout")
    assert heard == [("one", "idle_timeout"), ("two", "idle_timeout")]
    assert joined.accept_error is lone
    assert joined.refused is None
