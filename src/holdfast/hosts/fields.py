"""The response headers of an application, checked when it hands them over.

The encoder checks every line again before it leaves; here the application learns of a
mistake in the call that made it, and nothing has been sent.

Rule: what was checked once is remembered as a pair, so that the headers of most responses
cost one set operation.  The memory is bounded, and holds nothing long and nothing secret.

RFC 9110 section 5; PEP 3333 ``start_response``; ASGI ``http.response.start``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import LocalProtocolError
from holdfast.headers import SECRET_NAMES, valid_name, valid_value
from holdfast.limits import REMEMBERED_LENGTH, REMEMBERED_LINES

if TYPE_CHECKING:
    from collections.abc import Iterable

    Field = tuple[bytes, bytes]

__all__ = ["checked_fields", "checked_text_fields", "declared_length"]


def checked_fields(headers: Iterable[Any]) -> list[Field]:
    """The pairs of bytes in ``headers`` as a list of tuples.

    Raises:
        LocalProtocolError: one is no pair of bytes, or is not well-formed, or Content-Length is no number.
    """
    fields = headers if type(headers) is list else list(headers)
    try:
        if _good.issuperset(fields):
            return fields
    except TypeError:  # lists for pairs: allowed, and not hashable
        pass
    return [_checked(item) for item in fields]


def checked_text_fields(headers: Iterable[Any]) -> list[Field]:
    """WSGI's pairs of native strings as pairs of bytes, without the fields that are the server's.

    Raises as ``checked_fields``.
    """
    if type(headers) is not list:
        raise LocalProtocolError(f"response headers are a list of tuples, not {type(headers).__name__}")
    fields = []
    for item in headers:
        try:
            field = _from_text.get(item)
        except TypeError:
            field = None
        if field is None:
            field = _converted(item)
        if field[0].lower() not in _HOP_BY_HOP or (field[0].lower(), field[1].lower()) == _CLOSE:
            fields.append(field)
    return fields


def declared_length(fields: list[Field]) -> int | None:
    """The Content-Length in bytes among ``fields``, which were checked; None without one."""
    for name, value in fields:
        if len(name) == 14 and name.lower() == b"content-length":
            return int(value)
    return None


def _checked(item: Any) -> Field:
    """One pair, after a look at every part of it."""
    try:
        name, value = item
    except (TypeError, ValueError):
        raise LocalProtocolError(f"a header is a pair of name and value, not {item!r}") from None
    if type(name) is not bytes or type(value) is not bytes:
        raise LocalProtocolError(f"header names and values are bytes, not {name!r}: {value!r}")
    if not valid_name(name):
        raise LocalProtocolError(f"not a header name: {name!r}")
    if not valid_value(value.strip(b" \t")):
        raise LocalProtocolError(f"the value of header {name.decode('ascii')!r} has a control character")
    lower = name.lower()
    if lower == b"content-length" and not value.strip(b" \t").isdigit():
        raise LocalProtocolError(f"Content-Length is a number of bytes, not {value!r}")
    field = (name, value)
    if _may_be_kept(lower, name, value):
        if len(_good) >= REMEMBERED_LINES:
            _good.clear()
        _good.add(field)
    return field


def _converted(item: Any) -> Field:
    """One pair of native strings (PEP 3333: latin-1), checked."""
    if type(item) is not tuple or len(item) != 2:
        raise LocalProtocolError(f"a header is a tuple of name and value, not {item!r}")
    name, value = item
    if not isinstance(name, str) or not isinstance(value, str):
        raise LocalProtocolError(f"header names and values are str, not {name!r}: {value!r}")
    try:
        field = _checked((name.encode("latin-1"), value.encode("latin-1")))
    except UnicodeEncodeError:
        raise LocalProtocolError(
            f"the header {name!r} has characters beyond latin-1; encode them first"
        ) from None
    if _may_be_kept(field[0].lower(), *field):
        if len(_from_text) >= REMEMBERED_LINES:
            _from_text.clear()
        _from_text[name, value] = field
    return field


def _may_be_kept(lower: bytes, name: bytes, value: bytes) -> bool:
    return lower not in SECRET_NAMES and len(name) + len(value) <= REMEMBERED_LENGTH


_good: Final[set[Field]] = set()
_from_text: Final[dict[tuple[str, str], Field]] = {}

# The connection is the server's (PEP 3333, "Other HTTP Features"); asking for its end is not refused.
_HOP_BY_HOP: Final = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization te trailers transfer-encoding"
    b" upgrade".split()
)
_CLOSE: Final = (b"connection", b"close")
