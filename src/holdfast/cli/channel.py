"""What a supervisor and its worker say to each other: lines over two pipes.

The supervisor writes the settings as the first line, then one word a line; the end of its pipe means
that it died.  The worker writes one JSON object a line.  What is said is little and fits
the pipe, so that neither side ever waits for the other.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

__all__ = ["CLOSE", "DRAIN", "END", "REOPEN", "SNAPSHOT", "Lines", "Report", "tell"]

DRAIN = "drain"  # finish what is in flight and leave; others go on listening
END = "end"  # the same, and nobody goes on listening: what waits to be accepted is yours
CLOSE = "close"  # leave now
REOPEN = "reopen"  # the log files
SNAPSHOT = "snapshot"  # of all connections, into the log


class Report(NamedTuple):
    """What a worker tells its supervisor.

    Attributes:
        kind: ``"ready"``, ``"worn"`` or ``"failed"``.
        text: for ready, what is served; for failed, the line for the user.
        details: for failed, the traceback of the application's own failure, or "".
        code: for failed, the exit code.
        scheme: for ready, of the URLs.
    """

    kind: str
    text: str = ""
    details: str = ""
    code: int = 3
    scheme: str = "http"

    def to_line(self) -> str:
        cut = {"details": self.details[-MAX_DETAILS:], "text": self.text[:MAX_TEXT]}
        return json.dumps({"kind": self.kind, "code": self.code, "scheme": self.scheme, **cut})

    @classmethod
    def from_line(cls, line: str) -> Report:
        values: dict[str, Any] = json.loads(line)
        return cls(**values)


# In characters, of which JSON may write one as six: together they fit a pipe's 64 KiB.
MAX_DETAILS = 8 << 10
MAX_TEXT = 1 << 10


class Lines:
    """The lines that come out of a pipe."""

    __slots__ = ("_rest", "closed", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.closed = False
        self._rest = b""

    def read(self) -> list[str]:
        """The lines that have become whole; waits for bytes when there are none.

        At the end of the pipe, sets ``closed`` and returns what there was.
        """
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return []
        self.closed = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode() for line in lines]


def tell(fd: int, line: str) -> None:
    """Write one line; whoever has died does not hear it."""
    try:
        os.write(fd, line.encode() + b"\n")
    except (BrokenPipeError, BlockingIOError):
        pass
