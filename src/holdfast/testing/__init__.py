"""Tests of handlers, applications and of the server itself.

A handler alone: give it a writer that keeps what was written, and a request made of parts::

    w, r = recorder("POST", "/orders?x=1", body=b"...")
    await handler(w, r)
    assert (await w.result()).status == 201

An application, native, ASGI or WSGI, with its whole server and no sockets::

    async with memory_client(app) as client:
        response = await client.get("/")
    assert response.status_code == 200 and response.json() == {"ready": True}

A server, byte for byte, in TLS or not, with time under control::

    clock = FakeClock()
    async with serving(handler, "h1+tls", clock=clock, idle_timeout=10) as (client, server):
        peer = await client.connect()
        await peer.send(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        response = await peer.read_response()
        assert response.status == 200 and response.framing == "length"
        await advance(clock, 10)
        assert await peer.expect_closed() == "eof"

Everything that waits is bounded by two seconds of real time, and fails by what it waited for.
"""

from holdfast.net.clock import FakeClock
from holdfast.testing.apps import AppClient, AppResponse, memory_client
from holdfast.testing.messages import BrokenResponse, WireResponse
from holdfast.testing.recording import Recorder, recorder, request
from holdfast.testing.serving import serving
from holdfast.testing.waiting import advance, settle
from holdfast.testing.wire import WireClient, WirePeer

__all__ = [
    "AppClient",
    "AppResponse",
    "BrokenResponse",
    "FakeClock",
    "Recorder",
    "WireClient",
    "WirePeer",
    "WireResponse",
    "advance",
    "memory_client",
    "recorder",
    "request",
    "serving",
    "settle",
]
