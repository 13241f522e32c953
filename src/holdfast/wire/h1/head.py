"""What the head of a request means: its lines, checked one by one, then as a whole.

Strategy: a line is checked once by its whole grammar and then remembered, and what
comes after is a look into a dict.  Only valid lines are remembered, and never
one that holds a credential; the memories are bounded and start anew when they are full.

Rule 1: lines are judged in the order in which they came, before anything is concluded
from them: the first wrong line decides the answer, however much has come behind it.
Rule 2: a field that means something to us and repeats is an error or is read as one list;
which of its lines comes last never matters.

RFC 9112 sections 3, 5, 6, 9.3; RFC 9110 sections 5, 7.2, 7.8, 10.1.1.
"""

from __future__ import annotations

from itertools import compress
from operator import ne
from typing import Final

from holdfast import limits
from holdfast.errors import RemoteProtocolError
from holdfast.headers import SECRET_NAMES, has_token
from holdfast.wire import grammar
from holdfast.wire.events import Field, RequestHead
from holdfast.wire.framing import CHUNKED, body_length
from holdfast.wire.persistence import CloseReason

__all__ = ["HeadParser", "parse_fields"]


class HeadParser:
    """Parse the heads of one connection's requests.

    A peer repeats its fields, all of them or all but a few.  So they are compared with those of the
    head before: the same bytes mean the same, and where only values have changed that mean
    nothing here (a cookie, a request id), everything else stays as it was.

    Args:
        max_count: field lines, and names that Trailer lists, in one head.
    """

    __slots__ = ("_block", "_fields", "_index", "_lines", "_max_count", "_meaning")

    def __init__(self, max_count: int) -> None:
        self._max_count = max_count
        self._meaning = _NO_HEAD  # a head that said what the last one said, but for values without meaning
        # Of the last head, and never handed out where they could be changed:
        self._block = b""
        self._lines: list[bytes] = []  # none when a name repeats
        self._fields: list[Field] = []
        self._index: dict[bytes, bytes] = {}

    def parse(self, head: bytes) -> RequestHead:
        """Return what ``head``, a request line and field lines without the empty line, says.

        Raises:
            RemoteProtocolError: with the status that the peer is to get.
        """
        line, _, block = head.partition(b"\r\n")
        method, target, version, authority = _REQUEST_LINES[line]
        meaning = self._meaning
        if version != meaning.version or not (block == self._block or self._only_values_changed(block)):
            parsed = _parse_block(method, target, version, authority, block, self._max_count)
            # All of it is kept while the connection is idle.
            small = len(line) <= limits.REMEMBERED_LENGTH and len(block) <= limits.REMEMBERED_BLOCK
            if small and authority is None:
                self._remember(parsed)
            return parsed
        return RequestHead(
            method,
            target,
            version,
            self._fields.copy(),
            self._index,
            block,
            meaning.host if authority is None else authority,
            meaning.content_length,
            meaning.persist,
            meaning.upgrade,
            meaning.expect_continue,
            meaning.expect_unknown,
        )

    def _remember(self, head: RequestHead) -> None:
        self._meaning = head
        self._block = head.block
        self._fields = head.fields.copy()
        self._index = head.index
        self._lines = head.block.split(b"\r\n") if 0 < len(head.fields) == len(head.index) else []

    def _only_values_changed(self, block: bytes) -> bool:
        """Say whether ``block`` has the names of the last head, in order, and its values where they matter.

        If so, it is remembered in its place.
        """
        lines = block.split(b"\r\n")
        if len(lines) != len(self._lines) or len(block) > limits.REMEMBERED_BLOCK:
            return False
        fields = self._fields.copy()
        index = self._index.copy()
        for at in compress(range(len(lines)), map(ne, lines, self._lines)):
            try:
                field = _FIELD_LINES[lines[at]]
            except KeyError:  # to be refused, with its reason, by who parses it anew
                return False
            name, value = field
            if name != fields[at][0] or name in _MEANINGFUL:
                return False
            fields[at] = field
            index[name] = value
        self._block, self._lines, self._fields, self._index = block, lines, fields, index
        return True


def parse_fields(block: bytes, max_count: int, *, status: int = 431) -> list[Field]:
    """Return (lower-case name, value) of every line in ``block``, which ends without CRLF.

    Raises:
        RemoteProtocolError: a line is malformed (400), or there are more than ``max_count`` (``status``).
    """
    if not block:
        return []
    lines = block.split(b"\r\n", max_count)
    too_many = len(lines) > max_count
    if too_many:
        del lines[max_count:]
    try:
        fields = list(map(_FIELD_LINES.__getitem__, lines))
    except KeyError as error:
        raise _why_refused(error.args[0], block) from None
    if too_many:
        raise RemoteProtocolError(f"expected at most {max_count} field lines, got more", status=status)
    return fields


