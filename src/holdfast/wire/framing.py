"""Which bytes are the body?  RFC 9112 section 6.3, for requests and responses.

The two readers of a message, a proxy and the server behind it, must agree on where
it ends, or the second sees a request that the first never saw.  So there is
one function, it knows nothing but what decides, and whatever two honest
readers could read in two ways is an error.

RFC 9112 sections 6.1-6.3; RFC 9110 section 6.5.1.
"""

from __future__ import annotations

from typing import Final

from holdfast.errors import RemoteProtocolError
from holdfast.wire.grammar import CONTENT_LENGTH

__all__ = ["CHUNKED", "MAX_CONTENT_LENGTH", "UNTIL_EOF", "allowed_in_trailers", "body_length"]

CHUNKED: Final = -1  # the body ends where its chunks say
UNTIL_EOF: Final = -2  # the body ends where the connection ends; responses only
MAX_CONTENT_LENGTH: Final = 2**63 - 1  # what every peer can count to


def body_length(
    transfer_encoding: bytes | None,
    content_length: bytes | None,
    *,
    version: str = "1.1",
    request_method: str = "",
    status: int = 0,
) -> int:
    """Return the length of a body in bytes, or ``CHUNKED``, or ``UNTIL_EOF``.

    Args:
        transfer_encoding: the field's value, several lines joined with commas; None when absent.
        content_length: likewise.
        version: of the message, ``"1.1"`` or ``"1.0"``.
        request_method: for a response, the method of the request it answers.
        status: for a response, its status code; 0 says that the message is a request.

    Raises:
        RemoteProtocolError: the framing is malformed or ambiguous (400), or of a kind that we
            do not undo (501).
    """
    # 1. These responses have no body, whatever their fields say.
    if status and (request_method == "HEAD" or status < 200 or status in (204, 304)):
        return 0
    # 2. After 2xx to CONNECT the connection is a tunnel, whatever the fields say.
    if request_method == "CONNECT" and 200 <= status < 300:
        return 0
    if transfer_encoding is not None:
        # 3. Both fields: the RFC allows a reader to prefer one, and attacks live on that.
        if content_length is not None:
            raise RemoteProtocolError("expected one framing, got Transfer-Encoding and Content-Length")
        # 4. Chunked must be the last coding; it is the only one that we undo, so it must stand alone.
        #    A sender of HTTP/1.0 cannot mean it: the framing is faulty (RFC 9112 6.1).
        if version == "1.0":
            raise RemoteProtocolError("expected no Transfer-Encoding in HTTP/1.0")
        if transfer_encoding.lower() != b"chunked":
            raise RemoteProtocolError(
                f"expected the transfer coding chunked, got {transfer_encoding[:64]!r}",
                status=501,
                reason="Unsupported transfer encoding",
            )
        return CHUNKED
    if content_length is not None:
        # 5. A length that is no number, or several of them, equal or not, cannot be trusted.
        # 6. A valid one is the length.
        return _number(content_length)
    # 7. A request that says nothing has no body.  8. Such a response ends with the connection.
    return UNTIL_EOF if status else 0


def allowed_in_trailers(name: bytes) -> bool:
    """Say whether the field ``name`` (lower case) may come after the body.

    Not what decides framing, routing, authentication, or how to read the body: all that was
    acted on before the trailer came (RFC 9110 6.5.1; the list is Go's).
    """
    return name not in _FORBIDDEN_TRAILERS and not name.startswith(b"if-")


_FORBIDDEN_TRAILERS: Final = frozenset(
    b"authorization cache-control connection content-encoding content-length content-range content-type"
    b" expect host keep-alive max-forwards pragma proxy-authenticate proxy-authorization"
    b" proxy-connection range realm te trailer transfer-encoding www-authenticate".split()
)


def _number(value: bytes) -> int:
    # 20 digits hold the maximum, and keep int() from quadratic work on a long row of zeros.
    digits = value.lstrip(b"0") or b"0"
    if CONTENT_LENGTH.fullmatch(value) and len(digits) < 20 and int(digits) <= MAX_CONTENT_LENGTH:
        return int(digits)
    raise RemoteProtocolError(
        f"expected a Content-Length of at most {MAX_CONTENT_LENGTH}, got {value[:64]!r}"
    )
