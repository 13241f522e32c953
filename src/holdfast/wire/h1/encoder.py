"""Values into HTTP/1 bytes: heads, fields, chunks.

Strategy: a field line is made and checked once, then remembered.  Most lines of
a server's answers repeat, so a bounded dict from the ``(name, value)`` pair to its
line turns strict output checking into a lookup.  What carries a secret, or is
long, is checked each time and never kept.

Rule 1: no byte leaves here that was not checked against the grammar.
Rule 2: a fault of the application raises ``LocalProtocolError`` before any byte is out.

RFC 9112 sections 4, 5, 7.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.errors import LocalProtocolError
from holdfast.headers import canonical_name, valid_name, valid_value
from holdfast.limits import REMEMBERED_LENGTH, REMEMBERED_LINES
from holdfast.wire.framing import allowed_in_trailers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Fields",
    "Line",
    "encode_chunk",
    "encode_line",
    "encode_lines",
    "encode_trailers",
    "is_remembered",
]

Fields = list[tuple[bytes, bytes]]


class Line(NamedTuple):
    """A field line as it goes out, and what the framing has to know of it."""

    wire: bytes  # b"Content-Type: text/plain\r\n"
    special: bytes  # the lower-case name if framing or persistence depends on it, else b""


def encode_lines(fields: Iterable[tuple[bytes, bytes]]) -> list[Line]:
    """Return the lines of ``fields``, in their order.

    Raises:
        LocalProtocolError: a name is no token, or a value has a control character.
    """
    try:
        return [_remembered[pair] for pair in fields]
    except (KeyError, TypeError):
        return [_remembered.get(pair) or encode_line(*pair) for pair in map(_as_pair, fields)]


def encode_line(name: bytes, value: bytes) -> Line:
    """Check one field and return its line; remember it when that is safe and worth it."""
    if not valid_name(name):
        raise LocalProtocolError(f"not a header name: {name!r}")
    stripped = value.strip(b" \t")
    if not valid_value(stripped):
        raise LocalProtocolError(f"the value of header {name.decode('ascii')!r} has a control character")
    lower = name.lower()
    line = Line(
        b"%b: %b\r\n" % (_printed(name, lower), stripped),
        lower if lower in _SPECIAL else b"",
    )
    if len(line.wire) <= REMEMBERED_LENGTH and lower not in _SECRET:
        if len(_remembered) >= REMEMBERED_LINES:
            _remembered.clear()
        _remembered[name, value] = line
    return line


def is_remembered(fields: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether every line of ``fields`` may be kept: none is long or carries a secret."""
    return all(pair in _remembered for pair in fields)


def encode_trailers(trailers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The last chunk, and the trailer section behind it (RFC 9112 7.1.2).

    Raises:
        LocalProtocolError: a field is malformed, or not allowed in trailers (RFC 9110 6.5.1).
    """
    for name, _ in trailers:
        if not allowed_in_trailers(name.lower()):
            raise LocalProtocolError(f"{name.decode('latin-1')!r} is not allowed in trailers")
    return b"0\r\n%b\r\n" % b"".join([line.wire for line in encode_lines(trailers)])


def encode_chunk(data: bytes) -> bytes:
    """One chunk; ``data`` must not be empty, for an empty chunk ends the body (RFC 9112 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _printed(name: bytes, lower: bytes) -> bytes:
    """A name in mixed case goes out as the application wrote it; one in lower case, canonical."""
    return canonical_name(name.decode("ascii")).encode("ascii") if name == lower else name


def _as_pair(pair: Iterable[bytes]) -> tuple[bytes, bytes]:
    """A field as a hashable pair; ASGI allows lists, and applications send other things too."""
    try:
        name, value = pair
    except (TypeError, ValueError):
        raise LocalProtocolError(f"a header is a pair of name and value, not {pair!r}") from None
    if type(name) is not bytes or type(value) is not bytes:
        raise LocalProtocolError(f"header names and values are bytes, not {name!r}: {value!r}")
    return name, value


_SPECIAL: Final = frozenset({b"connection", b"content-length", b"date", b"trailer", b"transfer-encoding"})
_SECRET: Final = frozenset({b"set-cookie", b"authorization", b"proxy-authorization", b"www-authenticate"})
_remembered: Final[dict[tuple[bytes, bytes], Line]] = {}
