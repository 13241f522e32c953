"""HTTP in TLS: what a handler sees of it, how it begins, and how it ends (S18).

The transport itself is proven in tests/net/test_tls.py.  Requirement S18; Go's serve_test.go.
"""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from holdfast.errors import ConnectionReset, ServerClosed
from holdfast.net.listen import bind, parse_addr
from holdfast.net.tasks import Event, spawn
from holdfast.net.tlsconfig import TLSConfig
from holdfast.server.server import Server
from holdfast.testing import FakeClock, WireClient, serving, settle
from holdfast.testing.certificates import server_side
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(w, r):
    await w.write(b"hello")


def cut(peer):
    """End the connection below TLS: no close_notify."""
    peer.stream._transport._raw.close()


# TestTLSServer
async def test_the_handler_sees_what_the_handshake_agreed_on():
    async def handler(w, r):
        await w.write(f"{r.scheme} {r.tls.version} {r.tls.server_name}" if r.tls else r.scheme)

    async with serving(handler, "h1+tls") as (client, _):
        assert (await client.get()).body == b"https TLSv1.3 localhost"
    async with serving(handler, "h1") as (client, _):
        assert (await client.get()).body == b"http"


# TestTLSServer, the other half
async def test_clients_that_do_not_shake_hands_hold_up_nobody():
    async with serving(hello, "h1+tls", clock=FakeClock()) as (client, server):
        for said in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"):
            peer = await WireClient(server, memory=True, tls=False).connect()
            if said:
                await peer.send(said)
        assert (await client.get()).body == b"hello"
        assert server.stats().by_state == {"new": 3, "idle": 1}
        await server.close()


# TestServeTLS; the offer of h2 comes with HTTP/2
async def test_serving_tls_on_a_given_listener_offers_http11_and_stops_with_server_closed():
    (listener,) = bind(parse_addr("127.0.0.1:0"))
    server = Server(hello, tls=server_side())
    serve = spawn(server.serve(listener))
    await settle()
    client = WireClient(server, memory=False, tls=True)
    assert (await client.get()).body == b"hello"
    assert listener.url(server.scheme).startswith("https://127.0.0.1:")
    await client.close()
    await server.shutdown()
    with pytest.raises(ServerClosed):
        await serve


# TestTLSServerRejectHTTPRequests
async def test_plain_http_on_the_port_of_tls_gets_an_answer_that_can_be_read(caplog):
    caplog.set_level("INFO", "holdfast.error")
    async with serving(hello, "h1+tls", clock=FakeClock()) as (_, server):
        peer = await WireClient(server, memory=True, tls=False).connect()
        await peer.send(GET)
        head, _, body = (await peer.read_until_closed()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 400 Bad Request")
        assert body == b"Client sent an HTTP request to an HTTPS server.\n"
        await peer.close()
        await settle()
        assert server.stats().closed_because == {"the TLS handshake failed": 1}
    (line,) = caplog.messages
    assert line.endswith("client sent an HTTP request to an HTTPS server")


class Watched(ssl.SSLContext):
    """A caller's context that notes whether its ALPN list is touched."""

    offered = ()

    def set_alpn_protocols(self, protocols):
        self.offered += (tuple(protocols),)
        super().set_alpn_protocols(protocols)


# TestAutomaticHTTP2_Serve_NonH2TLSConfig, TestServerTLSNextProtos
async def test_a_callers_context_keeps_its_alpn():
    authority = trustme.CA()
    context = Watched(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["mine"])
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    client_context.set_alpn_protocols(["http/1.1", "mine"])
    async with serving(hello, "h1+tls", tls=context, memory=False) as (_, server):
        host, port = server._listeners[0].sock.getsockname()
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=client_context, server_hostname="localhost"
            )
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "mine"
            writer.write(GET.replace(b"Host", b"Connection: close\r\nHost"))
            assert (await reader.read()).endswith(b"hello")
            writer.close()
            await writer.wait_closed()
    assert context.offered == (("mine",),)


