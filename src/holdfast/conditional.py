"""Conditional requests and ranges: what a handler of content should do, as pure functions.

``decide`` takes the preconditions in the order of RFC 9110 13.2.2 and says whether to go on;
``parse_range`` then says which bytes.  Neither knows a file or a response, so a file handler, a
cache and a test ask them alike.

Rule: ranges are never sorted or merged.  There are at most ``MAX_RANGES`` of them, and together
they are no longer than the content, so that a request cannot buy more work than a plain GET.

RFC 9110 sections 8.8, 13 and 14; Go's ``ServeContent`` where the RFC leaves a choice.
"""

from __future__ import annotations

import re
from enum import Enum
from math import floor
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.dates import parse_http_date
from holdfast.errors import RangeError
from holdfast.limits import MAX_RANGES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ByteRange",
    "Decision",
    "Outcome",
    "decide",
    "parse_range",
    "scan_etag",
    "strong_match",
    "unmodified_since",
    "unsatisfied_range",
    "weak_match",
]


class Outcome(Enum):
    PROCEED = "send the content, or do what the method says"
    NOT_MODIFIED = "answer 304"
    PRECONDITION_FAILED = "answer 412"


class Decision(NamedTuple):
    """What to do with a request.

    Attributes:
        outcome: go on, or the answer to give instead.
        range: the ``Range`` value to honour; "" when there is none, or If-Range revoked it.
    """

    outcome: Outcome
    range: str = ""


class ByteRange(NamedTuple):
    """A part of the content that exists.

    Attributes:
        start: offset of the first byte.
        length: number of bytes, at least one.
    """

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """Return the ``Content-Range`` value of this part of ``size`` bytes.  RFC 9110 14.4"""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def decide(
    method: str,
    field: Callable[[str], str | None],
    etag: str = "",
    modtime: float | None = None,
    now: float | None = None,
) -> Decision:
    """Evaluate the preconditions of a request for content that exists.

    Args:
        method: of the request.
        field: gives the value of a request field, its lines joined by commas; "" or None when it
            is absent.
        etag: the content's entity tag with its quotes, or "" when it has none.
        modtime: when the content last changed, in seconds since the epoch; None or 0 is unknown.
        now: for the two-digit years of old dates, as in ``parse_http_date``.

    RFC 9110 section 13.2.2.
    """
    reading = method in ("GET", "HEAD")
    if if_match := field("If-Match"):
        if not _any_match(if_match, etag, strong_match):
            return _FAILED
    elif unmodified_since(field("If-Unmodified-Since"), modtime, now) is False:
        return _FAILED
    if if_none_match := field("If-None-Match"):
        if _any_match(if_none_match, etag, weak_match):
            return _NOT_MODIFIED if reading else _FAILED
    elif reading and unmodified_since(field("If-Modified-Since"), modtime, now):
        return _NOT_MODIFIED
    wanted = field("Range")
    if not wanted:
        return _PROCEED
    if reading and (if_range := field("If-Range")) and not _unchanged(if_range, etag, modtime, now):
        return _PROCEED
    return Decision(Outcome.PROCEED, wanted)


def unmodified_since(date: str | None, modtime: float | None, now: float | None = None) -> bool | None:
    """Say whether content of ``modtime`` (seconds) is no newer than ``date``; None if unknown.

    Dates have no fraction of a second, so the content's is cut off too.
    """
    if not date or not modtime:
        return None
    since = parse_http_date(date.strip(_SPACE), now)
    return None if since is None else floor(modtime) <= since


def scan_etag(text: str) -> tuple[str, str]:
    """Take the entity tag at the start of ``text``; return it and what follows, or two ""s.

    RFC 9110 section 8.8.3.
    """
    text = text.lstrip(_SPACE)
    match = _ETAG.match(text)
    return (match[0], text[match.end() :]) if match else ("", "")


def strong_match(a: str, b: str) -> bool:
    """Compare two valid entity tags: equal, and neither is weak.  RFC 9110 8.8.3.2"""
    return a == b and a.startswith('"')


