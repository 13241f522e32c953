"""A hostile peer and a clumsy application, on a whole server in memory: nothing is left of either.

A ``Program`` is what peers, the passing of time and the server's owner do, in order; what its
handlers do is in the requests themselves, which name a ``Script``.  Afterwards

* no life-cycle event was impossible, and nothing of ours failed,
* each answer that came whole is strictly HTTP, in its place, and has what its handler wrote,
* the clocks alone end every connection, and its task, timer and memory with it,
* the hooks and ``stats`` add up.

A failure prints the program as one that can be pasted into ``test_found``.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import AbortHandler, ConnectionReset, HTTPError, TLSError
from holdfast.net.clock import FakeClock
from holdfast.net.memory import MemoryTransport, pair
from holdfast.net.tasks import current, spawn
from holdfast.net.timers import Timers
from holdfast.net.tls import TLSTransport
from holdfast.server.server import Server
from holdfast.testing import BrokenResponse, advance, settle
from holdfast.testing.certificates import client_side, server_side
from holdfast.testing.messages import WireResponse, read_response
from holdfast.trace.hooks import ServerTrace
from tests.whole.modes import MODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.errors import Timeout

MODELS = [(c, p) for c in ("task", "pool") for p in ("serial", "concurrent")]


# --- what programs are made of ---

Step = tuple[Any, ...]  # of a handler: its name, and what it takes
Act = tuple[Any, ...]  # of the program: likewise


class Asked(NamedTuple):
    """A request."""

    method: str = "GET"
    version: str = "1.1"
    extra: str = ""  # field lines
    body: str = ""  # a key of BODIES
    script: tuple[Step, ...] = ()


class Program(NamedTuple):
    """All that happens in one run."""

    acts: tuple[Act, ...]
    settings: tuple[tuple[str, Any], ...] = ()
    traced: bool = False


# What may follow a head; the second value says whether it is in order.
BODIES: dict[str, tuple[str, bytes, bool]] = {
    "": ("", b"", True),
    "small": ("Content-Length: 5\r\n", b"abcde", True),
    "large": ("Content-Length: 100000\r\n", bytes(100_000), True),
    "huge": ("Content-Length: 400000\r\n", bytes(400_000), True),
    "chunks": ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", True),
    "trailers": ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\nX-T: v\r\n\r\n", True),
    "large chunks": (
        "Transfer-Encoding: chunked\r\n",
        (b"4000\r\n" + bytes(0x4000) + b"\r\n") * 6 + b"0\r\n\r\n",
        True,
    ),
    "bad size": ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\nzz\r\n", False),
    "bad end": ("Transfer-Encoding: chunked\r\n", b"3\r\nabcde\r\n0\r\n\r\n", False),
    "bad trailer": ("Transfer-Encoding: chunked\r\n", b"0\r\nContent-Length: 3\r\n\r\n", False),
    "long trailers": ("Transfer-Encoding: chunked\r\n", b"0\r\nX: " + b"y" * 5000 + b"\r\n\r\n", False),
    "both": ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"0\r\n\r\n", False),
    "short": ("Content-Length: 50\r\n", b"abcde", False),
}
EXTRA = ["", "", "", "Connection: close\r\n", "Connection: keep-alive\r\n", "Expect: 100-continue\r\n"]
EXTRA += ["Expect: a-miracle\r\n", "Connection: Upgrade\r\nUpgrade: chat\r\n"]
GARBAGE = [b"\r\n", b"\0\x16\x03\x01", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"G", b"\r", b"GET /"]
GARBAGE += [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n", b"A" * 70_000]

STEPS = st.one_of(
    st.tuples(st.sampled_from(["read", "read some", "flush", "turn", "hang", "interim", "trailer", "close body"])),
    st.tuples(st.sampled_from(["raise", "abort", "cancelled", "cancel me", "exit", "duplex", "say close", "detach"])),
    st.tuples(st.just("write"), st.sampled_from([0, 1, 1500, 3000, 200_000])),
    st.tuples(st.just("status"), st.sampled_from([101, 200, 204, 304, 404, 500])),
    st.tuples(st.just("declare"), st.sampled_from([0, 1, 1500, 4000])),
    st.tuples(st.just("pass"), st.sampled_from([0.4, 3.0, 40.0])),
    st.tuples(st.just("hijack"), st.sampled_from(["close", "abort", "talk", "leave"])),
    st.tuples(st.sampled_from(["read by", "write by"]), st.sampled_from([0.0, 1.0, None])),
)
REQUESTS = st.builds(
    Asked,
    method=st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "POST", "OPTIONS", "CONNECT"]),
    version=st.sampled_from(["1.1", "1.1", "1.1", "1.0"]),
    extra=st.sampled_from(EXTRA),
    body=st.sampled_from(sorted(BODIES) + [""] * 8),
    script=st.lists(STEPS, max_size=5).map(tuple),
)
# Each peer's act begins with its number.
PEERS = st.integers(0, 1)
TIMES = [0.0, 0.4, 0.6, 1.0, 2.0, 9.9, 10.1, 29.9, 31.0, 59.0, 61.0, 75.5]
ACTS = st.one_of(
    st.tuples(st.just("ask"), PEERS, REQUESTS, st.sampled_from([1.0, 1.0, 1.0, 0.9, 0.5, 0.05])),
    st.tuples(st.just("ask"), PEERS, REQUESTS, st.just(1.0)),
    st.tuples(st.sampled_from(["rest", "eof", "abort", "stop reading", "read", "cut", "rest"]), PEERS),
    st.tuples(st.just("garbage"), PEERS, st.sampled_from(GARBAGE)),
    st.tuples(st.just("pass"), st.sampled_from(TIMES)),
    st.tuples(st.sampled_from(["settle", "settle", "release", "shed", "refuse keep-alive", "keep-alive", "shut down"])),
    st.tuples(st.sampled_from(["turns"]), st.integers(1, 6)),
)
SETTINGS = st.sampled_from(
    [
        (),
        (),
        (("read_timeout", 5.0), ("write_timeout", 7.0)),
        (("max_requests_per_connection", 2),),
        (("max_connection_age", 20.0),),
        (("max_pipelined", 2), ("pool_size", 1)),
        (("pool_size", 1),),
        (("idle_timeout", 3.0), ("body_read_timeout", None), ("min_body_rate", 1000.0)),
        (("default_headers", (("Server", "x"), ("Connection", "keep-alive"))),),
    ]
)
PROGRAMS = st.builds(
    Program, acts=st.lists(ACTS, min_size=1, max_size=14).map(tuple), settings=SETTINGS, traced=st.booleans()
)

# Longer than all clocks one after another, for as many requests as a program has.
LONG = 3000.0


@pytest.fixture(scope="module", autouse=True)
def rest_of_the_process_is_not_searched() -> Iterator[None]:
    """Each program ends with a search for garbage."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("model", MODELS, ids=["-".join(model) for model in MODELS])
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(program=PROGRAMS)
def test_nothing_is_left_of_anybody(mode: str, model: tuple[str, str], program: Program) -> None:
    run(mode, model, program)


