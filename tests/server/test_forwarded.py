"""Whom to believe, and what."""

import pytest

from holdfast.server.forwarded import ForwardedHeaders, Origin, TrustedProxies, origin


@pytest.mark.parametrize(
    ("text", "host", "trusted"),
    [
        ("127.0.0.1,::1", "127.0.0.1", True),
        ("127.0.0.1,::1", "::1", True),
        ("127.0.0.1,::1", "127.0.0.2", False),
        ("10.0.0.0/8, 192.168.0.0/16", "10.200.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "2001:db8::1", False),
        ("10.0.0.0/8", "no address", False),
        ("2001:db8::/32", "2001:db8::7", True),
        ("*", "anything", True),
        ("", "127.0.0.1", False),
        ("", "", False),
        ("/run/app.sock", "/run/app.sock", True),
        ("unix:/run/app.sock", "/run/app.sock", True),
    ],
)
def test_who_is_trusted(text, host, trusted):
    assert (host in TrustedProxies(text)) is trusted


def test_a_network_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        TrustedProxies("10.0.0.0/99")


XFF, PROTO = b"x-forwarded-for", b"x-forwarded-proto"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Origin()),
        ([(XFF, b"192.0.2.1")], Origin("192.0.2.1")),
        ([(XFF, b"203.0.113.9, 192.0.2.1")], Origin("192.0.2.1")),
        ([(XFF, b"192.0.2.1, 10.0.0.5,10.0.0.6")], Origin("192.0.2.1")),
        ([(XFF, b"192.0.2.1"), (XFF, b"10.0.0.5")], Origin("192.0.2.1")),
        ([(XFF, b"10.0.0.4, 10.0.0.5")], Origin("10.0.0.4")),
        ([(XFF, b"192.0.2.1:5514")], Origin("192.0.2.1", 5514)),
        ([(XFF, b"[2001:db8::1]:80")], Origin("2001:db8::1", 80)),
        ([(XFF, b"2001:DB8::1")], Origin("2001:db8::1")),
        ([(XFF, b"::ffff:192.0.2.1")], Origin("192.0.2.1")),
        ([(XFF, b"192.0.2.1:99999")], Origin("192.0.2.1")),
        ([(XFF, b"192.0.2.1, unknown, 10.0.0.5")], Origin("10.0.0.5")),
        ([(XFF, b"<script>")], Origin()),
        ([(XFF, b",,")], Origin()),
        ([(PROTO, b"https")], Origin(scheme="https")),
        ([(PROTO, b"HTTPS, http")], Origin(scheme="http")),
        ([(PROTO, b"wss")], Origin(scheme="https")),
        ([(PROTO, b"gopher")], Origin()),
        ([(PROTO, b"https"), (XFF, b"192.0.2.1")], Origin("192.0.2.1", 0, "https")),
    ],
    ids=lambda value: (
        " ".join(f"{name.decode()}: {text.decode()}" for name, text in value) if type(value) is list else ""
    ),
)
def test_what_proxies_say(lines, expected):
    assert origin("10.0.0.1", lines, TrustedProxies("10.0.0.0/8")) == expected


class FakeHead:
    def __init__(self, fields):
        self.fields, self.index = fields, dict(fields)


class FakeExchange:
    def __init__(self, peer_pair, fields, local_addr="127.0.0.1:80"):
        self.peer_pair, self.local_addr, self.origin = peer_pair, local_addr, None
        self.head = FakeHead(fields)


@pytest.mark.parametrize(
    ("trusted", "peer", "local", "believed"),
    [
        ("127.0.0.1", ("127.0.0.1", 5), "127.0.0.1:80", True),
        ("127.0.0.1", ("192.0.2.7", 5), "127.0.0.1:80", False),
        ("127.0.0.1", None, "/run/app.sock", False),
        ("/run/app.sock", None, "/run/app.sock", True),
        ("*", None, "/run/app.sock", True),
    ],
    ids=["a trusted peer", "another peer", "a Unix socket", "a trusted Unix socket", "everyone"],
)
def test_only_a_trusted_peer_is_believed(trusted, peer, local, believed):
    exchange, answered = FakeExchange(peer, [(XFF, b"192.0.2.1")], local), []
    ForwardedHeaders(answered.append, TrustedProxies(trusted)).serve_exchange(exchange)
    assert answered == [exchange]
    assert exchange.origin == (Origin("192.0.2.1") if believed else None)


def test_a_request_without_the_fields_is_not_looked_at():
    exchange = FakeExchange(("127.0.0.1", 5), [(b"host", b"x")])
    ForwardedHeaders(lambda exchange: None, TrustedProxies("*")).serve_exchange(exchange)
    assert exchange.origin is None
