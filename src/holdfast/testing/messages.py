"""HTTP/1.1 messages as tests need them: requests put together, responses read without mercy.

The reader is not the library's own: it takes what RFC 9112 allows a server to send and nothing
else, and keeps how it came: the framing, each chunk's size, the bytes.

RFC 9112 sections 4, 5, 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from holdfast.errors import ConnectionReset, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "BrokenResponse",
    "ByteSource",
    "Fields",
    "WireResponse",
    "pairs",
    "read_response",
    "request_bytes",
]

Fields: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"


class ByteSource(Protocol):
    """What a response is read from: a ``Stream``, or bytes."""

    async def read(self, n: int) -> bytes: ...
    async def readexactly(self, n: int) -> bytes: ...
    async def readuntil(self, separator: bytes) -> bytes: ...


class BrokenResponse(AssertionError):
    """What came is no response, or not a whole one.

    Attributes:
        raw: the bytes of it that came.
    """

    def __init__(self, message: str, raw: bytes) -> None:
        super().__init__(f"{message}; after {raw[-200:]!r}" if raw else message)
        self.raw = raw


@dataclass(slots=True)
class WireResponse:
    """A response, and how it came.

    Attributes:
        headers: (name, value) of every field line, in order, names as they came.
        interim: the 1xx responses before it.
        framing: how the end of the body was told.
        chunks: the size of each chunk, without the last, empty one.
        raw: every byte of it, interim responses included.
        closed: the server closed its half to end it.
    """

    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    interim: list[WireResponse] = field(default_factory=list)
    framing: Literal["none", "length", "chunked", "close"] = "none"
    chunks: list[int] = field(default_factory=list)
    raw: bytes = b""
    closed: bool = False

    def values(self, name: str) -> list[str]:
        """The values of a header field, one for each line."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a header field; None when there is none.  Raises AssertionError for more than one."""
        found = self.values(name)
        if len(found) > 1:
            raise AssertionError(f"{name} came {len(found)} times: {found}")
        return found[0] if found else None

    async def read(self) -> bytes:
        """The body, as clients give it."""
        return self.body


def request_bytes(
    method: str,
    target: str,
    headers: Fields = (),
    body: bytes | Sequence[bytes] = b"",
    *,
    host: str = "localhost",
) -> bytes:
    """Put a request together; a ``body`` in pieces is sent in as many chunks.

    ``Host`` and the framing are added unless ``headers`` has them.
    """
    fields = pairs(headers)
    given = {name.lower() for name, _ in fields}
    if "host" not in given:
        fields.insert(0, ("Host", host))
    if not isinstance(body, bytes):
        if "transfer-encoding" not in given:
            fields.append(("Transfer-Encoding", "chunked"))
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in body if piece) + b"0\r\n\r\n"
    elif (body or method in _WITH_BODY) and not given & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def pairs(headers: Fields) -> list[tuple[str, str]]:
    """The fields as a new list."""
    return list(headers.items() if isinstance(headers, Mapping) else headers)


async def read_response(source: ByteSource, method: str = "GET") -> WireResponse:
    """Read the response to a ``method`` request.  Raises BrokenResponse."""
    kept = _Kept(source)
    try:
        interim: list[WireResponse] = []
        while 100 <= (response := await _read_head(kept)).status < 200 and response.status != 101:
            interim.append(response)
        response.interim = interim
        await _read_body(kept, response, method)
    except (ConnectionReset, LimitExceeded) as error:
        raise BrokenResponse(f"expected a response; {error}", kept.raw) from error
    response.raw = kept.raw
    return response


class _Kept:
    """A source whose bytes are kept as they are read."""

    __slots__ = ("_pieces", "_source")

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._pieces: list[bytes] = []

    @property
    def raw(self) -> bytes:
        return b"".join(self._pieces)

    async def line(self) -> str:
        line = await self._source.readuntil(b"\r\n")
        self._pieces.append(line)
        text = line[:-2].decode("latin-1")
        if "\r" in text or "\n" in text:
            raise BrokenResponse(f"a bare CR or LF in {text!r}", self.raw)
        return text

    async def exactly(self, n: int) -> bytes:
        data = await self._source.readexactly(n)
        self._pieces.append(data)
        return data

    async def rest(self) -> bytes:
        before = len(self._pieces)
        while data := await self._source.read(65536):
            self._pieces.append(data)
        return b"".join(self._pieces[before:])


async def _read_head(kept: _Kept) -> WireResponse:
    line = await kept.line()
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise BrokenResponse(f"no status line: {line!r}", kept.raw)
    version, status, reason = match.groups()
    return WireResponse(int(status), reason, version, await _read_fields(kept))


async def _read_fields(kept: _Kept) -> list[tuple[str, str]]:
    fields = []
    while line := await kept.line():
        match = _FIELD_LINE.fullmatch(line)
        if match is None:
            raise BrokenResponse(f"no field line: {line!r}", kept.raw)
        fields.append((match[1], match[2]))
    return fields


async def _read_body(kept: _Kept, response: WireResponse, method: str) -> None:
    lengths, codings = response.values("Content-Length"), response.values("Transfer-Encoding")
    if len(lengths) > 1 or (lengths and codings) or any(coding != "chunked" for coding in codings):
        raise BrokenResponse(f"framing that cannot be trusted: {lengths} {codings}", kept.raw)
    if lengths and _LENGTH.fullmatch(lengths[0]) is None:
        raise BrokenResponse(f"no length: {lengths[0]!r}", kept.raw)
    tunnel = method == "CONNECT" and response.status // 100 == 2
    if method == "HEAD" or response.status in (101, 204, 304) or tunnel:
        return
    if codings:
        response.framing = "chunked"
        await _read_chunks(kept, response)
    elif lengths:
        response.framing = "length"
        response.body = await kept.exactly(int(lengths[0]))
    else:
        response.framing = "close"
        response.body = await kept.rest()
        response.closed = True


async def _read_chunks(kept: _Kept, response: WireResponse) -> None:
    pieces = []
    while True:
        line = await kept.line()
        if _CHUNK_SIZE.fullmatch(line) is None:
            raise BrokenResponse(f"no chunk size: {line!r}", kept.raw)
        if not (size := int(line, 16)):
            break
        response.chunks.append(size)
        pieces.append(await kept.exactly(size))
        if await kept.line():
            raise BrokenResponse("a chunk is longer than its size", kept.raw)
    response.body = b"".join(pieces)
    response.trailers = await _read_fields(kept)


_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_STATUS_LINE: Final = re.compile(r"HTTP/(1\.[01]) ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_LENGTH: Final = re.compile(r"0|[1-9][0-9]*")
_CHUNK_SIZE: Final = re.compile(r"0|[1-9a-f][0-9a-f]*", re.I)
