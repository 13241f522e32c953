"""Status codes, their phrases, and the lines that carry them.

The codes and phrases are the ones Go's ``StatusText`` knows: the IANA registry without what was
never used, 413, 414 and 416 under the names most software still prints.  Any other code from 100 to
999 may be sent; it only has no name.

RFC 9110 section 15; RFC 9112 section 4.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

__all__ = ["Status", "allows_body", "reason", "status_line", "status_line_reason"]


class Status(IntEnum):
    """The status codes that have a name; each is the int it stands for.

    Attributes:
        reason: the phrase of the status line, e.g. ``"Not Found"``.
    """

    reason: str

    def __new__(cls, code: int, phrase: str) -> Status:
        status = int.__new__(cls, code)
        status._value_ = code
        status.reason = phrase
        return status

    CONTINUE = 100, "Continue"
    SWITCHING_PROTOCOLS = 101, "Switching Protocols"
    PROCESSING = 102, "Processing"  # RFC 2518
    EARLY_HINTS = 103, "Early Hints"  # RFC 8297

    OK = 200, "OK"
    CREATED = 201, "Created"
    ACCEPTED = 202, "Accepted"
    NON_AUTHORITATIVE_INFORMATION = 203, "Non-Authoritative Information"
    NO_CONTENT = 204, "No Content"
    RESET_CONTENT = 205, "Reset Content"
    PARTIAL_CONTENT = 206, "Partial Content"
    MULTI_STATUS = 207, "Multi-Status"  # RFC 4918
    ALREADY_REPORTED = 208, "Already Reported"  # RFC 5842
    IM_USED = 226, "IM Used"  # RFC 3229

    MULTIPLE_CHOICES = 300, "Multiple Choices"
    MOVED_PERMANENTLY = 301, "Moved Permanently"
    FOUND = 302, "Found"
    SEE_OTHER = 303, "See Other"
    NOT_MODIFIED = 304, "Not Modified"
    USE_PROXY = 305, "Use Proxy"
    TEMPORARY_REDIRECT = 307, "Temporary Redirect"
    PERMANENT_REDIRECT = 308, "Permanent Redirect"

    BAD_REQUEST = 400, "Bad Request"
    UNAUTHORIZED = 401, "Unauthorized"
    PAYMENT_REQUIRED = 402, "Payment Required"
    FORBIDDEN = 403, "Forbidden"
    NOT_FOUND = 404, "Not Found"
    METHOD_NOT_ALLOWED = 405, "Method Not Allowed"
    NOT_ACCEPTABLE = 406, "Not Acceptable"
    PROXY_AUTHENTICATION_REQUIRED = 407, "Proxy Authentication Required"
    REQUEST_TIMEOUT = 408, "Request Timeout"
    CONFLICT = 409, "Conflict"
    GONE = 410, "Gone"
    LENGTH_REQUIRED = 411, "Length Required"
    PRECONDITION_FAILED = 412, "Precondition Failed"
    REQUEST_ENTITY_TOO_LARGE = 413, "Request Entity Too Large"
    REQUEST_URI_TOO_LONG = 414, "Request URI Too Long"
    UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type"
    REQUESTED_RANGE_NOT_SATISFIABLE = 416, "Requested Range Not Satisfiable"
    EXPECTATION_FAILED = 417, "Expectation Failed"
    IM_A_TEAPOT = 418, "I'm a teapot"  # RFC 2324
    MISDIRECTED_REQUEST = 421, "Misdirected Request"
    UNPROCESSABLE_ENTITY = 422, "Unprocessable Entity"
    LOCKED = 423, "Locked"  # RFC 4918
    FAILED_DEPENDENCY = 424, "Failed Dependency"  # RFC 4918
    TOO_EARLY = 425, "Too Early"  # RFC 8470
    UPGRADE_REQUIRED = 426, "Upgrade Required"
    PRECONDITION_REQUIRED = 428, "Precondition Required"  # RFC 6585
    TOO_MANY_REQUESTS = 429, "Too Many Requests"  # RFC 6585
    REQUEST_HEADER_FIELDS_TOO_LARGE = 431, "Request Header Fields Too Large"  # RFC 6585
    UNAVAILABLE_FOR_LEGAL_REASONS = 451, "Unavailable For Legal Reasons"  # RFC 7725

    INTERNAL_SERVER_ERROR = 500, "Internal Server Error"
    NOT_IMPLEMENTED = 501, "Not Implemented"
    BAD_GATEWAY = 502, "Bad Gateway"
    SERVICE_UNAVAILABLE = 503, "Service Unavailable"
    GATEWAY_TIMEOUT = 504, "Gateway Timeout"
    HTTP_VERSION_NOT_SUPPORTED = 505, "HTTP Version Not Supported"
    VARIANT_ALSO_NEGOTIATES = 506, "Variant Also Negotiates"  # RFC 2295
    INSUFFICIENT_STORAGE = 507, "Insufficient Storage"  # RFC 4918
    LOOP_DETECTED = 508, "Loop Detected"  # RFC 5842
    NOT_EXTENDED = 510, "Not Extended"  # RFC 2774
    NETWORK_AUTHENTICATION_REQUIRED = 511, "Network Authentication Required"  # RFC 6585


def reason(code: int) -> str:
    """Return the phrase of ``code``, or "" when it has none."""
    return _REASONS.get(code, "")


def status_line_reason(code: int) -> str:
    """Return what a status line says after ``code``; without a phrase, Go's ``status code NNN``."""
    return _REASONS.get(code) or f"status code {code}"


def status_line(version: str, code: int) -> bytes:
    r"""Return the first line of a response, e.g. ``b"HTTP/1.1 200 OK\r\n"``.

    Args:
        version: ``"1.1"`` or ``"1.0"``.
        code: from 100 to 999.

    Raises:
        ValueError: ``code`` does not have three digits, or ``version`` has no status lines.

    RFC 9112 section 4.
    """
    lines = _LINES.get(version)
    if lines is None:
        raise ValueError(f"expected version '1.1' or '1.0', got {version!r}")
    return lines.get(code) or _make_line(version, code)


def allows_body(code: int) -> bool:
    """Say whether a response with ``code`` may have a body: not 1xx, 204 and 304.  RFC 9110 6.4.1"""
    return code >= 200 and code != 204 and code != 304


def _make_line(version: str, code: int) -> bytes:
    if not 100 <= code <= 999:
        raise ValueError(f"expected a status code from 100 to 999, got {code}")
    return f"HTTP/{version} {code:d} {status_line_reason(code)}\r\n".encode("ascii")


_REASONS: Final = {int(status): status.reason for status in Status}

# Made once for the codes that occur; the 838 others are not worth the memory.
_LINES: Final = {
    version: {code: _make_line(version, code) for code in _REASONS} for version in ("1.1", "1.0")
}
