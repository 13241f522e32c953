"""MaxBytes: no more of a request's body than a handler is made for.

Go's net/http ``MaxBytesHandler`` and ``MaxBytesReader``; RFC 9110 section 15.5.14.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.server.handlers import as_handler

if TYPE_CHECKING:
    from holdfast.message import Request

__all__ = ["MaxBytes"]


class MaxBytes:
    """Lets ``handler`` read ``max_bytes`` of a body; the read that finds more raises ``BodyTooLarge``.

    A handler that lets it pass has the server answer 413 and close.  Less than 0 is 0.
    """

    __slots__ = ("_handler", "_max_bytes")

    def __init__(self, handler: Any, max_bytes: int) -> None:
        self._handler = as_handler(handler)
        self._max_bytes = max_bytes

    async def serve_http(self, w: Any, r: Request) -> None:
        """Pass on a copy of the request with a limited body."""
        if r.content_length:
            r = r.shallow_copy()
            r.limit_body(self._max_bytes)
        await self._handler(w, r)
