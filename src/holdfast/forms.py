"""What HTML forms send, as events: multipart bodies part by part, and urlencoded ones.

A ``MultipartParser`` is given bytes in any pieces and reports parts as they begin, their data
and their ends.  It keeps what may still be the beginning of a delimiter, or an unfinished
head of a part, and nothing else; each byte is looked at a bounded number of times.

Rule 1: two readers of one body must not see two forms.  Lines end in CRLF, a field is one line,
a part has one disposition, ``filename*`` is not looked at (RFC 7578 4.2); what is
ambiguous is refused.
Rule 2: every part costs its sender more than it costs us: heads, and their number, are bounded.

RFC 2046 section 5.1; RFC 7578; Go's mime/multipart.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from holdfast import limits
from holdfast.errors import LimitExceeded, RemoteProtocolError
from holdfast.headers import valid_name, valid_value
from holdfast.mime import parse_media_type

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["FormEvent", "MultipartParser", "PartBegin", "PartData", "PartEnd", "boundary_of"]

Field: TypeAlias = tuple[bytes, bytes]


class PartBegin:
    """A part begins.

    Attributes:
        fields: (lower-case name, value) of its field lines, in order.
        name: of the form's field; "" when the part is not form-data, or has none.
        filename: its last step only, whatever folders the peer put before it; "" when it is no file.
    """

    __slots__ = ("fields", "filename", "name")

    def __init__(self, fields: list[Field]) -> None:
        self.fields = fields
        self.name, self.filename = _disposition(fields)

    def __repr__(self) -> str:
        return f"<PartBegin {self.name!r} {self.filename!r}>"


class PartData:
    """A piece of a part's content, at least one byte."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"<PartData {len(self.data)} bytes>"


class PartEnd:
    """A part is whole."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<PartEnd>"


FormEvent: TypeAlias = PartBegin | PartData | PartEnd


def boundary_of(content_type: str, subtypes: Collection[str] = ("form-data",)) -> bytes:
    """Return the boundary that a multipart Content-Type names.

    Raises:
        RemoteProtocolError: 415 when the type is none of ``multipart/<subtypes>``; 400 when the
            boundary is missing or is not 1 to 70 of the characters of RFC 2046 5.1.1.
    """
    try:
        media_type, params = parse_media_type(content_type)
    except ValueError as error:
        raise RemoteProtocolError(f"expected a multipart body: {error}", status=415) from error
    if media_type not in [f"multipart/{subtype}" for subtype in subtypes]:
        raise RemoteProtocolError(f"expected a multipart body, got {media_type}", status=415)
    boundary = params.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise RemoteProtocolError(f"expected a boundary in the Content-Type {content_type!r}")
    return boundary.encode("ascii")


class MultipartParser:
    """Reads one multipart body.  Give it ``receive``, then take ``next_event`` until that is None.

    Args:
        boundary: from the Content-Type (``boundary_of``).
        max_parts: more parts are refused.
    """

    __slots__ = (
        "_boundary",
        "_buffer",
        "_delimiter",
        "_eof",
        "_lead",
        "_max_parts",
        "_parts",
        "_searched",
        "_state",
    )

    def __init__(self, boundary: bytes, *, max_parts: int = limits.MAX_FORM_PARTS) -> None:
        self._boundary = boundary
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter may stand at the very beginning, without the CRLF before it.
        self._buffer = bytearray(b"\r\n")
        self._lead = 0  # bytes at the buffer's start that are not the part's: the CRLF that ended its head
        self._searched = 0  # of the buffer, for the end of a head
        self._state = _State.PREAMBLE
        self._parts = 0
        self._max_parts = max_parts
        self._eof = False

    def __repr__(self) -> str:
        return f"<MultipartParser {self._state.name}, {self._parts} parts, {len(self._buffer)} bytes kept>"

    @property
    def complete(self) -> bool:
        """Whether the last delimiter was read; what follows it is dropped."""
        return self._state is _State.EPILOGUE

    def receive(self, data: bytes) -> None:
        """Add the next bytes of the body."""
        self._buffer += data

    def receive_eof(self) -> None:
        """Say that there are no more."""
        self._eof = True

    def next_event(self) -> FormEvent | None:
        """Return what comes next; None when that takes more bytes, or the body is complete.

        Raises:
            RemoteProtocolError: the body is malformed, or ended early.
            LimitExceeded: too many parts, or a head that is too long.
        """
        while True:
            before = self._state
            event = self._step()
            if event is not None:
                return event
            if self._state is before:
                break
        if self._eof and not self.complete:
            raise RemoteProtocolError(f"the multipart body ended before its last delimiter: {self!r}")
        return None

    def _step(self) -> FormEvent | None:
        match self._state:
            case _State.PREAMBLE | _State.CONTENT:
                return self._content()
            case _State.HEAD:
                return self._head()
            case _State.DELIMITER:
                self._line_end(_State.HEAD)
            case _State.LAST_DELIMITER:
                self._line_end(_State.EPILOGUE)
            case _State.EPILOGUE:
                self._buffer.clear()
        return None

    def _content(self) -> FormEvent | None:
        """Give out what is certainly content; at a delimiter, end the part."""
        buffer, delimiter = self._buffer, self._delimiter
        at = buffer.find(delimiter)
        if at < 0:
            return self._give(len(buffer) - self._held())
        after = bytes(buffer[at + len(delimiter) : at + len(delimiter) + 2])
        if after in (b"", b"-") and not self._eof:
            return self._give(at)
        if after[:1] not in (b" ", b"\t", b"\r") and after != b"--":
            return self._give(at + len(delimiter))  # a longer boundary than ours, of a body inside this one
        if at > self._lead and (event := self._give(at)):
            return event
        ended = self._state is _State.CONTENT
        self._state = _State.LAST_DELIMITER if after == b"--" else _State.DELIMITER
        del buffer[: buffer.find(delimiter) + len(delimiter) + (2 if after == b"--" else 0)]
        self._lead = 0
        return _PART_END if ended else None

    def _give(self, end: int) -> PartData | None:
        """Take content up to ``end`` out of the buffer; of the preamble nothing is given out."""
        lead = self._lead
        if end <= lead:
            return None
        data = bytes(self._buffer[lead:end])
        del self._buffer[:end]
        self._lead = 0
        return PartData(data) if self._state is _State.CONTENT else None

    def _held(self) -> int:
        """How many bytes at the buffer's end may be the beginning of a delimiter."""
        buffer, delimiter = self._buffer, self._delimiter
        at = buffer.rfind(b"\r", max(0, len(buffer) - len(delimiter)))
        return len(buffer) - at if at >= 0 and delimiter.startswith(buffer[at:]) else 0

    def _line_end(self, then: _State) -> None:
        """Pass the white space that may follow a delimiter on its line, and the line's end."""
        buffer = self._buffer
        if padding := _PADDING.match(buffer):
            length = padding.end()
            del padding  # it holds the buffer
            del buffer[:length]
        if buffer[:2] == b"\r\n":
            del buffer[:2]
        elif self._eof and not buffer and then is _State.EPILOGUE:
            pass  # the last line needs no end
        elif b"\r\n".startswith(buffer):
            return
        else:
            raise RemoteProtocolError(f"expected the end of the delimiter's line, got {bytes(buffer[:20])!r}")
        self._state = then

    def _head(self) -> PartBegin | None:
        """Read the field lines of a part, up to the CRLF of the empty line, which stays."""
        buffer = self._buffer
        if buffer[:2] == b"\r\n":
            return self._begin(b"")
        end = buffer.find(b"\r\n\r\n", self._searched)
        length = end if end >= 0 else len(buffer) - 3  # of those, some may be its end
        if length > limits.MAX_PART_HEADER_BYTES:
            raise LimitExceeded(
                "max_part_header_bytes",
                f"the head of a part has more than {limits.MAX_PART_HEADER_BYTES} bytes",
                status=400,
            )
        if end < 0:
            self._searched = max(0, len(buffer) - 3)
            return None
        block = bytes(buffer[:end])
        del buffer[: end + 2]
        return self._begin(block)

    def _begin(self, block: bytes) -> PartBegin:
        self._parts += 1
        if self._parts > self._max_parts:
            raise LimitExceeded("max_form_parts", f"more than {self._max_parts} parts", status=413)
        self._searched = 0
        self._lead = 2
        self._state = _State.CONTENT
        return PartBegin(_fields(block))


