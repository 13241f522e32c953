"""Pipelined requests side by side, their answers in order: what ``pipeline="concurrent"`` means.

A request that is safe and has no body need not wait for those before it: its handler
runs at once, as a ``Turn``.  What it writes it keeps until the answers before it are out
(RFC 9112 9.3.2).  Any other request waits for them, and then runs alone, as every
request does on a serial connection.  ``EXCHANGE`` of the life-cycle means one or more in
flight.

Rule 1: what speaks against keeping the connection belongs to one turn: an answer
says ``Connection: close`` only if it is the last.
Rule 2: behind a turn that will be the last, nothing is begun.  Turns that run already
when an answer before theirs turns out to be the last are discarded: they are safe, so
their peer may ask again, and they are told by ``disconnected``, and by ConnectionReset.
Rule 3: a turn keeps no more than a connection may leave unsent, all turns together.

RFC 9112 sections 9.3.2, 9.6; RFC 9110 section 9.2.1.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

from holdfast import limits
from holdfast.errors import ConnectionReset, NotSupported, RemoteProtocolError
from holdfast.method import SAFE
from holdfast.net.tasks import current
from holdfast.server.exchange import Exchange
from holdfast.server.failures import answer_special
from holdfast.server.pool import PooledConn
from holdfast.wire.events import RequestHead
from holdfast.wire.h1.response import ResponseEncoder
from holdfast.wire.lifecycle import State
from holdfast.wire.persistence import CloseReason, close_reason

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from holdfast.net.tasks import Future, Task
    from holdfast.net.transport import Transport
    from holdfast.server.server import Server
    from holdfast.wire.h1.response import Starts

__all__ = ["PipelinedConn", "Turn"]

Field = tuple[bytes, bytes]


class Turn(Exchange):
    """One of several exchanges in flight, and for its encoder what a connection is otherwise.

    Attributes:
        task: runs its handler, once that has begun.
        broken: why the connection is to be broken off when its turn has come.
        write_at: when writing must be over, if that was set for it alone.
        noted: what speaks against keeping the connection after it.
    """

    conn: PipelinedConn
    task: Task[None] | None = None
    broken: CloseReason | None = None
    write_at: float | None = None
    noted: frozenset[CloseReason] = frozenset()

    async def serve(self) -> None:
        """Run its handler; then the turn passes on as far as answers are complete."""
        self.task = current()
        try:
            if self.conn.error is None:
                await self._answer()
        finally:
            self.finish()
            self.task = None
            self.conn.turn_over(self)

    def fault(self, error: Exception) -> None:
        """Its failure is not its handler's, but ours."""
        self.conn.fault(error)

    async def _answer(self) -> None:
        conn = self.conn
        try:
            if self.head.target == "*":
                await answer_special(self)
            else:
                await conn.server.front(self)
        except BaseException as error:
            conn.handler_raised(self, error)

    # --- what its encoder asks and tells ---

    @property
    def starts(self) -> Starts:
        """The server's memory of how responses begin."""
        return self.conn.wire.starts

    def note(self, reason: CloseReason) -> None:
        """Something speaks against an exchange after this one."""
        self.noted |= {reason}

    def close_reason(self, head: RequestHead) -> CloseReason | None:
        """Why the connection closes after it; what holds for all of them is the last one's to say."""
        reasons = self.noted if head.persist is None else self.noted | {head.persist}
        return close_reason(reasons | self.conn.wire.reasons if self.conn.is_last(self) else reasons)

    @property
    def _response(self) -> ResponseEncoder:
        if self._encoder is None:
            self._encoder = ResponseEncoder(self, self.head)
        return self._encoder

    # --- what differs while others are before it ---

    def respond(self, status: int, fields: Sequence[Field], body: bytes, *, date: bool = True) -> None:
        """Send a whole response: ``start``, ``write`` and ``end`` in one.  Raises as they do."""
        self.start(status, fields, length=len(body), date=date)
        self.write(body)
        self.end()

    async def wait(self) -> None:
        """Wait for its turn when too much is kept, then as ``Exchange.wait``.  Raises as that."""
        if (
            self.conn.current is self
            or self.conn.error is not None
            or self.conn.kept() > limits.WRITE_HIGH_WATER
        ):
            await super().wait()

    def kept(self) -> int:
        """Bytes that wait for its turn."""
        return sum(map(len, self._out))

    def forget(self) -> None:
        """Nothing of it will be sent."""
        self.status = self.bytes_sent = 0
        self._out.clear()

    def set_read_deadline(self, at: float) -> None:
        """There is no body to read."""

    def set_write_deadline(self, at: float) -> None:
        """Move the end of the response's writing; it counts from when its turn has come."""
        self.write_at = at
        if self.conn.current is self:
            super().set_write_deadline(at)


