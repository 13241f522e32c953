"""Waiting in tests: never for long, and on a fake clock never at all.

Rule: no wait is unbounded, and one that was in vain says what it was for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from holdfast.net.clock import FakeClock

__all__ = ["GUARD", "advance", "settle", "within"]

T = TypeVar("T")

# Real seconds that a test waits for any one thing.
GUARD: Final = 2.0


async def within(awaitable: Awaitable[T], what: str) -> T:
    """Await, for ``GUARD`` seconds at most.  Raises AssertionError, which says ``what`` did not come."""
    try:
        async with asyncio.timeout(GUARD) as guard:
            return await awaitable
    except TimeoutError:
        if not guard.expired():
            raise
        raise AssertionError(f"waited {GUARD:g} s in vain for {what}") from None


async def settle() -> None:
    """Let the loop turn until nothing on it is ready, or for ``_MOST_TURNS``.

    What threads and other processes do is not waited for.
    """
    ready: Any = getattr(asyncio.get_running_loop(), "_ready", ("uvloop does not tell",))
    idle = 0
    for _ in range(_MOST_TURNS):
        await asyncio.sleep(0)
        idle = 0 if ready else idle + 1
        if idle == _IDLE_TURNS:
            return


async def advance(clock: FakeClock, seconds: float) -> None:
    """Let ``seconds`` pass on ``clock``: every timer at its own moment, and after each the loop settles."""
    until = clock.time() + seconds
    await settle()
    while (due := clock.next_at()) <= until:
        clock.advance(max(due - clock.time(), 0.0))
        await settle()
    clock.advance(max(until - clock.time(), 0.0))
    await settle()


_MOST_TURNS: Final = 1000
_IDLE_TURNS: Final = 3  # what the kernel has ready is seen in the turn after, and acted on in the next
