"""ServeMux: which handler answers a request.

Registering refuses what could never work: a pattern that does not parse, or one that conflicts with
another.  Routing looks at method, host and escaped path; it redirects to the clean path, or to the one
with a final slash, where only that is registered, and says 405 with Allow where only the method is wrong.

Rule: a redirect carries nothing but a clean path and the query: whatever the request said, its
Location cannot name another host.

Go's net/http, ServeMux; beyond it: handlers for 404 and 405, and ``routes()``.
RFC 9110 sections 15.4.8, 15.5.5, 15.5.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from holdfast.errors import PatternConflict
from holdfast.server.caller import caller
from holdfast.server.handlers import as_handler
from holdfast.server.pattern import Pattern, conflict
from holdfast.server.replies import error
from holdfast.server.replies import not_found as reply_not_found
from holdfast.server.routing import Match, Route, Tree, is_exact
from holdfast.url import clean_path, escape_wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.message import Request
    from holdfast.server.handlers import AsyncHandler
    from holdfast.server.response import ResponseWriter

    Found = tuple[AsyncHandler, str, dict[str, str]]  # the pattern's text, and what its wildcards stand for

__all__ = ["ServeMux", "default_mux", "handle"]

# A coroutine function, a plain function, or an object with serve_http(w, r): see handlers.as_handler.
H = TypeVar("H", bound=Any)


class ServeMux:
    """A handler that passes each request to the handler of the most specific pattern that matches.

    Args:
        not_found: answers when nothing matches; otherwise a 404 with a line of text.
        method_not_allowed: answers when only the method is wrong; Allow is set already.

    Register before serving.  Patterns: see ``Pattern`` and docs/reference.
    """

    __slots__ = ("_method_not_allowed", "_not_found", "_tree")

    def __init__(self, *, not_found: Any = None, method_not_allowed: Any = None) -> None:
        self._tree = Tree()
        self._not_found = reply_not_found if not_found is None else as_handler(not_found)
        self._method_not_allowed = (
            _method_not_allowed if method_not_allowed is None else as_handler(method_not_allowed)
        )

    @overload
    def handle(self, pattern: str, handler: H) -> H: ...
    @overload
    def handle(self, pattern: str, handler: None = None) -> Callable[[H], H]: ...
    def handle(self, pattern: str, handler: Any = None) -> Any:
        """Register ``handler`` for ``pattern`` and return it; without a handler, a decorator that does.

        Raises PatternError when the pattern does not parse, PatternConflict when it matches requests of
        another pattern and neither is more specific, TypeError when the handler is none.
        """
        location = caller()
        if handler is not None:
            self._register(Pattern.parse(pattern, location), handler)
            return handler

        def register(handler: H) -> H:
            self._register(Pattern.parse(pattern, location), handler)
            return handler

        return register

    def routes(self) -> list[Route]:
        """Return every route, as (pattern, handler), in the order of registration."""
        return list(self._tree.routes)

    def handler(self, request: Request) -> tuple[AsyncHandler, str]:
        """Return what would answer ``request``, and the pattern that matches, "" when none does."""
        handler, pattern, _ = self._find(request)
        return handler, pattern

    async def serve_http(self, w: ResponseWriter, r: Request) -> None:
        """Answer a request.  Sets ``r.pattern`` and ``r.path_values``."""
        if r.target == "*":
            # For the server as a whole, OPTIONS apart: nothing here can mean it.
            w.headers["Connection"] = "close"
            w.write_header(400)
            return
        handler, r.pattern, r.path_values = self._find(r)
        await handler(w, r)

    def _register(self, pattern: Pattern, handler: Any) -> None:
        route = Route(pattern, as_handler(handler))
        for other in self._tree.meeting(pattern):
            if why := conflict(pattern, other.pattern):
                raise PatternConflict(
                    f'pattern "{pattern}" (registered at {pattern.location}) conflicts with '
                    f'pattern "{other.pattern}" (registered at {other.pattern.location}):\n{why}'
                )
        self._tree.add(route)

    def _find(self, r: Request) -> Found:
        tree = self._tree
        method, url = r.method, r.url
        host = ""
        if tree.has_hosts:
            host = r.host if method == "CONNECT" else _without_port(r.host)
        route = tree.plain(host, method, url.raw_path)
        if route is not None:
            return route.handler, route.pattern.text, dict.fromkeys(route.pattern.names, "")

        given = url.raw_path or "/"  # RFC 9110 4.2.3
        # CONNECT names no resource here, so its path is nobody's to clean.
        path = given if method == "CONNECT" else clean_path(given)
        match = tree.match(host, method, path)
        if path[-1] != "/" and not is_exact(match, path):
            slashed = tree.match(host, method, path + "/")
            if slashed is not None and is_exact(slashed, path + "/"):
                return _redirect(clean_path(path) + "/", url.raw_query, slashed)
        if path != given:
            return _redirect(path, url.raw_query, match)
        if match is not None:
            return match.route.handler, match.route.pattern.text, match.values

        allowed = tree.methods(host, path)
        if path[-1] != "/":
            allowed |= tree.methods(host, path + "/")
        if allowed:
            return _with_allow(self._method_not_allowed, allowed), "", {}
        return self._not_found, "", {}


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() and (":" not in name or name[-1] == "]") else host


def _redirect(path: str, query: str | None, to: Match | None) -> Found:
    location = escape_wire(path if query is None else f"{path}?{query}")

    async def redirect(w: ResponseWriter, r: Request) -> None:
        w.headers["Location"] = location
        await error(w, "Temporary Redirect", 307)

    return redirect, "" if to is None else to.route.pattern.text, {}


def _with_allow(handler: AsyncHandler, allowed: set[str]) -> AsyncHandler:
    async def refuse(w: ResponseWriter, r: Request) -> None:
        w.headers["Allow"] = ", ".join(sorted(allowed))
        await handler(w, r)

    return refuse


async def _method_not_allowed(w: ResponseWriter, r: Request) -> None:
    await error(w, "Method Not Allowed", 405)


# The mux of a Server without a handler.
default_mux: Final = ServeMux()
handle: Final = default_mux.handle
