"""CrossOriginProtection: no other site's page may make a browser change something here (CSRF).

Browsers say where a request comes from: ``Sec-Fetch-Site`` since 2023, ``Origin`` for longer.
A request that changes state and comes from another origin is refused; what has neither field
comes from no browser, or from our own pages, and passes.

Rule: the fields are found as every field is, by name in any case; of a field that comes twice,
every value has to allow the request.

Go's net/http ``CrossOriginProtection``; Fetch Metadata Request Headers section 2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import InvalidURL
from holdfast.server.handlers import as_handler
from holdfast.server.mux import ServeMux, default_mux
from holdfast.server.replies import error
from holdfast.url import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.message import Request
    from holdfast.server.handlers import AsyncHandler

__all__ = ["CrossOriginProtection"]


class CrossOriginProtection:
    """Passes a request on to ``handler`` unless a browser sent it for another origin.

    Args:
        handler: the default mux when None; ``handler(h)`` puts others behind the same protection.
        trusted_origins: as ``add_trusted_origin``.
        insecure_bypass_patterns: as ``add_insecure_bypass_pattern``.
        deny_handler: answers what is refused; 403 with the reason otherwise.

    All of it may be changed while it serves.
    """

    __slots__ = ("_bypass", "_deny", "_handler", "_trusted")

    def __init__(
        self,
        handler: Any = None,
        *,
        trusted_origins: Iterable[str] = (),
        insecure_bypass_patterns: Iterable[str] = (),
        deny_handler: Any = None,
    ) -> None:
        self._handler = as_handler(default_mux if handler is None else handler)
        self._trusted: set[str] = set()
        self._bypass = ServeMux()
        for origin in trusted_origins:
            self.add_trusted_origin(origin)
        for pattern in insecure_bypass_patterns:
            self.add_insecure_bypass_pattern(pattern)
        self.set_deny_handler(deny_handler)

    def add_trusted_origin(self, origin: str) -> None:
        """Let requests of ``origin`` pass: ``scheme://host[:port]``, as browsers write it.

        Raises ValueError for anything else.
        """
        try:
            url = parse(origin)
        except InvalidURL as wrong:
            raise ValueError(f"invalid origin {origin!r}: {wrong}") from wrong
        if not url.scheme:
            raise ValueError(f"invalid origin {origin!r}: scheme is required")
        if not url.host:
            raise ValueError(f"invalid origin {origin!r}: host is required")
        if url.raw_path or (url.userinfo, url.raw_query, url.fragment) != (None, None, None):
            raise ValueError(f"invalid origin {origin!r}: user, path, query, and fragment are not allowed")
        self._trusted.add(origin)

    def add_insecure_bypass_pattern(self, pattern: str) -> None:
        """Let every request pass that matches a pattern of ``ServeMux``; a redirect of it is no match.

        Raises PatternError and PatternConflict.
        """
        self._bypass.handle(pattern, _bypassed)

    def set_deny_handler(self, handler: Any) -> None:
        """Have ``handler`` answer what is refused; None for 403 with the reason."""
        self._deny: AsyncHandler | None = None if handler is None else as_handler(handler)

    def check(self, r: Request) -> str | None:
        """Return why ``r`` is refused, or None when it may pass."""
        if r.method in _SAFE:
            return None
        sites = [site for site in r.headers.values("Sec-Fetch-Site") if site]
        origins = [origin for origin in r.headers.values("Origin") if origin]
        if sites:
            allowed, why = all(site in ("same-origin", "none") for site in sites), _CROSS_ORIGIN
        else:
            # Origin has the scheme, Host has not: http to https passes here, with old browsers.
            allowed, why = all(_is_host(origin, r.host) for origin in origins), _CROSS_ORIGIN_OLD
        return None if allowed or self._is_exempt(r, origins) else why

    def handler(self, handler: Any) -> AsyncHandler:
        """Return ``handler`` behind this protection."""
        inner = as_handler(handler)

        async def protected(w: Any, r: Request) -> None:
            await self._serve(inner, w, r)

        return protected

    async def serve_http(self, w: Any, r: Request) -> None:
        """Pass on, or refuse."""
        await self._serve(self._handler, w, r)

    async def _serve(self, handler: AsyncHandler, w: Any, r: Request) -> None:
        why = self.check(r)
        if why is None:
            await handler(w, r)
        elif self._deny is not None:
            await self._deny(w, r)
        else:
            await error(w, why, 403)

    def _is_exempt(self, r: Request, origins: list[str]) -> bool:
        if self._bypass.handler(r)[0] is _bypassed:
            return True
        return bool(origins) and self._trusted.issuperset(origins)


def _is_host(origin: str, host: str) -> bool:
    try:
        url = parse(origin)
    except InvalidURL:
        return False
    return bool(url.host) and url.authority == host.lower()


async def _bypassed(w: Any, r: Request) -> None:
    """What the patterns lead to.  Nobody calls it."""


_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_CROSS_ORIGIN: Final = "cross-origin request detected from Sec-Fetch-Site header"
_CROSS_ORIGIN_OLD: Final = (
    "cross-origin request detected, and/or browser is out of date:"
    " Sec-Fetch-Site is missing, and Origin does not match Host"
)