# Before the first head: no head has its version.
_NO_HEAD: Final = RequestHead("", "", "", [], {})


def _parse_block(
    method: str, target: str, version: str, authority: str | None, block: bytes, max_count: int
) -> RequestHead:
    if version == "2":
        return _parse_preface(method, target, block)
    fields = parse_fields(block, max_count)
    index = dict(fields)
    # What counts is what all lines of a name say together.
    known = index if len(index) == len(fields) else _joined(fields)

    host = known.get(b"host")
    if host is None and version == "1.1":
        raise _refused("expected a Host field, got none", "missing required Host header")
    if authority is None:
        authority = "" if host is None else host.decode("latin-1")
    length = 0
    if b"content-length" in known or b"transfer-encoding" in known:
        length = body_length(known.get(b"transfer-encoding"), known.get(b"content-length"), version=version)
        if length == CHUNKED and b"trailer" in known:
            _check_declared_trailers(fields, max_count)

    head = RequestHead(method, target, version, fields, index, block, authority, length)
    connection = known.get(b"connection")
    # In HTTP/1.1 a lone keep-alive, which every browser sends, says nothing.
    if (connection is not None and connection != b"keep-alive") or version == "1.0":
        _decide_persistence(head, connection or b"", known.get(b"upgrade"))
    expect = known.get(b"expect")
    if expect:
        head.expect_continue = has_token(expect, b"100-continue")
        head.expect_unknown = not head.expect_continue
        if length == 0 or version == "1.0":
            head.expect_continue = False
    return head


def _parse_preface(method: str, target: str, block: bytes) -> RequestHead:
    """HTTP/2 with prior knowledge: handed out, so that its bytes can be taken over (as Go does).

    It is a head without fields or body, after which the connection cannot go on as HTTP/1.
    """
    if block:
        raise _unsupported_version(b"HTTP/2.0 with fields")
    return RequestHead(method, target, "2", [], {}, persist=CloseReason.PEER_CLOSE)


def _decide_persistence(head: RequestHead, connection: bytes, upgrade: bytes | None) -> None:
    if has_token(connection, b"close"):
        head.persist = CloseReason.PEER_CLOSE
    elif head.version == "1.0" and not has_token(connection, b"keep-alive"):
        head.persist = CloseReason.PEER_OLD
    # "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request".  RFC 9110 7.8
    if upgrade and head.version == "1.1" and has_token(connection, b"upgrade"):
        head.upgrade = upgrade


def _joined(fields: list[Field]) -> dict[bytes, bytes]:
    """Return name -> the values of all its lines as one list; refuse a repeated field that is no list.

    Content-Length and Transfer-Encoding are lists here: of two members, which ``body_length`` refuses.
    """
    joined: dict[bytes, bytes] = {}
    for name, value in fields:
        if name not in joined:
            joined[name] = value
        elif name == b"host":
            raise RemoteProtocolError("expected one Host field, got several")
        elif name == b"content-type":
            raise RemoteProtocolError("expected one Content-Type field, got several")
        elif name in _LISTS:
            joined[name] += b"," + value
    return joined


# The fields that a head is decided by; where one of them changes, it is decided anew.
_LISTS: Final = frozenset((b"connection", b"content-length", b"expect", b"transfer-encoding", b"upgrade"))
_MEANINGFUL: Final = _LISTS | {b"host", b"trailer"}


def _check_declared_trailers(fields: list[Field], max_count: int) -> None:
    """A Trailer field counts as many lines as it lists names, and must not list what frames."""
    count = len(fields)
    for field, value in fields:
        if field == b"trailer":
            names = [name.strip(b" \t") for name in value.lower().split(b",")]
            count += len(names) - 1
            for name in names:
                if name in (b"transfer-encoding", b"trailer", b"content-length"):
                    raise RemoteProtocolError(f"expected no {name.decode()} among the declared trailers")
    if count > max_count:
        raise RemoteProtocolError(
            f"expected at most {max_count} fields and declared trailers, got {count}", status=431
        )


# --- lines ---


class _RequestLines(dict[bytes, tuple[str, str, str, str | None]]):
    """Request line -> (method, target, version, the target's authority or None)."""

    def __missing__(self, line: bytes) -> tuple[str, str, str, str | None]:
        parsed = _parse_request_line(line)
        if len(line) <= limits.REMEMBERED_LENGTH:
            if len(self) >= limits.REMEMBERED_LINES:
                self.clear()
            self[line] = parsed
        return parsed


