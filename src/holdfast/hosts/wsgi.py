"""A WSGI application as a front door to the exchange, on the server's threads.

Strategy: the whole of a request, iteration and ``close()`` included, runs on one thread in one
piece of work.  What it sends is posted to the loop, which does not keep the thread waiting; only
when much of it is unsent does the thread wait.  A request body that is small is read before a thread
is taken, so that a slow sender holds none.

Rule 1: a block is on its way before the application is asked for the next, or for ``close()``.
Rule 2: what is wrong in a response raises in the call that made it, and nothing of it is sent.
Rule 3: when the response is complete the connection goes on; the thread finishes by itself.

PEP 3333.
"""

from __future__ import annotations

import io
import logging
import os
import stat
from collections.abc import Sized
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import BodyNotAllowed, ContentLengthError, HTTPError, LocalProtocolError, UsageError
from holdfast.hosts.environ import add_headers, request_environ
from holdfast.hosts.fields import checked_text_fields, declared_length
from holdfast.hosts.input import PiecewiseInput
from holdfast.hosts.mount import exchange_of, path_bytes, split_target, stripped_prefix
from holdfast.limits import BODY_HIGH_WATER, WRITE_HIGH_WATER
from holdfast.status import allows_body

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from holdfast.message import Request
    from holdfast.net.tasks import Future, Threads
    from holdfast.server.exchange import Exchange

__all__ = ["WSGI", "FileWrapper"]


class WSGI:
    """A handler that runs a WSGI application.

    Args:
        app: ``(environ, start_response)`` that returns an iterable of bytes.
        threads: how many requests run at once; what the server's ``threads`` says when None.
        root_path: what a proxy in front stripped of the path: the first part of ``SCRIPT_NAME``.
        multiprocess: whether other processes run the same application (``wsgi.multiprocess``).
    """

    def __init__(
        self, app: Any, *, threads: int | None = None, root_path: str = "", multiprocess: bool = False
    ) -> None:
        if not callable(app):
            raise TypeError(f"a WSGI application is called with environ and start_response; got {app!r}")
        if threads is not None and threads < 1:
            raise ValueError(f"at least one thread is needed, not {threads}")
        self.app = app
        self.threads = threads
        self.root_path = root_path.rstrip("/")
        self._template: dict[str, Any] = {
            "wsgi.version": (1, 0),
            "wsgi.errors": _ErrorLog(),
            "wsgi.multithread": threads != 1,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input_terminated": True,
        }

    def __repr__(self) -> str:
        return f"<WSGI {self.app!r}>"

    async def serve_exchange(self, exchange: Exchange) -> None:
        """Answer one request, at the root of the server."""
        head = exchange.head
        path, query = split_target(head.method, head.target)
        environ = request_environ(exchange, head.method, self.root_path, path, query)
        add_headers(environ, head.fields)
        await self._serve(exchange, environ, exchange.read)

    async def serve_http(self, w: Any, r: Request) -> None:
        """Answer one request below a ``ServeMux`` or a handler such as ``StripPrefix``.

        Raises:
            UsageError: ``w`` wraps the writer, or something has been written to it.
        """
        exchange = exchange_of(w, self)
        script_name = self.root_path + path_bytes(stripped_prefix(exchange, r)).decode("latin-1")
        url = r.url
        environ = request_environ(exchange, r.method, script_name, url.raw_path, url.raw_query or "")
        add_headers(environ, r.headers.fields)
        await self._serve(exchange, environ, r.body.next)

    async def _serve(
        self,
        exchange: Exchange,
        environ: dict[str, Any],
        read: Callable[[], Coroutine[Any, Any, bytes]],
    ) -> None:
        threads = exchange.threads
        environ.update(self._template)
        body: PiecewiseInput | None = None
        if 0 <= exchange.head.content_length <= BODY_HIGH_WATER and not exchange.head.expect_continue:
            environ["wsgi.input"] = io.BytesIO(await _read_all(read))
        else:
            body = PiecewiseInput(threads, read)
            environ["wsgi.input"] = body.buffered()
        call = _Call(self.app, exchange, threads, environ)
        call.work = threads.submit(call.run)
        try:
            await call.work
        except Exception as error:
            if body is not None and body.failure is not None and not exchange.status:
                raise body.failure from error
            if not isinstance(call.failure, OSError):
                raise
            _log.debug("%s: the application stopped, the peer had gone", exchange, exc_info=True)
        if call.failure is not None:
            raise call.failure