# TestAutomaticHTTP2_ListenAndServe_GetCertificate
async def test_a_callback_that_chooses_the_certificate_is_enough():
    def choose(ssl_object, name, context):
        asked.append(name)
        ssl_object.context = server_side()

    asked = []
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    bare.sni_callback = choose
    async with serving(hello, "h1+tls", tls=bare) as (client, _):
        assert (await client.get()).body == b"hello"
    assert asked == ["localhost"]


async def test_an_unusable_certificate_is_told_before_anything_listens(tmp_path):
    missing = tmp_path / "missing.pem"
    (listener,) = bind(parse_addr("127.0.0.1:0"))
    with pytest.raises(Exception, match=r"missing\.pem"):
        await Server(hello, tls=TLSConfig(str(missing), str(missing))).start(listener)
    assert listener.sock.fileno() == -1


# --- the end (S18)


@pytest.mark.rfc(
    "9112", "9.8", "Servers MUST attempt to initiate an exchange of closure alerts with the client"
)
async def test_our_end_of_the_connection_is_told_by_close_notify():
    async with serving(hello, "h1+tls", clock=FakeClock()) as (client, _):
        peer = await client.connect()
        await peer.send(GET.replace(b"Host", b"Connection: close\r\nHost"))
        assert (await peer.read_response()).body == b"hello"
        assert await peer.expect_closed() == "eof"  # "reset" is what an end without it reads as here


# A body that the connection's end delimits is whole with close_notify, and never without
async def test_a_response_that_ends_with_the_connection_ends_with_close_notify():
    async with serving(hello, "h1+tls", clock=FakeClock()) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        response = await peer.read_response()
        assert (response.body, response.framing) == (b"hello", "length")
        assert await peer.expect_closed() == "eof"


@every_mode
async def test_a_response_that_was_broken_off_does_not_end_like_a_whole_one(mode):
    async def handler(w, r):
        await w.write(b"half")
        await w.flush()
        raise RuntimeError("by design")

    async with serving(handler, mode, memory=False) as (client, _):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        got = await peer.read_until_closed()
        assert got.endswith(b"\r\n\r\nhalf")
        assert peer.ending == "reset"


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ],
    ids=["counted", "chunked"],
)
async def test_a_truncated_stream_is_not_a_complete_request(sent):
    read, errors = [], []

    async def handler(w, r):
        try:
            read.append(await r.read())
        except Exception as error:
            errors.append(str(error))
            raise

    async with serving(handler, "h1+tls", clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(sent)
        await settle()
        cut(peer)
        await settle()
        assert read == []
        assert errors == ["192.0.2.1:50000 ended the TLS stream without close_notify: it may be truncated"]
        assert server.stats().closed_because == {"the connection was reset": 1}


async def test_half_a_head_and_a_cut_are_no_request_and_get_no_answer():
    seen = []

    async def handler(w, r):
        seen.append(r)

    async with serving(handler, "h1+tls", clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(GET[:-2])
        await settle()
        cut(peer)
        await settle()
        assert seen == []
        assert server.connections() == []


async def test_a_cut_is_noticed_while_the_handler_runs():
    told, errors = Event(), []

    async def handler(w, r):
        await r.disconnected
        told.set()
        try:
            await w.write(b"x" * 10_000)
        except ConnectionReset as error:
            errors.append(error)
            raise

    async with serving(handler, "h1+tls", clock=FakeClock()) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        await settle()
        cut(peer)
        await settle()
        assert told.is_set()
        assert len(errors) == 1


async def test_after_the_peers_close_notify_the_answer_still_goes_out():
    go = Event()

    async def handler(w, r):
        await go.wait()
        await w.write(b"late")

    async with serving(handler, "h1+tls", clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await settle()
        peer.send_eof()
        await settle()
        go.set()
        assert (await peer.read_response()).body == b"late"
        assert await peer.expect_closed() == "eof"
        await settle()
        assert server.stats().closed_because == {"the peer closed its half": 1}