class _State(IntEnum):
    PREAMBLE = 0  # before the first delimiter: dropped
    DELIMITER = 1  # after a delimiter, on its line
    HEAD = 2  # in the field lines of a part
    CONTENT = 3  # after them
    LAST_DELIMITER = 4  # after the delimiter with "--", on its line
    EPILOGUE = 5  # after that: dropped


_PART_END: Final = PartEnd()
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


def _fields(block: bytes) -> list[Field]:
    """Read field lines.  Raises RemoteProtocolError, LimitExceeded."""
    if not block:
        return []
    lines = block.split(b"\r\n")
    if len(lines) > limits.MAX_PART_HEADER_COUNT:
        raise LimitExceeded(
            "max_part_header_count",
            f"expected at most {limits.MAX_PART_HEADER_COUNT} fields in a part, got {len(lines)}",
            status=400,
        )
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not (colon and valid_name(name) and valid_value(value)):
            raise RemoteProtocolError(f"expected a field line in the head of a part, got {line[:80]!r}")
        fields.append((name.lower(), value))
    return fields


def _disposition(fields: list[Field]) -> tuple[str, str]:
    """The name and file name of a part, or "".  Raises RemoteProtocolError for what is ambiguous."""
    found = [value for name, value in fields if name == b"content-disposition"]
    if not found:
        return "", ""
    if len(found) > 1:
        raise RemoteProtocolError("a part has more than one Content-Disposition")
    # Browsers write UTF-8, and a Windows path with its backslashes as they are: only \" and \\ are escapes.
    text = _BACKSLASH.sub(lambda met: met[0] if met[1] else r"\\", found[0].decode("utf-8", "replace"))
    try:
        kind, params = parse_media_type(text)
    except ValueError as error:
        raise RemoteProtocolError(f"malformed Content-Disposition of a part: {error}") from error
    if kind != "form-data":
        return "", ""
    return params.get("name", ""), _base_name(params.get("filename", ""))


def _base_name(path: str) -> str:
    """The last step of a path in either system's notation; "" for a step that is no name."""
    name = path.replace("\\", "/").rpartition("/")[2]
    return "" if name in (".", "..") else name


_BACKSLASH: Final = re.compile(r'\\(["\\]?)')
_PADDING: Final = re.compile(rb"[ \t]+")
