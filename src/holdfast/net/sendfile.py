"""From a file into a socket without passing through the process: ``sendfile(2)``.

uvloop has none, and asyncio's would not tell our clocks of its progress; so it is done
here, beside the transport, on a duplicate of its descriptor, while the transport has
nothing to send.  The receiver of the transport is told to pause and to resume, as the
transport itself would tell it: whoever waits until it may write waits for a file too,
and the clock of a peer that takes nothing runs by the same two calls.

Rule: the transport's buffer is empty, and stays so until ``FileSender`` is closed.
"""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING, Final

from .disk import load

if TYPE_CHECKING:
    import socket

    from .transport import Receiver

__all__ = ["FileSender"]


class FileSender:
    """Sends pieces of regular files into ``sock``, for the receiver of its transport."""

    __slots__ = ("_loop", "_out", "_receiver", "_waits")

    def __init__(self, sock: socket.socket, receiver: Receiver) -> None:
        self._loop = asyncio.get_running_loop()
        self._out = os.dup(sock.fileno())  # both loops refuse to watch a transport's own descriptor
        self._receiver = receiver
        self._waits = False

    async def send(self, descriptor: int, offset: int, count: int) -> int | None:
        """Send up to ``count`` bytes of a file; return how many the kernel took.

        0 when it takes none now: the receiver was paused, and will be resumed.  None when this file
        or socket is not for ``sendfile``.  Raises OSError when the file cannot be read or the
        connection is broken, EOFError at the end of the file.
        """
        await load(descriptor, offset, count)
        try:
            sent = os.sendfile(self._out, descriptor, offset, count)
        except BlockingIOError:
            self._wait()
            return 0
        except OSError as error:
            if error.errno in _NOT_POSSIBLE:
                return None
            raise
        if not sent:
            raise EOFError(f"the file ends at byte {offset}")
        return sent

    def close(self) -> None:
        """Send no more.  A receiver that was paused is resumed: the transport may write again."""
        if self._waits:
            self._writable()
        os.close(self._out)

    def _wait(self) -> None:
        self._waits = True
        self._receiver.pause_writing()
        self._loop.add_writer(self._out, self._writable)

    def _writable(self) -> None:
        self._waits = False
        self._loop.remove_writer(self._out)
        self._receiver.resume_writing()


# Filesystems and sockets without it say so in these ways.
_NOT_POSSIBLE: Final = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTSOCK}
)
