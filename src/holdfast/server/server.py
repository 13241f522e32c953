"""The server: its settings, its listeners, its connections, and its end.

A ``Server`` is made anywhere and belongs to the loop that first serves with it.  It
accepts, counts and remembers connections; what happens on one is ``conn``'s.

Rule 1: one bad accept, one bad connection, one bad handler never end the server.
Rule 2: every clock that protects has a default; None switches one off, loudly.
Rule 3: what only some servers need (TLS, native handlers, the snapshot) is imported by the one that
does: an ASGI server starts a sixth sooner without it.

Go's net/http server.go ``Server``; RFC 9112 section 9.6 for the end.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Any

from holdfast import limits
from holdfast.dates import http_date
from holdfast.errors import (
    RemoteProtocolError,
    ServerClosed,
    Timeout,
    UsageError,
)
from holdfast.headers import Headers
from holdfast.net.clock import LoopClock
from holdfast.net.listen import AcceptError, Listener, attach, bind, parse_addr
from holdfast.net.tasks import Event as Flag
from holdfast.net.tasks import Lock, cancel, future_maker, on_signal, run, spawn
from holdfast.net.threads import Threads
from holdfast.net.timers import Timers
from holdfast.server.conn import Conn
from holdfast.server.crowd import Crowd
from holdfast.server.settings import Settings
from holdfast.server.traced import Traced
from holdfast.trace.hooks import ServerTrace
from holdfast.wire.h1.connection import refusal
from holdfast.wire.h1.response import Starts
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from holdfast.net.clock import Clock
    from holdfast.net.transport import Receiver
    from holdfast.server.exchange import Exchange
    from holdfast.server.pool import Workers
    from holdfast.server.snapshot import ConnectionInfo, ServerStats

__all__ = ["Server", "listen_and_serve"]


class Server(Settings):
    """An HTTP server; see ``Settings`` for what it takes.

    Raises:
        TypeError: ``handler`` is no handler.
        ValueError: a setting is out of range.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._host = self.handler
        if self.handler is None:
            from holdfast.server.mux import default_mux

            self._host = default_mux
        self.front = getattr(self._host, "serve_exchange", None) or _native_front(self._host)
        self.timeouts = self.clocks()
        self.exchange_clocks = self.read_timeout is not None or self.write_timeout is not None
        self.min_body_grace = limits.MIN_BODY_RATE_GRACE
        self.scheme = "https" if self.tls is not None else "http"
        self.log = self.error_log or logging.getLogger("holdfast.error")
        self.wears_out = bool(self.max_requests_per_connection or self.max_connection_age)
        self.idle_seconds = self.timeouts["idle_timeout"]
        self.starts = Starts(_field(*pair) for pair in self.default_headers)
        self._conn_class, self.workers = self._choose_model()
        self.crowd = Crowd()
        self._listeners: list[Listener] = []
        self._on_shutdown: list[Callable[[], Awaitable[None] | None]] = []
        self.date = b""
        self._keep_alives_off = False
        self._full_logged = -inf
        self._at_limit = False
        self._threads: Threads | None = None
        self.clock: Clock | None = None
        self.shutting_down = False
        self._beginning = Lock()
        self._begun = False
        self._ended = False
        self._base_context: Mapping[str, Any] = {}

    def _choose_model(self) -> tuple[type[Conn], Workers | None]:
        """What kind of connection is made, and who runs handlers that a connection's own task does not."""
        if self.concurrency == "task" and self.pipeline == "serial":
            return Conn, None
        from holdfast.server.pipeline import PipelinedConn
        from holdfast.server.pool import EachItsTask, Pool, PooledConn

        conn = PooledConn if self.pipeline == "serial" else PipelinedConn
        return conn, EachItsTask() if self.concurrency == "task" else Pool(self.pool_size)

    def __repr__(self) -> str:
        where = ", ".join(self.addresses) or "not listening"
        state = "shutting down" if self.shutting_down else f"{len(self.crowd)} connections"
        return f"<Server {where}, {state}>"

    # --- serving ---

    def listen_and_serve(self) -> None:
        """Listen on ``addr`` and serve until SIGINT or SIGTERM; drain, and return.

        Blocks.  A second signal closes at once.  Raises DialError when it cannot listen.
        """
        run(self._run_until_signalled())

    async def _run_until_signalled(self) -> None:
        import signal

        stopping: list[Any] = []

        def stop() -> None:
            stopping.append(spawn(self.close() if stopping else self._shut_down_quietly()))

        undo = [on_signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            await self.serve()
        except ServerClosed:
            for task in stopping:
                await task
        finally:
            for remove in undo:
                remove()

    async def _shut_down_quietly(self) -> None:
        try:
            await self.shutdown()
        except Timeout as error:
            self.log.warning("%s", error)

    async def serve(self, listener: Listener | Iterable[Listener] | None = None) -> None:
        """Accept connections from ``listener`` (or listen on ``addr``) until shut down.

        May be called several times, for several listeners.  The listeners are closed at the end.

        Raises:
            ServerClosed: always, once ``shutdown`` or ``close`` was called; ``shutdown`` goes on waiting.
            DialError: it cannot listen.
            OSError: accepting failed for good.
        """
        await self.start(listener)
        await self._stopped.wait()
        if self._failure is not None:
            self._stop_listening(False)
            raise self._failure
        raise ServerClosed("the server was shut down")

    async def start(self, listener: Listener | Iterable[Listener] | None = None) -> None:
        """Begin to accept, and return; ``async with`` and ``serve`` do this.  Raises as ``serve``."""
        if listener is None:
            listeners = [] if self.shutting_down else self._bind()
        else:
            listeners = [listener] if isinstance(listener, Listener) else list(listener)
        if self.shutting_down:
            for each in listeners:
                each.close()
            raise ServerClosed("the server was shut down")
        try:
            await self._begin()
            if self.shutting_down:
                raise ServerClosed("the server was shut down while it started")
        except BaseException:
            for each in listeners:
                each.close()
            raise
        for each in listeners:
            self._listeners.append(each)
            each.start(self._clock, self._accepted, on_error=self._accept_failed)

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._shut_down_quietly()

    def _bind(self) -> list[Listener]:
        addr = self.addr if self.addr is not None else (":https" if self.tls is not None else ":http")
        texts = [addr] if isinstance(addr, str) else addr
        bound: list[Listener] = []
        try:
            for text in texts:
                bound += bind(parse_addr(text), backlog=self.backlog, uds_mode=self.uds_mode)
        except BaseException:
            for listener in bound:
                listener.close()
            raise
        return bound

    async def _begin(self) -> None:
        """Settle on the running loop; only the first call does anything, and later ones wait for it."""
        async with self._beginning:
            if not self._begun:
                await self._begin_once()
                self._begun = True

    async def _begin_once(self) -> None:
        if self.clock is None:
            self.use_clock(LoopClock())
        if self.tls is not None:
            from holdfast.net.tlsconfig import server_context

            self._tls = server_context(self.tls, on_error=lambda error: self.log.error("%s", error))
        if self.base_context is not None:
            self._base_context = self.base_context()
        startup = getattr(self._host, "startup", None)
        if startup is not None:
            await startup()

    def use_clock(self, clock: Clock) -> None:
        """Take the time from ``clock``; called before serving, by tests with a fake one."""
        self.clock = self._clock = clock
        self.time = clock.time
        self.timers = Timers(clock)
        self.create_future = future_maker()
        self._stopped = Flag()
        self._failure: OSError | None = None
        wanted = self.conn_state is not None or self.debug or self.trace != ServerTrace()
        self.traced = Traced(self.trace, self.conn_state, self.debug, clock.time) if wanted else None

    # --- accepting ---

    def _accepted(self, sock: socket.socket) -> None:
        conn = self.adopt(sock)
        attach(sock, self._receiver(conn), conn.connection_lost)

    def serve_transport(self, attach: Callable[[Receiver], object]) -> Conn:
        """Serve a connection that no listener accepted; with ``tls`` its bytes are a handshake's first.

        ``attach(receiver)`` gives the connection's transport to ``receiver``; ``start`` was called before.
        Tests serve ``net.memory`` pairs this way.
        """
        conn = self.adopt(None)
        attach(self._receiver(conn))
        return conn

    def _receiver(self, conn: Conn) -> Receiver:
        """What gets the bytes of a new connection: itself, or TLS that will decrypt them for it."""
        if self.tls is None:
            return conn
        from holdfast.net.tls import TLSTransport

        tls = TLSTransport(
            self._tls,
            self.timers,
            make_owner=lambda _: conn,
            on_failed=lambda error: self._handshake_failed(conn, error),
            handshake_timeout=self.tls_handshake_timeout,
        )
        conn.transport = tls  # it can be aborted before it has shaken hands
        return tls

    def adopt(self, sock: socket.socket | None) -> Conn:
        """Make the connection of a socket, or of a transport without one, and count it."""
        conn = self._conn_class(self, sock)
        self.crowd.add(conn)
        if self.shutting_down:
            conn.wire.note(CloseReason.SHUTDOWN)
        if self._keep_alives_off:
            conn.wire.note(CloseReason.KEEP_ALIVES_OFF)
        if self.traced:
            self.traced.opened(conn)
        if self.max_connections is not None and len(self.crowd) >= self.max_connections:
            self._pause_accepting()
        return conn

    def _handshake_failed(self, conn: Conn, error: Exception) -> None:
        timed_out = isinstance(error, Timeout)
        why = CloseReason.HANDSHAKE_TIMEOUT if timed_out else CloseReason.HANDSHAKE_FAILED
        conn.reason = conn.reason or why
        self.log.info("%s", error)
        conn.connection_lost(error)

    def _accept_failed(self, kind: AcceptError, error: OSError) -> None:
        if kind is AcceptError.FATAL:
            self._failure = error
            self._stopped.set()
            self.log.error("cannot accept any more: %s", error)
            return
        if self.on_accept_error is not None:
            self.on_accept_error(error)
        if self.traced:
            self.traced.accept_error(error)
        shed = self.crowd.shed(limits.SHED_AT_ONCE) if kind is AcceptError.FULL else 0
        now = self.time()
        if now - self._full_logged >= 1.0:
            self._full_logged = now
            self.log.warning("cannot accept: %s; %d idle connections closed for it", error, shed)

    def _pause_accepting(self) -> None:
        if not self.crowd.shed(1):
            self._at_limit = True
            for listener in self._listeners:
                listener.pause()

    def forget(self, conn: Conn) -> None:
        """A connection is over, or another's.  Called by it, once."""
        self.crowd.forget(conn)
        if self.traced:
            self.traced.closed(conn)
        if self._at_limit and not self.shutting_down:
            self._at_limit = False
            for listener in self._listeners:
                listener.resume()

    # --- what a connection asks ---

    @property
    def thread_pool(self) -> Threads:
        """Threads for handlers that block, made at first need."""
        if self._threads is None:
            wanted = getattr(self._host, "threads", None)
            self._threads = Threads(wanted if isinstance(wanted, int) else self.threads, "holdfast-worker")
        return self._threads

    def connection_context(self, conn: Conn) -> Mapping[str, Any]:
        """What ``Request.context`` begins with on this connection."""
        if self.conn_context is None:
            return self._base_context
        return self.conn_context(self._base_context, conn)

    def make_date(self) -> bytes:
        """Make the ``Date`` line, b"" when it is switched off; ``date`` keeps it until the second is over."""
        if not self.date_header:
            return b""
        now = time.time()
        self.date = b"Date: " + http_date(int(now)) + b"\r\n"
        self._clock.call_at(self.time() + 1.0 - now % 1.0, self._forget_date)
        return self.date

    def _forget_date(self) -> None:
        self.date = b""

    def refused(self, conn: Conn, error: RemoteProtocolError) -> bytes:
        """A request could not be read: tell the hooks, which may have another answer than ours."""
        if self.traced:
            self.traced.refused(conn, error)
        other = self.on_refused(conn, error) if self.on_refused is not None else None
        if other is not None:
            return other
        return refusal(error, (self.date or self.make_date()) + self.starts.refusal_lines())

    # --- the end ---

    def register_on_shutdown(self, function: Callable[[], Awaitable[None] | None]) -> None:
        """Have ``function()`` called, in its own task, when ``shutdown`` begins; it is not waited for."""
        self._on_shutdown.append(function)

    def set_keep_alives_enabled(self, enabled: bool) -> None:
        """Switch persistent connections; False closes idle ones now, and the others after their response."""
        self._keep_alives_off = not enabled
        for conn in self.crowd:
            if enabled:
                conn.wire.take_back(CloseReason.KEEP_ALIVES_OFF)
            else:
                conn.end_keep_alive()

    async def shutdown(
        self, timeout: float | None = None, *, drain_backlog: bool = True, idle_grace: float = 0.0
    ) -> None:
        """Stop in good order: what was begun, or waits to be accepted, is answered; then connections close.

        Args:
            timeout: seconds to wait; ``shutdown_timeout`` when None.
            drain_backlog: accept what waits in the kernel's queue first; False when another process
                goes on listening on the same socket.
            idle_grace: seconds since its last answer in which an idle connection may still carry a request,
                whose answer says close; 0 closes it at once.

        Raises:
            Timeout: time ran out; what was left has been cut.
        """
        self.shutting_down = True
        if self.clock is None:
            return
        self._stop_listening(drain_backlog)
        for function in self._on_shutdown:
            spawn(_call(function))
        for conn in self.crowd:
            conn.shut_down(idle_grace)
        grace = self.shutdown_timeout if timeout is None else timeout
        try:
            left = await self.crowd.wait_until_empty(self.clock, grace)
            if left or self.crowd.background:
                await self.close()
                raise Timeout("shutdown_timeout", f"{left} connections were cut after {grace} s of grace")
        finally:
            await self._end()

    async def close(self) -> None:
        """Stop now: every connection but the hijacked ones is cut.  A second call does nothing more."""
        self.shutting_down = True
        if self.clock is None:
            return
        self._stop_listening(False)
        tasks = [*self.crowd.background, *(conn.task for conn in self.crowd if conn.task is not None)]
        for conn in self.crowd:
            conn.kill()
        await cancel(*tasks)
        await self._end()

    def _stop_listening(self, drain_backlog: bool) -> None:
        for listener in self._listeners:
            if drain_backlog:
                listener.drain_backlog()
            listener.close()
        self._listeners.clear()
        self._stopped.set()

    async def _end(self) -> None:
        """Nothing is served any more: let the application and the threads go."""
        if self.workers is not None:
            await self.workers.close()
        host_shutdown = getattr(self._host, "shutdown", None)
        if host_shutdown is not None and not self._ended:
            self._ended = True
            await host_shutdown()
        if self._threads is not None:
            await self._threads.close()

    # --- looking ---

    @property
    def addresses(self) -> list[str]:
        """Where it listens, as text."""
        return [listener.addr for listener in self._listeners]

    @property
    def url(self) -> str:
        """Where a client on this machine finds it.  Raises UsageError when it does not listen."""
        if not self._listeners:
            raise UsageError("the server does not listen")
        return self._listeners[0].url(self.scheme)

    def stats(self) -> ServerStats:
        """Count connections by state, requests, and the reasons of the connections that ended."""
        from holdfast.server.snapshot import ServerStats

        states = Counter(conn.life.state for conn in self.crowd)
        return ServerStats(
            connections_accepted=self.crowd.accepted,
            connections_open=len(self.crowd),
            by_state={state.name.lower(): count for state, count in sorted(states.items())},
            requests=self.crowd.requests,
            closed_because=dict(self.crowd.closed_because),
        )

    def connections(self) -> list[ConnectionInfo]:
        """Return what each connection is doing, the oldest first (S22)."""
        from holdfast.server.snapshot import snapshot

        now = self.time() if self.clock is not None else 0.0
        return [snapshot(conn, now) for conn in sorted(self.crowd, key=lambda conn: conn.opened_at)]


def listen_and_serve(addr: str | Sequence[str], handler: Any = None, **settings: Any) -> None:
    """Serve ``handler`` on ``addr`` until SIGINT or SIGTERM; see ``Server`` for the settings."""
    Server(handler, addr=addr, **settings).listen_and_serve()


def _native_front(handler: Any) -> Callable[[Exchange], Awaitable[None]]:
    """The front door of a handler that has none of its own."""
    from holdfast.server.handlers import as_handler, native_front

    return native_front(as_handler(handler))


async def _call(function: Callable[[], Awaitable[None] | None]) -> None:
    waiting = function()
    if waiting is not None:
        await waiting


def _field(name: str, value: str) -> tuple[bytes, bytes]:
    return Headers([(name, value)]).raw[0]
