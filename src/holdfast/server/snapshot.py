"""What a server is doing at one moment: plain values, for a log line, a page or a test.

Requirements S15 and S22.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.net.tasks import Task
    from holdfast.server.conn import Conn

__all__ = ["ConnectionInfo", "ServerStats", "snapshot"]


@dataclass(frozen=True, slots=True)
class ServerStats:
    """Counts of one server.

    Attributes:
        connections_accepted: since it began.
        connections_open: now, without hijacked ones.
        by_state: open connections by state (``idle``, ``exchange``, …).
        requests: begun since it began.
        closed_because: ended connections by ``CloseReason``.
    """

    connections_accepted: int
    connections_open: int
    by_state: dict[str, int]
    requests: int
    closed_because: dict[str, int]


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """One connection.

    Attributes:
        peer: ``host:port``, or a Unix socket's path.
        protocol: ``"HTTP/1.1"``.
        state: its state's name, lower case.
        age: seconds since it was accepted.
        state_age: seconds since its present clock began.
        requests: begun on it.
        bytes_received: from the peer, everything counted.
        request: method and target of the request being answered, or ""; of several, in order, by commas.
        close_reason: why it is ending, or "".
        stack: where its handler stands, innermost last, one line a frame; empty when none runs.  Those of
            several come one after the other.
    """

    peer: str
    protocol: str
    state: str
    age: float
    state_age: float
    requests: int
    bytes_received: int
    request: str
    close_reason: str
    stack: tuple[str, ...]


def snapshot(conn: Conn, now: float) -> ConnectionInfo:
    """Describe ``conn`` as it is."""
    busy = [exchange.head for exchange in conn.in_flight() if not exchange.over]
    return ConnectionInfo(
        peer=conn.peer,
        protocol="HTTP/1.1",
        state=conn.life.state.name.lower(),
        age=now - conn.opened_at,
        state_age=now - conn.clocks.since,
        requests=conn.requests,
        bytes_received=conn.bytes_received,
        request=", ".join([f"{head.method} {head.target}" for head in busy]),
        close_reason=conn.reason or "",
        stack=tuple(line for task in conn.tasks() for line in _stack(task)) if busy else (),
    )


def _stack(task: Task[None]) -> list[str]:
    """The suspended frames of a task (a coroutine's, through everything it awaits)."""
    lines: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}")
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return lines
