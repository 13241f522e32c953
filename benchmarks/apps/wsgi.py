"""The benchmark program as a WSGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.apps import CHUNK, CHUNKS, LARGE, SHORT, burn

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["app"]


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/chunks":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (CHUNK for _ in range(CHUNKS))
    body = SHORT
    if path == "/large":
        body = LARGE
    elif path == "/upload":
        body = str(_count(environ["wsgi.input"])).encode()
    elif path == "/work":
        burn()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def _count(body: Any) -> int:
    received = 0
    while piece := body.read(65_536):
        received += len(piece)
    return received
