"""Header fields: an ordered, case-insensitive multi-mapping with one checked and one trusted door.

A message's fields are a list of ``(lower-case name, value)`` byte pairs, in the order in which they
are on the wire; nothing else is kept until somebody asks.  Looking a name up goes through an index
(name to first value) that is made at the first question and dropped by every change.

Rule 1: what the application sets goes through the checked door and is refused at once when it could
not be sent as one well-formed line.  Only a decoder, which has checked every byte, uses ``trusted``.
Rule 2: a name has one key, its ASCII lower-case bytes: every spelling finds the same field, and
nothing else does (``_`` is not ``-``, and the Kelvin sign is not ``k``).
Rule 3: names and short lines are remembered, so that what a server says again and again is checked
once.  The memories are bounded and never hold a credential.

RFC 9110 sections 5.1, 5.5, 5.6; RFC 9112 section 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar, overload

from holdfast import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["SECRET_NAMES", "Headers", "canonical_name", "has_token", "valid_name", "valid_value"]

Text = str | bytes
T = TypeVar("T")

# Fields whose values are credentials: never remembered, never shown by ``repr``.
SECRET_NAMES: Final = frozenset({b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"})


class Headers:
    """The fields of one message, or of one trailer section.

    ``init`` is another Headers, a mapping, or name and value pairs.  Names and values are str, or
    both bytes.  A str value is sent as latin-1, or as UTF-8 when latin-1 cannot say it; bytes are
    read back as latin-1, which loses none of them.

    Everything that writes raises ValueError for a name that is not a token and for a value with a
    control byte other than HTAB, and TypeError for what is neither str nor bytes; nothing has
    changed then.  Spaces and tabs around a value are dropped: they are not part of it (RFC 9110 5.5).

    ``len`` counts lines, iteration gives each name once.  Two Headers are equal when each name has
    the same values in the same order; the order of different names means nothing (RFC 9110 5.3).

    Attributes:
        fields: the ``(lower-case name, value)`` pairs in order.  To be read, not to be written to.
    """

    __slots__ = ("_index", "_raw_names", "_suppressed", "fields")

    fields: list[tuple[bytes, bytes]]
    _index: dict[bytes, bytes] | None
    _raw_names: Callable[[], list[bytes]] | None
    _suppressed: frozenset[bytes]

    def __init__(self, init: Headers | Mapping[str, str] | Iterable[tuple[Text, Text]] | None = None) -> None:
        self._index = None
        self._raw_names = None
        self._suppressed = init._suppressed if isinstance(init, Headers) else _NOTHING
        self.fields = [] if init is None else [_line(name, value) for name, value in _pairs(init)]

    @classmethod
    def trusted(
        cls,
        fields: list[tuple[bytes, bytes]],
        index: dict[bytes, bytes] | None = None,
        raw_names: Callable[[], list[bytes]] | None = None,
    ) -> Headers:
        """Adopt ``fields`` whose lower-case names and values a decoder has validated already.

        Args:
            index: a ready dict of exactly the names in ``fields``; of a repeated name, any value.
            raw_names: gives the names of ``fields`` as they came, for ``raw``; called when asked for.
        """
        self = cls.__new__(cls)
        self.fields = fields
        # With a name for each line, the index says which value comes first; otherwise it is made anew.
        self._index = index if index is not None and len(index) == len(fields) else None
        self._raw_names = raw_names
        self._suppressed = _NOTHING
        return self

    # --- reading ---

    def __getitem__(self, name: str) -> str:
        """Return the first value; KeyError when there is none."""
        index = self._index
        if index is None:
            index = self._reindex()
        try:
            return index[_KEYS[name]].decode("latin-1")
        except KeyError:
            raise KeyError(name) from None

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: T) -> str | T: ...
    def get(self, name: str, default: T | None = None) -> str | T | None:
        """Return the first value, or ``default`` (Go's ``Header.Get``)."""
        index = self._index
        if index is None:
            index = self._reindex()
        value = index.get(_KEYS[name])
        return default if value is None else value.decode("latin-1")

    def values(self, name: str) -> list[str]:
        """Return every value of ``name`` in order; an empty list when there is none."""
        key = _KEYS[name]
        return [value.decode("latin-1") for n, value in self.fields if n == key]

    @overload
    def get_joined(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get_joined(self, name: str, default: T) -> str | T: ...
    def get_joined(self, name: str, default: T | None = None) -> str | T | None:
        """Return every value of ``name`` as one list, joined by ``", "``, or ``default``.

        Right for a field that is a list, wrong for Set-Cookie (RFC 9110 5.3).
        """
        values = self.values(name)
        return ", ".join(values) if values else default

    def __contains__(self, name: object) -> bool:
        """Say whether ``name`` has a value or is suppressed."""
        if not isinstance(name, str):
            return False
        key = _KEYS[name]
        index = self._index
        if index is None:
            index = self._reindex()
        return key in index or key in self._suppressed

    def __len__(self) -> int:
        return len(self.fields)

    def __bool__(self) -> bool:
        return bool(self.fields)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """Return each name once, canonical, in the order of first appearance."""
        return [_CANONICAL[name][0] for name in dict(self.fields)]

    def items(self) -> list[tuple[str, str]]:
        """Return every line as (canonical name, value), in order."""
        return [(_CANONICAL[name][0], value.decode("latin-1")) for name, value in self.fields]

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """Every line as it came, the case of names kept; canonical where it was set here."""
        if self._raw_names is None:
            return [(_CANONICAL[name][1], value) for name, value in self.fields]
        return list(zip(self._raw_names(), (value for _, value in self.fields), strict=True))

    # --- writing ---

    def __setitem__(self, name: Text, value: Text) -> None:
        """Make ``value`` the only one of ``name``, in the place of its first line."""
        line = _line(name, value)
        fields = self.fields
        if not fields:
            self._append(line)
            return
        key = line[0]
        first = None
        for at, field in enumerate(fields):
            if field[0] == key:
                if first is not None:
                    self._keep([i for i, other in enumerate(fields) if i == first or other[0] != key])
                    break
                first = at
        if first is None:
            self._append(line)
        else:
            self._index = None
            fields[first] = line

    set = __setitem__

    def add(self, name: Text, value: Text) -> None:
        """Add a line; lines of the same name stay."""
        self._append(_line(name, value))

    def __delitem__(self, name: str) -> None:
        """Remove every line of ``name`` and its suppression.  That there is none is no error (as in Go)."""
        key = _KEYS[name]
        self._keep([at for at, field in enumerate(self.fields) if field[0] != key])
        self._suppressed -= {key}

    def suppress(self, name: str) -> None:
        """Remove every line of ``name`` and mark it as decided: no automatic value will be sent.

        Go's "key with an empty list": stops Date, Content-Length and Content-Type from being added.
        ``name in headers`` holds; there is no value, and no line.
        """
        key = _checked_name(name, _KEYS[name])
        del self[name]
        self._suppressed |= {key}

    def pop(self, name: str, default: T | None = None) -> str | T | None:
        """Remove ``name`` and return its first value, or ``default``."""
        value = self.get(name, default)
        del self[name]
        return value

    def setdefault(self, name: str, value: str) -> str:
        """Set ``name`` unless it is there or suppressed; return its first value ("" when suppressed)."""
        if name not in self:
            self[name] = value
        return self.get(name, "")

    def update(self, other: Headers | Mapping[str, str] | Iterable[tuple[Text, Text]]) -> None:
        """Replace each name of ``other`` by what ``other`` says of it; the other names stay.

        Where ``other`` is a Headers, what it suppresses is suppressed here too.
        """
        lines = [_line(name, value) for name, value in _pairs(other)]
        suppressed = other._suppressed if isinstance(other, Headers) else _NOTHING
        names = {*dict(lines), *suppressed}
        self._keep([at for at, field in enumerate(self.fields) if field[0] not in names])
        for line in lines:
            self._append(line)
        if suppressed:
            self._suppressed |= suppressed

    def extend(self, other: Headers | Mapping[str, str] | Iterable[tuple[Text, Text]]) -> None:
        """Add every line of ``other``; all or, when one is refused, none."""
        for line in [_line(name, value) for name, value in _pairs(other)]:
            self._append(line)

    @property
    def suppressed(self) -> frozenset[bytes]:
        """The lower-case names that were suppressed."""
        return self._suppressed

    def clear(self) -> None:
        """Remove every line and every suppression."""
        self._keep([])
        self._suppressed = _NOTHING

    def copy(self) -> Headers:
        """Return an independent copy."""
        # An index is replaced, never changed, and raw names likewise: both may be shared.
        twin = Headers.trusted(self.fields.copy(), self._index, self._raw_names)
        twin._suppressed = self._suppressed
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._suppressed == other._suppressed and (
            self.fields == other.fields or sorted(self.fields, key=_name) == sorted(other.fields, key=_name)
        )

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        shown = [
            (_CANONICAL[name][0], "<hidden>" if name in SECRET_NAMES else value.decode("latin-1"))
            for name, value in self.fields
        ]
        return f"Headers({shown!r})"

    # Every change of the number of lines goes through one of these two.

    def _append(self, line: tuple[bytes, bytes]) -> None:
        self._index = None
        self.fields.append(line)
        if self._raw_names is not None:
            self._rename([*self._raw_names(), _CANONICAL[line[0]][1]])
        if self._suppressed:
            self._suppressed -= {line[0]}

    def _keep(self, places: list[int]) -> None:
        self._index = None
        if self._raw_names is not None:
            names = self._raw_names()
            self._rename([names[at] for at in places])
        self.fields[:] = [self.fields[at] for at in places]

    def _rename(self, raw_names: list[bytes]) -> None:
        self._raw_names = lambda: raw_names

    def _reindex(self) -> dict[bytes, bytes]:
        self._index = index = dict(reversed(self.fields))  # the first value of a name is put last, and stays
        return index


def canonical_name(name: str) -> str:
    """Return ``name`` as Go prints it: ``content-type`` becomes ``Content-Type``.

    What is not a token comes back as it is.
    """
    return _CANONICAL[_KEYS[name]][0] if _TOKEN.fullmatch(name.encode("ascii", "replace")) else name


def valid_name(name: bytes) -> bool:
    """Say whether ``name`` is a token (RFC 9110 5.6.2)."""
    return _TOKEN.fullmatch(name) is not None


def valid_value(value: bytes) -> bool:
    """Say whether ``value`` may be sent: no CR, LF, NUL, or other control byte but HTAB (RFC 9110 5.5)."""
    return _CONTROL.search(value) is None


def has_token(value: bytes, token: bytes) -> bool:
    """Say whether the comma-separated list ``value`` has ``token`` as a member, in any case."""
    wanted = token.lower()
    return wanted != b"" and any(item.strip(b" \t") == wanted for item in value.lower().split(b","))


_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NOTHING: Final[frozenset[bytes]] = frozenset()


def _name(field: tuple[bytes, bytes]) -> bytes:
    return field[0]


def _pairs(source: Headers | Mapping[str, str] | Iterable[tuple[Text, Text]]) -> Iterable[tuple[Text, Text]]:
    if isinstance(source, Headers):
        return source.fields
    return source.items() if isinstance(source, Mapping) else source


def _line(name: Text, value: Text) -> tuple[bytes, bytes]:
    """Check one line from the application; return it as it is stored."""
    try:
        # Two memories: under ``python -bb`` str and bytes must not meet in one dict.
        return (_BYTE_LINES if type(value) is bytes else _TEXT_LINES)[name, value]
    except TypeError:
        raise TypeError(
            "a header is a str name with a str value, or both bytes; got "
            f"{type(name).__name__} and {type(value).__name__}"
        ) from None


def _checked_name(name: Text, key: bytes) -> bytes:
    if not _TOKEN.fullmatch(key):
        raise ValueError(f"header name {name!r} is not a token" if name else "header name is empty")
    return key


def _checked_line(name: Text, raw_name: bytes, raw_value: bytes) -> tuple[bytes, bytes]:
    key = _checked_name(name, raw_name.lower())
    value = raw_value.strip(b" \t")
    if wrong := _CONTROL.search(value):
        byte = wrong[0].decode("latin-1")
        raise ValueError(f"value of header {name!r} has the control byte {byte!r} at {wrong.start()}")
    return key, value


# --- the memories (rule 3) ---


class _Keys(dict[str, bytes]):
    """Name in any spelling to its key.  A character beyond ASCII becomes ``?``, which no name has."""

    def __missing__(self, name: str) -> bytes:
        key = name.encode("ascii", "replace").lower()
        if len(key) <= limits.REMEMBERED_LENGTH:
            if len(self) >= limits.REMEMBERED_LINES:
                self.clear()
            self[name] = key
        return key


class _Canonical(dict[bytes, tuple[str, bytes]]):
    """Key to the canonical name, as str and as bytes."""

    def __missing__(self, key: bytes) -> tuple[str, bytes]:
        raw = b"-".join([part.capitalize() for part in key.split(b"-")])
        name = raw.decode("latin-1"), raw
        if len(key) <= limits.REMEMBERED_LENGTH:
            if len(self) >= limits.REMEMBERED_LINES:
                self.clear()
            self[key] = name
        return name


class _Lines(dict[tuple[Text, Text], tuple[bytes, bytes]]):
    """Name and value, both of one type, as the application wrote them, to the line that was checked."""

    def __missing__(self, written: tuple[Text, Text]) -> tuple[bytes, bytes]:
        name, value = written
        if isinstance(name, str) and isinstance(value, str):
            line = _checked_line(name, name.encode("ascii", "replace"), _encoded(name, value))
        elif isinstance(name, bytes) and isinstance(value, bytes):
            line = _checked_line(name, name, value)
        else:
            raise TypeError
        if len(name) + len(value) <= limits.REMEMBERED_LENGTH and line[0] not in SECRET_NAMES:
            if len(self) >= limits.REMEMBERED_LINES:
                self.clear()
            self[written] = line
        return line


def _encoded(name: str, value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        pass
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"value of header {name!r} has a lone surrogate at {error.start}") from None


_KEYS: Final = _Keys()
_CANONICAL: Final = _Canonical()
_TEXT_LINES: Final = _Lines()
_BYTE_LINES: Final = _Lines()
