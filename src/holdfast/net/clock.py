"""What time it is, and a call when it is later.

Everything that waits asks a ``Clock``, so that a test can turn its hands:
``FakeClock`` needs no loop, never sleeps, and says the same thing on every run.
Times are absolute, in seconds, on a clock that never goes back; only
differences mean anything.
"""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "FakeClock", "Handle", "LoopClock"]


class Handle(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Take the call back; does nothing once it was made or cancelled."""
        ...


class Clock(Protocol):
    """Tells the time, and calls back when it has come."""

    def time(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def call_at(self, when: float, callback: Callable[..., object], /, *args: Any) -> Handle:
        """Call ``callback(*args)`` once ``time() >= when``, never from inside this call."""
        ...


class LoopClock:
    """The clock of the running event loop."""

    __slots__ = ("_loop", "time")

    time: Callable[[], float]  # the loop's own method: asked on the hot path

    def __init__(self) -> None:
        """Raises RuntimeError where no loop runs."""
        self._loop = asyncio.get_running_loop()
        self.time = self._loop.time

    def call_at(self, when: float, callback: Callable[..., object], /, *args: Any) -> Handle:
        # uvloop rounds a delay to the nearest millisecond, and would call up to half of one early.
        return self._loop.call_at(when + 0.0005, callback, *args)


class FakeClock:
    """A clock that stands still until a test moves it."""

    __slots__ = ("_calls", "_now", "_seq")

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._calls: list[tuple[float, int, _FakeHandle]] = []
        self._seq = count()

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[..., object], /, *args: Any) -> Handle:
        handle = _FakeHandle(callback, args)
        heapq.heappush(self._calls, (when, next(self._seq), handle))
        return handle

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, making each call that comes due at its own moment, in order.

        What a callback raises comes out here, with the clock stopped at that moment.
        """
        if seconds < 0:
            raise ValueError(f"a clock does not go back: {seconds} seconds")
        until = self._now + seconds
        while self._calls and self._calls[0][0] <= until:
            when, _, handle = heapq.heappop(self._calls)
            self._now = max(self._now, when)
            handle.run()
        self._now = until

    def next_at(self) -> float:
        """When the earliest call to come is due; ``inf`` when there is none."""
        return min((when for when, _, handle in self._calls if not handle.cancelled), default=inf)

    def pending(self) -> int:
        """How many calls are still to come."""
        return sum(not handle.cancelled for _, _, handle in self._calls)

    def __repr__(self) -> str:
        return f"<FakeClock {self._now:g} s, {self.pending()} calls to come>"


class _FakeHandle:
    __slots__ = ("_args", "_callback", "cancelled")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._callback = callback
        self._args = args
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def run(self) -> None:
        if not self.cancelled:
            self._callback(*self._args)
