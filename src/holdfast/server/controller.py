"""Control over one response beyond writing it: flush, hijack, deadlines, full duplex.

Works through wrappers: a writer that wraps another and has an ``unwrap()`` method passes
every question on that it does not answer itself.

Go's net/http responsecontroller.go.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from holdfast.errors import NotSupported

if TYPE_CHECKING:
    from holdfast.net.stream import Stream
    from holdfast.server.exchange import Exchange

__all__ = ["ResponseController"]


class ResponseController:
    """Controls the response that ``w``, or what it wraps, writes.

    Args:
        w: a ``ResponseWriter``, or a wrapper that has ``unwrap()``.
    """

    __slots__ = ("_w",)

    def __init__(self, w: Any) -> None:
        self._w = w

    async def flush(self) -> None:
        """Send what is written so far.  Raises NotSupported."""
        await self._find("flush")()

    async def hijack(self) -> tuple[Stream, bytes]:
        """Take the connection; see ``ResponseWriter.hijack``.  Raises NotSupported, Hijacked."""
        stream: tuple[Stream, bytes] = await self._find("hijack")()
        return stream

    def set_read_deadline(self, seconds: float | None) -> None:
        """Make reads of the request's body fail once ``seconds`` from now have passed.

        0 or less fails at once; None takes the deadline away, ``read_timeout`` included.  A read that
        failed raises Timeout, and the connection closes after the response.
        """
        exchange = self._exchange()
        exchange.set_read_deadline(self._at(exchange, seconds))

    def set_write_deadline(self, seconds: float | None) -> None:
        """Make writes fail once ``seconds`` from now have passed, and cut the connection then.

        0 or less fails at once; None takes the deadline away, ``write_timeout`` included.
        """
        exchange = self._exchange()
        exchange.set_write_deadline(self._at(exchange, seconds))

    def enable_full_duplex(self) -> None:
        """Let the handler go on reading the request's body while it writes the response."""
        self._exchange().full_duplex = True

    def _exchange(self) -> Exchange:
        exchange: Exchange = self._find("exchange")
        return exchange

    @staticmethod
    def _at(exchange: Exchange, seconds: float | None) -> float:
        return inf if seconds is None else exchange.conn.server.time() + seconds

    def _find(self, name: str) -> Any:
        w = self._w
        while True:
            found = getattr(w, name, None)
            if found is not None:
                return found
            unwrap = getattr(w, "unwrap", None)
            if unwrap is None:
                raise NotSupported(f"{type(self._w).__name__} cannot {name}")
            w = unwrap()
