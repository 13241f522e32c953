"""For the tests of TLS: certificates, a raw transport that shows every byte, and a peer driven by hand."""

from __future__ import annotations

import ssl
from functools import cache

import trustme

from holdfast.net.clock import FakeClock
from holdfast.net.timers import Timers
from holdfast.net.tls import TLSTransport

NAME = "server.example"


@cache
def authority():
    return trustme.CA()


@cache
def issued(*names):
    return authority().issue_cert(*names)


def server_side(alpn=(), name=NAME, client_cert=ssl.CERT_NONE):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued(name).configure_cert(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if client_cert:
        authority().configure_trust(context)
        context.verify_mode = client_cert
    return context


def client_side(alpn=(), name=None, version=ssl.TLSVersion.TLSv1_3):
    """A client's context; ``name`` is what its own certificate is for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = version
    authority().configure_trust(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if name:
        issued(name).configure_cert(context)
    return context


class Raw:
    """The transport below: keeps what is written until it is taken, and notes what is asked of it."""

    def __init__(self, upper):
        self.upper = upper
        self.out = bytearray()
        self.asked = []
        self.high = 64 << 10
        self.full = False

    def write(self, data):
        assert "write_eof" not in self.asked, "a write after write_eof"
        assert not self.is_closing(), "a write after close"
        self.out += data
        if len(self.out) > self.high and not self.full:
            self.full = True
            self.upper.pause_writing()

    def take(self):
        """What a peer would read; the writer hears of the room."""
        data = bytes(self.out)
        self.out.clear()
        if self.full:
            self.full = False
            self.upper.resume_writing()
        return data

    def write_eof(self):
        self.asked.append("write_eof")

    def close(self):
        self.asked.append("close")

    def abort(self):
        self.asked.append("abort")

    def is_closing(self):
        return "close" in self.asked or "abort" in self.asked

    def pause_reading(self):
        self.asked.append("pause_reading")

    def resume_reading(self):
        self.asked.append("resume_reading")

    def set_write_buffer_limits(self, high=None, low=None):
        self.high = high

    def get_write_buffer_size(self):
        return len(self.out)

    def get_extra_info(self, name, default=None):
        return ("192.0.2.7", 5514) if name == "peername" else default


class Owner:
    """Writes down what it hears.  ``more`` is what it answers to the peer's end."""

    def __init__(self, more=False):
        self.heard = []
        self.data = bytearray()
        self.more = more

    def connection_made(self, transport):
        self.transport = transport
        self.heard.append("made")

    def data_received(self, data):
        self.data += data

    def eof_received(self):
        self.heard.append("eof")
        return self.more

    def connection_lost(self, exc):
        self.heard.append(exc)

    def pause_writing(self):
        self.heard.append("pause")

    def resume_writing(self):
        self.heard.append("resume")


class Session:
    """A `TLSTransport` at the server's side, and a stdlib client that moves only when told to."""

    def __init__(
        self, client=None, server=None, owner=None, name=NAME, timeout=10.0, shake=True, session=None
    ):
        self.clock = FakeClock()
        self.owner = owner or Owner()
        self.failed = []
        self.tls = TLSTransport(
            server or server_side(),
            Timers(self.clock),
            make_owner=self.make_owner,
            on_failed=self.failed.append,
            handshake_timeout=timeout,
        )
        self.raw = Raw(self.tls)
        self.tls.connection_made(self.raw)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = client or client_side()
        self.client = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name, session=session)
        if shake:
            self.shake()

    def make_owner(self, transport):
        self.alpn = transport.get_extra_info("alpn")
        return self.owner

    def shake(self, step=None):
        """Shake hands, ``step`` bytes reaching the server at a time.  Raises what the client raises."""
        for _ in range(4):
            try:
                self.client.do_handshake()
            except ssl.SSLWantReadError:
                pass
            self.to_server(step)
            self.incoming.write(self.raw.take())

    def to_server(self, step=None):
        data = self.outgoing.read()
        step = step or len(data) or 1
        for at in range(0, len(data), step):
            self.tls.data_received(data[at : at + step])

    def send(self, data, step=None):
        self.client.write(data)
        self.to_server(step)

    def say_close(self):
        """Send the client's close_notify."""
        try:
            self.client.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.to_server()

    def receive(self):
        """What the client can decrypt now: bytes, with b"" at the end for close_notify."""
        self.incoming.write(self.raw.take())
        pieces = []
        while True:
            try:
                pieces.append(self.client.read(1 << 16))
            except ssl.SSLWantReadError:
                return b"".join(pieces), False
            except ssl.SSLZeroReturnError:
                return b"".join(pieces), True
            if not pieces[-1]:
                return b"".join(pieces), True

    def lose(self, exc=None):
        """The socket is gone."""
        self.tls.connection_lost(exc)
