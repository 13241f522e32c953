"""Short answers: an error in plain text, 404, a redirect.

Each can be awaited, and need not be: what fits into the writer's buffer, which all of
these do in practice, is there when the function returns.  So a plain ``def`` may call them
too, where there is nothing to await.

Go's net/http ``Error``, ``NotFound`` and ``Redirect``; RFC 9110 sections 10.2.2 and 15.4.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import InvalidURL
from holdfast.status import reason
from holdfast.url import clean_path, parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from holdfast.message import Request

__all__ = ["Redirect", "error", "not_found", "redirect"]


def error(w: Any, text: str, status: int) -> Awaitable[None]:
    """Answer ``status`` with ``text`` and a line end, as plain text; no more may be written then."""
    headers = w.headers
    del headers["Content-Length"]
    headers["Content-Type"] = "text/plain; charset=utf-8"
    headers["X-Content-Type-Options"] = "nosniff"
    w.write_header(status)
    return _write(w, text + "\n")


def not_found(w: Any, r: Request) -> Awaitable[None]:
    """Answer 404."""
    return error(w, "404 page not found", 404)


def redirect(w: Any, r: Request, url: str, status: int) -> Awaitable[None]:
    """Send the client to ``url``, which may be relative to the request's path.

    Args:
        status: 3xx: 301 and 308 are for ever, 302 and 307 for now, 303 says GET; 307 and 308 keep the method.

    A short page with the link goes with it, in answer to GET, unless a Content-Type is set.
    Raises ValueError for a URL with control characters.
    """
    location = _escape(_absolute(r, url))
    plain = "Content-Type" not in w.headers
    w.headers["Location"] = location
    if plain and r.method in ("GET", "HEAD"):
        w.headers["Content-Type"] = "text/html; charset=utf-8"
    w.write_header(status)
    if plain and r.method == "GET":
        return _write(w, f'<a href="{escape(location)}">{reason(status)}</a>.\n\n')
    return _Kept(None)


class Redirect:
    """A handler that redirects every request to one ``url``; see ``redirect``."""

    __slots__ = ("_status", "_url")

    def __init__(self, url: str, status: int) -> None:
        self._url = url
        self._status = status

    async def serve_http(self, w: Any, r: Request) -> None:
        """Redirect."""
        await redirect(w, r, self._url, self._status)


def _absolute(r: Request, url: str) -> str:
    """Complete a relative ``url`` by the request's path, and clean its path; leave any other alone.

    A path that is cleaned begins with one slash: ``///host`` names no host.  Nor does ``/\\host``,
    which browsers read so: its backslashes are escaped.
    """
    try:
        parts = parse(url)
    except InvalidURL:
        return url
    if parts.scheme or parts.host:
        return url
    if url[:1] != "/":
        path = r.url.raw_path
        url = path[: path.rfind("/") + 1] + url
    path, mark, query = url.partition("?")
    return clean_path(path).replace("\\", "%5C") + mark + query


def _escape(url: str) -> str:
    return _NOT_ASCII.sub(lambda found: "".join(f"%{byte:02x}" for byte in found[0].encode()), url)


_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")


def _write(w: Any, text: str) -> Awaitable[None]:
    data = text.encode()
    keep = getattr(w, "keep", None)
    if keep is not None:
        keep(data)
        return _Kept(w)
    written: int | Awaitable[None] = w.write(data)
    return _Kept(None) if isinstance(written, int) else written


class _Kept:
    """Awaits that what a writer keeps is sent, if that is more than it should keep."""

    __slots__ = ("_w",)

    def __init__(self, w: Any) -> None:
        self._w = w

    def __await__(self) -> Generator[Any, None, None]:
        if self._w is not None and self._w.is_full:
            yield from self._w.flush().__await__()
