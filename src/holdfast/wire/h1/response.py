"""The sending half of one HTTP/1 exchange: interim heads, the head, the body's framing, the end.

Strategy: ``start`` looks once at what the application declared and at what the
connection knows, settles the framing and the ``Connection`` field, and from then
on ``data`` and ``end`` follow the mode it chose.

What a plain response begins with (status line and fields) is remembered by what the
application gave, in the ``Starts`` of its server, with the server's default fields in it.

Rule 1: nothing malformed leaves, whatever the application says; what it says
wrong raises ``LocalProtocolError`` while nothing is out yet.
Rule 2: every method appends to a list of pieces; who writes them, and when, is the caller's.

RFC 9112 sections 6 and 9; RFC 9110 sections 6.4, 8.6, 9.3.6, 15.2.
"""

from __future__ import annotations

from enum import IntEnum
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from holdfast.errors import BodyNotAllowed, ContentLengthError, LocalProtocolError
from holdfast.headers import has_token
from holdfast.limits import REMEMBERED_BLOCK, REMEMBERED_LINES
from holdfast.status import allows_body, status_line
from holdfast.wire.h1.encoder import encode_lines, encode_trailers, is_remembered
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdfast.wire.events import RequestHead
    from holdfast.wire.h1.connection import H1Connection
    from holdfast.wire.h1.encoder import Line

__all__ = ["Mode", "ResponseEncoder", "Starts", "plain_response"]

Pieces = list[bytes]
Field = tuple[bytes, bytes]


class Mode(IntEnum):
    """How the receiver will know where the body ends (RFC 9112 6.3)."""

    UNSENT = 0  # the head is not out yet
    LENGTH = 1  # Content-Length bytes
    CHUNKED = 2
    UNTIL_EOF = 3  # where the connection ends
    DISCARD = 4  # an answer to HEAD: written, counted, not sent
    NONE = 5  # the status allows no body


UNSENT, LENGTH, CHUNKED, UNTIL_EOF, DISCARD, NONE = Mode


class Keeper(Protocol):
    """What knows whether the connection is kept: the connection, or one of several exchanges on it."""

    @property
    def starts(self) -> Starts:
        """What responses begin with."""

    def note(self, reason: CloseReason) -> None:
        """Something speaks against another exchange."""

    def close_reason(self, head: RequestHead) -> CloseReason | None:
        """Why the connection closes after the exchange that ``head`` opened, or None."""


