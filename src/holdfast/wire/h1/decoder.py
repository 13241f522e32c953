"""Bytes of requests in, events out.

Strategy: pull.  ``feed`` only keeps bytes; ``next_event`` takes from them what one event needs,
or says None.  What comes behind a message is not looked at until its owner asks for the next
event, so a request behind a broken or a last one is never parsed.

Where the decoder stands is one function, ``_read``: the reader of the next event.  After an
error it is ``_refuse``.

    _read_head ──► _read_end                                   no body
        ├────────► _read_counted ──► _read_end                 Content-Length
        └────────► _read_chunk_size ◄──► _read_chunk_data      chunked
                        └──► _read_trailers

Rule 1: what is decided does not depend on how the bytes were cut into feeds: the same
input gives the same events and the same error, byte by byte or whole.  So a section that holds
a bare CR or LF is parsed at once, up to there: it cannot become valid, and must not wait.
Rule 2: every byte is looked at a bounded number of times, whatever the size of the feeds.
Rule 3: an error is for ever.

Fast path: most requests come whole in one feed.  Then the buffer is that feed, uncopied, and
``head.py`` needs a look into its memories for the rest.

RFC 9112 sections 2, 6, 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from holdfast import limits
from holdfast.errors import RemoteProtocolError
from holdfast.wire import grammar
from holdfast.wire.events import END, Data, End
from holdfast.wire.framing import CHUNKED, allowed_in_trailers
from holdfast.wire.h1.head import HeadParser, parse_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.wire.events import Event, RequestHead

__all__ = ["RequestDecoder"]


class RequestDecoder:
    """Decode the requests of one connection.

    Args:
        max_header_bytes: of a request line and its fields, their line ends included, the empty line not.
        max_header_count: field lines of a message, trailers and the names that Trailer lists included.

    Attributes:
        body_left: bytes that the current body still lacks; -1 while it is chunked, 0 without a body.
    """

    __slots__ = (
        "_blank_lines",
        "_body_bytes",
        "_buffer",
        "_chunk_excess",
        "_chunk_left",
        "_eof",
        "_error",
        "_max_bytes",
        "_max_count",
        "_parse_head",
        "_read",
        "_searched",
        "_start",
        "_trailers_allowed",
        "body_left",
    )

    _error: RemoteProtocolError  # once ``_read`` is ``_refuse``

    def __init__(
        self,
        *,
        max_header_bytes: int = limits.MAX_HEADER_BYTES,
        max_header_count: int = limits.MAX_HEADER_COUNT,
    ) -> None:
        self._max_bytes = max_header_bytes
        self._max_count = max_header_count
        self._read: Callable[[RequestDecoder], Event | None] = RequestDecoder._read_head
        self._buffer: bytes | bytearray = b""
        self._start = 0  # of what is not part of an event yet, in the buffer
        self._searched = 0  # bytes from there in which the end that is awaited does not begin
        self._eof = False
        self._parse_head = HeadParser(max_header_count).parse
        self._blank_lines = 0  # that may be skipped before the next head
        self.body_left = 0
        # Of a chunked body:
        self._body_bytes = 0  # taken so far, framing included
        self._chunk_left = 0
        self._chunk_excess = 0
        self._trailers_allowed = 0

    def feed(self, data: bytes) -> None:
        """Add what the peer sent."""
        buffer = self._buffer
        if not buffer:
            self._buffer = data
        elif isinstance(buffer, bytearray):
            del buffer[: self._start]  # which only moves its beginning
            buffer += data
        else:
            self._buffer = bytearray(memoryview(buffer)[self._start :])
            self._buffer += data
        self._start = 0

    def feed_head(self, data: bytes) -> RequestHead | None:
        """``feed``, ``next_event`` and the End of a request without a body, in one: what most feeds are.

        Returns the head when ``data`` is exactly one head, and nothing was begun before; without a body
        that is the whole request, and no End follows.  Else None: then ``data`` was fed, and ``next_event``
        tells.  Raises as ``next_event``.
        """
        end = data.find(b"\r\n\r\n")
        if (
            end < 0
            or end != len(data) - 4
            or self._buffer
            or self._blank_lines
            or self._read is not _READ_HEAD
            or end > self._max_bytes
        ):
            self.feed(data)
            return None
        try:
            head = self._parse_head(data[:end])
        except RemoteProtocolError as error:
            self._error = error
            self._read = RequestDecoder._refuse
            raise
        self._begin(head)
        if head.content_length == 0:
            self._read = _READ_HEAD  # its End is not asked for
        return head

    def feed_eof(self) -> None:
        """Say that the peer will send no more."""
        self._eof = True

    def next_event(self) -> Event | None:
        """Return the next event, or None when more bytes are needed, or ``at_eof``.

        Raises:
            RemoteProtocolError: the peer broke the protocol, or left in the middle of a message.
                ``status`` says what to answer: 400, 414, 431, 501 or 505.  Every later call raises
                the same error.
        """
        try:
            return self._read(self)
        except RemoteProtocolError as error:
            self._error = error
            self._read = RequestDecoder._refuse
            raise

    def leftover(self) -> bytes:
        """Take the bytes that are part of no event yet: they belong to who takes the connection over."""
        data = bytes(memoryview(self._buffer)[self._start :])
        self._take(len(data))
        return data

    @property
    def buffered(self) -> int:
        """Bytes that are part of no event yet."""
        return len(self._buffer) - self._start

    @property
    def in_head(self) -> bool:
        """Whether some of a head has come, and not all of it."""
        return self._start < len(self._buffer) and self._read is RequestDecoder._read_head

    @property
    def at_eof(self) -> bool:
        """Whether the peer left between two messages, or before the first."""
        return self._eof and self._start == len(self._buffer) and self._read is RequestDecoder._read_head

    def __repr__(self) -> str:
        return f"<RequestDecoder {self._read.__name__}, {self.buffered} bytes buffered>"

    def _refuse(self) -> NoReturn:
        raise self._error.with_traceback(None)

    # --- the head ---

    def _read_head(self) -> RequestHead | None:
        if self._blank_lines:
            self._skip_blank_lines()
        buffer = self._buffer
        start = self._start
        end = buffer.find(b"\r\n\r\n", start + self._searched, start + self._max_bytes + 4)
        if end < 0:
            end = self._spoilt_end(self._max_bytes)
            if end < 0:
                self._wait_for_head()
                return None
        section = buffer[start:end]
        head = self._parse_head(section if type(section) is bytes else bytes(section))
        self._take(end + 4 - start)
        self._begin(head)
        return head

    def _begin(self, head: RequestHead) -> None:
        """Decide what follows ``head``."""
        length = head.content_length
        if length == 0:
            self._read = RequestDecoder._read_end
        elif length == CHUNKED:
            self._expect_chunks(head)
        else:
            self.body_left = length
            self._read = RequestDecoder._read_counted
        if head.method == "POST":
            self._blank_lines = limits.MAX_BLANK_LINES

    def _skip_blank_lines(self) -> None:
        while self._blank_lines and self._buffer.startswith(b"\r\n", self._start):
            self._take(2)
            self._blank_lines -= 1
        if self._buffer[self._start : self._start + 2] not in (b"", b"\r"):  # these may become one yet
            self._blank_lines = 0

    def _wait_for_head(self) -> None:
        buffer, start = self._buffer, self._start
        received = len(buffer) - start
        if not received:
            return
        if not self._blank_lines and not grammar.TOKEN_START.match(buffer, start):
            # Not HTTP: TLS on a plain port, say.  The end of such a head may never come.
            raise RemoteProtocolError(f"expected a method, got {bytes(buffer[start : start + 16])!r}")
        if received >= self._max_bytes + 4:
            limit = self._max_bytes
            if buffer.find(b"\r\n", start, start + limit + 2) < 0:
                raise RemoteProtocolError(f"expected a request line of at most {limit} bytes", status=414)
            raise RemoteProtocolError(f"expected a head of at most {limit} bytes", status=431)
        self._wait("the rest of a request head")

    # --- the body ---

    def _read_end(self) -> End:
        self._read = RequestDecoder._read_head
        return END

    def _read_counted(self) -> Data | None:
        data = self._take_data(self.body_left)
        if not data:
            self._wait("the rest of the body")
            return None
        self.body_left -= len(data)
        if not self.body_left:
            self._read = RequestDecoder._read_end
        return Data(data)

    def _expect_chunks(self, head: RequestHead) -> None:
        self.body_left = CHUNKED
        self._body_bytes = self._chunk_excess = 0
        self._trailers_allowed = self._max_count - len(head.fields)
        self._read = RequestDecoder._read_chunk_size

    def _read_chunk_size(self) -> Event | None:
        buffer, start = self._buffer, self._start
        end = buffer.find(b"\r\n", start + self._searched, start + limits.MAX_CHUNK_LINE + 2)
        if end < 0:
            end = self._spoilt_end(limits.MAX_CHUNK_LINE)
            if end < 0:
                self._wait_for_section(2, limits.MAX_CHUNK_LINE, "a chunk size")
                return None
        line = bytes(buffer[start:end])
        match = grammar.CHUNK_LINE.fullmatch(line)
        if match is None:
            raise self._malformed("a chunk size", line)
        size = int(match[1], 16)
        # The line and two CRLF, beyond a fair share: tiny chunks with long extensions are an attack.
        self._chunk_excess = max(0, self._chunk_excess + len(line) + 4 - (16 + 2 * size))
        if self._chunk_excess > limits.MAX_CHUNK_EXCESS:
            raise RemoteProtocolError("expected chunks, got little but their framing")
        self._take_framing(len(line) + 2)
        self._chunk_left = size
        self._read = RequestDecoder._read_chunk_data if size else RequestDecoder._read_trailers
        return self._read(self)

    def _read_chunk_data(self) -> Event | None:
        data = self._take_data(self._chunk_left)
        if data:
            self._body_bytes += len(data)
            self._chunk_left -= len(data)
            return Data(data)
        if self._chunk_left:
            self._wait("the rest of a chunk")
            return None
        # Whoever skips two bytes here without looking lets a proxy and us see different requests.
        end = bytes(self._buffer[self._start : self._start + 2])
        if end != b"\r\n":
            if end not in (b"", b"\r"):
                raise self._malformed("CRLF after the data of a chunk", end)
            self._wait("CRLF after the data of a chunk")
            return None
        self._take_framing(2)
        self._read = RequestDecoder._read_chunk_size
        return self._read(self)

    def _read_trailers(self) -> End | None:
        buffer, start = self._buffer, self._start
        if buffer.startswith(b"\r\n", start):
            self._take_framing(2)
            return self._end_chunks(END)
        end = buffer.find(b"\r\n\r\n", start + self._searched, start + limits.MAX_TRAILER_BYTES + 4)
        if end < 0:
            end = self._spoilt_end(limits.MAX_TRAILER_BYTES)
            if end < 0:
                self._wait_for_section(4, limits.MAX_TRAILER_BYTES, "a trailer section")
                return None
        trailers = parse_fields(bytes(buffer[start:end]), self._trailers_allowed, status=400)
        for name, _ in trailers:
            if not allowed_in_trailers(name):
                raise self._malformed("a field that may come after the body", name)
        self._take_framing(end + 4 - start)
        return self._end_chunks(End(trailers))

    def _end_chunks(self, end: End) -> End:
        self.body_left = 0
        self._read = RequestDecoder._read_head
        return end

    # --- the buffer ---

    def _take(self, count: int) -> None:
        self._start += count
        self._searched = 0
        if self._start == len(self._buffer):
            self._buffer = b""  # an idle connection keeps nothing
            self._start = 0

    def _take_framing(self, count: int) -> None:
        self._body_bytes += count
        self._take(count)

    def _take_data(self, most: int) -> bytes:
        """Take up to ``most`` bytes; without a copy when they are all that was fed."""
        buffer, start = self._buffer, self._start
        if type(buffer) is bytes and not start and len(buffer) <= most:
            self._buffer = b""
            return buffer
        data = bytes(memoryview(buffer)[start : start + most])
        self._take(len(data))
        return data

    def _spoilt_end(self, limit: int) -> int:
        """Return the place just behind a bare CR or LF, up to which all is to be parsed and refused; else -1.

        It must be within ``limit`` bytes and their end, so that it is found before the limit, or never.
        """
        buffer, start = self._buffer, self._start
        bare = grammar.BARE.search(buffer, start + self._searched, start + limit + 4)
        if bare is not None:
            return bare.end()
        self._searched = max(0, len(buffer) - start - 3)
        return -1

    def _wait_for_section(self, end_length: int, limit: int, what: str) -> None:
        if self.buffered >= limit + end_length:
            raise RemoteProtocolError(
                f"expected {what} of at most {limit} bytes at byte {self._body_bytes} of the body"
            )
        self._wait(f"the rest of {what}")

    def _wait(self, for_what: str) -> None:
        if self._eof:
            raise RemoteProtocolError(f"expected {for_what}, got the end of the connection")

    def _malformed(self, expected: str, got: bytes) -> RemoteProtocolError:
        return RemoteProtocolError(
            f"expected {expected}, got {got[:64]!r} at byte {self._body_bytes} of the body"
        )


_READ_HEAD: Final = RequestDecoder._read_head