class _FieldLines(dict[bytes, Field]):
    """Field line -> (lower-case name, value).  KeyError for what is none."""

    def __missing__(self, line: bytes) -> Field:
        # A new value of a known name, as most lines are that are not known: only its bytes are to be checked.
        raw_name, colon, value = line.partition(b": ")
        name = _NAMES.get(raw_name)
        if name is None or not colon or value.translate(None, grammar.VISIBLE):
            name, value = _parse_field_line(line)
        field = name, value
        if len(line) <= limits.REMEMBERED_LENGTH and name not in SECRET_NAMES:
            if len(self) >= limits.REMEMBERED_LINES:
                self.clear()
            self[line] = field
        return field


def _parse_field_line(line: bytes) -> Field:
    match = grammar.FIELD_LINE.fullmatch(line)
    if match is None:
        raise KeyError(line)
    raw_name, value = match.groups()
    name = raw_name.lower()
    value = value.strip(b" \t")
    if name == b"host":
        if not grammar.HOST.fullmatch(value):
            raise KeyError(line)
    elif len(_NAMES) < limits.REMEMBERED_LINES and len(raw_name) <= limits.REMEMBERED_LENGTH:
        _NAMES[raw_name] = name
    return name, value


# Names that were parsed before, as they came -> in lower case; not Host, whose value has a grammar.
_NAMES: Final[dict[bytes, bytes]] = {}
_REQUEST_LINES: Final = _RequestLines()
_FIELD_LINES: Final = _FieldLines()


def _parse_request_line(line: bytes) -> tuple[str, str, str, str | None]:
    if line.startswith(b"GET /") and line.endswith(b" HTTP/1.1"):
        target = line[4:-9]
        if not target.translate(None, grammar.PLAIN_TARGET):
            return "GET", target.decode("ascii"), "1.1", None
    match = grammar.REQUEST_LINE.fullmatch(line)
    if match is None:
        raise RemoteProtocolError(f"expected a request line, got {line[:64]!r} at byte 0 of the head")
    method, target, major, minor = match.groups()
    if major != b"1":
        if line != b"PRI * HTTP/2.0":
            raise _unsupported_version(b"HTTP/%b.%b" % (major, minor))
        version = "2"
    else:
        # "a recipient ... SHOULD process the message as if it were in the highest minor version
        # within that major version to which the recipient is conformant".  RFC 9110 2.5
        version = "1.0" if minor == b"0" else "1.1"
    # A plain path, as most are: it has no authority, and only a percent sign could be wrong in it.
    plain = target[0] == 0x2F and b"%" not in target
    return method.decode(), target.decode("latin-1"), version, None if plain else _authority(method, target)


def _authority(method: bytes, target: bytes) -> str | None:
    """Return the authority in ``target``, None when it has none; refuse what is in no form of a target."""
    if target.startswith(b"/"):
        if grammar.ORIGIN_FORM.fullmatch(target):
            return None
    elif method == b"CONNECT":
        match = grammar.CONNECT_AUTHORITY.fullmatch(target)
        if match is not None and 0 < int(match[1]) < 65536:
            return target.decode()
    elif target == b"*":
        return None
    else:
        match = grammar.ABSOLUTE_FORM.fullmatch(target)
        if match is not None:
            return match[1].decode() if match[1] else None
    raise RemoteProtocolError(
        f"expected a request target, got {target[:64]!r} at byte {len(method) + 1} of the head"
    )


# --- refusals ---


def _why_refused(line: bytes, block: bytes) -> RemoteProtocolError:
    """Say what is wrong with ``line``.  The peer is told no more than Go tells it."""
    name, colon, value = line.partition(b":")
    at = (b"\r\n" + block + b"\r\n").index(b"\r\n" + line + b"\r\n")
    where = f"in {line[:64]!r} at byte {at} of the fields"
    if b"\r" in line or b"\n" in line:
        return RemoteProtocolError(f"expected CR and LF together, got one of them {where}")
    if line.startswith((b" ", b"\t")):
        return RemoteProtocolError(f"expected a field name, got a folded line {where}")
    if not colon:
        return RemoteProtocolError(f"expected a colon after the field name, got none {where}")
    if b" " in name:
        return _refused(f"expected a field name, got one with a space {where}", "invalid header name")
    if not grammar.TOKEN.fullmatch(name):
        return RemoteProtocolError(f"expected a field name, got {name[:64]!r} {where}")
    if name.lower() == b"host" and not grammar.CONTROL.search(value):
        return _refused(f"expected host and port {where}", "malformed Host header")
    return RemoteProtocolError(f"expected a field value, got a control byte {where}")


def _refused(message: str, reason: str) -> RemoteProtocolError:
    return RemoteProtocolError(message, reason=reason)


def _unsupported_version(version: bytes) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"expected HTTP/1.0 or HTTP/1.1, got {version.decode()}",
        status=505,
        reason="unsupported protocol version",
    )
