"""The name in a ClientHello, whole and in pieces, and everything that is not one."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.limits import MAX_CLIENT_HELLO
from holdfast.net.tlshello import ClientHello


def hello(name="www.example.com", version=ssl.TLSVersion.TLSv1_3):
    """A ClientHello of OpenSSL's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def records(message, size):
    """A handshake message spread over records of ``size`` bytes."""
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)


def with_name_extension(extension):
    """A ClientHello whose only extension is a server_name with these bytes."""
    extensions = b"\0\0" + len(extension).to_bytes(2) + extension
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + len(extensions).to_bytes(2) + extensions
    return records(b"\1" + len(body).to_bytes(3) + body, 1 << 14)


def ask(data, step=None):
    """Feed ``data``; return (whether it was enough, the name)."""
    reader = ClientHello()
    enough = False
    for at in range(0, len(data), step or len(data)):
        assert not enough, "asked for more than was needed"
        enough = reader.feed(data[at : at + (step or len(data))])
    assert reader.data == data
    return enough, reader.server_name


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("step", [None, 1, 3, 100])
@pytest.mark.parametrize(
    ("asked", "name"),
    [("www.example.com", "www.example.com"), ("WWW.Example.COM", "www.example.com"), (None, None)],
)
def test_openssls_own_hello(version, step, asked, name):
    assert ask(hello(asked, version), step) == (True, name)


@pytest.mark.parametrize("size", [1, 2, 50])
@pytest.mark.rfc(
    "8446", "5.1", "Handshake messages MAY be coalesced into a single TLSPlaintext record or fragmented"
)
def test_a_hello_spread_over_records(size):
    assert ask(records(hello()[5:], size)) == (True, "www.example.com")


@pytest.mark.parametrize(
    "data",
    [b"", b"\x16", b"\x16\x03\x01\x00", hello()[:-1], records(hello()[5:], 7)[:-1]],
    ids=["nothing", "a byte", "half a header", "all but a byte", "all but a byte in records"],
)
def test_half_a_hello_asks_for_more(data):
    reader = ClientHello()
    assert not reader.feed(data)
    assert reader.server_name is None


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (with_name_extension(b"\0\6\0\0\3a.b"), "a.b"),
        (with_name_extension(b"\0\6\1\0\3a.b"), None),
        (with_name_extension(b"\0\3\0\0\0"), None),
        (with_name_extension(b"\0\6\0\0\4a.b"), None),
        (with_name_extension(b"\0\6\0\xff\xffa.b"), None),
        (with_name_extension("\0\5\0\0\2ü".encode()), None),
        (with_name_extension(b"\0"), None),
        (with_name_extension(b""), None),
        (records(b"\1\0\0\0", 10), None),
        (records(b"\1\0\0\5\3\3abc", 10), None),
        (b"GET / HTTP/1.1\r\n\r\n", None),
        (b"\x15\x03\x01\x00\x02\x02\x28", None),
    ],
    ids=[
        *("a name", "another type", "an empty name", "a name cut short", "a name too long", "not ASCII"),
        *("a byte", "empty", "an empty message", "a short message", "HTTP", "an alert"),
    ],
)
def test_what_is_malformed_has_no_name_and_is_openssls_to_refuse(data, name):
    assert ask(data) == (True, name)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\xff\xff" + bytes(MAX_CLIENT_HELLO),
        b"\x16\x03\x01\x00\x00" * MAX_CLIENT_HELLO,
        records(b"\1\xff\xff\xff" + bytes(MAX_CLIENT_HELLO), 1 << 14),
    ],
    ids=["one record", "empty records", "a message of 16 MiB"],
)
def test_a_hello_without_end_is_given_up(data):
    reader = ClientHello()
    for at in range(0, len(data), 1000):
        if reader.feed(data[at : at + 1000]):
            break
    assert len(reader.data) <= MAX_CLIENT_HELLO + 1000
    assert reader.server_name is None


@given(st.integers(0, 600), st.binary(max_size=8))
def test_a_damaged_hello_never_raises(at, damage):
    data = hello()
    ClientHello().feed(data[:at] + damage + data[at + len(damage) :])
