"""The clocks of one connection: which run, and what to call when one runs out.

Several may run at once (the peer neither sends its body nor takes our answer), but a
connection has one ``Deadline``: the earliest of them.  On the way of a plain
request two floats are stored and the loop hears nothing of it.

    phase    the state's own clock: header, idle, linger, and the last bytes on their way out
    body     while a body is waited for: the gap, the whole request, the floor on the rate
    write    the whole response
    stall    while too much is unsent: the peer takes nothing

Rule: a clock that is None in the settings never runs; all are in seconds.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from holdfast.net.timers import Deadline

if TYPE_CHECKING:
    from holdfast.server.conn import Conn

__all__ = ["Clocks"]


class Clocks:
    """What runs now.

    Attributes:
        since: when the phase began.
        read_at: when reading the request's body must be over.
        write_at: when writing the response must be over.
    """

    __slots__ = (
        "_body_at",
        "_body_most",
        "_body_since",
        "_body_timer",
        "_body_waited",
        "_conn",
        "_deadline",
        "_phase",
        "_phase_at",
        "_read_at_of",
        "_stall_at",
        "_unsent",
        "read_at",
        "since",
        "write_at",
    )

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        self._deadline = Deadline(conn.server.timers, self._expired)
        self._phase = ""
        self._phase_at = self._body_at = self._stall_at = inf
        self.read_at = self.write_at = inf
        self.since = 0.0
        self._body_timer = ""
        self._body_since = self._body_waited = 0.0
        self._body_most = inf
        self._read_at_of = 0
        self._unsent = 0

    def start(self, phase: str) -> None:
        """Start the clock of a phase, by its setting's name; it replaces the one before."""
        server = self._conn.server
        now = server.time()
        self._phase = phase
        self.since = now
        self._phase_at = now + server.timeouts[phase]
        self.write_at = inf
        if phase in _SENDING:
            self._unsent = self._conn.transport.get_write_buffer_size()
        self._rearm()

    def start_idle(self) -> None:
        """``start("idle_timeout")``, the short way: it runs after every exchange."""
        server = self._conn.server
        self._phase = "idle_timeout"
        self.write_at = inf
        self.since = now = server.time()
        self._phase_at = at = now + server.idle_seconds
        if self._stall_at < at:
            self._rearm()
        elif at < inf:
            self._deadline.set(at)

    def end_phase(self, at: float) -> None:
        """End the phase at ``at`` if not before."""
        self._phase_at = min(self._phase_at, at)
        self._rearm()

    def start_exchange(self) -> None:
        """A request head is complete: its own clocks start, the phase's stops."""
        server = self._conn.server
        self._body_waited = 0.0
        if server.exchange_clocks:
            now = server.time()
            began = self.since if self._phase == "read_header_timeout" else now
            self.read_at = began + server.timeouts["read_timeout"]
            self.write_at = now + server.timeouts["write_timeout"]
            self._phase_at = inf
            self._rearm()
        else:
            self._phase_at = inf
            if self._stall_at == inf:
                self._deadline.at = inf  # clear(), without the call
        self._phase = ""

    def start_body(self, received: int) -> None:
        """A body is waited for, of which ``received`` bytes have come."""
        server = self._conn.server
        if self._read_at_of != self._conn.requests and not server.exchange_clocks:
            self.read_at = inf  # it was set for a request before this one
        self._body_since = now = server.time()
        gap_at = now + server.timeouts["body_read_timeout"]
        rate_at = inf
        if server.min_body_rate:
            rate_at = now + server.min_body_grace + received / server.min_body_rate - self._body_waited
        self._body_most = min(gap_at, rate_at)
        self._body_timer = "body_read_timeout" if gap_at <= rate_at else "min_body_rate"
        self._body_at = min(self._body_most, self.read_at)
        self._rearm()

    def stop_body(self) -> None:
        """Something of the body came, or nobody waits for it any more."""
        self._body_at = inf
        self._body_timer = ""
        self._body_waited += self._conn.server.time() - self._body_since

    def start_stall(self) -> None:
        """Too much is unsent."""
        server = self._conn.server
        self._unsent = self._conn.transport.get_write_buffer_size()
        self._stall_at = server.time() + server.timeouts["write_stall_timeout"]
        self._rearm()

    def stop_stall(self) -> None:
        """The peer has taken enough."""
        self._stall_at = inf

    def set_read_deadline(self, at: float) -> None:
        """Move the end of this request's reading, also for a read that waits now."""
        self.read_at = at
        self._read_at_of = self._conn.requests
        if self._body_timer:
            self._body_at = min(self._body_most, at)
            self._rearm()

    def set_write_deadline(self, at: float) -> None:
        """Move the end of the response's writing."""
        self.write_at = at
        self._rearm()

    def stop(self) -> None:
        """The connection is over, or another's."""
        self._deadline.close()

    def _rearm(self) -> None:
        at = min(self._phase_at, self._body_at, self._stall_at, self.write_at)
        if at < inf:
            self._deadline.set(at)
        else:
            self._deadline.clear()

    def _expired(self) -> None:
        conn = self._conn
        now = conn.server.time()
        if now >= self.write_at:
            self.write_at = inf
            conn.write_expired("write_timeout")
        if now >= self._stall_at and not self._progress(now):
            self._stall_at = inf
            conn.write_expired("write_stall_timeout")
        if now >= self._body_at:
            timer = self._body_timer if now >= self._body_most else "read_timeout"
            self._body_at = inf
            conn.body_expired(timer)
        if now >= self._phase_at and not (self._phase in _SENDING and self._progress(now)):
            # Only once: what follows from it starts the next clock.
            self._phase_at = inf
            conn.phase_expired()
        self._rearm()

    def _progress(self, now: float) -> bool:
        """Whether the peer took some of what is unsent; then the clock starts again."""
        unsent = self._conn.transport.get_write_buffer_size()
        if not 0 < unsent < self._unsent:
            return False
        self._unsent = unsent
        timeout = self._conn.server.timeouts["write_stall_timeout"]
        if now >= self._stall_at:
            self._stall_at = now + timeout
        if now >= self._phase_at:
            self._phase_at = now + timeout
        return True


# Phases in which our last bytes may still be on their way out.
_SENDING = frozenset({"linger_timeout", "write_stall_timeout"})
