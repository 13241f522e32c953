"""A body, read as it comes: of a request, or of one part of a multipart form.

Rule: nothing here moves bytes; they come from a ``Pieces``, one piece at each question.

RFC 9110 section 6.4.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol

from holdfast.errors import BodyClosed, BodyTooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Body", "LimitedBody", "Pieces"]


class Pieces(Protocol):
    """Where a body comes from."""

    async def read(self) -> bytes:
        """Return the next piece, at least one byte; ``b""`` at the end."""
        ...

    def close_body(self) -> None:
        """No more will be read."""
        ...


class Body:
    """A body: pieces as they come, or as many bytes as you ask for.

    It may be read by one task at a time.  What a handler leaves unread of a request is settled by the server.
    """

    __slots__ = ("_closed", "_complete", "_rest", "_source")

    def __init__(self, source: Pieces) -> None:
        self._source = source
        self._rest = b""
        self._closed = False
        self._complete = False

    async def read(self, n: int = -1) -> bytes:
        """Return ``n`` bytes, fewer only at the body's end; all that is left when ``n`` is negative.

        Raises:
            RemoteProtocolError: the body is malformed, or shorter than declared.
            Timeout: a clock of the body ran out.
            ConnectionReset: the connection is lost.
            BodyClosed: the exchange is over, or the body was closed.
            UsageError: another task is reading.
        """
        wanted = inf if n < 0 else n
        data = await self.next() if wanted else b""
        if 0 < len(data) < wanted:
            whole = bytearray(data)  # not a list: a body may come in very many, very small pieces
            while len(whole) < wanted and (piece := await self.next()):
                whole += piece
            data = bytes(whole)
        if len(data) > wanted:
            self._rest = data[n:]
            data = data[:n]
        return data

    async def next(self) -> bytes:
        """Return what has come of the body, at least one byte; ``b""`` at its end.  Raises as ``read``."""
        if self._closed:
            raise BodyClosed("the body was read after it was closed")
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        if self._complete:
            return b""
        data = await self._source.read()
        self._complete = not data
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.next():
            yield piece

    def close(self) -> None:
        """Say that no more will be read; later reads raise BodyClosed.  A second call does nothing."""
        self._closed = True
        self._rest = b""
        self._source.close_body()


class LimitedBody(Body):
    """A body that raises once more than ``limit`` bytes of it have come (Go's MaxBytesReader)."""

    __slots__ = ("_left", "_limit", "_whole")

    def __init__(self, whole: Body, limit: int) -> None:
        super().__init__(whole._source)
        self._whole = whole
        self._limit = limit
        self._left = limit

    async def next(self) -> bytes:
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        if self._left < 0:
            raise BodyTooLarge(self._limit)
        data = await self._whole.next()
        within = data[: self._left]
        self._left -= len(data)
        if self._left >= 0 or within:
            return within
        raise BodyTooLarge(self._limit)

    def close(self) -> None:
        super().close()
        self._whole.close()
