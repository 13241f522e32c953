"""Where a hosted application is mounted: at the root, or below what handlers stripped of the path.

A handler such as ``StripPrefix`` passes on a request with a shorter path.  What it took
away is the application's ``root_path`` (ASGI) or ``SCRIPT_NAME`` (WSGI).

PEP 3333 ``SCRIPT_NAME``; ASGI HTTP ``root_path``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from holdfast.errors import UsageError
from holdfast.url import parse_target

if TYPE_CHECKING:
    from holdfast.message import Request
    from holdfast.server.exchange import Exchange

__all__ = ["exchange_of", "path_bytes", "split_target", "stripped_prefix"]


def exchange_of(w: Any, host: object) -> Exchange:
    """The exchange that ``w`` writes to.

    Raises:
        UsageError: ``w`` is a wrapper that changes what is written; an application would bypass it.
    """
    exchange: Exchange | None = getattr(w, "exchange", None)
    if exchange is None:
        raise UsageError(
            f"{type(host).__name__} writes to the connection itself and cannot stand behind"
            f" {type(w).__name__}, which wraps the ResponseWriter"
        )
    if exchange.status or getattr(w, "status", 0):
        raise UsageError(f"the response was begun before {type(host).__name__} was called")
    return exchange


def split_target(method: str, target: str) -> tuple[str, str]:
    """Path and query of a request target, both escaped, ``""`` for a query that is not there."""
    if target[:1] == "/":
        path, _, query = target.partition("?")
        return path, query
    url = parse_target(method, target)
    return url.raw_path or "/", url.raw_query or ""


def stripped_prefix(exchange: Exchange, r: Request) -> str:
    """What handlers stripped of the path, escaped; ``""`` when nothing, or when they rewrote it otherwise."""
    original = split_target(exchange.head.method, exchange.head.target)[0]
    path = r.url.raw_path
    if path != original and path[:1] == "/" and original.endswith(path):
        return original.removesuffix(path)
    return ""


def path_bytes(path: str) -> bytes:
    """The bytes that an escaped path (latin-1 text) stands for."""
    raw = path.encode("latin-1")
    return unquote_to_bytes(raw) if b"%" in raw else raw
