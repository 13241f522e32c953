"""StripPrefix: a handler that sees only the rest of the path.

The path is stripped as it is on the wire, so that the handler's ``url`` keeps its escapes;
an escape inside the prefix (``/a%2Fb`` for ``/a/b``) is another path, and matches nothing.

Go's net/http ``StripPrefix``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.server.handlers import as_handler
from holdfast.server.replies import not_found
from holdfast.url import escape_path

if TYPE_CHECKING:
    from holdfast.message import Request

__all__ = ["StripPrefix"]


class StripPrefix:
    """Passes requests on to ``handler`` without ``prefix`` (decoded text) in their path; the others get 404.

    The handler is given a copy of the request; a hosted application finds the prefix in its ``root_path``.
    Raises TypeError for what is no handler.
    """

    __slots__ = ("_handler", "_prefixes")

    def __init__(self, prefix: str, handler: Any) -> None:
        self._handler = as_handler(handler)
        wire = prefix.encode("utf-8", "surrogateescape").decode("latin-1")
        # As clients write it, and as it is, where that means the same.
        self._prefixes = tuple(dict.fromkeys([escape_path(prefix), *([wire] if "%" not in wire else [])]))

    async def serve_http(self, w: Any, r: Request) -> None:
        """Strip and pass on, or answer 404."""
        url = r.url
        path = url.raw_path
        for prefix in self._prefixes:
            if path.startswith(prefix):
                return await self._handler(w, r.with_url(url._replace(raw_path=path[len(prefix) :])))
        return await not_found(w, r)
