"""Every exception Holdfast raises, drawn as one tree.

    HTTPError
    ├── ProtocolError             HTTP was broken
    │   ├── LocalProtocolError    by us or the application
    │   └── RemoteProtocolError   by the peer; .status says what to answer
    │       └── RangeError        a Range field that cannot be met: 416
    ├── NetworkError              DialError, TLSError, ConnectionReset
    ├── Timeout                   .timer is the name of the clock that ran out
    ├── LimitExceeded             .limit is the name of the limit
    │   └── BodyTooLarge          413, raised by MaxBytes
    ├── Cancelled                 the other side went away, or the caller gave up
    └── UsageError                ServerClosed, Hijacked, AbortHandler, InvalidURL, BodyClosed,
                                  BodyNotAllowed, CannotStart, ContentLengthError, HandlerTimeout,
                                  NotSupported, PatternError > PatternConflict

A message says what was expected, what came, and where.  A foreign exception is
translated at the boundary that knows it, with ``from``.
"""

from __future__ import annotations

__all__ = [
    "AbortHandler",
    "BodyClosed",
    "BodyNotAllowed",
    "BodyTooLarge",
    "Cancelled",
    "CannotStart",
    "ConnectionReset",
    "ContentLengthError",
    "DialError",
    "HTTPError",
    "HandlerTimeout",
    "Hijacked",
    "InvalidURL",
    "LimitExceeded",
    "LocalProtocolError",
    "NetworkError",
    "NotSupported",
    "PatternConflict",
    "PatternError",
    "ProtocolError",
    "RangeError",
    "RemoteProtocolError",
    "ServerClosed",
    "TLSError",
    "Timeout",
    "UsageError",
]


class HTTPError(Exception):
    """The root: ``except holdfast.HTTPError`` catches whatever Holdfast raises on purpose."""


class ProtocolError(HTTPError):
    """HTTP was broken; the subclass says by whom."""


class LocalProtocolError(ProtocolError):
    """We, or the application on us, tried to send what HTTP does not allow.  Nothing of it was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what HTTP does not allow.

    Attributes:
        status: the status code a server answers with (400, 431, 501, 505 …).
        reason: a phrase that is safe to tell the peer, or "" for the status's own phrase.
    """

    def __init__(self, message: str, *, status: int = 400, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class RangeError(RemoteProtocolError):
    """A ``Range`` field is malformed, or asks for bytes that the content does not have: 416.

    Attributes:
        unsatisfiable: the field is well-formed, but no range of it overlaps the content.
    """

    def __init__(self, message: str, *, unsatisfiable: bool = False) -> None:
        super().__init__(message, status=416)
        self.unsatisfiable = unsatisfiable


class NetworkError(HTTPError, OSError):
    """The bytes could not be moved.  An OSError too, as ASGI and WSGI applications expect it."""


class DialError(NetworkError):
    """A connection could not be made."""


class TLSError(NetworkError):
    """A handshake failed, or a TLS stream was cut short."""


class ConnectionReset(NetworkError):
    """The connection broke, or the peer closed it before the message was whole."""


class Timeout(HTTPError, TimeoutError):
    """A clock ran out.

    Attributes:
        timer: the setting's name, e.g. ``"read_header_timeout"``.
    """

    def __init__(self, timer: str, message: str = "") -> None:
        super().__init__(message or f"{timer} ran out")
        self.timer = timer


class LimitExceeded(HTTPError):
    """The peer went over a protective limit.

    Attributes:
        limit: the limit's name in ``limits.py`` or the setting's name.
        status: the status code a server answers with (413, 414 or 431).
    """

    def __init__(self, limit: str, message: str, *, status: int = 431) -> None:
        super().__init__(message)
        self.limit = limit
        self.status = status


class BodyTooLarge(LimitExceeded):
    """A request body went over the limit set by ``MaxBytes``.

    Attributes:
        max_bytes: the limit in bytes.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__("max_bytes", f"request body too large: the limit is {max_bytes} bytes", status=413)
        self.max_bytes = max_bytes


class Cancelled(HTTPError):
    """The other side went away, or the caller gave up."""


class UsageError(HTTPError):
    """Something was called at the wrong moment or with the wrong value; the message says which."""


class ServerClosed(UsageError):
    """``Server.serve`` returns by raising this after ``shutdown`` or ``close``."""


class Hijacked(UsageError):
    """The connection was hijacked: its response can no longer be written."""


class AbortHandler(UsageError):  # Go's name
    """Raised by a handler to break off its response; nothing is logged."""


class InvalidURL(UsageError):
    """The text is not a URL, or not one of the form asked for."""


class BodyClosed(UsageError):
    """A body was read after its exchange ended, or after it was closed."""


class BodyNotAllowed(UsageError):
    """The status (1xx, 204, 304) allows no body, and one was written."""


class CannotStart(UsageError):
    """What the command was asked to serve cannot be served; the message is one line for a terminal.

    Attributes:
        details: the traceback of the application's own failure, or "".
        exit_code: of the command.
    """

    def __init__(self, message: str, *, details: str = "", exit_code: int = 3) -> None:
        super().__init__(message)
        self.details = details
        self.exit_code = exit_code


class ContentLengthError(UsageError):
    """More was written than the declared Content-Length; nothing of that write was sent."""


class HandlerTimeout(UsageError):
    """The ``Timeout`` handler has answered already; this write came too late."""


class NotSupported(UsageError):
    """This writer or connection cannot do that."""


class PatternError(UsageError, ValueError):
    """A pattern given to ServeMux does not parse; the message says at which offset."""


class PatternConflict(PatternError):
    """A pattern matches requests of another one, and neither is more specific; the message shows examples."""