class PipelinedConn(PooledConn):
    """A connection that may have several exchanges in flight."""

    __slots__ = ("_turns",)

    def __init__(self, server: Server, sock: socket.socket | None) -> None:
        super().__init__(server, sock)
        self._turns: deque[Turn] = (
            deque()
        )  # in flight, the current one first; empty while a request runs alone

    def in_flight(self) -> Sequence[Exchange]:
        """The exchanges that are being answered, in their order."""
        return self._turns or super().in_flight()

    def at_work(self) -> list[Task[None]]:
        """Those of the tasks that belong to ``workers``."""
        return super().at_work() + [turn.task for turn in self._turns if turn.task is not None]

    def unfinished(self) -> list[Future[None]]:
        """What is done when the handlers are that its loss leaves behind."""
        if not self._turns:
            return super().unfinished()
        running = [turn for turn in self._turns if not (turn.over or turn.detached or turn.hijacked)]
        return [self.end_of(turn.task) for turn in running if turn.task is not None]

    def is_last(self, turn: Turn) -> bool:
        """Whether no request waits behind ``turn``."""
        return self._head is None and (not self._turns or self._turns[-1] is turn)

    def kept(self) -> int:
        """Bytes that wait for the turn of their exchange."""
        return sum(turn.kept() for turn in self._turns)

    # --- requests come ---

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._turns:
            self._admit()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._admit()

    def _offer(self) -> None:
        """Begin the request that is ready, if the peer takes its answers and its place has come."""
        head = self._head
        if head is None or self._taken or self._turns or self.write_paused:
            return
        if _runs_beside(head):
            self._head = None
            self._begin_turn(head)
            self._admit()
        else:
            super()._offer()

    def _admit(self) -> None:
        """Begin what has arrived, as far as it may run beside what is in flight."""
        while self._may_admit():
            try:
                head = self.wire.next_event()
            except RemoteProtocolError:  # raised again, and answered, when all before it are answered
                break
            if type(head) is not RequestHead:
                break
            if head.content_length == 0:
                self.wire.next_event()  # its End
            if self.peer_gone:
                self.wire.note_eof()
            if _runs_beside(head):
                self._begin_turn(head)
            else:
                self._head = head
        self.resume_reading()

    def _may_admit(self) -> bool:
        turns = self._turns
        return (
            0 < len(turns) < self.server.max_pipelined
            and self._head is None
            and self.wire.buffered > 0
            and not self.write_paused
            and self.life.state is State.EXCHANGE
            and not any(turn.broken or turn.close_reason(turn.head) for turn in turns)
        )

    def _begin_turn(self, head: RequestHead) -> None:
        self.requests += 1
        if self.server.wears_out:
            self._wear_out()
        turn = Turn(self, head)
        self._turns.append(turn)
        if len(self._turns) == 1:
            self.current = turn
        if self.traced:
            self.traced.began(turn)
        self.workers.put(turn)

    # --- turns pass ---

    def turn_over(self, turn: Turn) -> None:
        """The handler of ``turn`` has returned, or failed."""
        if self.life.state is State.EXCHANGE:
            self._take_turns()
        elif turn in self._turns:  # hijacked, lost, or discarded
            self._remove(turn)

    def _take_turns(self) -> None:
        turns = self._turns
        while turns and (turns[0].over or turns[0].detached):
            turn = turns[0]
            reason = turn.close_reason(turn.head)
            if turn.broken or not turn.ended:
                self.abort_exchange(turn, turn.broken or CloseReason.HANDLER_FAILED)
                self._remove(turn)
                return
            if self.traced:
                self.traced.done(turn, self.reason or reason)
            turns.popleft()
            if reason is not None:
                self._leave(reason)
                self._discard()
                return
            if not turns:
                self._pass_on()
                return
            self._promote(turns[0])
        self._admit()

    def _promote(self, turn: Turn) -> None:
        """The answers before ``turn`` are out: its clocks run, and what it kept leaves."""
        self.current = turn
        self.clocks.write_at = inf
        self.clocks.start_exchange()
        if turn.write_at is not None:
            self.clocks.set_write_deadline(turn.write_at)
        if turn.broken and not turn.over:
            self.abort_exchange(turn, turn.broken)
            return
        turn.flush()
        if self._writable is not None:
            self._writable.set()

    def _pass_on(self) -> None:
        """All turns are answered: a request that waited for that runs alone, else the connection is idle."""
        if self._head is None:
            self._keep()
            return
        self.current = None
        self.clocks.write_at = inf
        self.clocks.start_exchange()
        self._offer()

    def go_on(self, exchange: Exchange) -> None:
        """The handler of ``exchange``, which is answered, goes on, and the connection without it."""
        if not isinstance(exchange, Turn):
            super().go_on(exchange)
        elif exchange.task is not None:
            self.server.crowd.keep(self.end_of(exchange.task))
            if self.life.state is State.EXCHANGE:
                self._take_turns()

    # --- ends ---

    def abort_exchange(self, exchange: Exchange, reason: CloseReason = CloseReason.HANDLER_ABORTED) -> None:
        """Break the connection off when the turn of ``exchange`` has come, which may be now."""
        if isinstance(exchange, Turn) and self.life.state is State.EXCHANGE:
            if exchange not in self._turns:
                return
            if exchange is not self.current:
                exchange.broken = exchange.broken or reason
                return
            for noted in exchange.noted:
                self.wire.note(noted)
        super().abort_exchange(exchange, reason)
        self._discard()

    def hijack(self, exchange: Exchange) -> tuple[Transport, bytes]:
        """Give up the transport; see ``Conn.hijack``.  Raises NotSupported while others are in flight."""
        if isinstance(exchange, Turn) and not (self.is_last(exchange) and self.current is exchange):
            raise NotSupported("other exchanges share the connection")
        return super().hijack(exchange)

    def _discard(self) -> None:
        """Nothing that waits behind the last answer will be answered."""
        self._head = None
        if self._turns:
            self.error = self.error or ConnectionReset("an answer before this one closed the connection")
            self._wake_all()

    def _wake_all(self) -> None:
        super()._wake_all()
        for turn in list(self._turns):
            if self.workers.drop(turn):
                turn.finish()
                self._remove(turn)
            elif turn.over and turn is not self.current:  # it was complete, and waited for those before it
                self._remove(turn)

    def _remove(self, turn: Turn) -> None:
        self._turns.remove(turn)
        if turn is not self.current:
            turn.forget()
        if self.traced:
            self.traced.done(turn, self.reason)


def _runs_beside(head: RequestHead) -> bool:
    """Whether the handler of this request may run beside those before it."""
    return (
        head.method in SAFE
        and head.content_length == 0
        and head.version == "1.1"
        and head.upgrade is None
        and not head.expect_continue
        and not head.expect_unknown
    )
