"""HTTP for Python with the life of a connection done right."""

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
    ProtocolError,
    RemoteProtocolError,
    ServerClosed,
    Timeout,
    TLSError,
    UsageError,
)
from holdfast.formdata import Form, FormFile, Part
from holdfast.headers import Headers
from holdfast.message import Request
from holdfast.net.tlsconfig import TLSConfig
from holdfast.server.mux import ServeMux, default_mux, handle
from holdfast.server.response import ResponseWriter
from holdfast.server.server import Server, listen_and_serve
from holdfast.server.traced import ConnState
from holdfast.status import Status
from holdfast.trace.hooks import ServerTrace
from holdfast.url import URL
from holdfast.wire.persistence import CloseReason

__all__ = [
    "URL",
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
    "ProtocolError",
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
    "handle",
    "listen_and_serve",
]
