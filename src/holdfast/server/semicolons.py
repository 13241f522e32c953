"""AllowQuerySemicolons: for clients that still separate a query's pairs by ``;``.

Everybody else reads it as a part of a value, or as nothing: two readers of one query are how
caches are poisoned, so a pair with a semicolon is dropped unless this handler asks for it.

Go's net/http ``AllowQuerySemicolons``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.server.handlers import as_handler

if TYPE_CHECKING:
    from holdfast.message import Request

__all__ = ["AllowQuerySemicolons"]


class AllowQuerySemicolons:
    """Passes requests on to ``handler`` with each ``;`` of their query as ``&``; the original keeps it."""

    __slots__ = ("_handler",)

    def __init__(self, handler: Any) -> None:
        self._handler = as_handler(handler)

    async def serve_http(self, w: Any, r: Request) -> None:
        """Pass on."""
        query = r.url.raw_query
        if query and ";" in query:
            r = r.with_url(r.url._replace(raw_query=query.replace(";", "&")))
        await self._handler(w, r)
