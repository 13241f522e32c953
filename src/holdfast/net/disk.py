"""Reading files without making the loop wait for a disk.

What the kernel holds in memory is read there and then: a microsecond, where the way to
a thread and back costs ten or twenty.  What it does not hold is read on a thread of the
loop's own executor: the server's threads may all be busy with applications that wait
for this very file.

Rule: only reading avoids the disk.  Opening and ``stat`` take 3 microseconds where the
names are in memory, and nobody can ask the kernel whether they are.
"""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["load", "on_a_thread", "read_at", "regular_file"]

T = TypeVar("T")


def regular_file(file: Any) -> int | None:
    """The descriptor of ``file``, itself a descriptor or an open file; None when it is no regular file."""
    if not isinstance(file, int):
        try:
            file = file.fileno()
        except (AttributeError, OSError):
            return None  # io.UnsupportedOperation is an OSError
    descriptor: int = file
    return descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


async def read_at(descriptor: int, offset: int, size: int) -> bytes:
    """Return ``size`` bytes of a regular file, fewer only where it ends.  Raises OSError."""
    data = _read_loaded(descriptor, offset, size)
    if len(data) < size:  # the end, or not in memory
        data += await on_a_thread(os.pread, descriptor, size - len(data), offset + len(data))
    return data


async def load(descriptor: int, offset: int, size: int) -> None:
    """Have the kernel hold ``size`` bytes of a regular file in memory.  Raises OSError."""
    # Read-ahead fills ranges, so its two ends tell of a piece; if they lie, the loop waits for once.
    if not (_read_loaded(descriptor, offset, 1) and _read_loaded(descriptor, offset + size - 1, 1)):
        await on_a_thread(os.pread, descriptor, size, offset)


async def on_a_thread(function: Callable[..., T], /, *args: Any) -> T:
    """Call ``function(*args)``, which waits for a disk, on a thread of the loop's executor."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


def _read_loaded(descriptor: int, offset: int, size: int) -> bytes:
    """What the kernel can give of these bytes at once; b"" also where it cannot be asked."""
    if not _NOWAIT:
        return b""
    room = bytearray(size)
    try:
        got = os.preadv(descriptor, [room], offset, _NOWAIT)
    except OSError:
        return b""  # EAGAIN; EOPNOTSUPP from some filesystems; the true errors come again on the thread
    return bytes(room) if got == size else bytes(memoryview(room)[:got])


_NOWAIT: Final[int] = getattr(os, "RWF_NOWAIT", 0)  # Linux
