"""One connection of the server: feed the wire, walk the life-cycle, start exchanges.

A ``Conn`` is the loop's protocol object: bytes come straight from the socket to
``data_received``, which reads as far as a request's head there and then, so that a
clock stops when the bytes come and not when a task gets its turn.  One task per
connection, ``run``, waits for heads and runs the front door on each; where the
life-cycle goes on without a handler (linger, waiting for the last bytes to leave),
callbacks alone carry it, and the task has ended.

Rule 1: the state changes in ``_fire`` only, by a row of ``LIFECYCLE``.
Rule 2: ``reason`` is set once, by whatever first decides that the connection ends.
Rule 3: nothing here knows what a handler is; ``server.front`` runs an ``Exchange``.

RFC 9112 section 9; Go's net/http server.go ``(*conn).serve``.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from holdfast import limits
from holdfast.errors import (
    AbortHandler,
    BodyClosed,
    ConnectionReset,
    Hijacked,
    HTTPError,
    NotSupported,
    RemoteProtocolError,
    Timeout,
)
from holdfast.net.address import address_text
from holdfast.net.sockets import end_sending, has_unread, peer_name, reset_on_close
from holdfast.net.tasks import CancelledError, current, sleep, start
from holdfast.net.tasks import Event as Flag
from holdfast.server.clocks import Clocks
from holdfast.server.exchange import Exchange
from holdfast.server.failures import answer_failure, answer_special, log_failure
from holdfast.wire.events import RequestHead
from holdfast.wire.h1.connection import H1Connection
from holdfast.wire.lifecycle import Event, Lifecycle, Side, State
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from holdfast.net.tasks import Future, Task
    from holdfast.net.tlsinfo import TLSInfo
    from holdfast.net.transport import Transport
    from holdfast.server.server import Server

__all__ = ["Conn"]

NEW, IDLE, HEAD, EXCHANGE, DRAIN, LINGER, SWITCHED, CLOSED = State
BYTES, REQUEST, KEEP = Event.BYTES, Event.REQUEST, Event.KEEP  # the three of every plain request


class Conn:
    """A connection: its transport, its wire, where it stands, and which clocks run.

    Attributes:
        transport: what the bytes go to; None until the connection is open (TLS done).
        wire: the sans-I/O half.
        life: where it stands in ``LIFECYCLE``.
        current: the exchange whose bytes may be written now.
        requests: exchanges begun on this connection.
        reason: why it ends, once that is decided.
        error: what reads and writes raise once the connection is lost.
        peer_gone: the peer has gone, or has closed its half.
        write_paused: more than the high-water mark is unsent.
    """

    __slots__ = (
        "_ends",
        "_fire",
        "_head",
        "_reading_paused",
        "_unwaited",
        "_waiter",
        "_writable",
        "bytes_received",
        "clocks",
        "context",
        "current",
        "error",
        "life",
        "opened",
        "opened_at",
        "peer_gone",
        "reason",
        "requests",
        "scheme",
        "server",
        "sock",
        "task",
        "traced",
        "transport",
        "wire",
        "write_paused",
    )

    transport: Transport

    def __init__(self, server: Server, sock: socket.socket | None) -> None:
        self.server = server
        self.sock = sock
        self.wire = H1Connection(
            max_header_bytes=server.max_header_bytes,
            max_header_count=server.max_header_count,
            starts=server.starts,
        )
        self.life = Lifecycle(Side.SERVER)
        self.clocks = Clocks(self)
        self.traced = server.traced
        self._fire = self._fire_traced if self.traced else self.life.fire
        self.scheme = server.scheme
        self.opened = False
        self.current: Exchange | None = None
        self.requests = 0
        self.bytes_received = 0
        self.opened_at = server.time()
        self.reason: CloseReason | None = None
        self.error: HTTPError | None = None
        self.peer_gone = False
        self.write_paused = False
        self.task: Any = None
        self._head: RequestHead | None = None
        self._waiter: Future[None] | None = None
        self._writable: Flag | None = None
        self._ends: tuple[Any, Any, TLSInfo | None] | None = None
        self._reading_paused = False
        self._unwaited = 0
        self.context = server.connection_context(self)

    def __repr__(self) -> str:
        return f"<Conn {self.peer or 'unknown peer'} h1 {self.life.state.name}, {self.requests} requests>"

    @property
    def peer(self) -> str:
        """``host:port`` of the peer, or its Unix socket's path, or ""; not computed at accept."""
        if not self.opened:
            return "" if self.sock is None else address_text(peer_name(self.sock))
        return address_text(self.ends[0])

    @property
    def ends(self) -> tuple[Any, Any, TLSInfo | None]:
        """The peer's and our socket name, and what TLS agreed on; asked for once, when somebody does."""
        if self._ends is None:
            info = self.transport.get_extra_info
            self._ends = info("peername"), info("sockname"), info("tls")
        return self._ends

    def in_flight(self) -> Sequence[Exchange]:
        """The exchanges that are being answered, in their order."""
        return () if self.current is None else (self.current,)

    def unfinished(self) -> list[Future[None]]:
        """What is done when the handlers are that its loss leaves behind."""
        exchange = self.current
        if exchange is None or exchange.over or exchange.detached or exchange.hijacked:
            return []
        return [self.end_of(task) for task in self.tasks()]

    def tasks(self) -> list[Task[None]]:
        """The tasks that work for this connection."""
        return [] if self.task is None else [self.task]

    # --- the task ---

    async def run(self, once: bool = False) -> None:
        """Serve one request after another, until the connection is on its way out; or one that has come."""
        server = self.server
        while True:
            head = self._head
            if head is None:
                if self.life.state >= LINGER:
                    return
                self._waiter = server.create_future()
                await self._waiter
                continue
            self._head = None
            self.requests += 1
            if server.wears_out:
                self._wear_out()
            self.current = exchange = Exchange(self, head)
            if self.traced:
                self.traced.began(exchange)
            try:
                if head.target == "*" or head.expect_unknown:
                    await answer_special(exchange)
                else:
                    await server.front(exchange)
            except BaseException as error:
                self.handler_raised(exchange, error)
            finally:
                exchange.finish()
            if exchange.detached:
                return  # another task serves on
            if not exchange.ended:
                self._broke_off(exchange)
                return
            if not exchange.body_complete and self.wire.close_reason(head) is None:
                await self._drain(exchange)
            if not self._settle(exchange) or once:
                return
            del exchange, head  # an idle connection keeps nothing of its last request
            if self.write_paused:
                await self.wait_writable()

    def go_on(self, exchange: Exchange) -> None:
        """Serve on in a new task: the handler of ``exchange``, which is answered, keeps the present one."""
        self.server.crowd.keep(self.end_of(self.task))
        self.task = start(self._serve_on(exchange), self._task_ended)

    def end_of(self, task: Task[None]) -> Future[None]:
        """What is done when ``task`` has done what it does for this connection."""
        return task

    async def _serve_on(self, exchange: Exchange) -> None:
        if not exchange.body_complete and self.wire.close_reason(exchange.head) is None:
            await self._drain(exchange)
        if self._settle(exchange):
            await self.run()

    def _wear_out(self) -> None:
        """The last request that may come says so in its answer (S5)."""
        most = self.server.max_requests_per_connection
        age = self.server.max_connection_age
        if (most and self.requests >= most) or (age and self.server.time() - self.opened_at >= age):
            self.wire.note(CloseReason.WORN_OUT)

    def _settle(self, exchange: Exchange) -> bool:
        """An exchange was answered; say whether another may follow, and see to it."""
        reason = self.wire.close_reason(exchange.head)
        if self.traced:
            self.traced.done(exchange, self.reason or reason)
        if self.life.state >= LINGER:  # lost, or timed out, in the meantime
            return False
        if reason is not None:
            self._leave(reason)
            return False
        self._keep()
        return True

    def _broke_off(self, exchange: Exchange) -> None:
        """The exchange was aborted, hijacked or lost, or its front door forgot to end it."""
        if self.traced:
            self.traced.done(exchange, self.reason)
        if self.life.state is EXCHANGE:
            self.abort_exchange(exchange, CloseReason.HANDLER_FAILED)

    def handler_raised(self, exchange: Exchange, error: BaseException) -> None:
        """Settle what a handler raised; called where that was caught.  Raises it again if no failure."""
        if not _is_failure(error):
            self.abort_exchange(exchange, CloseReason.HANDLER_FAILED)
            raise error
        self._handler_failed(exchange, error)

    def _handler_failed(self, exchange: Exchange, error: BaseException) -> None:
        """Answer for a handler that raised, if there is still an answer to give; else break off (S12)."""
        if isinstance(error, AbortHandler) and not exchange.detached:
            self.abort_exchange(exchange, CloseReason.HANDLER_ABORTED)
            return
        if self.error is not None and isinstance(error, HTTPError) and not exchange.hijacked:
            return  # it was told that the connection is lost, and passed that on
        log_failure(self.server.log, exchange, error)
        if exchange.hijacked or exchange.ended or exchange.detached:
            return
        if exchange.status or not answer_failure(exchange, error):
            self.abort_exchange(exchange, CloseReason.HANDLER_FAILED)

    # --- the life-cycle ---

    def _fire_traced(self, event: Event) -> State:
        old = self.life.state
        new = self.life.fire(event)
        if self.traced:
            self.traced.moved(self, old, new, event)
        return new

    def _advance(self) -> None:
        """Read the next head from what has arrived; called whenever one may have."""
        wire = self.wire
        try:
            head = wire.next_event()
        except RemoteProtocolError as error:
            self._refuse(error)
            return
        if type(head) is RequestHead:
            if head.content_length == 0:
                wire.next_event()  # its End
            if self.peer_gone:
                wire.note_eof()
            self._begin(head)
        elif self.life.state is not HEAD and wire.in_head:
            self._fire(Event.BYTES)
            self.clocks.start("read_header_timeout")

    def _begin(self, head: RequestHead) -> None:
        """A request's head is complete."""
        if self.life.state is not HEAD:
            self._fire(BYTES)
        self._fire(REQUEST)
        self.clocks.start_exchange()
        self._head = head
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        elif self.task is None:
            self._start()

    def _start(self) -> None:
        """The first request is here: from now on there is a task."""
        self.task = start(self.run(), self._task_ended)

    def _task_ended(self, task: Task[None]) -> None:
        """Look whether the task has failed."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fault(error)

    def fault(self, error: BaseException) -> None:
        """What is not the handler's is ours, and costs this connection only."""
        self.server.log.error("a fault of ours in %r", self, exc_info=error)
        self.kill(CloseReason.HANDLER_FAILED)

    def _keep(self) -> None:
        self.current = None
        self._fire(KEEP)
        self.clocks.start_idle()
        if self.wire.buffered:
            self._advance()
        if self._reading_paused:
            if self.life.state is EXCHANGE:
                self.resume_reading()
            else:
                self._read_on()

    def _leave(self, reason: CloseReason) -> None:
        """After the last response: half-close, and linger unless nothing more can come."""
        self.reason = self.reason or reason
        self._fire(Event.CLOSE)
        if self.peer_gone:
            self._fire(Event.EOF)
            self._close()
        elif reason in _PEER_IS_DONE and not self.wire.buffered and self.wire.body_left == 0:
            self._fire(Event.CLOSE)
            self._close()
        else:
            self._linger()

    def _refuse(self, error: RemoteProtocolError) -> None:
        """Answer a request that cannot be read, and leave (S6)."""
        if self.life.state is not HEAD:
            self._fire(Event.BYTES)
        self.reason = CloseReason.MALFORMED
        self.transport.write(self.server.refused(self, error))
        self._fire(Event.REFUSED)
        self._linger()

    def _linger(self) -> None:
        """Our half is closed: discard what the peer still sends, so that it can read our last answer."""
        try:
            self.transport.write_eof()
        except OSError:
            pass  # the peer has gone; connection_lost is on its way
        self._read_on()
        self.clocks.start("linger_timeout")
        self._wake()

    def _close(self) -> None:
        """Let out what is written, then close; a peer that takes nothing is cut by the stall clock."""
        self.transport.close()
        self.clocks.start("write_stall_timeout")
        self._wake()

    def _cut(self, event: Event, reason: CloseReason, error: HTTPError | None = None) -> None:
        """Close without another word: what is unsent is dropped."""
        self.reason = self.reason or reason
        self.error = self.error or error or ConnectionReset(str(reason))
        self._fire(event)
        if self.opened or self.server.tls is not None:
            self.transport.abort()
        self._wake_all()

    def abort_exchange(self, exchange: Exchange, reason: CloseReason = CloseReason.HANDLER_ABORTED) -> None:
        """Break the exchange off; the peer must not take a part for the whole."""
        if self.life.state is not EXCHANGE:
            return
        error = ConnectionReset("the exchange was aborted")
        if exchange.status and CloseReason.UNTIL_EOF in self.wire.reasons:
            reset_on_close(self.sock)  # a clean close, or close_notify, would be the end of its body
            self._cut(Event.ABORT, reason, error)
            return
        self.reason = self.reason or reason
        self.error = self.error or error
        self._fire(Event.ABORT)
        self._close()

    def hijack(self, exchange: Exchange) -> tuple[Transport, bytes]:
        """Give up the transport and the bytes read ahead; see ``Exchange.hijack``."""
        if self.life.state is not EXCHANGE or self.current is not exchange or exchange.ended:
            raise NotSupported("only a connection with this one exchange, not yet ended, can be hijacked")
        self._fire(Event.SWITCH)
        exchange.hijacked = True
        self.reason = CloseReason.HIJACKED
        self.error = Hijacked("the connection was hijacked")
        self.clocks.stop()
        self._wake()
        if self._writable is not None:
            self._writable.set()
        self.server.forget(self)
        return self.transport, self.wire.leftover()

    def shut_down(self, idle_grace: float = 0.0) -> None:
        """The server is shutting down: leave once idle for ``idle_grace``, or after the answer (S19)."""
        self.wire.note(CloseReason.SHUTDOWN)
        if self.life.state not in (IDLE, DRAIN) or self._last_look():
            return
        until = self.clocks.since + idle_grace
        if self.life.state is IDLE and self.server.time() < until:
            self.clocks.end_phase(until)
        else:
            self._end_idle(Event.SHUTDOWN, CloseReason.SHUTDOWN)

    def end_keep_alive(self) -> None:
        """Keep-alives were turned off: leave at once when idle, else after the answer."""
        self.wire.note(CloseReason.KEEP_ALIVES_OFF)
        if self.life.state is IDLE and not self._last_look():
            self._end_idle(Event.SHUTDOWN, CloseReason.KEEP_ALIVES_OFF)

    def call_off(self) -> None:
        """The server's grace is nearly over: tell handlers that wait for the peer to go."""
        for exchange in self.in_flight():
            exchange.call_off()

    def end_silent(self) -> None:
        """The server is shutting down, and nothing was said for long enough."""
        self._cut(Event.SHUTDOWN, CloseReason.SHUTDOWN)

    def shed(self) -> bool:
        """Close now if idle, to free the descriptor; say whether it was."""
        if self.life.state is not IDLE or self._last_look():
            return False
        self._cut(Event.ABORT, CloseReason.SHED)
        return True

    def kill(self, reason: CloseReason = CloseReason.KILLED) -> None:
        """Close now, whatever is going on."""
        if self.life.state is CLOSED:
            if self.opened:
                self.transport.abort()
        elif self.life.state is not SWITCHED:
            self._cut(Event.ABORT, reason)
            if self.task is not None:
                self.task.cancel()

    def _end_idle(self, event: Event, reason: CloseReason) -> None:
        self.reason = self.reason or reason
        self._fire(event)
        if self.server.tls is None and not self.transport.get_write_buffer_size():
            end_sending(self.sock)
        self._linger()

    def _last_look(self) -> bool:
        """Whether bytes have come that nobody has seen yet: then the connection is not idle."""
        return has_unread(self.sock)

    # --- what the loop calls ---

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self.opened = True
        if self.life.state is CLOSED:  # killed before it was open
            transport.abort()
            return
        transport.set_write_buffer_limits(limits.WRITE_HIGH_WATER, limits.WRITE_LOW_WATER)
        self.clocks.start("read_header_timeout")

    def data_received(self, data: bytes) -> None:
        self.bytes_received += len(data)
        state = self.life.state
        if state <= HEAD:
            try:
                head = self.wire.feed_head(data)
            except RemoteProtocolError as error:
                self._refuse(error)
                return
            if head is not None:
                self._begin(head)
            else:
                self._advance()
            return
        if state >= LINGER:
            return
        self.wire.feed(data)
        if self._waiter is not None:
            self._wake()
        elif self.wire.buffered > limits.MAX_READ_AHEAD:
            self._reading_paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self.peer_gone = True
        state = self.life.state
        if state <= HEAD or state >= DRAIN:
            return self._eof_outside_exchange(state)
        self.wire.feed_eof()
        self.wire.note_eof()
        self._fire(Event.EOF)
        self._wake()
        self._tell_disconnected()
        return True

    def _eof_outside_exchange(self, state: State) -> bool:
        if state is HEAD:
            self.wire.feed_eof()
            self._advance()  # answers the half request with 400
            if self.life.state is EXCHANGE:
                return True
        if self.life.state < CLOSED:
            self.reason = self.reason or CloseReason.PEER_LEFT
            self._fire(Event.EOF)
            self._close()
        return True  # _close() has done it

    def connection_lost(self, exc: Exception | None) -> None:
        self.peer_gone = True
        if self.life.state < SWITCHED:
            self.reason = self.reason or (CloseReason.RESET if exc else CloseReason.PEER_LEFT)
            self._fire(Event.ABORT)
        self.error = self.error or ConnectionReset(str(exc) if exc else "the peer closed the connection")
        self.clocks.stop()
        self._wake_all()
        self.server.forget(self)

    def pause_writing(self) -> None:
        self.write_paused = True
        self.clocks.start_stall()

    def resume_writing(self) -> None:
        self.write_paused = False
        self.clocks.stop_stall()
        if self._writable is not None:
            self._writable.set()

    # --- what the clocks call ---

    def phase_expired(self) -> None:
        """The clock of the state ran out."""
        state = self.life.state
        if state is NEW:
            self._cut(Event.TIMEOUT, CloseReason.READ_HEADER_TIMEOUT)
        elif state is IDLE:
            if self._last_look():
                self.clocks.start_idle()  # on TLS they need not be a request's
            elif self.server.shutting_down:
                self._end_idle(Event.SHUTDOWN, CloseReason.SHUTDOWN)
            else:
                self._end_idle(Event.TIMEOUT, CloseReason.IDLE_TIMEOUT)
        elif state is HEAD:
            self.reason = CloseReason.READ_HEADER_TIMEOUT
            error = RemoteProtocolError("read_header_timeout ran out", status=408)
            self.transport.write(self.server.refused(self, error))
            self._end_idle(Event.TIMEOUT, CloseReason.READ_HEADER_TIMEOUT)
        elif state is LINGER:
            self._fire(Event.TIMEOUT)
            self._close()
        elif state is CLOSED:
            reset_on_close(self.sock)
            self.transport.abort()

    def body_expired(self, timer: str) -> None:
        """A clock of the request's body ran out; whoever reads it is told."""
        self.wire.note(CloseReason.BODY_BROKEN)
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(Timeout(timer))

    def write_expired(self, timer: str) -> None:
        """The peer took nothing for too long, or the response took too long: nothing more can be said."""
        if self.life.state is not SWITCHED:
            reset_on_close(self.sock)
        if self.life.state is EXCHANGE:
            reason = CloseReason.WRITE_STALL if timer == "write_stall_timeout" else CloseReason.WRITE_TIMEOUT
            self._cut(Event.TIMEOUT, reason, Timeout(timer))
        elif self.life.state is not SWITCHED:
            self.kill(CloseReason.WRITE_STALL)

    # --- waiting ---

    async def wait_for_body(self, exchange: Exchange) -> None:
        """Return when bytes or the peer's end have come.  Raises Timeout, ConnectionReset."""
        if self.error is not None:
            raise self.error
        self.clocks.start_body(exchange.bytes_received)
        self.resume_reading()
        try:
            await self._wait()
        finally:
            self.clocks.stop_body()
        if self.error is not None:
            raise self.error

    async def wait_turn(self, exchange: Exchange) -> None:
        """Return when the answers before ``exchange`` are out, or the connection is lost."""
        while self.current is not exchange and self.error is None:
            if self._writable is None:
                self._writable = Flag()
            self._writable.clear()
            await self._writable.wait()
        exchange.flush()

    async def wait_writable(self) -> None:
        """Return when no more than the low-water mark is unsent, or the connection is lost."""
        while self.write_paused and self.error is None:
            if self._writable is None:
                self._writable = Flag()
            self._writable.clear()
            await self._writable.wait()

    def owes_turn(self) -> bool:
        """Whether a writer that never had to wait should let the loop turn.

        A peer may take everything as fast as it is made, and the loss of a peer is told in a turn of the
        loop: a handler that writes without end must not keep it from the other connections.
        """
        self._unwaited = (self._unwaited + 1) % limits.WRITES_PER_TURN
        return self._unwaited == 0

    def stop_body_read(self) -> None:
        """Tell whoever waits for the body that it was closed."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(BodyClosed("the body was closed while it was read"))

    async def drain_body(self, exchange: Exchange) -> bool:
        """Read and drop up to ``max_drain_bytes`` of the body; say whether that was all of it."""
        wire = self.wire
        budget = self.server.max_drain_bytes
        if exchange.body_is_read:  # by a task that outlived its handler
            self.stop_body_read()
            await sleep(0)  # its wait ends before ours begins
        try:
            while wire.body_left <= budget:
                data = await exchange.next_piece()
                if not data:
                    return True
                budget -= len(data)
                if budget < 0:
                    break
        except RemoteProtocolError:
            return False
        wire.note(CloseReason.BODY_LEFT)
        return False

    async def _drain(self, exchange: Exchange) -> None:
        """The response is out, the request is not all in: read a little more, or find why not to."""
        self._fire(Event.UNREAD)
        self.clocks.set_write_deadline(inf)
        try:
            await self.drain_body(exchange)
        except Timeout:
            if self.life.state is DRAIN:
                self._cut(Event.TIMEOUT, CloseReason.DRAIN_TIMEOUT)
        except ConnectionReset:
            pass

    async def _wait(self) -> None:
        self._waiter = waiter = self.server.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _wake_all(self) -> None:
        self._wake()
        if self._writable is not None:
            self._writable.set()
        self.peer_gone = True
        self._tell_disconnected()

    def _tell_disconnected(self) -> None:
        for exchange in self.in_flight():
            exchange.tell_disconnected()

    def resume_reading(self) -> None:
        """Read from the socket again, if that was stopped and there is room."""
        if self._reading_paused and self.wire.buffered <= limits.MAX_READ_AHEAD:
            self._read_on()

    def _read_on(self) -> None:
        """Read from the socket, whatever is buffered: nothing but what comes can use it up."""
        self._reading_paused = False
        self.transport.resume_reading()


_PEER_IS_DONE = frozenset({CloseReason.PEER_CLOSE, CloseReason.PEER_OLD})


def _is_failure(error: BaseException) -> bool:
    """Whether the handler failed, by ``sys.exit`` or a cancelled task that it awaited too; or is to stop."""
    if isinstance(error, CancelledError):
        return not current().cancelling()
    return not isinstance(error, KeyboardInterrupt | GeneratorExit)
