"""Deadlines that cost a float to move.

A connection moves its deadline with every message, and nearly none is ever
reached.  So a ``Deadline`` is a float, and ``Timers`` a heap that finds out
late: it holds, for each deadline, an entry at some moment not after it.  When
that moment comes the float is read: past, and the deadline expires; later, and
the entry moves there; ``inf``, and the entry is dropped.  The clock is asked
for one call at a time, for the first entry of all.

Rule 1: moving a deadline later, or clearing it, touches its float and nothing else.
Rule 2: moving it earlier than its entry adds an entry, and leaves the old one
stale.  Stale entries are dropped when they are met, and all together when
they are the greater part of the heap.
Rule 3: a closed deadline lets go of its owner at once.  Its entry stays, stale.

Cost, measured on CPython 3.11, 64 bits: an armed deadline holds 288 bytes: 72 for
the ``Deadline``, 64 for the owner's bound method, 24 for the float, 128 for the entry.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import Clock, Handle

__all__ = ["Deadline", "Timers"]


class Deadline:
    """One moment after which ``on_expire()`` is called, unless it was moved.

    It expires once each time it is set; ``on_expire`` may set it again.
    """

    __slots__ = ("_armed", "_on_expire", "_seq", "_timers", "at")

    at: float
    """The moment on the clock of ``timers``, in seconds; ``inf`` while cleared.  Only to be read."""

    def __init__(self, timers: Timers, on_expire: Callable[[], object]) -> None:
        self.at = inf
        self._armed = inf  # the moment of our live entry: inf for none, -inf once closed
        self._seq = 0  # which entry that is
        self._timers = timers
        self._on_expire = on_expire

    def set(self, at: float) -> None:
        """Move the deadline to ``at``: a finite time, in seconds, on the clock of the timers."""
        self.at = at
        if at < self._armed:
            self._timers._arm(self)

    def clear(self) -> None:
        """Never expire, until set again."""
        self.at = inf

    def close(self) -> None:
        """Never expire again, and forget ``on_expire``.  Setting a closed deadline does nothing."""
        self.at = inf
        self._on_expire = _nothing
        armed, self._armed = self._armed, -inf
        if abs(armed) != inf:
            self._timers._drop(self)

    def __repr__(self) -> str:
        state = "closed" if self._armed == -inf else "clear" if self.at == inf else f"at {self.at:.3f}"
        return f"<Deadline {state}>"


class Timers:
    """All the deadlines of one loop, on one call of its clock at a time."""

    __slots__ = ("_clock", "_handle", "_heap", "_seq", "_stale", "_wake", "time")

    def __init__(self, clock: Clock) -> None:
        self.time = clock.time
        self._clock = clock
        self._heap: list[tuple[float, int, Deadline]] = []  # moment, entry number, whose
        self._seq = 0
        self._stale = 0
        self._handle: Handle | None = None
        self._wake = inf  # when the clock will call: inf for never, -inf while we run

    def __len__(self) -> int:
        """Entries held, stale ones included."""
        return len(self._heap)

    def __repr__(self) -> str:
        return f"<Timers {len(self._heap) - self._stale} armed, {self._stale} stale>"

    def _arm(self, deadline: Deadline) -> None:
        """Give ``deadline`` an entry at its moment, earlier than the entry it may have."""
        if deadline._armed != inf:
            self._drop(deadline)
        heappush(self._heap, self._entry(deadline))
        self._wake_by(deadline.at)

    def _entry(self, deadline: Deadline) -> tuple[float, int, Deadline]:
        self._seq = deadline._seq = seq = self._seq + 1
        deadline._armed = at = deadline.at
        return at, seq, deadline

    def _drop(self, deadline: Deadline) -> None:
        """Leave the entry of ``deadline`` stale; sweep when most entries are."""
        deadline._seq = 0
        self._stale += 1
        if self._stale * 2 > len(self._heap):
            self._heap[:] = [entry for entry in self._heap if entry[1] == entry[2]._seq]
            heapify(self._heap)
            self._stale = 0

    def _wake_by(self, when: float) -> None:
        """Have the clock call by ``when``.  A call that turns out too early is not taken back."""
        if when < self._wake:
            if self._handle is not None:
                self._handle.cancel()
            self._wake = when
            self._handle = self._clock.call_at(when, self._run)

    def _run(self) -> None:
        """Expire what is due.  An exception of ``on_expire`` goes to the clock; the rest is not lost."""
        heap, now, last = self._heap, self.time(), self._seq
        self._handle = None
        self._wake = -inf
        try:
            # Entries made while we run wait for the next call, or one in the past would keep us here.
            while heap and heap[0][0] <= now and heap[0][1] <= last:
                _, seq, deadline = heap[0]
                if seq != deadline._seq:
                    heappop(heap)
                    self._stale -= 1
                elif now < deadline.at < inf:
                    heapreplace(heap, self._entry(deadline))
                else:
                    heappop(heap)
                    deadline._armed = inf
                    if deadline.at <= now:
                        deadline.at = inf
                        deadline._on_expire()
        finally:
            self._wake = inf
            if heap:
                self._wake_by(heap[0][0])


def _nothing() -> None:
    """What a closed deadline would call."""
