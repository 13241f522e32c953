"""Files of a form that are too big for memory: on the disk, without a name, and never on the loop.

All files of an exchange are sections of one temporary file: a thousand of them cost one descriptor.

Rule 1: the temporary file has no name, so nothing is left of it when its exchange is over, nor
when the process is killed.
Rule 2: files are written one after another; each ends where the next begins.
"""

from __future__ import annotations

import os
import tempfile
from io import SEEK_CUR, SEEK_SET, BufferedReader, RawIOBase
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from holdfast.net.threads import Threads

__all__ = ["Spool", "Upload"]


class Spool:
    """The temporary file of one exchange.  Raises OSError when the disk does."""

    __slots__ = ("_file", "_lock", "_threads", "end")

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._file = tempfile.TemporaryFile(prefix="holdfast-", buffering=0)  # noqa: SIM115 - close() does
        # A thread must not use the descriptor's number once it may stand for another file.
        self._lock = Lock()
        self.end = 0

    def new_upload(self) -> Upload:
        """Begin another file at the end."""
        return Upload(_Section(self), self._threads)

    def append(self, data: ReadableBuffer) -> None:
        """Write ``data`` at the end.  Blocks."""
        rest = memoryview(data)
        while rest:
            with self._lock:
                written = os.pwrite(self._file.fileno(), rest, self.end)
            self.end += written
            rest = rest[written:]

    def read_into(self, buffer: WriteableBuffer, at: int) -> int:
        """Fill ``buffer`` with bytes from ``at`` on, and say with how many.  Blocks."""
        with self._lock:
            return os.preadv(self._file.fileno(), [buffer], at)

    def close(self) -> None:
        """Let the file go; later reads and writes raise ValueError.  Waits for those under way."""
        with self._lock:
            self._file.close()


class Upload:
    """One file of a form (``formdata.Storage``); its reads and writes run on threads.

    Attributes:
        file: the file itself, for libraries that read one; reading it may block.
    """

    __slots__ = ("_section", "_threads", "file")

    def __init__(self, section: _Section, threads: Threads) -> None:
        self._section = section
        self._threads = threads
        self.file = BufferedReader(section)

    async def write(self, data: bytes) -> None:
        """Add ``data`` at the end."""
        await self._threads.run(self._section.append, data)

    async def read(self, n: int) -> bytes:
        """Read ``n`` bytes from where the file stands, fewer only at the end; all when negative."""
        return await self._threads.run(self.file.read, n)

    async def rewind(self) -> None:
        """Stand at the beginning."""
        self.file.seek(0)


class _Section(RawIOBase):
    """A part of a spool as a file object."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._start = spool.end
        self._size = 0
        self._at = 0

    def append(self, data: ReadableBuffer) -> None:
        self._spool.append(data)
        self._size = self._spool.end - self._start

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer)[: max(self._size - self._at, 0)]
        count = self._spool.read_into(room, self._start + self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        base = 0 if whence == SEEK_SET else self._at if whence == SEEK_CUR else self._size
        if base + offset < 0:
            raise ValueError(f"a file does not begin before its first byte: {base + offset}")
        self._at = base + offset
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
