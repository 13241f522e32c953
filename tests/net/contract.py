"""One set of connections for every test of the transport contract: memory, TCP, Unix; asyncio, uvloop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from holdfast.net import memory
from holdfast.net.listen import open_transport
from holdfast.net.stream import Stream

LOOPS = {"asyncio": asyncio.new_event_loop}
try:
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop
except ImportError:
    pass

every_loop = pytest.mark.parametrize("loop", list(LOOPS))
every_kind = pytest.mark.parametrize("kind", ["memory", "tcp", "unix"])


def run(coro, loop="asyncio"):
    """Run ``coro`` on a fresh loop of that name; ten seconds are plenty for any test here."""

    async def bounded():
        async with asyncio.timeout(10):
            return await coro

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(bounded())


class Notes:
    """A receiver that writes down what it hears, and lets a test wait for it."""

    def __init__(self, keep_open=False):
        self.events = []
        self.data = bytearray()
        self.transport = None
        self._keep_open = keep_open
        self._changed = asyncio.Event()

    def _note(self, *event):
        self.events.append(event)
        self._changed.set()

    def connection_made(self, transport):
        self.transport = transport
        self._note("made")

    def data_received(self, data):
        assert isinstance(data, bytes)
        assert data
        self.data += data
        self._changed.set()

    def eof_received(self):
        self._note("eof")
        return self._keep_open

    def connection_lost(self, exc):
        self._note("lost", type(exc))

    def pause_writing(self):
        self._note("pause")

    def resume_writing(self):
        self._note("resume")

    async def until(self, condition):
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()

    def is_lost(self):
        return bool(self.events) and self.events[-1][0] == "lost"

    async def lost(self):
        await self.until(Notes.is_lost)
        return self.events[-1][1]


async def settle():
    """Let what is under way in the loops and in the kernel arrive."""
    for _ in range(5):
        await asyncio.sleep(0.002)


def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    return near, far


@asynccontextmanager
async def joined(kind, near, far):
    """Join two receivers; both transports are aborted at the end."""
    one, other = await opened(kind, near, far)
    try:
        await near.until(lambda notes: notes.transport)
        await far.until(lambda notes: notes.transport)
        yield one, other
    finally:
        for transport, receiver in ((one, near), (other, far)):
            if not receiver.is_lost():
                transport.abort()
        await settle()


@asynccontextmanager
async def streams(kind):
    """Two joined streams; both are aborted at the end."""
    near, far = Stream(), Stream()
    await opened(kind, near, far)
    await settle()
    try:
        yield near, far
    finally:
        near.abort()
        far.abort()
        await settle()


async def opened(kind, near, far):
    if kind == "memory":
        one, other = memory.pair()
        one.start(near)
        other.start(far)
        return one, other
    sockets = tcp_pair() if kind == "tcp" else socket.socketpair()
    return [await open_transport(sock, end) for sock, end in zip(sockets, (near, far), strict=True)]
