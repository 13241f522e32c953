"""Timeout: a handler that takes too long is cut off, and 503 is answered in its place.

The handler writes into a buffer, in a task of its own; whoever is first, it or the clock,
decides what the client gets.  Interim responses are not the answer and go out at once.

Rule: once the clock has won, nothing of the handler reaches the client: its task is cancelled,
what it still writes raises ``HandlerTimeout``, and it may not read the body any more.

Go's net/http ``TimeoutHandler``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import BodyNotAllowed, Cancelled, HandlerTimeout, HTTPError, NotSupported
from holdfast.headers import Headers
from holdfast.net.clock import LoopClock
from holdfast.net.tasks import CancelledError, future, spawn
from holdfast.server.caller import caller
from holdfast.server.handlers import as_handler
from holdfast.server.response import ResponseWriter
from holdfast.status import allows_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.message import Request
    from holdfast.net.clock import Clock
    from holdfast.net.tasks import Future, Task

__all__ = ["Timeout"]


class Timeout:
    """Gives ``handler`` ``seconds`` for its whole response, which is kept in memory until it is complete.

    Args:
        text: of the 503; a short HTML page when it is "".

    The handler's writer cannot flush or hijack.  A plain ``def`` goes on on its thread, unheard.
    """

    __slots__ = ("_handler", "_seconds", "_text")

    def __init__(self, handler: Any, seconds: float, text: str = "") -> None:
        self._handler = as_handler(handler)
        self._seconds = seconds
        self._text = text or _PAGE

    async def serve_http(self, w: Any, r: Request) -> None:
        """Run the handler against the clock."""
        buffered = _BufferedWriter(w)
        decided = future()
        task = spawn(self._run(buffered, r))
        task.add_done_callback(lambda _: _decide(decided, True))
        clock = _clock_of(r)
        timer = clock.call_at(clock.time() + self._seconds, _decide, decided, False)
        try:
            in_time = await decided
        except CancelledError:
            buffered.refused = Cancelled("the request was cancelled")
            _give_up(task)
            raise
        finally:
            timer.cancel()
        if in_time:
            task.result()
            await buffered.send()
            return
        buffered.refused = HandlerTimeout(f"the handler had {self._seconds} seconds")
        _give_up(task)
        if r.content_length:
            # It may have been reading; nobody can say how far, so nobody reads on.
            r.body.close()
            w.headers["Connection"] = "close"
        w.write_header(503)
        await w.write(self._text)

    async def _run(self, w: Any, r: Request) -> None:
        await self._handler(w, r)


class _BufferedWriter:
    """A ``ResponseWriter`` that keeps everything.

    Attributes:
        refused: what writing raises, once nobody waits for the response any more.
    """

    __slots__ = ("_pieces", "_trailers", "_w", "bytes_written", "headers", "refused", "status")

    is_full = False  # with `keep`: a blocking handler never has to cross over to the loop

    def __init__(self, w: Any) -> None:
        self.headers = Headers()
        self.status = 0
        self.bytes_written = 0
        self.refused: HTTPError | None = None
        self._w = w
        self._pieces: list[bytes] = []
        self._trailers: Headers | None = None

    @property
    def trailers(self) -> Headers:
        """As ``ResponseWriter.trailers``."""
        if self._trailers is None:
            self._trailers = Headers()
        return self._trailers

    def write_header(self, status: int) -> None:
        """As ``ResponseWriter.write_header``; an interim response is sent at once."""
        if self.refused is not None:
            return
        if self.status:
            _log.warning("superfluous: write_header(%s) from %s", status, caller())
            return
        if not 100 <= status <= 999:
            raise ValueError(f"a status is a number from 100 to 999, not {status}")
        if status < 200 and status != 101:
            self._send_interim(status)
        else:
            self.status = status

    async def write_informational(
        self, status: int, headers: Headers | Mapping[str, str] | None = None
    ) -> None:
        """As ``ResponseWriter.write_informational``."""
        if self.refused is not None:
            raise self.refused
        await self._w.write_informational(status, headers)

    async def write(self, data: bytes | str) -> int:
        """As ``ResponseWriter.write``.  Raises HandlerTimeout, or Cancelled, when nobody waits any more."""
        return self.keep(data)

    def keep(self, data: bytes | str) -> int:
        """``write``, which never waits here."""
        if self.refused is not None:
            raise self.refused
        if not self.status:
            self.write_header(200)
        piece = data.encode() if isinstance(data, str) else bytes(memoryview(data))
        if piece and not allows_body(self.status):
            raise BodyNotAllowed(f"a {self.status} response has no body")
        self._pieces.append(piece)
        self.bytes_written += len(piece)
        return len(piece)

    write_json = ResponseWriter.write_json

    async def flush(self) -> None:
        """Raises NotSupported."""
        raise NotSupported("behind Timeout a response is sent when it is complete")

    async def hijack(self) -> Any:
        """Raises NotSupported."""
        raise NotSupported("behind Timeout a connection cannot be hijacked")

    def unwrap(self) -> Any:
        """The writer underneath, for its deadlines and the server's threads."""
        return self._w

    async def send(self) -> None:
        """Pass everything on."""
        w = self._w
        w.headers.update(self.headers)
        if self._trailers is not None:
            w.trailers.update(self._trailers)
        if self.status:
            w.write_header(self.status)
        if self._pieces:
            await w.write(b"".join(self._pieces))

    def _send_interim(self, status: int) -> None:
        headers = self._w.headers
        others = headers.copy()
        headers.update(self.headers)
        try:
            self._w.write_header(status)
        finally:
            headers.clear()
            headers.update(others)


def _clock_of(r: Request) -> Clock:
    """The clock of the server that received ``r``, or the loop's."""
    clock: Clock | None = getattr(r.context.get("server"), "clock", None)
    return LoopClock() if clock is None else clock


def _decide(decided: Future[bool], in_time: bool) -> None:
    if not decided.done():
        decided.set_result(in_time)


def _give_up(task: Task[None]) -> None:
    """Cancel a handler; what it still raises is logged, unless it says what it was told."""
    task.add_done_callback(_log_late_failure)
    task.cancel()


def _log_late_failure(task: Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, HTTPError):
        _log.error("a handler failed after its time had run out", exc_info=error)


_PAGE: Final = "<html><head><title>Timeout</title></head><body><h1>Timeout</h1></body></html>"
_log: Final = logging.getLogger("holdfast.error")