def run(mode: str, model: tuple[str, str], program: Program) -> None:
    """Run one program and judge it."""
    asyncio.run(_Run(mode, model, program).run())


# --- the clumsy application ---


@dataclass
class Story:
    """What became of one request's handler."""

    asked: Asked
    id: str
    written: list[bytes] = field(default_factory=list)
    began: bool = False
    ended: bool = False  # it returned, or had the response finished
    hijacked: bool = False


class _Clumsy(Exception):
    """What a handler raises."""


class _Application:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.release = asyncio.Event()
        self.stories: dict[str, Story] = {}
        self.left: list[Any] = []  # streams that nobody closed
        self.handlers: set[Any] = set()

    async def handle(self, w: Any, r: Any) -> None:
        story = self.stories.get(r.headers.get("X-Id", ""))
        if story is None:  # garbage may be a request after all: HTTP/2's preface is
            return
        w.headers["X-Id"] = story.id
        assert not story.began, "one request, two handlers"
        story.began = True
        for step in story.asked.script:
            try:
                await getattr(self, "_" + step[0].replace(" ", "_"))(story, w, r, *step[1:])
            except HTTPError as error:
                if len(story.asked.script) % 2 or isinstance(error, AbortHandler):
                    raise  # every second handler goes on as if nothing had been
        story.ended = True

    async def _read(self, story: Story, w: Any, r: Any) -> None:
        await r.read()

    async def _read_some(self, story: Story, w: Any, r: Any) -> None:
        await r.body.read(3)

    async def _close_body(self, story: Story, w: Any, r: Any) -> None:
        r.body.close()

    async def _flush(self, story: Story, w: Any, r: Any) -> None:
        await w.flush()

    async def _turn(self, story: Story, w: Any, r: Any) -> None:
        await asyncio.sleep(0)

    async def _hang(self, story: Story, w: Any, r: Any) -> None:
        await self._or_release(_await(r.disconnected))

    async def _interim(self, story: Story, w: Any, r: Any) -> None:
        await w.write_informational(103, {"Link": "</a>"})

    async def _trailer(self, story: Story, w: Any, r: Any) -> None:
        w.trailers["X-After"] = "1"

    async def _raise(self, story: Story, w: Any, r: Any) -> None:
        raise _Clumsy

    async def _abort(self, story: Story, w: Any, r: Any) -> None:
        raise AbortHandler

    async def _cancelled(self, story: Story, w: Any, r: Any) -> None:
        raise asyncio.CancelledError

    async def _cancel_me(self, story: Story, w: Any, r: Any) -> None:
        current().cancel()
        await asyncio.sleep(0)

    async def _exit(self, story: Story, w: Any, r: Any) -> None:
        raise SystemExit(3)

    async def _duplex(self, story: Story, w: Any, r: Any) -> None:
        w.controller.enable_full_duplex()

    async def _say_close(self, story: Story, w: Any, r: Any) -> None:
        w.headers["Connection"] = "close"

    async def _detach(self, story: Story, w: Any, r: Any) -> None:
        await w.finish()
        story.ended = True
        w.exchange.detach()

    async def _write(self, story: Story, w: Any, r: Any, size: int) -> None:
        data = bytes([65 + len(story.written) % 26]) * size
        if not story.ended:
            story.written.append(data)  # that it waits in vain does not unsay it
        before = w.bytes_written
        try:
            await w.write(data)
        except HTTPError:
            if w.bytes_written == before and not story.ended:
                story.written.pop()
            raise

    async def _status(self, story: Story, w: Any, r: Any, status: int) -> None:
        w.write_header(status)

    async def _declare(self, story: Story, w: Any, r: Any, size: int) -> None:
        w.headers["Content-Length"] = str(size)

    async def _pass(self, story: Story, w: Any, r: Any, seconds: float) -> None:
        over = asyncio.get_running_loop().create_future()
        timer = self.clock.call_at(self.clock.time() + seconds, lambda: over.done() or over.set_result(None))
        try:
            await over
        finally:
            timer.cancel()

    async def _hijack(self, story: Story, w: Any, r: Any, then: str) -> None:
        stream, _ = await w.hijack()
        story.hijacked = True
        self.left.append(stream)
        if then == "talk":
            with suppress(ConnectionReset):
                await stream.write(b"hello")
                await self._or_release(stream.read())
        if then == "abort":
            stream.abort()
        elif then != "leave":
            await self._or_release(stream.close())

    async def _read_by(self, story: Story, w: Any, r: Any, seconds: float | None) -> None:
        w.controller.set_read_deadline(seconds)

    async def _write_by(self, story: Story, w: Any, r: Any, seconds: float | None) -> None:
        w.controller.set_write_deadline(seconds)


    async def _or_release(self, what: Any) -> None:
        """Wait for ``what``, but no longer than the program lasts."""
        tasks = [spawn(what), spawn(self.release.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.wait(tasks[:1])
        if not tasks[0].cancelled():
            await tasks[0]


async def _await(awaitable: Any) -> None:
    await awaitable


# --- the hostile peer ---


class _Peer:
    """A receiver that keeps what comes, and says what it is told to."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.received = bytearray()
        self.ending = ""
        self.stories: list[Story] = []
        self.spoilt = False  # it sent what is no request: from here on answers cannot be foretold
        self.wilful = False  # it went, or stopped, itself
        self.sent_eof = False
        self.pending = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data

    def eof_received(self) -> bool:
        self.ending = self.ending or "eof"
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ending = self.ending or ("reset" if exc else "lost")

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def send(self, data: bytes) -> None:
        if self.transport is not None and not self.sent_eof and not self.transport.is_closing():
            self.transport.write(data)


# --- a run ---


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class _Run:
    def __init__(self, mode: str, model: tuple[str, str], program: Program) -> None:
        self.mode, self.model, self.program = mode, model, program
        self.wrong: list[str] = []
        self.peers: dict[int, _Peer] = {}
        self.all_peers: list[_Peer] = []
        self.conns: list[weakref.ref[Any]] = []
        self.hooks: Counter[str] = Counter()
        self.reasons: list[Any] = []
        self.asked = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.wrong.append(f"the loop was told: {context}"))
        self.log = logging.Logger("fuzz")
        self.log.addHandler(lines := _Lines())
        self.clock = FakeClock()
        self.app = _Application(self.clock)
        self.server = self._make_server()
        await self.server.start([])
        self.ending: Any = None
        for act in self.program.acts:
            if self.ending is not None and self.ending.done():
                break  # nobody can connect any more
            await getattr(self, "_" + act[0].replace(" ", "_").replace("-", "_"))(*act[1:])
        self.app.release.set()
        for peer in self.all_peers:  # a peer that reads sees its answers; one that does not is cut
            peer.send(b"")
        await advance(self.clock, LONG)
        await self._judge_the_end()
        self._judge_the_log(lines.lines)
        for peer in self.all_peers:
            await self._judge_answers(peer)
        assert not self.wrong, "\n".join([*self.wrong, *lines.lines])

    def _make_server(self) -> Server:
        concurrency, pipeline = self.model
        settings: dict[str, Any] = dict(self.program.settings)
        if self.mode == "h1+tls":
            settings["tls"] = server_side()
        if self.program.traced:
            settings["trace"] = ServerTrace(
                connection_opened=lambda conn: self._count("opened"),
                request_received=lambda exchange: self._count("received"),
                exchange_done=lambda exchange, done: self._count("done"),
                connection_closed=lambda conn, reason: self._count("closed"),
                state_changed=lambda conn, old, new, why: None,
            )
        server = Server(
            self.app.handle, addr="x:1", concurrency=concurrency, pipeline=pipeline, error_log=self.log, **settings
        )
        server.use_clock(self.clock)
        server._conn_class = type("Watched", (server._conn_class,), {"__slots__": ("__weakref__",)})
        return server

    def _count(self, what: str) -> None:
        self.hooks[what] += 1

    # --- acts ---

    async def _peer(self, number: int) -> _Peer:
        if number not in self.peers:
            self.peers[number] = peer = _Peer(number)
            self.all_peers.append(peer)
            near, far = pair(near=("192.0.2.1", 50000 + len(self.all_peers)))
            self.conns.append(weakref.ref(self.server.serve_transport(far.start)))
            near.start(self._dressed(peer))
            if self.mode == "h1+tls" or len(self.all_peers) % 2:
                await settle()
            else:
                await asyncio.sleep(0)
        return self.peers[number]

    def _dressed(self, peer: _Peer) -> Any:
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
        head = f"{asked.method} {target} HTTP/{asked.version}\r\nHost: h:1\r\nX-Id: {story.id}\r\n{asked.extra}{fields}\r\n"
        data = head.encode() + body
        sent = int(len(data) * part)
        peer.spoilt = not in_order
        peer.pending = data[sent:]
        peer.send(data[:sent])

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
        if peer.transport is not None and not peer.sent_eof and not peer.transport.is_closing():
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
            self.ending = spawn(self._shut(self.server))

    @staticmethod
    async def _shut(server: Server) -> Timeout | None:
        from holdfast.errors import Timeout

        try:
            await server.shutdown()
        except Timeout as error:
            return error
        return None

    # --- judgement ---

    async def _judge_the_end(self) -> None:
        server, stats = self.server, self.server.stats()
        self._hold(not stats.connections_open, f"connections are left: {server.connections()}")
        self._hold(not len(server.timers), f"timers are left: {server.timers!r}")
        ended = sum(stats.closed_because.values())
        self._hold(
            stats.connections_accepted == ended + stats.connections_open == len(self.conns),
            f"{stats} does not add up",
        )
        self._let_go()
        await settle()
        ending = self.ending or spawn(server.shutdown(1.0))
        await settle()
        await advance(self.clock, 40.0)
        self._hold(ending.done(), f"{server!r} does not shut down: {server.crowd.background}")
        del ending
        self.ending = None
        if self.program.traced:
            self._hold(self.hooks["opened"] == self.hooks["closed"] == len(self.conns), f"hooks: {self.hooks}")
            self._hold(self.hooks["received"] == self.hooks["done"] == stats.requests, f"hooks: {self.hooks} {stats}")
        await settle()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        self._hold(not left, f"tasks are left: {left}")
        self._hold(not server.crowd.background, f"in the background: {server.crowd.background}")
        left.clear()
        gc.collect()
        await settle()
        alive = [conn() for conn in self.conns if conn() is not None]
        self._hold(not alive, f"memory is left: {alive}, held by {[gc.get_referrers(conn)[:4] for conn in alive]}")

    def _let_go(self) -> None:
        """End what was hijacked, and the peers' halves."""
        while self.app.left:
            self.app.left.pop().abort()
        for peer in self.all_peers:
            if peer.transport is not None:
                peer.transport.abort()
                peer.transport = None

    def _judge_the_log(self, lines: list[str]) -> None:
        for line in lines:
            last = line.rstrip().rsplit("\n", 1)[-1]
            ours = "a fault of ours" in line or "handler failed" in line and not last.startswith(EXPECTED)
            self._hold(not ours, f"in the log: {line}")

    async def _judge_answers(self, peer: _Peer) -> None:
        source = _Source(bytes(peer.received))
        for story in peer.stories:
            if source.over:
                return
            asked = story.asked
            try:
                response = await read_response(source, asked.method)
            except BrokenResponse as error:
                self._hold(bool(peer.ending) and "ends after" in str(error), f"{story.id}: {error}")
                return
            if response.header("X-Id") is None:
                fine = peer.spoilt or response.status >= 400 or asked.method == "OPTIONS" or response.status == 304
                self._hold(fine, f"a {response.status} of ours in place of {story.id}")
            else:
                self._judge_answer(peer, story, response)
            if response.header("X-Id") is None and asked.method == "HEAD":
                return  # what cannot be read is refused with a body, whatever was asked
            if story.hijacked or response.status == 101 or (asked.method == "CONNECT" and response.status < 300):
                return
        if not source.over:
            self._hold(peer.spoilt or peer.pending != b"", f"nobody asked for {source.rest()[:200]!r}")

    def _judge_answer(self, peer: _Peer, story: Story, response: WireResponse) -> None:
        name = f"the answer to {story.id}"
        self._hold(response.header("X-Id") == story.id, f"{name} is that to {response.header('X-Id')}")
        if story.hijacked:
            return
        body = b"".join(story.written)
        if response.framing == "close":
            whole = peer.ending == "eof" or (peer.ending == "lost" and not peer.wilful)
            if not whole or peer.sent_eof or peer.wilful or self.mode == "h1":
                return  # in memory, a reset of ours looks like an end
        if response.framing != "none":
            self._hold(response.body == body, f"{name} has {len(response.body)} bytes of {len(body)}")
            ended = story.ended or response.framing == "length"
            self._hold(ended, f"{name} is whole, and its handler was not at its end; {peer.ending}")

    def _hold(self, right: bool, otherwise: str) -> None:
        if not right:
            self.wrong.append(otherwise)


class _Source:
    """Bytes to read responses from."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def over(self) -> bool:
        return self._at >= len(self._data)

    def rest(self) -> bytes:
        return self._data[self._at :]

    async def read(self, n: int) -> bytes:
        return self._take(min(n, len(self._data) - self._at))

    async def readexactly(self, n: int) -> bytes:
        return self._take(n)

    async def readuntil(self, separator: bytes) -> bytes:
        found = self._data.find(separator, self._at)
        return self._take(found - self._at + len(separator) if found >= 0 else len(self._data) + 1)

    def _take(self, n: int) -> bytes:
        start, self._at = self._at, self._at + n
        if self._at > len(self._data):
            raise ConnectionReset(f"the response ends after {len(self._data)} bytes")
        return self._data[start : self._at]


# How the last line of a clumsy handler's traceback begins.
EXPECTED = ("holdfast.errors.", f"{__name__}.", "asyncio.exceptions.CancelledError", "SystemExit", "tests.fuzz", "test_server")