async def _read_all(read: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
    data = await read()
    if not data:
        return data
    pieces = [data]
    while data := await read():
        pieces.append(data)
    return b"".join(pieces)


class _Call:
    """One call of the application: its ``start_response``, its blocks, its end.

    Attributes:
        work: done when the response is complete, or the application has ended without one.
        failure: what came of sending; an OSError when the peer has gone.
    """

    __slots__ = (
        "_allows_body",
        "_app",
        "_complete",
        "_environ",
        "_exchange",
        "_fields",
        "_left",
        "_sent_head",
        "_status",
        "_threads",
        "_unsent",
        "failure",
        "work",
    )

    work: Future[None]

    def __init__(self, app: Any, exchange: Exchange, threads: Threads, environ: dict[str, Any]) -> None:
        self._app = app
        self._exchange = exchange
        self._threads = threads
        self._environ = environ
        self._status = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._left: int | None = None  # of the declared Content-Length
        self._allows_body = True
        self._sent_head = False
        self._complete = False
        self._unsent = 0  # bytes posted since the thread last waited for the peer
        self.failure: Exception | None = None

    # --- on the thread ---

    def run(self) -> None:
        """Run the application to its end.  What goes wrong after the response is complete is logged."""
        try:
            result = self._app(self._environ, self._start_response)
            try:
                self._send_result(result)
            finally:
                if (close := getattr(result, "close", None)) is not None:
                    close()
        except Exception:
            if not self._complete or self.failure is not None:
                raise
            _log.exception("the WSGI application failed after its response")
        if self.failure is not None:
            raise self.failure

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """PEP 3333 ``start_response``."""
        if exc_info:
            try:
                if self._sent_head:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a circle through this frame
        elif self._status:
            raise LocalProtocolError("start_response was called again without exc_info")
        code = _status_code(status)
        fields = checked_text_fields(headers)
        self._status, self._fields = code, fields
        self._left = declared_length(fields)
        self._allows_body = allows_body(code)
        return self._write

    def _send_result(self, result: Iterable[bytes]) -> None:
        if type(result) in (list, tuple):
            self._send(b"".join(map(_checked_block, result)), last=True)
            return
        if type(result) is FileWrapper and self._send_file(result):
            return
        single = isinstance(result, Sized) and len(result) == 1
        for block in result:
            if not _checked_block(block):
                continue
            if self._complete:
                raise ContentLengthError(f"{len(block)} bytes beyond the declared Content-Length")
            self._send(block, last=single or self._left == len(block))
        if not self._complete:
            self._send(b"", last=True)

    def _write(self, data: bytes) -> None:
        """The callable that ``start_response`` returns."""
        if _checked_block(data):
            self._send(data, last=False)

    def _send(self, data: bytes, *, last: bool) -> None:
        """Post a block, with the head before it and the end behind it where they are due."""
        if self.failure is not None:
            raise self.failure
        if not self._status:
            raise UsageError("the WSGI application sent a body before it called start_response")
        self._count(len(data), last)
        whole = last and not self._sent_head
        self._sent_head, self._complete = True, last
        self._threads.post(lambda: self._transmit(data, whole, last))
        self._unsent += len(data)
        if self._unsent > WRITE_HIGH_WATER and not last:
            self._unsent = 0
            try:
                self._threads.run_in_loop(self._exchange.drain())
            except HTTPError as error:
                self.failure = error
                raise

    def _count(self, size: int, last: bool) -> None:
        """Hold the body against the declared length.  An answer to HEAD has none to hold against it."""
        if not self._allows_body:
            if size:
                raise BodyNotAllowed(f"a {self._status} response has no body")
            return
        left = self._left
        if left is None:
            return
        if size > left:
            raise ContentLengthError(f"{size} bytes written, {left} left of Content-Length")
        self._left = left - size
        if last and self._left and self._environ["REQUEST_METHOD"] != "HEAD":
            raise ContentLengthError(f"the response ended {self._left} bytes short of its Content-Length")

    def _send_file(self, wrapper: FileWrapper) -> bool:
        """Have the kernel send a regular file from where it stands.  False where that is not possible."""
        found = wrapper.regular()
        if found is None or not self._status or self._sent_head:
            return False
        file, offset, count = found
        if self._left is not None:
            count = min(count, self._left)
        self._count(count, last=True)
        self._sent_head = True
        self._threads.run_in_loop(self._transmit_file(file, offset, count))
        self._complete = True
        return True

    # --- on the loop ---

    def _transmit(self, data: bytes, whole: bool, last: bool) -> None:
        if self.failure is not None:
            return
        exchange = self._exchange
        try:
            if whole and (data or exchange.head.method != "HEAD"):
                exchange.respond(self._status, self._fields, data)
            else:
                if not exchange.status:
                    exchange.start(self._status, self._fields)
                exchange.write(data)
                if not last:
                    exchange.flush()
                    return
                exchange.end()
        except Exception as error:
            self.failure = error
            return
        if not self.work.done():
            self.work.set_result(None)

    async def _transmit_file(self, file: Any, offset: int, count: int) -> None:
        exchange = self._exchange
        exchange.start(self._status, self._fields, length=count)
        await exchange.send_file(file, offset, count)
        exchange.end()
        if not self.work.done():
            self.work.set_result(None)


class FileWrapper:
    """``wsgi.file_wrapper``: the rest of a file, for the kernel to send, or in blocks where it cannot.

    Args:
        filelike: has ``read(size)``, and ``close()`` where it is to be closed.
        block_size: bytes of a block.
    """

    __slots__ = ("_block_size", "_file", "close")

    def __init__(self, filelike: Any, block_size: int = 64 << 10) -> None:
        self._file = filelike
        self._block_size = block_size
        self.close = getattr(filelike, "close", _nothing)

    def __iter__(self) -> FileWrapper:
        return self

    def __next__(self) -> bytes:
        block: bytes = self._file.read(self._block_size)
        if not block:
            raise StopIteration
        return block

    def regular(self) -> tuple[Any, int, int] | None:
        """The file, where it stands, and the bytes that are left; None when it is no regular file."""
        file = self._file
        try:
            status = os.fstat(file.fileno())
            offset = file.tell()
        except (AttributeError, OSError, ValueError):
            return None
        if not stat.S_ISREG(status.st_mode) or not isinstance(file, io.BufferedReader | io.FileIO):
            return None
        return file, offset, max(status.st_size - offset, 0)


class _ErrorLog:
    """``wsgi.errors``: what is written goes to the log, line by line."""

    __slots__ = ()

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                _log.error("%s", line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back."""


def _nothing() -> None:
    pass


def _checked_block(block: Any) -> bytes:
    if type(block) is bytes:
        return block
    if isinstance(block, bytes):
        return bytes(block)
    raise LocalProtocolError(f"a WSGI response body is made of bytes, not {type(block).__name__}")


def _status_code(status: Any) -> int:
    """The number of ``"200 OK"``."""
    if isinstance(status, str) and status[:3].isdecimal() and status[3:4] in ("", " "):
        code = int(status[:3])
        if code >= 200:
            return code
    raise LocalProtocolError(f'a status is like "200 OK", and final; got {status!r}')


_log: Final = logging.getLogger("holdfast.error")
