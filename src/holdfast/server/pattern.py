"""Patterns of ServeMux: ``[METHOD ][HOST]/a/{name}/{rest...}``: parse, compare, explain a conflict.

A path pattern is a row of segments, and a path is read as one too: the text between slashes, where a
final slash makes a last, empty segment.  A segment is a literal, ``{name}`` (one segment, not the empty
last one), ``{name...}`` (all that is left, at least a slash) or ``{$}`` (the empty last one).

Two patterns are compared by the sets of requests they match.  Of two that share a request, one must be
more specific than the other, or they conflict: so for each request the best pattern is unique, in
whatever order the patterns were registered.

Rule: literals are compared decoded, segment by segment, so that ``%2F`` is never a separator.

Go's net/http, ServeMux; RFC 3986 section 3.3.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from holdfast.errors import InvalidURL, PatternError
from holdfast.headers import valid_name
from holdfast.url import clean_path, escape_path, unescape

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Kind", "Pattern", "Relation", "Segment", "conflict", "matches", "split_path"]


class Kind(IntEnum):
    """What a segment of a pattern matches, the most specific first."""

    END = 0  # {$}
    LITERAL = 1
    SINGLE = 2  # {name}
    MULTI = 3  # {name...}, and the nameless one at the end of "/a/"


class Segment(NamedTuple):
    """One segment of a path pattern: its kind, and the decoded literal or the wildcard's name."""

    kind: Kind
    text: str = ""


class Pattern(NamedTuple):
    """A parsed pattern.  ``str`` gives it back as it was written.

    Attributes:
        text: as it was written.
        method: "" matches every method; ``GET`` matches HEAD too.
        host: "" matches every host.
        segments: of the path; never empty, and MULTI and END stand only at the end.
        names: of the wildcards, in order.
        is_multi: whether the last segment is MULTI: the pattern matches paths of any length.
        location: where it was registered, as file:line, or "".
    """

    text: str
    method: str
    host: str
    segments: tuple[Segment, ...]
    names: tuple[str, ...]
    is_multi: bool
    location: str

    @classmethod
    def parse(cls, text: str, location: str = "") -> Pattern:
        """Read a pattern; raise PatternError with the offset of what is wrong."""
        if not text:
            raise PatternError("empty pattern")
        method, rest = _cut_method(text)
        slash = rest.find("/")
        if slash < 0:
            raise _wrong(text, len(text) - len(rest), "host/path missing /")
        host, path = rest[:slash], rest[slash:]
        start = len(text) - len(path)
        if "{" in host:
            raise _wrong(text, start - slash + host.index("{"), "host contains '{' (missing initial '/'?)")
        if method not in ("", "CONNECT") and path != clean_path(path):
            raise _wrong(text, start, "non-CONNECT pattern with unclean path can never match")
        segments = _segments(text, start)
        names = tuple(s.text for s in segments if s.kind in (Kind.SINGLE, Kind.MULTI) and s.text)
        return cls(text, method, host, segments, names, segments[-1].kind is Kind.MULTI, location)

    def __str__(self) -> str:
        return self.text


class Relation(Enum):
    """How the requests that one pattern matches relate to those of another."""

    EQUIVALENT = "matches the same"
    MORE_GENERAL = "matches those and more"
    MORE_SPECIFIC = "matches some of those"
    DISJOINT = "matches none of those"
    OVERLAPS = "matches some of those, and others"

    def and_(self, other: Relation) -> Relation:
        """Combine the relations in two respects, such as method and path, or two segments."""
        if self is other or other is EQUIVALENT:
            return self
        if self is EQUIVALENT:
            return other
        return DISJOINT if DISJOINT in (self, other) else OVERLAPS


EQUIVALENT, MORE_GENERAL, MORE_SPECIFIC, DISJOINT, OVERLAPS = Relation


def compare_methods(a: Pattern, b: Pattern) -> Relation:
    """Compare the methods that two patterns match."""
    if a.method == b.method:
        return EQUIVALENT
    if not a.method or (a.method, b.method) == ("GET", "HEAD"):
        return MORE_GENERAL
    if not b.method or (a.method, b.method) == ("HEAD", "GET"):
        return MORE_SPECIFIC
    return DISJOINT


def compare_paths(a: Pattern, b: Pattern) -> Relation:
    """Compare the paths that two patterns match."""
    relation = EQUIVALENT
    for s, t in zip(a.segments, b.segments, strict=False):
        relation = relation.and_(_compare_segments(s, t))
    longer = len(a.segments) - len(b.segments)
    if longer > 0:
        return relation.and_(MORE_SPECIFIC if b.is_multi else DISJOINT)
    if longer < 0:
        return relation.and_(MORE_GENERAL if a.is_multi else DISJOINT)
    return relation


def _compare_segments(s: Segment, t: Segment) -> Relation:
    if s.kind is t.kind:
        return EQUIVALENT if s.text == t.text or s.kind is not Kind.LITERAL else DISJOINT
    if Kind.MULTI not in (s.kind, t.kind) and Kind.END in (s.kind, t.kind):
        return DISJOINT  # only a multi wildcard matches the empty last segment
    return MORE_GENERAL if s.kind > t.kind else MORE_SPECIFIC


