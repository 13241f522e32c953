"""What a handler writes its response to: Go's ResponseWriter, with Python's manners.

Strategy: what a handler writes is kept until there is more than ``RESPONSE_BUFFER``
of it, or it flushes, or it returns.  A response that is whole by then gets its
``Content-Length`` and leaves, head and body, in one write; a longer one is chunked.

Rule 1: the head is frozen at the first ``write_header`` or ``write``; what is set in
``headers`` afterwards does not reach the peer, trailers aside.
Rule 2: only this file decides what Go's server decides for a handler: the implicit
200, sniffing, the automatic length, when a small unread body is read.

Go's net/http server.go, ``response`` and ``chunkWriter``; RFC 9110 section 8.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import BodyNotAllowed, ContentLengthError, Hijacked, LocalProtocolError
from holdfast.headers import Headers, has_token
from holdfast.limits import RESPONSE_BUFFER
from holdfast.mime import SNIFF_LENGTH, detect_content_type
from holdfast.net.stream import Stream
from holdfast.server.caller import caller
from holdfast.server.controller import ResponseController
from holdfast.server.copying import copy_into
from holdfast.server.filebody import read_file
from holdfast.status import allows_body
from holdfast.wire.framing import allowed_in_trailers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.server.exchange import Exchange

__all__ = ["ResponseWriter"]


class ResponseWriter:
    """One response, as its handler makes it.  Not to be kept beyond the handler's return.

    Attributes:
        headers: of the response; frozen at the first write.
        status: 0 until the final status is chosen; 101 once the connection was hijacked.
        bytes_written: of the body, as ``write`` was given them (for HEAD too, though nothing is sent).
        exchange: the seam underneath, for other front doors.
    """

    # One is made per request, and most of this never changes: so it is the class's until it does.
    status = 0
    bytes_written = 0
    _kept = b""  # of the body, and not sent yet; never much more than the buffer's size
    _declared = -1  # the handler's own Content-Length, in bytes
    _sent_head = False
    _trailers: Headers | None = None
    _controller: ResponseController | None = None
    _fields: list[tuple[bytes, bytes]]  # frozen, with the status
    _names: dict[bytes, bytes | None]  # of the frozen fields, and of what was suppressed

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.headers = Headers()

    @property
    def trailers(self) -> Headers:
        """Fields to send after the body.

        They reach the peer when the response is chunked: set one, or name it in a ``Trailer``
        header, before the first write, and the response will be (RFC 9110 6.5).
        """
        if self._trailers is None:
            self._trailers = Headers()
        return self._trailers

    @property
    def controller(self) -> ResponseController:
        """Deadlines, full duplex, flush and hijack of this response."""
        if self._controller is None:
            self._controller = ResponseController(self)
        return self._controller

    def write_header(self, status: int) -> None:
        """Freeze the head with ``status``; a 1xx other than 101 is sent at once, and another may follow.

        A second final status is ignored, with a line in the log.

        Raises:
            ValueError: ``status`` is not 100…999.
            LocalProtocolError: Content-Length is no number or set twice; an interim status comes too late.
        """
        if self.status:
            why = "after the connection was hijacked" if self.exchange.hijacked else "superfluous"
            _log.warning("%s: write_header(%s) from %s", why, status, caller())
            return
        if type(status) is not int:
            status = int(status)
        if not 100 <= status <= 999:
            raise ValueError(f"a status is a number from 100 to 999, not {status}")
        if status < 200 and status != 101:
            self.exchange.interim(status, self.headers.fields)
            return
        self._freeze(status)

    def _freeze(self, status: int) -> None:
        headers = self.headers
        fields = headers.fields.copy()
        names: dict[bytes, bytes | None] = dict(fields)
        declared = names.get(b"content-length")
        if declared is not None:
            if len(headers.values("Content-Length")) > 1:
                raise LocalProtocolError("more than one Content-Length was set")
            if not declared.isdigit() or len(declared) > 18:
                raise LocalProtocolError(f"Content-Length is a number of bytes, not {declared!r}")
            self._declared = int(declared)
        if headers.suppressed:
            names.update(dict.fromkeys(headers.suppressed))
        self._fields = fields
        self._names = names
        self.status = status

    async def write_informational(
        self, status: int, headers: Headers | Mapping[str, str] | None = None
    ) -> None:
        """Send a 1xx response with ``headers`` at once, e.g. 103 with ``Link`` fields.

        An HTTP/1.0 peer gets none.  Raises LocalProtocolError after the final head.
        """
        self.exchange.interim(status, Headers(headers or ()).fields)
        await self.exchange.drain()

    async def write(self, data: bytes | str) -> int:
        """Add ``data`` (a str as UTF-8) to the body and return its length in bytes.

        The first write freezes the head, with status 200 if none was chosen.  Waits while the peer
        is slower than the handler.

        Raises:
            TypeError: ``data`` is neither bytes nor str.
            BodyNotAllowed: the status allows no body.
            ContentLengthError: this goes beyond the declared length; nothing of it is sent.
            Hijacked, ConnectionReset, Timeout: the connection is another's, lost, or was cut.
        """
        size = self.keep(data)
        if len(self._kept) > RESPONSE_BUFFER:
            await self.flush()
        return size

    def keep(self, data: bytes | str) -> int:
        """The half of ``write`` that never waits; once ``is_full``, ``flush`` has to follow."""
        if type(data) is not bytes:
            data = _as_bytes(data)
        if not self.status:
            self._freeze(200)
        size = len(data)
        if size:
            if self._declared >= 0 or self.status != 200:
                self._check_length(size)
            self.bytes_written += size
            kept = self._kept
            self._kept = kept + data if kept else data
        return size

    @property
    def is_full(self) -> bool:
        """Whether more is kept than the buffer's size."""
        return len(self._kept) > RESPONSE_BUFFER

    async def flush(self) -> None:
        """Send what is written so far; the head goes first, and the body's length is unknown from then on."""
        exchange = self.exchange
        if not self._sent_head:
            if not self.status:
                self._freeze(200)
            await self._settle_body()
            self._start()
        if self._kept:
            exchange.write(self._kept)
            self._kept = b""
        if not exchange.push():
            await exchange.wait()

    async def send_file(self, file: Any, offset: int, count: int) -> None:
        """Add ``count`` bytes of ``file`` from ``offset`` to the body; the kernel sends them where it can.

        Args:
            file: open for reading, or the descriptor of a regular file.  It is not closed.

        Raises:
            LocalProtocolError: the file has fewer bytes.
            OSError: the file cannot be read.
            BodyNotAllowed, ContentLengthError, Hijacked, ConnectionReset, Timeout: as ``write``.
        """
        if not self.status:
            self.write_header(200)
        if not count:
            return
        self._check_length(count)
        lead = 0
        if len(self._kept) + count <= RESPONSE_BUFFER:
            lead = count
        elif not self._sent_head and b"content-type" not in self._names:
            lead = min(count, SNIFF_LENGTH)
        if lead:
            lead = self.keep(await read_file(file, offset, lead))
        if lead < count:
            await self.flush()
            await self.exchange.send_file(file, offset + lead, count - lead)
            self.bytes_written += count - lead

    async def read_from(self, source: Any) -> int:
        """Add everything that ``source`` has to the body and return how many bytes that was.

        Nothing is sent before the first bytes came.  Of what goes beyond a declared length the part that
        fits is sent.

        Args:
            source: a file, sent from where it stands; or anything with ``read(n)``, async or not.

        Raises what ``source.read`` raises, besides what ``send_file`` does.  Go's ``ReadFrom``.
        """
        return await copy_into(self, source)

    async def write_json(self, value: Any, status: int = 200) -> None:
        """Send ``value`` as JSON (UTF-8, compact), with ``Content-Type: application/json`` unless one is set.

        Raises TypeError or ValueError for what JSON cannot say; nothing has been sent then.
        """
        body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        self.headers.setdefault("Content-Type", "application/json")
        self.write_header(status)
        await self.write(body)

    async def hijack(self) -> tuple[Stream, bytes]:
        """Take the connection: a stream, and the bytes that were read ahead and belong to it.

        The stream returns those bytes first; they are given only to be looked at.  The server
        forgets the connection; who takes it must close it.

        Raises:
            Hijacked: it was taken already.
            NotSupported: other exchanges share the connection.
        """
        if self.status and not self._sent_head:
            self._start()
        transport, leftover = self.exchange.hijack()
        self.status = 101
        self._sent_head = True
        conn = self.exchange.conn
        paused = conn.write_paused
        return Stream.take_over(transport, leftover, eof=conn.peer_gone, writing_paused=paused), leftover

    @property
    def room(self) -> int | None:
        """Bytes left of the declared length; None without one."""
        return None if self._declared < 0 else self._declared - self.bytes_written

    def _check_length(self, size: int) -> None:
        if self.exchange.hijacked:
            raise Hijacked("the connection was hijacked")
        if self._declared >= 0 and self.bytes_written + size > self._declared:
            left = self._declared - self.bytes_written
            self._declared = self.bytes_written  # a body with a hole must not become as long as a whole one
            raise ContentLengthError(f"{size} bytes written, {left} left of Content-Length")
        if not allows_body(self.status):
            raise BodyNotAllowed(f"a {self.status} response has no body")

    async def _settle_body(self) -> None:
        """Before the head: a peer may write its whole body before it reads (Go's rule)."""
        exchange = self.exchange
        if not exchange.body_complete and not exchange.full_duplex:
            if has_token(self._names.get(b"connection") or b"", b"close"):
                exchange.close_body()  # the answer need not wait for what nobody will read
            else:
                await exchange.settle_body()

    def finish_now(self) -> bool:
        """The handler returned: send its response, if it is whole and nothing has to be waited for.

        Called by the server, once; where this says False, ``finish`` follows.
        """
        exchange = self.exchange
        if self._sent_head or not exchange.body_complete or exchange.hijacked or exchange.status:
            return exchange.ended  # by an application mounted below
        if not self.status:
            self._freeze(200)
        if not self._is_plain():
            return False
        body, names = self._kept, self._names
        self._kept = b""
        self._sent_head = True
        fields = self._fields if b"content-type" in names and self.status != 304 else self._sniffed(body)
        exchange.respond(self.status, fields, body, date=b"date" not in names)
        return True

    async def finish(self) -> None:
        """Send what is left of the response."""
        exchange = self.exchange
        if exchange.hijacked or exchange.ended:
            return
        if not self.status:
            self.write_header(200)
        if not self._sent_head:
            await self._settle_body()
            if self.finish_now():
                return
            self._start(length=len(self._kept) if self._is_plain() else None)
        if self._kept:
            exchange.write(self._take_kept())
        exchange.end(self._trailer_fields())

    def _take_kept(self) -> bytes:
        data = self._kept
        self._kept = b""
        return data

    def _is_plain(self) -> bool:
        """Whether the response is whole, and has its length or gets it by itself."""
        names = self._names
        return not (
            (b"content-length" in names and self._declared != len(self._kept))
            or b"transfer-encoding" in names
            or b"trailer" in names
            or self._trailers is not None
            or (not self._kept and self.exchange.head.method == "HEAD")  # says nothing of GET's length
        )

    def _start(self, length: int | None = None) -> None:
        """Send the frozen head; ``length`` is the whole body's, where the handler has returned."""
        fields = self._sniffed(self._kept[:SNIFF_LENGTH])
        if self._trailers is not None or b"trailer" in self._names:
            fields = self._announce_trailers(fields)
        self._sent_head = True
        self.exchange.start(self.status, fields, length=length, date=b"date" not in self._names)

    def _sniffed(self, body: bytes) -> list[tuple[bytes, bytes]]:
        """The frozen fields, with a Content-Type by what the body looks like if the handler set none."""
        names, fields = self._names, self._fields
        if b"content-type" in names:
            if self.status == 304:
                fields = [field for field in fields if field[0] != b"content-type"]
        elif body and not names.get(b"content-encoding") and b"transfer-encoding" not in names:
            fields.append((b"content-type", detect_content_type(body[:SNIFF_LENGTH]).encode("ascii")))
        return fields

    def _announce_trailers(self, fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Leave declared trailers out of the head, and declare those that are set already."""
        declared = self._declared_trailers()
        fields = [field for field in fields if field[0] not in declared]
        new = [name for name in self._trailers or () if name.lower().encode() not in declared]
        if new:
            fields.append((b"trailer", ", ".join(new).encode()))
        return fields

    def _declared_trailers(self) -> set[bytes]:
        lines = [value for name, value in self._fields if name == b"trailer"]
        names = {item.strip().lower() for line in lines for item in line.split(b",")}
        return {name for name in names if allowed_in_trailers(name)}

    def _trailer_fields(self) -> list[tuple[bytes, bytes]]:
        """``trailers``, and what the handler put into ``headers`` under a declared name (Go's way)."""
        if self._trailers is None and b"trailer" not in self._names:
            return []
        fields = [] if self._trailers is None else list(self._trailers.fields)
        taken = {name for name, _ in fields}
        declared = self._declared_trailers() - taken
        return fields + [field for field in self.headers.fields if field[0] in declared]


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"a body is bytes or str, not {type(data).__name__}")


_log: Final = logging.getLogger("holdfast.error")
