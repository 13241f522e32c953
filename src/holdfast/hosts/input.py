"""``wsgi.input``: the request's body as a file to read, on the application's thread.

``io.BufferedReader`` has the methods; below it, each piece of the body is one wait for the loop.
The stream ends where the body ends, also when it is chunked (``wsgi.input_terminated``).

PEP 3333 "Input and Error Streams".
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from holdfast.errors import ConnectionReset, HTTPError, UsageError
from holdfast.limits import BODY_HIGH_WATER

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from holdfast.net.tasks import Threads

__all__ = ["PiecewiseInput"]


class PiecewiseInput(io.RawIOBase):
    """A body that comes in pieces, as a raw stream.

    Args:
        threads: the pool that the application runs on.
        read: on the loop, the next piece of the body; ``b""`` at its end.

    Attributes:
        failure: why the body could not be read to its end.
    """

    def __init__(self, threads: Threads, read: Callable[[], Coroutine[Any, Any, bytes]]) -> None:
        self._threads = threads
        self._read = read
        self._rest = memoryview(b"")
        self.failure: HTTPError | None = None

    def buffered(self) -> io.BufferedReader:
        """The stream that an application is given."""
        return io.BufferedReader(self, BODY_HIGH_WATER)

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Copy what there is of the body into ``buffer``, waiting for at least one byte; 0 at the end.

        Raises:
            ConnectionReset: the body is cut short, or malformed.
            Timeout: it comes too slowly.
        """
        if not self._rest:
            self._rest = memoryview(self._next())
        size = min(len(self._rest), len(buffer))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _next(self) -> bytes:
        try:
            return self._threads.run_in_loop(self._read())
        except UsageError:
            raise
        except HTTPError as error:
            self.failure = error
            if isinstance(error, OSError):
                raise
            raise ConnectionReset(f"the request body could not be read: {error}") from error
