"""A handler that blocks: a plain ``def``, run on a thread, with a writer and a request that block too.

Small writes stay on the thread: they go into the writer's buffer, and only a full
buffer, a flush or a read of the body crosses over to the loop.

Rule: while the handler's thread runs, the loop does not touch its writer.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.errors import NotSupported

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from holdfast.formdata import Form, Multipart, Part
    from holdfast.headers import Headers
    from holdfast.message import Request
    from holdfast.net.threads import Threads
    from holdfast.server.response import ResponseWriter

__all__ = [
    "BlockingBody",
    "BlockingPart",
    "BlockingRequest",
    "BlockingWriter",
    "also_blocking",
    "run_blocking",
]

T = TypeVar("T")


async def run_blocking(call: Callable[[Any, Any], Any], w: Any, r: Request) -> None:
    """Run ``call(w, r)`` on the server's threads."""
    inner = w
    while not hasattr(inner, "exchange"):
        if not hasattr(inner, "unwrap"):
            raise NotSupported(f"a blocking handler needs the server's threads, which {inner!r} cannot reach")
        inner = inner.unwrap()
    threads = inner.exchange.threads
    await threads.run(call, BlockingWriter(w, threads), BlockingRequest(r, threads))


def also_blocking(helper: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Awaitable[None]]:
    """Let ``helper(w, r, …)``, a coroutine function, be called by a blocking handler too: it blocks then."""

    @wraps(helper)
    def call(w: Any, r: Any, *args: Any) -> Any:
        return w.run(helper(w.unwrap(), r, *args)) if isinstance(w, BlockingWriter) else helper(w, r, *args)

    return call


class BlockingWriter:
    """A ``ResponseWriter`` for a thread: the same methods, without ``await``."""

    __slots__ = ("_threads", "_w")

    def __init__(self, w: ResponseWriter, threads: Threads) -> None:
        self._w = w
        self._threads = threads

    @property
    def headers(self) -> Headers:
        return self._w.headers

    @property
    def trailers(self) -> Headers:
        return self._w.trailers

    @property
    def status(self) -> int:
        return self._w.status

    @property
    def bytes_written(self) -> int:
        return self._w.bytes_written

    def write_header(self, status: int) -> None:
        """As ``ResponseWriter.write_header``."""
        if 100 <= status < 200:
            self._threads.run_in_loop(_call(self._w.write_header, status))
        else:
            self._w.write_header(status)

    def write(self, data: bytes | str) -> int:
        """As ``ResponseWriter.write``."""
        keep = getattr(self._w, "keep", None)
        if keep is None:
            return self._threads.run_in_loop(self._w.write(data))
        size: int = keep(data)
        if self._w.is_full:
            self._threads.run_in_loop(self._w.flush())
        return size

    def write_informational(self, status: int, headers: Any = None) -> None:
        """As ``ResponseWriter.write_informational``."""
        self._threads.run_in_loop(self._w.write_informational(status, headers))

    def write_json(self, value: Any, status: int = 200) -> None:
        """As ``ResponseWriter.write_json``."""
        self._threads.run_in_loop(self._w.write_json(value, status))

    def send_file(self, file: Any, offset: int, count: int) -> None:
        """As ``ResponseWriter.send_file``."""
        self._threads.run_in_loop(self._w.send_file(file, offset, count))

    def read_from(self, source: Any) -> int:
        """As ``ResponseWriter.read_from``."""
        return self._threads.run_in_loop(self._w.read_from(source))

    def flush(self) -> None:
        """As ``ResponseWriter.flush``."""
        self._threads.run_in_loop(self._w.flush())

    def run(self, coro: Coroutine[Any, Any, T]) -> T:
        """Run ``coro``, which may use ``unwrap()``, on the loop, and wait for it."""
        return self._threads.run_in_loop(coro)

    def unwrap(self) -> ResponseWriter:
        """The writer underneath, for use on the loop."""
        return self._w


class BlockingBody:
    """A request's body for a thread."""

    __slots__ = ("_r", "_threads")

    def __init__(self, r: Request, threads: Threads) -> None:
        self._r = r
        self._threads = threads

    def read(self, n: int = -1) -> bytes:
        """As ``Body.read``."""
        return self._threads.run_in_loop(self._r.body.read(n)) if self._r.content_length else b""

    def __iter__(self) -> Iterator[bytes]:
        while self._r.content_length and (piece := self._threads.run_in_loop(self._r.body.next())):
            yield piece

    def close(self) -> None:
        """As ``Body.close``."""
        self._threads.run_in_loop(_call(self._r.body.close))


class BlockingRequest:
    """A ``Request`` for a thread: reading the body blocks, everything else is the request's own."""

    __slots__ = ("_r", "_threads", "body")

    def __init__(self, r: Request, threads: Threads) -> None:
        self._r = r
        self._threads = threads
        self.body = BlockingBody(r, threads)

    def read(self) -> bytes:
        """The whole body."""
        return self.body.read()

    def text(self) -> str:
        """As ``Request.text``."""
        return self._threads.run_in_loop(self._r.text())

    def json(self) -> Any:
        """As ``Request.json``."""
        return self._threads.run_in_loop(self._r.json())

    def form(self, **options: Any) -> Form:
        """As ``Request.form``; its files are read by ``FormFile.file``."""
        return self._threads.run_in_loop(self._r.form(**options))

    def multipart(self) -> Iterator[BlockingPart]:
        """As ``Request.multipart``."""
        return self._each(self._r.multipart())

    def _each(self, parts: Multipart) -> Iterator[BlockingPart]:
        while (part := self._threads.run_in_loop(_next(parts))) is not None:
            yield BlockingPart(part, self._threads)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._r, name)


class BlockingPart:
    """A ``Part`` for a thread."""

    __slots__ = ("_part", "_threads")

    def __init__(self, part: Part, threads: Threads) -> None:
        self._part = part
        self._threads = threads

    def read(self, n: int = -1) -> bytes:
        """As ``Part.read``."""
        return self._threads.run_in_loop(self._part.read(n))

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._threads.run_in_loop(self._part.next()):
            yield piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


async def _call(function: Callable[..., Any], *args: Any) -> None:
    function(*args)


async def _next(parts: Multipart) -> Part | None:
    async for part in parts:
        return part
    return None
