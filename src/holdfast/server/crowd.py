"""The connections of one server together: who is open, what goes on behind those that ended.

Rule: nothing here decides when a server ends or accepts; it counts, tells everyone, and waits.
"""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING

from holdfast import limits
from holdfast.net.tasks import Event as Flag
from holdfast.wire.lifecycle import State
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.net.clock import Clock
    from holdfast.net.tasks import Future
    from holdfast.server.conn import Conn

__all__ = ["Crowd"]


class Crowd:
    """The open connections of a server, and counts of all it had.

    Attributes:
        accepted: connections taken in so far.
        closed_because: those that ended, by ``CloseReason``.
        background: handlers that go on after their response, or after their connection.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self.closed_because: Counter[str] = Counter()
        self.background: set[Future[None]] = set()
        self._open: set[Conn] = set()
        self._requests = 0  # of connections that ended
        self._changed: Flag | None = None  # somebody waits for everyone to leave

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Conn]:
        """Go over the open connections; any of them may leave meanwhile."""
        return iter(list(self._open))

    @property
    def requests(self) -> int:
        """Requests begun on all of them."""
        return self._requests + sum(conn.requests for conn in self._open)

    def add(self, conn: Conn) -> None:
        """A connection was accepted."""
        self.accepted += 1
        self._open.add(conn)

    def forget(self, conn: Conn) -> None:
        """A connection is over, or another's."""
        self._open.discard(conn)
        for unfinished in conn.unfinished():
            self.keep(unfinished)  # the peer has gone, and its handler finishes its work
        self._requests += conn.requests
        self.closed_because[conn.reason or CloseReason.PEER_LEFT] += 1
        self._tell()

    def keep(self, task: Future[None]) -> None:
        """A handler goes on in the background; ``wait_until_empty`` waits for it, too."""
        self.background.add(task)
        task.add_done_callback(self._done)

    def shed(self, most: int) -> int:
        """Close up to ``most`` idle connections, those that have been idle longest first; say how many."""
        idle = [conn for conn in self._open if conn.life.state is State.IDLE]
        idle.sort(key=lambda conn: conn.clocks.since)
        return sum(conn.shed() for conn in idle[:most])

    async def wait_until_empty(self, clock: Clock, timeout: float | None) -> int:
        """Wait for every connection to leave and for what is in the background; say how many are left.

        Those that never spoke are given ``NEW_GRACE`` from their opening.  ``LAST_CALL`` before the end
        handlers that wait for their peer to go are told to stop.

        Args:
            timeout: seconds to wait at most; None for no limit.
        """
        deadline = clock.time() + (inf if timeout is None else timeout)
        last_call = deadline if timeout is None else deadline - min(limits.LAST_CALL, timeout / 5)
        while (self._open or self.background) and clock.time() < deadline:
            if clock.time() >= last_call:
                last_call = inf
                for conn in self:
                    conn.call_off()
            self._changed = Flag()
            handle = clock.call_at(min(deadline, last_call, self._end_silent(clock.time())), self._tell)
            await self._changed.wait()
            handle.cancel()
        return len(self._open)

    def _end_silent(self, now: float) -> float:
        """End those that never spoke for long enough; return when the next of them will be due."""
        due = inf
        for conn in self:
            if conn.life.state is State.NEW:
                if now >= conn.opened_at + limits.NEW_GRACE:
                    conn.end_silent()
                else:
                    due = min(due, conn.opened_at + limits.NEW_GRACE)
        return due

    def _done(self, task: Future[None]) -> None:
        self.background.discard(task)
        self._tell()

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set()
