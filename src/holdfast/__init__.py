"""HTTP for Python with the life of a connection done right.

A public name is imported when it is first used: a program pays for what it uses, and starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.body import Body
    from holdfast.cookies import Cookie, SameSite
    from holdfast.errors import (
        AbortHandler,
        BodyClosed,
        BodyNotAllowed,
        BodyTooLarge,
        Cancelled,
        ConnectionReset,
        ContentLengthError,
        DialError,
        HandlerTimeout,
        Hijacked,
        HTTPError,
        InvalidURL,
        LimitExceeded,
        LocalProtocolError,
        NetworkError,
        NotSupported,
        PatternConflict,
        PatternError,
        ProtocolError,
        RangeError,
        RemoteProtocolError,
        ServerClosed,
        Timeout,
        TLSError,
        UsageError,
    )
    from holdfast.formdata import Form, FormFile, Part
    from holdfast.headers import Headers
    from holdfast.hosts.asgi import ASGI
    from holdfast.hosts.wsgi import WSGI
    from holdfast.message import Request
    from holdfast.net.tlsconfig import TLSConfig
    from holdfast.server.content import serve_content
    from holdfast.server.files import serve_file
    from holdfast.server.mux import ServeMux, default_mux, handle
    from holdfast.server.replies import error, not_found, redirect
    from holdfast.server.response import ResponseWriter
    from holdfast.server.server import Server, listen_and_serve
    from holdfast.server.traced import ConnState
    from holdfast.status import Status
    from holdfast.trace.hooks import ServerTrace
    from holdfast.url import URL
    from holdfast.wire.persistence import CloseReason

__all__ = [
    "ASGI",
    "URL",
    "WSGI",
    "AbortHandler",
    "Body",
    "BodyClosed",
    "BodyNotAllowed",
    "BodyTooLarge",
    "Cancelled",
    "CloseReason",
    "ConnState",
    "ConnectionReset",
    "ContentLengthError",
    "Cookie",
    "DialError",
    "Form",
    "FormFile",
    "HTTPError",
    "HandlerTimeout",
    "Headers",
    "Hijacked",
    "InvalidURL",
    "LimitExceeded",
    "LocalProtocolError",
    "NetworkError",
    "NotSupported",
    "Part",
    "PatternConflict",
    "PatternError",
    "ProtocolError",
    "RangeError",
    "RemoteProtocolError",
    "Request",
    "ResponseWriter",
    "SameSite",
    "ServeMux",
    "Server",
    "ServerClosed",
    "ServerTrace",
    "Status",
    "TLSConfig",
    "TLSError",
    "Timeout",
    "UsageError",
    "default_mux",
    "error",
    "handle",
    "listen_and_serve",
    "not_found",
    "redirect",
    "serve_content",
    "serve_file",
]


def __getattr__(name: str) -> Any:
    """Import the module that a public name lives in, and keep the name."""
    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(module), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]


_HOMES = {
    "holdfast.body": ("Body",),
    "holdfast.cookies": (
        "Cookie",
        "SameSite",
    ),
    "holdfast.errors": (
        "AbortHandler",
        "BodyClosed",
        "BodyNotAllowed",
        "BodyTooLarge",
        "Cancelled",
        "ConnectionReset",
        "ContentLengthError",
        "DialError",
        "HTTPError",
        "HandlerTimeout",
        "Hijacked",
        "InvalidURL",
        "LimitExceeded",
        "LocalProtocolError",
        "RangeError",
        "PatternError",
        "PatternConflict",
        "NetworkError",
        "NotSupported",
        "ProtocolError",
        "RemoteProtocolError",
        "ServerClosed",
        "TLSError",
        "Timeout",
        "UsageError",
    ),
    "holdfast.formdata": (
        "Form",
        "FormFile",
        "Part",
    ),
    "holdfast.headers": ("Headers",),
    "holdfast.hosts.asgi": ("ASGI",),
    "holdfast.hosts.wsgi": ("WSGI",),
    "holdfast.message": ("Request",),
    "holdfast.net.tlsconfig": ("TLSConfig",),
    "holdfast.server.content": ("serve_content",),
    "holdfast.server.files": ("serve_file",),
    "holdfast.server.mux": (
        "ServeMux",
        "default_mux",
        "handle",
    ),
    "holdfast.server.replies": (
        "error",
        "not_found",
        "redirect",
    ),
    "holdfast.server.response": ("ResponseWriter",),
    "holdfast.server.server": (
        "Server",
        "listen_and_serve",
    ),
    "holdfast.server.traced": ("ConnState",),
    "holdfast.status": ("Status",),
    "holdfast.trace.hooks": ("ServerTrace",),
    "holdfast.url": ("URL",),
    "holdfast.wire.persistence": ("CloseReason",),
}