class ResponseEncoder:
    """Turns one response into bytes.

    Attributes:
        mode: how the body is framed; ``Mode.UNSENT`` until ``start``.
        left: bytes still owed of a declared length.
        ended: whether ``end`` was called.
    """

    __slots__ = ("_connection", "_head", "awaits_continue", "ended", "left", "mode")

    def __init__(self, connection: Keeper, head: RequestHead) -> None:
        self._connection = connection
        self._head = head
        self.mode = UNSENT
        self.left = 0
        self.ended = False
        self.awaits_continue = head.expect_continue

    def interim(self, status: int, fields: Iterable[Field], out: Pieces) -> None:
        """Append a 1xx head; an HTTP/1.0 peer would not understand it and gets none (RFC 9110 15.2).

        Raises:
            LocalProtocolError: ``status`` is not 100, 102…199, a field is malformed, or the final
                head is out already.
        """
        if not 100 <= status < 200 or status == 101:
            raise LocalProtocolError(f"an interim status is 100 or 102…199, not {status}")
        if self.mode:
            raise LocalProtocolError(f"interim {status} after the final head")
        lines = encode_lines(fields)
        if status == 100:
            self.awaits_continue = False
        if self._head.version == "1.0":
            return
        out.append(status_line("1.1", status))
        out.extend([line.wire for line in lines if line.special not in _FRAMING])
        out.append(b"\r\n")

    def start(
        self,
        status: int,
        fields: Iterable[Field],
        out: Pieces,
        *,
        length: int | None = None,
        date: bytes = b"",
        body_complete: bool = True,
    ) -> None:
        """Append the final head and settle the body's framing.

        Args:
            length: of the whole body in bytes where it is known and ``fields`` need not say it.
            date: the ready ``Date`` line, used unless ``fields`` has one.
            body_complete: whether the request's body has been received whole.

        Raises:
            LocalProtocolError: a field is malformed, Content-Length is no number or came twice, the
                transfer codings make no sense, or the head is out already.
        """
        if self.mode:
            raise LocalProtocolError("the head of the response was sent already")
        starts = self._connection.starts
        lines = starts.lines(fields) if starts.defaults else encode_lines(fields)
        special = {line.special: line for line in lines if line.special} if any(map(_special, lines)) else {}
        if special:
            self._check(lines, special)
        connection, head = self._connection, self._head
        if self.awaits_continue and not body_complete:
            connection.note(CloseReason.EXPECT_LEFT)
        added = self._frame(status, special, length)
        if date and b"date" not in special:
            added.append(date)
        self._persistence(status, lines, special, added)
        out.append(status_line("1.1" if head.version != "1.0" else "1.0", status))
        out += [line.wire for line in lines if not line.special or line.special in special]
        added.append(b"\r\n")
        out += added

    def whole(self, status: int, fields: Sequence[Field], body: bytes, date: bytes) -> bytes:
        """Return a complete response.  Raises as ``start`` and ``data``; another can follow then."""
        out: Pieces = []
        self.start(status, fields, out, length=len(body), date=date)
        try:
            self.data(body, out)
        except (BodyNotAllowed, ContentLengthError):
            self.mode = UNSENT
            raise
        self.end((), out)
        return b"".join(out)

    def data(self, data: bytes, out: Pieces) -> None:
        """Append a piece of the body; an empty one appends nothing.

        Raises:
            ContentLengthError: it goes beyond the declared length; nothing was appended.
            BodyNotAllowed: the status allows no body.
            LocalProtocolError: the head is not out yet, or the end is.
        """
        size = len(data)
        if not size:
            return
        mode = self.mode
        if self.ended or not mode:
            raise LocalProtocolError("a body was written " + ("after its end" if mode else "before the head"))
        if mode == LENGTH:
            if size > self.left:
                raise ContentLengthError(f"{size} bytes written, {self.left} left of Content-Length")
            self.left -= size
            out.append(data)
        elif mode == CHUNKED:
            out += (b"%x\r\n" % size, data, b"\r\n")
        elif mode == UNTIL_EOF:
            out.append(data)
        elif mode == NONE:
            raise BodyNotAllowed("a 1xx, 204 or 304 response has no body")

    def check(self, size: int) -> None:
        """Raise as ``data`` would for ``size`` bytes."""
        if self.mode == LENGTH and size > self.left:
            raise ContentLengthError(f"{size} bytes written, {self.left} left of Content-Length")
        if self.mode == NONE and size:
            raise BodyNotAllowed("a 1xx, 204 or 304 response has no body")

    @property
    def is_bare(self) -> bool:
        """Whether the body is on the wire as it is written: ``count`` may take the place of ``data``."""
        return self.mode in (LENGTH, UNTIL_EOF)

    def count(self, size: int) -> None:
        """Note ``size`` bytes of a bare body that leave by another way, having been checked."""
        if self.mode == LENGTH:
            self.left -= size

    def end(self, trailers: Sequence[Field], out: Pieces) -> int:
        """Append what ends the body; return how many bytes of a declared length are missing.

        A body that is shorter than declared cannot be ended: the connection will close, which
        tells the peer.  Trailers are sent where the framing has a place for them (chunked).

        Raises:
            LocalProtocolError: a trailer is malformed, or one that must not come after the body; or the
                head is not out yet, or the end is.
        """
        if self.ended or not self.mode:
            raise LocalProtocolError("a response was ended " + ("twice" if self.mode else "before its head"))
        if self.mode == CHUNKED:
            out.append(encode_trailers(trailers) if trailers else b"0\r\n\r\n")
        elif self.mode == LENGTH and self.left:
            self._connection.note(CloseReason.SHORT_BODY)
        self.ended = True
        return self.left

    def _check(self, lines: list[Line], special: dict[bytes, Line]) -> None:
        """Hold what was declared of the framing against the grammar and against itself."""
        if b"transfer-encoding" in special:
            codings = [
                coding.strip(b" \t").lower()
                for line in lines
                if line.special == b"transfer-encoding"
                for coding in _value(line).split(b",")
            ]
            if b"chunked" in codings[:-1] or (b"identity" in codings and len(codings) > 1):
                raise LocalProtocolError(f"expected chunked once and last, or identity alone, not {codings}")
        if (length := special.get(b"content-length")) is None:
            return
        if sum(line.special == b"content-length" for line in lines) > 1:
            raise LocalProtocolError("more than one Content-Length field")
        if not _value(length).isdigit() or len(_value(length)) > 18:
            raise LocalProtocolError(f"Content-Length is a number of bytes, not {_value(length)!r}")

    def _frame(self, status: int, special: dict[bytes, Line], length: int | None) -> Pieces:
        """Choose the mode; return the lines to add, and drop from ``special`` what must not go out."""
        head = self._head
        if head.method == "CONNECT" and 200 <= status < 300:
            self._drop(special, b"content-length", b"transfer-encoding")
            self.mode = UNTIL_EOF
            return []
        if not allows_body(status):
            self._drop(special, b"content-length", b"transfer-encoding")
            self.mode = NONE
            return []
        if b"content-length" in special and not self._coded(special):
            length = int(_value(special[b"content-length"]))
        elif b"transfer-encoding" in special:
            length = None
            self._drop(special, b"content-length")
        if head.method == "HEAD":
            self._drop(special, b"transfer-encoding")
            self.mode = DISCARD
        elif length is not None:
            self._drop(special, b"transfer-encoding")
            self.mode, self.left = LENGTH, length
        else:
            return self._frame_unknown(special)
        if length is None or b"content-length" in special:
            return []
        return [b"Content-Length: %d\r\n" % length]

    def _frame_unknown(self, special: dict[bytes, Line]) -> Pieces:
        """Frame a body of unknown length: chunked where the peer knows that, else until EOF."""
        coding = special.get(b"transfer-encoding")
        identity = coding is not None and _value(coding).lower() == b"identity"
        if self._head.version == "1.0" or identity:
            self._drop(special, b"transfer-encoding")
            self.mode = UNTIL_EOF
            self._connection.note(CloseReason.UNTIL_EOF)
            return []
        self.mode = CHUNKED
        if coding is not None and has_token(_value(coding), b"chunked"):
            return []
        return [b"Transfer-Encoding: chunked\r\n"]

    def _coded(self, special: dict[bytes, Line]) -> bool:
        """Whether the application declared a transfer coding; ``identity`` is none (RFC 9112 7)."""
        coding = special.get(b"transfer-encoding")
        return coding is not None and _value(coding).lower() != b"identity"

    def _persistence(self, status: int, lines: list[Line], special: dict[bytes, Line], added: Pieces) -> None:
        """Settle the ``Connection`` field (RFC 9112 9.3, 9.6)."""
        connection = self._connection
        declared = special.get(b"connection")
        says_close = declared is not None and any(
            has_token(_value(line), b"close") for line in lines if line.special == b"connection"
        )
        if says_close:
            connection.note(CloseReason.LOCAL_CLOSE)
        if status == 101:
            connection.note(CloseReason.UNTIL_EOF)  # without a hijack there is nothing to go back to
            return
        if self._head.method == "CONNECT":
            connection.note(CloseReason.CONNECT)
            if self.mode == UNTIL_EOF:
                return
        if connection.close_reason(self._head) is None:
            if self._head.version == "1.0" and declared is None:
                added.append(b"Connection: keep-alive\r\n")
        elif not says_close:
            self._drop(special, b"connection")
            if self._head.version != "1.0":  # which closes unless it is told otherwise
                added.append(b"Connection: close\r\n")

    @staticmethod
    def _drop(special: dict[bytes, Line], *names: bytes) -> None:
        for name in names:
            special.pop(name, None)


