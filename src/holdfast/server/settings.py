"""Every setting of a server: one documented field each, with a default that is safe untouched (S1).

Rule: seconds and bytes; None switches a clock or a limit off, or says what it falls back to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from holdfast import limits
from holdfast.trace.hooks import ServerTrace

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from logging import Logger

    from holdfast.net.tlsconfig import TLSConfig
    from holdfast.server.conn import Conn
    from holdfast.server.traced import ConnState

__all__ = ["Settings"]


@dataclass(eq=False, kw_only=True)
class Settings:
    """What a ``Server`` is made with.

    Args:
        handler: answers requests: ``async def (w, r)``, a plain ``def``, an object with ``serve_http``,
            ``ASGI(app)`` or ``WSGI(app)``; None is the default mux.
        addr: where to listen: ``host:port``, ``:port``, ``unix:/path``, ``fd:3``, or a list of them.
            ``:http`` when None; ``:https`` with ``tls``.
        tls: a ``TLSConfig`` or an ``ssl.SSLContext``; None serves plain HTTP.
        tls_handshake_timeout: seconds for the TLS handshake.
        read_header_timeout: seconds from a head's first byte (or the connection's opening) to its last;
            never longer than ``read_timeout``.
        read_timeout: seconds from a head's first byte to the last of the request's body; None for no limit.
        body_read_timeout: seconds between two pieces of a body that is being read.
        min_body_rate: bytes per second of a body, counted while it is waited for, after a grace of 30 s.
        write_timeout: seconds from the end of a request's head to the end of its response; None for no limit.
        write_stall_timeout: seconds in which the peer must take something of what is unsent.
        idle_timeout: seconds between two requests; None falls back to ``read_timeout``.
        linger_timeout: seconds a half-closed connection waits for the peer to close.
        shutdown_timeout: seconds ``shutdown`` waits for exchanges to finish before it cuts them.
        max_header_bytes: of a request line and its fields together (431, or 414 for the line alone).
        max_header_count: field lines of a request (431).
        max_connections: open at once; further ones wait in the kernel's queue.
        max_requests_per_connection: after so many the connection closes.
        max_connection_age: seconds after which a connection closes with its next response.
        max_drain_bytes: of a body that the handler left unread, read and dropped to keep the connection.
        max_pipelined: requests of one connection that run side by side in ``pipeline="concurrent"``.
        conn_state: ``(conn, ConnState)`` at new, active, idle, hijacked, closed.
        base_context: ``() -> mapping`` that every request's ``context`` begins with.
        conn_context: ``(mapping, conn) -> mapping`` for each connection, from that one.
        on_accept_error: ``(error)``, each time accepting had to pause.
        on_refused: ``(conn, error) -> bytes | None``: a request could not be read; bytes replace the answer.
        trace: hooks for every moment.
        error_log: a ``logging.Logger``; ``holdfast.error`` when None.
        concurrency: ``"task"`` runs a handler in its connection's task; ``"pool"`` lets ``pool_size`` workers
            share the requests of all connections.
        pool_size: workers of ``concurrency="pool"``.
        pipeline: ``"serial"``, or ``"concurrent"``: pipelined safe requests run side by side.
        threads: threads for handlers that block.
        backlog: of the kernel's queue of connections.
        uds_mode: permission bits of a Unix socket's file.
        default_headers: fields every response has unless its handler set them, e.g. ``Server``.
        date_header: add ``Date`` to responses.
        general_options: answer ``OPTIONS *`` here; False gives it to the handler.
        debug: log every change of a connection's state, with its cause, to ``holdfast.debug``.
    """

    handler: Any = field(default=None, kw_only=False)
    addr: str | Sequence[str] | None = None
    tls: TLSConfig | ssl.SSLContext | None = None

    tls_handshake_timeout: float | None = limits.TLS_HANDSHAKE_TIMEOUT
    read_header_timeout: float | None = limits.READ_HEADER_TIMEOUT
    read_timeout: float | None = None
    body_read_timeout: float | None = limits.BODY_READ_TIMEOUT
    min_body_rate: float | None = limits.MIN_BODY_RATE
    write_timeout: float | None = None
    write_stall_timeout: float | None = limits.WRITE_STALL_TIMEOUT
    idle_timeout: float | None = limits.IDLE_TIMEOUT
    linger_timeout: float = limits.LINGER_TIMEOUT
    shutdown_timeout: float | None = limits.SHUTDOWN_TIMEOUT

    max_header_bytes: int = limits.MAX_HEADER_BYTES
    max_header_count: int = limits.MAX_HEADER_COUNT
    max_connections: int | None = None
    max_requests_per_connection: int | None = None
    max_connection_age: float | None = None
    max_drain_bytes: int = limits.MAX_DRAIN_BYTES
    max_pipelined: int = limits.MAX_PIPELINED

    conn_state: Callable[[Conn, ConnState], object] | None = None
    base_context: Callable[[], Mapping[str, Any]] | None = None
    conn_context: Callable[[Mapping[str, Any], Conn], Mapping[str, Any]] | None = None
    on_accept_error: Callable[[Exception], object] | None = None
    on_refused: Callable[[Conn, Exception], bytes | None] | None = None
    trace: ServerTrace = field(default_factory=ServerTrace)
    error_log: Logger | None = None

    concurrency: Literal["task", "pool"] = "task"
    pool_size: int = 64
    pipeline: Literal["serial", "concurrent"] = "serial"
    threads: int = limits.THREADS
    backlog: int = limits.BACKLOG
    uds_mode: int | None = None
    default_headers: Iterable[tuple[str, str]] = ()
    date_header: bool = True
    general_options: bool = True
    debug: bool = False

    def clocks(self) -> dict[str, float]:
        """The phases' clocks by name, in seconds; ``inf`` for one that is off, with Go's fall-backs."""
        whole = self.read_timeout
        head = [seconds for seconds in (self.read_header_timeout, whole) if seconds is not None]
        named = {
            "read_header_timeout": min(head, default=None),  # the head is part of the whole
            "read_timeout": whole,
            "body_read_timeout": self.body_read_timeout,
            "write_timeout": self.write_timeout,
            "write_stall_timeout": self.write_stall_timeout,
            "idle_timeout": whole if self.idle_timeout is None else self.idle_timeout,
            "linger_timeout": self.linger_timeout,
        }
        return {name: inf if seconds is None else seconds for name, seconds in named.items()}

    def __post_init__(self) -> None:
        """Raise ValueError for a setting that is out of range, naming it."""
        for name, value in vars(self).items():
            if value is None:
                continue
            if (name.endswith(("_timeout", "_age", "_rate"))) and value <= 0:
                raise ValueError(f"{name} is more than 0 seconds, or None for none; not {value}")
            if name in _AT_LEAST_ONE and value < 1:
                raise ValueError(f"{name} is at least 1, not {value}")
        if self.concurrency not in ("task", "pool"):
            raise ValueError(f"concurrency is 'task' or 'pool', not {self.concurrency!r}")
        if self.pipeline not in ("serial", "concurrent"):
            raise ValueError(f"pipeline is 'serial' or 'concurrent', not {self.pipeline!r}")


_AT_LEAST_ONE = frozenset(
    {
        "backlog",
        "max_connections",
        "max_header_bytes",
        "max_header_count",
        "max_pipelined",
        "max_requests_per_connection",
        "pool_size",
        "threads",
    }
)
