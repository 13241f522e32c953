"""A program's run: its acts one by one, then time, then a look at what is left."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import Timeout
from holdfast.net.clock import FakeClock
from holdfast.net.memory import MemoryTransport, pair
from holdfast.net.tasks import spawn
from holdfast.net.timers import Timers
from holdfast.net.tls import TLSTransport
from holdfast.server.server import Server
from holdfast.testing import advance, settle
from holdfast.testing.certificates import client_side, server_side
from holdfast.trace.hooks import ServerTrace
from holdfast.wire.lifecycle import State
from tests.fuzz.answers import complaints
from tests.fuzz.clumsy import Application, Clumsy, Story
from tests.fuzz.hostile import Peer
from tests.fuzz.programs import BODIES, Act, Asked, Program

if TYPE_CHECKING:
    from holdfast.net.tasks import Task
    from holdfast.testing.serving import Mode

__all__ = ["Run"]

# Seconds, more than all clocks one after another for as many requests as a program has.
LONG: Final = 3000.0


class Run:
    """One program on one server.  An act of the program is the method of its name."""

    def __init__(self, mode: Mode, model: tuple[str, str], program: Program) -> None:
        self.mode, self.model, self.program = mode, model, program
        self.wrong: list[str] = []
        self.peers: dict[int, Peer] = {}
        self.all_peers: list[Peer] = []
        self.conns: list[weakref.ref[Any]] = []
        self.hooks: Counter[str] = Counter()
        self.asked = 0

    async def run(self) -> None:
        """Run it and judge it.  Raises AssertionError."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.wrong.append(f"the loop was told: {context}"))
        self.log = logging.Logger("fuzz")
        self.log.addHandler(lines := _Lines())
        self.clock = FakeClock()
        self.app = Application(self.clock)
        self.server = self._make_server()
        await self.server.start([])
        self.ending: Task[None] | None = None
        for act in self.program.acts:
            if self.ending is None or not self._connects(act):  # a server that shuts down does not listen
                await getattr(self, "_" + act[0].replace(" ", "_").replace("-", "_"))(*act[1:])
        self.app.release.set()
        await settle()
        self._judge_the_moment()
        await advance(self.clock, LONG)
        self._judge_the_server()
        self._let_go()
        await self._shut_down_and_look()
        self.wrong += [f"in the log: {line}" for line in lines.lines if _is_ours(line)]
        for peer in self.all_peers:
            self.wrong += [
                complaint async for complaint in complaints(peer, self.mode, cut=self.program.may_cut)
            ]
        assert not self.wrong, "\n".join([*self.wrong, *lines.lines])

    def _connects(self, act: Act) -> bool:
        """Whether ``act`` needs a connection that there is not."""
        return act[0] == "knock" or (
            act[0] not in ("pass", "turns") and len(act) > 1 and act[1] not in self.peers
        )

    def _make_server(self) -> Server:
        settings: dict[str, Any] = dict(self.program.settings)
        settings["concurrency"], settings["pipeline"] = self.model
        if self.mode == "h1+tls":
            settings["tls"] = server_side()
        if self.program.traced:
            settings["trace"] = ServerTrace(
                connection_opened=lambda conn: self._count("opened"),
                request_received=lambda exchange: self._count("received"),
                exchange_done=lambda exchange, done: self._count("done"),
                connection_closed=self._closed,
                state_changed=lambda conn, old, new, why: None,
            )
        server = Server(
            self.app.handle,
            addr="x:1",
            error_log=self.log,
            **settings,
        )
        server.use_clock(self.clock)
        server._conn_class = type("Watched", (server._conn_class,), {"__slots__": ("__weakref__",)})
        return server

    def _count(self, what: str) -> None:
        self.hooks[what] += 1

    def _closed(self, conn: Any, reason: str) -> None:
        self._count("closed")
        self._hold(conn.reason is not None, f"{conn!r} ended without a reason")

    # --- acts ---

    async def _peer(self, number: int) -> Peer:
        if number not in self.peers:
            self.peers[number] = peer = Peer()
            self._join(peer, self._dressed(peer))
            if self.mode == "h1+tls" or len(self.all_peers) % 2:
                await settle()
            else:
                await asyncio.sleep(0)
        return self.peers[number]

    def _join(self, peer: Peer, receiver: Any) -> None:
        self.all_peers.append(peer)
        near, far = pair(near=("192.0.2.1", 50000 + len(self.all_peers)))
        self.conns.append(weakref.ref(self.server.serve_transport(far.start)))
        near.start(receiver)

    def _dressed(self, peer: Peer) -> Any:
        if self.mode == "h1":
            return peer
        return TLSTransport(
            client_side(),
            Timers(self.clock),
            make_owner=lambda _: peer,
            on_failed=lambda error: peer.connection_lost(error),
            server_side=False,
            server_hostname="localhost",
            handshake_timeout=None,
        )

    async def _ask(self, number: int, asked: Asked, part: float) -> None:
        peer = await self._peer(number)
        if peer.spoilt or peer.sent_eof:
            return
        peer.send(peer.pending)
        self.asked += 1
        story = Story(asked, str(self.asked))
        self.app.stories[story.id] = story
        peer.stories.append(story)
        fields, body, in_order = BODIES[asked.body]
        target = {"OPTIONS": "*", "CONNECT": "h:1"}.get(asked.method, "/")
        head = f"{asked.method} {target} HTTP/{asked.version}\r\nHost: h:1\r\nX-Id: {story.id}\r\n"
        data = f"{head}{asked.extra}{fields}\r\n".encode() + body
        sent = int(len(data) * part)
        peer.spoilt = not in_order
        peer.pending = data[sent:]
        peer.send(data[:sent])

    async def _burst(self, number: int, all_asked: tuple[Asked, ...]) -> None:
        for asked in all_asked:
            await self._ask(number, asked, 1.0)

    async def _knock(self, data: bytes, then: str) -> None:
        """A connection that says ``data`` and nothing more, and no handshake."""
        peer = Peer()
        peer.spoilt = peer.wilful = True
        self._join(peer, peer)
        await asyncio.sleep(0)
        peer.send(data)
        if then == "close" and peer.transport is not None:
            peer.transport.close()
        elif then == "abort" and peer.transport is not None:
            peer.transport.abort()

    async def _rest(self, number: int) -> None:
        peer = await self._peer(number)
        peer.send(peer.pending)
        peer.pending = b""

    async def _garbage(self, number: int, data: bytes) -> None:
        peer = await self._peer(number)
        peer.spoilt = True
        peer.send(data)

    async def _eof(self, number: int) -> None:
        peer = await self._peer(number)
        if peer.speaks:
            peer.sent_eof = True
            peer.transport.write_eof()

    async def _abort(self, number: int) -> None:
        peer = await self._peer(number)
        peer.wilful = True
        if peer.transport is not None:
            peer.transport.abort()
        del self.peers[number]

    async def _cut(self, number: int) -> None:
        """The network between: on TLS, an end without close_notify."""
        peer = await self._peer(number)
        peer.wilful = True
        raw = peer.transport
        if raw is not None:
            raw = getattr(raw, "_raw", raw)
            assert isinstance(raw, MemoryTransport)
            raw.close()
        del self.peers[number]

    async def _stop_reading(self, number: int) -> None:
        peer = await self._peer(number)
        peer.wilful = True
        if peer.transport is not None:
            peer.transport.pause_reading()

    async def _read(self, number: int) -> None:
        peer = await self._peer(number)
        if peer.transport is not None:
            peer.transport.resume_reading()

    async def _pass(self, seconds: float) -> None:
        await advance(self.clock, seconds)

    async def _settle(self) -> None:
        await settle()

    async def _turns(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def _release(self) -> None:
        self.app.release.set()
        await settle()
        self.app.release.clear()

    async def _shed(self) -> None:
        self.server.crowd.shed(1)

    async def _refuse_keep_alive(self) -> None:
        self.server.set_keep_alives_enabled(False)

    async def _keep_alive(self) -> None:
        self.server.set_keep_alives_enabled(True)

    async def _shut_down(self) -> None:
        if self.ending is None:
            self.ending = spawn(_shut_down(self.server))

    # --- judgement ---

    def _judge_the_moment(self) -> None:
        """What must not wait for a clock."""
        server = self.server
        waiting = [conn for conn in server.crowd if conn.peer_gone and conn.life.state is State.IDLE]
        self._hold(not waiting, f"the peer has left, and is waited for: {waiting}")
        if self.mode == "h1":  # a TLS connection has a second deadline
            armed = len(server.timers) - server.timers._stale
            self._hold(armed <= len(server.crowd), f"{server.timers!r} for {server!r}")

    def _judge_the_server(self) -> None:
        """The clocks alone have ended everything."""
        server, stats = self.server, self.server.stats()
        ended = sum(stats.closed_because.values())
        self._hold(not stats.connections_open, f"connections are left: {server.connections()}")
        self._hold(not len(server.timers), f"timers are left: {server.timers!r}")
        self._hold(stats.connections_accepted == ended == len(self.conns), f"{stats} does not add up")

    def _let_go(self) -> None:
        """End what was hijacked, and the peers' halves."""
        while self.app.left:
            self.app.left.pop().abort()
        for peer in self.all_peers:
            if peer.transport is not None:
                peer.transport.abort()
                peer.transport = None

    async def _shut_down_and_look(self) -> None:
        server = self.server
        await settle()
        await self._shut_down()
        await advance(self.clock, 40.0)
        self._hold(self.ending is not None and self.ending.done(), f"{server!r} does not shut down")
        self.ending = None
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        self._hold(not tasks, f"tasks are left: {tasks}")
        self._hold(not server.crowd.background, f"in the background: {server.crowd.background}")
        hooks = self.hooks
        if self.program.traced:
            self._hold(hooks["opened"] == hooks["closed"] == len(self.conns), f"{hooks}")
            requests = server.stats().requests
            self._hold(hooks["received"] == hooks["done"] == requests, f"{hooks}, {requests} requests")
        tasks.clear()
        gc.collect()
        await settle()
        alive = [conn() for conn in self.conns if conn() is not None]
        self._hold(
            not alive, f"memory is left: {alive}, held by {[gc.get_referrers(conn) for conn in alive]}"
        )

    def _hold(self, right: bool, otherwise: str) -> None:
        if not right:
            self.wrong.append(otherwise)


async def _shut_down(server: Server) -> None:
    with suppress(Timeout):
        await server.shutdown()


def _is_ours(line: str) -> bool:
    """Whether a line of the log is about a failure that no clumsy handler can have made."""
    last = line.rstrip().rsplit("\n", 1)[-1]
    return "a fault of ours" in line or ("handler failed" in line and not last.startswith(_THEIRS))


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


# How the last line of a clumsy handler's traceback begins.
_THEIRS: Final = (
    "holdfast.errors.",
    f"{Clumsy.__module__}.",
    "asyncio.exceptions.CancelledError",
    "SystemExit",
)
