"""How a connection ends: after its last answer, when a clock runs out, when the server ends, or at once.

Rule 1: the state changes through ``_fire`` only, by a row of ``LIFECYCLE``.
Rule 2: ``reason`` is set once, by whatever first decides that the connection ends.
Rule 3: an idle connection is closed after a last look that found nothing, and half first: a request
that crosses our FIN is read and dropped, not reset.

RFC 9112 section 9.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.errors import ConnectionReset, HTTPError, RemoteProtocolError, Timeout
from holdfast.net.sockets import end_sending, has_unread, reset_on_close
from holdfast.server.line import Line
from holdfast.wire.lifecycle import Event, State
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    import socket

    from holdfast.net.tasks import Task
    from holdfast.server.exchange import Exchange
    from holdfast.server.server import Server

__all__ = ["Ending"]

NEW, IDLE, HEAD, EXCHANGE, DRAIN, LINGER, SWITCHED, CLOSED = State


class Ending(Line):
    """A line with a life, and every way out of it.

    Attributes:
        task: what serves the connection, from its first request on.
    """

    __slots__ = ("task",)

    def __init__(self, server: Server, sock: socket.socket | None) -> None:
        super().__init__(server, sock)
        self.task: Any = None

    def _fire(self, event: Event) -> State:
        """Walk one row of the table."""
        raise NotImplementedError

    def _refusal(self, error: RemoteProtocolError) -> bytes:
        """The whole answer to a request that cannot be read."""
        raise NotImplementedError

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
        """Close now if idle, and its last answer is out, to free the descriptor; say whether it was."""
        if self.life.state is not IDLE or self.transport.get_write_buffer_size() or self._last_look():
            return False
        self.reason = self.reason or CloseReason.SHED
        self._fire(Event.ABORT)
        self._close()  # not cut: the peer may not have read that answer yet
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
            self.transport.write(self._refusal(error))
            self._end_idle(Event.TIMEOUT, CloseReason.READ_HEADER_TIMEOUT)
        elif state is LINGER:
            self._fire(Event.TIMEOUT)
            self._close()
        elif state is CLOSED:
            reset_on_close(self.sock)
            self.transport.abort()

    def write_expired(self, timer: str) -> None:
        """The peer took nothing for too long, or the response took too long: nothing more can be said."""
        if self.life.state is not SWITCHED:
            reset_on_close(self.sock)
        if self.life.state is EXCHANGE:
            reason = CloseReason.WRITE_STALL if timer == "write_stall_timeout" else CloseReason.WRITE_TIMEOUT
            self._cut(Event.TIMEOUT, reason, Timeout(timer))
        elif self.life.state is not SWITCHED:
            self.kill(CloseReason.WRITE_STALL)

    def tasks(self) -> list[Task[None]]:
        """The tasks that work for this connection."""
        return [] if self.task is None else [self.task]

    def _refuse(self, error: RemoteProtocolError) -> None:
        """Answer a request that cannot be read, and leave (S6)."""
        if self.life.state is not HEAD:
            self._fire(Event.BYTES)
        self.reason = CloseReason.MALFORMED
        self.transport.write(self._refusal(error))
        self._fire(Event.REFUSED)
        self._linger()

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

    def _end_idle(self, event: Event, reason: CloseReason) -> None:
        self.reason = self.reason or reason
        self._fire(event)
        if self.server.tls is None and not self.transport.get_write_buffer_size():
            end_sending(self.sock)
        self._linger()

    def _last_look(self) -> bool:
        """Whether bytes have come that nobody has seen yet: then the connection is not idle."""
        return has_unread(self.sock)


# Who said so will not send anything more.
_PEER_IS_DONE = frozenset({CloseReason.PEER_CLOSE, CloseReason.PEER_OLD})