def plain_response(
    connection: H1Connection,
    head: RequestHead,
    status: int,
    fields: Sequence[Field],
    body: bytes,
    date: bytes,
) -> bytes | None:
    """Return a complete response by the short way, which is open to most; None where it is not.

    It is open where nothing asks for a decision: HTTP/1.1, a status and a method that have a body, and
    fields without a say in framing or persistence but a Content-Length that is right.

    Raises:
        LocalProtocolError: a field is malformed.
    """
    starts = connection.starts
    start = starts.get((status, *fields)) or starts.make(status, fields)
    size = len(body)
    if (
        (start.length != ANY and start.length != size)
        or head.expect_continue
        or head.version != "1.1"
        or head.method in _BODILESS
    ):
        return None
    if head.persist is not None or connection.reasons:
        date += b"Connection: close\r\n"
    if start.length == ANY:
        return b"%bContent-Length: %d\r\n%b\r\n%b" % (start.wire, size, date, body)
    return b"%b%b\r\n%b" % (start.wire, date, body)


class _Start(NamedTuple):
    """The status line and fields of a plain response: nothing in them asks for a decision."""

    wire: bytes
    length: int  # what Content-Length says, ANY without one, or NOT_PLAIN


class Starts(dict[tuple[object, ...], _Start]):
    """The starts of plain responses by ``(status, *fields)``, and the fields that every response has.

    Args:
        defaults: sent unless the application sets a field of that name.

    Raises:
        ValueError: a default would frame the body.
        LocalProtocolError: a default is malformed.
    """

    __slots__ = ("_lines", "defaults")

    def __init__(self, defaults: Iterable[Field] = ()) -> None:
        super().__init__()
        self.defaults = tuple(defaults)
        names = [name.lower() for name, _ in self.defaults]
        if framing := {b"content-length", b"transfer-encoding"}.intersection(names):
            raise ValueError(f"{framing.pop().decode()} cannot be a default: it belongs to one body")
        self._lines = list(zip(names, encode_lines(self.defaults), strict=True))

    def lines(self, fields: Iterable[Field]) -> list[Line]:
        """The lines of ``fields``, and of the defaults that are not among them."""
        given = list(fields)
        lines = encode_lines(given)
        return lines + self._added({name.lower() for name, _ in given})

    def refusal_lines(self) -> bytes:
        """The default lines of an answer that sets its own ``Connection`` and ``Content-Type``."""
        return b"".join([line.wire for line in self._added({b"connection", b"content-type"})])

    def make(self, status: int, fields: Sequence[Field]) -> _Start:
        """Make the start of a response, and remember it if its lines may be."""
        lines = self.lines(fields)
        special = [line for line in lines if line.special]
        length = ANY
        if len(special) == 1 and special[0].special == b"content-length" and _value(special[0]).isdigit():
            length = int(_value(special[0]))
        elif special or not allows_body(status):
            return _Start(b"", NOT_PLAIN)
        start = _Start(status_line("1.1", status) + b"".join([line.wire for line in lines]), length)
        if is_remembered(fields) and len(start.wire) <= REMEMBERED_BLOCK:
            if len(self) >= REMEMBERED_LINES:
                self.clear()
            self[(status, *fields)] = start
        return start

    def _added(self, names: set[bytes]) -> list[Line]:
        return [line for name, line in self._lines if name not in names]


ANY: Final = -1
NOT_PLAIN: Final = -2


def _value(line: Line) -> bytes:
    return line.wire.partition(b": ")[2][:-2]


_BODILESS: Final = frozenset({"HEAD", "CONNECT"})
_special: Final = itemgetter(1)
_FRAMING: Final = frozenset({b"connection", b"content-length", b"transfer-encoding"})