def conflict(a: Pattern, b: Pattern) -> str:
    """Explain why ``a`` and ``b`` cannot both be registered; "" when they can."""
    if a.host != b.host:
        return ""
    methods, paths = compare_methods(a, b), compare_paths(a, b)
    relation = methods.and_(paths)
    if relation is EQUIVALENT:
        return f"{a} matches the same requests as {b}."
    if relation is not OVERLAPS:
        return ""
    if paths is OVERLAPS:
        return (
            f"Both match {common_path(a, b)}, and neither is more specific:\n"
            f"only {a} matches {difference_path(a, b)},\n"
            f"only {b} matches {difference_path(b, a)}."
        )
    if methods is MORE_SPECIFIC:
        a, b = b, a
    return (
        f"Both match {common_path(a, b)}, and neither is more specific:\n"
        f"{a} matches more methods, {b} matches more paths, such as {difference_path(b, a)}."
    )


def common_path(a: Pattern, b: Pattern) -> str:
    """Return a path that both match, when there is one: of each place the more specific segment."""
    pairs = zip_longest(a.segments, b.segments)
    return _example(min(s for s in pair if s is not None) for pair in pairs)


def difference_path(a: Pattern, b: Pattern) -> str:
    """Return a path that ``a`` matches and ``b`` does not, when there is one.

    A word that ``b`` does not know in every wildcard is such a path, and the only doubt is whether
    ``b`` wants something or nothing where ``a`` takes all that is left.
    """
    known = {s.text for s in b.segments if s.kind is Kind.LITERAL}
    fresh = [s if s.kind is not Kind.SINGLE else Segment(s.kind, _unknown(s.text, known)) for s in a.segments]
    path = _example(fresh)
    if matches(b, split_path(path)):
        path += _unknown(a.segments[-1].text or "x", known)
    return path


def matches(pattern: Pattern, path: list[str]) -> bool:
    """Say whether the decoded segments of a path match; the definition that the tree must agree with."""
    if len(path) != len(pattern.segments) and not (pattern.is_multi and len(path) > len(pattern.segments)):
        return False
    last = len(path) - 1
    for at, (kind, text) in enumerate(pattern.segments):
        is_end = at == last and path[at] == ""
        if kind is Kind.MULTI:
            return True
        if is_end is not (kind is Kind.END) or (kind is Kind.LITERAL and path[at] != text):
            return False
    return True


def split_path(path: str) -> list[str]:
    """Split an escaped path, which begins with ``/``, into its decoded segments."""
    segments = path[1:].split("/")
    return segments if "%" not in path and path.isascii() else [unescape(s) for s in segments]


def _cut_method(text: str) -> tuple[str, str]:
    head, *tail = text.replace("\t", " ").split(" ", 1)
    if not tail:
        return "", text
    if head and not valid_name(head.encode()):
        raise _wrong(text, 0, "invalid method")
    return head, text[len(head) :].lstrip(" \t")


def _segments(text: str, start: int) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    offset = start + 1
    for part in text[offset:].split("/"):
        at_end = offset + len(part) == len(text)
        segment = _segment(text, offset, part, at_end)
        if segment.text and segment.kind >= Kind.SINGLE:
            for other in segments:
                if other.kind is Kind.SINGLE and other.text == segment.text:
                    raise _wrong(text, offset, f"duplicate wildcard name {segment.text!r}")
        segments.append(segment)
        offset += len(part) + 1
    return tuple(segments)


def _segment(text: str, offset: int, part: str, at_end: bool) -> Segment:
    if not part and at_end:
        return Segment(Kind.MULTI)
    if "{" not in part:
        return Segment(Kind.LITERAL, _literal(part))
    if part[0] != "{":
        raise _wrong(text, offset, "bad wildcard segment (must start with '{')")
    if part[-1] != "}":
        raise _wrong(text, offset, "bad wildcard segment (must end with '}')")
    name = part[1:-1]
    if name == "$":
        if not at_end:
            raise _wrong(text, offset, "{$} not at end")
        return Segment(Kind.END)
    kind = Kind.MULTI if name.endswith("...") else Kind.SINGLE
    if kind is Kind.MULTI:
        if not at_end:
            raise _wrong(text, offset, "{...} wildcard not at end")
        name = name[:-3]
    if not name:
        raise _wrong(text, offset, "empty wildcard")
    if not _is_name(name):
        raise _wrong(text, offset, f"bad wildcard name {name!r}")
    return Segment(kind, name)


def _literal(part: str) -> str:
    try:
        return unescape(part.encode().decode("latin-1"))  # the wire says a character in UTF-8
    except InvalidURL:
        return part  # as in Go: such a request is refused before it is routed


def _is_name(name: str) -> bool:
    first = name[0]
    return (first == "_" or first.isalpha()) and all(c == "_" or c.isalpha() or c.isdecimal() for c in name)


def _wrong(text: str, offset: int, what: str) -> PatternError:
    return PatternError(f'parsing "{text}": at offset {offset}: {what}')


def _example(segments: Iterable[Segment]) -> str:
    return "".join("/" + _word(kind, text) for kind, text in segments)


def _word(kind: Kind, text: str) -> str:
    if kind is Kind.LITERAL:
        return escape_path(text).replace("/", "%2F")
    return text if kind is Kind.SINGLE else ""


def _unknown(word: str, known: set[str]) -> str:
    while word in known:
        word += "x"
    return word
