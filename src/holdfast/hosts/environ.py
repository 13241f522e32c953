"""The ``environ`` of a request: what PEP 3333 and CGI name, made of bytes that the decoder has checked.

Strings are "native": text whose characters are the bytes, latin-1.

Rule: a header with an underscore in its name is left out.  ``HTTP_X_Y`` would otherwise come from
either of two names, and a proxy that guards one does not know of the other.

PEP 3333 "environ Variables"; RFC 3875 section 4.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdfast.hosts.mount import path_bytes
from holdfast.limits import REMEMBERED_LENGTH, REMEMBERED_LINES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.server.exchange import Exchange

__all__ = ["add_headers", "request_environ"]


def request_environ(
    exchange: Exchange, method: str, script_name: str, path: str, query: str
) -> dict[str, Any]:
    """Everything that CGI says of a request but its headers.

    Args:
        script_name: decoded; where the application is mounted.
        path: escaped; what is left of the path behind ``script_name``.
        query: escaped.
    """
    head = exchange.head
    scheme = exchange.scheme
    local, peer = exchange.local_pair, exchange.peer_pair
    default_port = "443" if scheme == "https" else "80"
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path_bytes(path).decode("latin-1") if "%" in path else path,
        "QUERY_STRING": query,
        "REQUEST_URI": head.target,
        "SERVER_PROTOCOL": f"HTTP/{head.version}",
        "SERVER_SOFTWARE": "holdfast",
        # Neither may be empty; a Unix socket has no port, and its path is no name.
        "SERVER_NAME": local[0] if local else "localhost",
        "SERVER_PORT": str(local[1]) if local else default_port,
        "REMOTE_ADDR": peer[0] if peer else "",
        "wsgi.url_scheme": scheme,
    }
    if peer:
        environ["REMOTE_PORT"] = str(peer[1])
    if scheme == "https":
        environ["HTTPS"] = "on"  # mod_ssl's word
    return environ


def add_headers(environ: dict[str, Any], fields: Iterable[tuple[bytes, bytes]]) -> None:
    """Add request headers (lower-case names), those of one name joined."""
    for name, value in fields:
        key = _remembered.get(name)
        if key is None:
            key = _key(name)
        if not key:
            continue
        text = value.decode("latin-1")
        if key in environ:
            text = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + text
        environ[key] = text


def _key(name: bytes) -> str:
    """``HTTP_X_Y`` for ``x-y``; "" for what is not passed on."""
    if b"_" in name:
        return ""
    key = _OWN.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
    if len(name) <= REMEMBERED_LENGTH:
        if len(_remembered) >= REMEMBERED_LINES:
            _remembered.clear()
        _remembered[name] = key
    return key


_OWN: Final = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}
_remembered: Final[dict[bytes, str]] = {}