def weak_match(a: str, b: str) -> bool:
    """Compare two valid entity tags, weak or not.  RFC 9110 8.8.3.2"""
    return a.removeprefix("W/") == b.removeprefix("W/")


def parse_range(text: str, size: int) -> list[ByteRange]:
    """Return the parts that a ``Range`` value asks of content of ``size`` bytes, in its order.

    An empty list means to send the whole: nothing is asked, or more ranges than ``MAX_RANGES``, or
    more bytes than there are, or the content is empty.  Parts that begin past the end are left out.

    Raises:
        RangeError: answer 416.  ``unsatisfiable`` is true when every part begins past the end, and
            then the answer carries ``unsatisfied_range(size)``; otherwise the value is malformed.

    RFC 9110 sections 14.1.2 and 14.2.
    """
    if not text:
        return []
    if not text.startswith("bytes="):
        raise RangeError(f"expected a Range of the form 'bytes=0-499', got {text!r}")
    specs = [spec for part in text[6:].split(",") if (spec := part.strip(_SPACE))]
    if len(specs) > MAX_RANGES:
        return []
    parts = [part for spec in specs if (part := _part(spec, size))]
    if specs and size and not parts:
        raise RangeError(f"no range in {text!r} overlaps the {size} bytes of content", unsatisfiable=True)
    return parts if sum(part.length for part in parts) <= size else []


def unsatisfied_range(size: int) -> str:
    """Return the ``Content-Range`` value of a 416 answer.  RFC 9110 14.4"""
    return f"bytes */{size}"


def _any_match(listed: str, etag: str, match: Callable[[str, str], bool]) -> bool:
    """Say whether a list of entity tags, or ``*``, names ``etag``; a malformed rest names nothing."""
    if listed.strip(_SPACE) == "*":
        return True
    at = 0
    while candidate := _LISTED_ETAG.match(listed, at):
        if match(candidate[1], etag):
            return True
        at = candidate.end()
    return False


def _unchanged(if_range: str, etag: str, modtime: float | None, now: float | None) -> bool:
    """Say whether If-Range holds: the same strong tag, or the very date.  RFC 9110 13.1.5"""
    candidate, _ = scan_etag(if_range)
    if candidate:
        return strong_match(candidate, etag)
    if not modtime:
        return False
    return parse_http_date(if_range.strip(_SPACE), now) == floor(modtime)


def _part(spec: str, size: int) -> ByteRange | None:
    """Read one range; return None when it lies past the end, or asks for the last 0 bytes."""
    match = _RANGE.fullmatch(spec)
    if match is None:
        raise RangeError(f"expected a range like '0-499', '500-' or '-500', got {spec!r}")
    first, last = match.groups()
    if not first:
        length = min(_number(last), size)
        return ByteRange(size - length, length) if length else None
    start = _number(first)
    if last and _number(last) < start:
        raise RangeError(f"the range {spec!r} ends before it begins")
    if start >= size:
        return None
    end = min(_number(last) + 1, size) if last else size
    return ByteRange(start, end - start)


def _number(digits: str) -> int:
    # Twenty digits are past the end of anything; int() of a longer run costs, and then raises.
    return int(digits.lstrip("0")[:20] or "0")


_PROCEED: Final = Decision(Outcome.PROCEED)
_NOT_MODIFIED: Final = Decision(Outcome.NOT_MODIFIED)
_FAILED: Final = Decision(Outcome.PRECONDITION_FAILED)

_SPACE: Final = " \t\r\n"
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7E\x80-\U0010FFFF]*"')
_LISTED_ETAG: Final = re.compile(rf"[{_SPACE},]*({_ETAG.pattern})")

# As lenient about white space as Apache and Go are; a lone `-` asks for nothing.
_RANGE: Final = re.compile(r"(?!-$)([0-9]*)[ \t]*-[ \t]*([0-9]*)")
