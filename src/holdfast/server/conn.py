"""One connection of the server: feed the wire, walk the life-cycle, start exchanges.

A ``Conn`` is the loop's protocol object: bytes come straight from the socket to
``data_received``, which reads as far as a request's head there and then, so that a
clock stops when the bytes come and not when a task gets its turn.  One task per
connection, ``run``, waits for heads and runs the front door on each; where the
life-cycle goes on without a handler (linger, waiting for the last bytes to leave),
callbacks alone carry it, and the task has ended.

A ``Conn`` is three layers, each a file: the ``Line`` moves and waits, ``Ending`` knows every way
out, and this one serves requests.

Rule: nothing here knows what a handler is; ``server.front`` runs an ``Exchange``.

RFC 9112 section 9; Go's net/http server.go ``(*conn).serve``.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from holdfast import limits
from holdfast.errors import (
    AbortHandler,
    ConnectionReset,
    Hijacked,
    HTTPError,
    NotSupported,
    RemoteProtocolError,
    Timeout,
)
from holdfast.net.tasks import CancelledError, current, sleep, start
from holdfast.server.clocks import Clocks
from holdfast.server.ending import Ending
from holdfast.server.exchange import Exchange
from holdfast.server.failures import answer_failure, answer_special, log_failure
from holdfast.wire.events import RequestHead
from holdfast.wire.lifecycle import Event, State
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    import socket

    from holdfast.net.tasks import Future, Task
    from holdfast.net.transport import Transport
    from holdfast.server.server import Server

__all__ = ["Conn"]

NEW, IDLE, HEAD, EXCHANGE, DRAIN, LINGER, SWITCHED, CLOSED = State
BYTES, REQUEST, KEEP = Event.BYTES, Event.REQUEST, Event.KEEP  # the three of every plain request


class Conn(Ending):
    """A connection that serves requests.

    Attributes:
        requests: exchanges begun on it.
    """

    __slots__ = ("_fire", "_head", "requests")

    def __init__(self, server: Server, sock: socket.socket | None) -> None:
        super().__init__(server, sock)
        self.requests = 0
        self._head: RequestHead | None = None  # read, and not begun yet
        self.clocks = Clocks(self)
        self._fire = self._fire_traced if self.traced else self.life.fire  # type: ignore[method-assign]
        self.context = server.connection_context(self)

    def __repr__(self) -> str:
        return f"<Conn {self.peer or 'unknown peer'} h1 {self.life.state.name}, {self.requests} requests>"

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
                if not _is_failure(error) and not exchange.detached:
                    self._broke_off(exchange)
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

    def unfinished(self) -> list[Future[None]]:
        """What is done when the handlers are that its loss leaves behind."""
        exchange = self.current
        if exchange is None or exchange.over or exchange.detached or exchange.hijacked:
            return []
        return [self.end_of(task) for task in self.tasks()]

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
        except CancelledError:
            if self.traced:
                self.traced.done(exchange, self.reason)
            raise

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

    def _broke_off(self, exchange: Exchange) -> None:
        """The exchange was aborted, hijacked or lost, or its front door forgot to end it."""
        if self.life.state is EXCHANGE:
            self.abort_exchange(exchange, CloseReason.HANDLER_FAILED)
        if self.traced:
            self.traced.done(exchange, self.reason)

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

    def _fire_traced(self, event: Event) -> State:
        old = self.life.state
        new = self.life.fire(event)
        if self.traced:
            self.traced.moved(self, old, new, event)
        return new

    def _refusal(self, error: RemoteProtocolError) -> bytes:
        return self.server.refused(self, error)

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
        elif self.peer_gone and self.life.state is IDLE:  # nothing but empty lines came before its end
            self._eof_outside_exchange(IDLE)

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


def _is_failure(error: BaseException) -> bool:
    """Whether the handler failed, by ``sys.exit`` or a cancelled task that it awaited too; or is to stop."""
    if isinstance(error, CancelledError):
        return not current().cancelling()
    return not isinstance(error, KeyboardInterrupt | GeneratorExit)
