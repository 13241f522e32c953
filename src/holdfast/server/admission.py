"""A bound on how many requests are answered at once: what comes beyond it is told 503, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.server.exchange import Exchange

__all__ = ["Admission"]


class Admission:
    """A front door before another one.

    Args:
        front: answers exchanges.
        limit: how many it may be answering at once, at least 1.
    """

    __slots__ = ("_front", "_limit", "_running")

    def __init__(self, front: Callable[[Exchange], Awaitable[None]], limit: int) -> None:
        self._front = front
        self._limit = limit
        self._running = 0

    async def serve_exchange(self, exchange: Exchange) -> None:
        """Let ``exchange`` through, or answer it with 503 (RFC 9110 15.6.4)."""
        if self._running >= self._limit:
            body = b"Service Unavailable\n"
            exchange.start(503, [(b"content-type", b"text/plain; charset=utf-8")], length=len(body))
            exchange.write(body)
            exchange.end()
            return
        self._running += 1
        try:
            await self._front(exchange)
        finally:
            self._running -= 1
