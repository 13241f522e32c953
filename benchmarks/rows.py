"""What is compared with what, and the goal: the HTTP/1 rows of the performance goals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import workloads

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

__all__ = ["ROWS", "Contestant", "Goal", "Idle", "Load", "Row", "StartUp"]


@dataclass(frozen=True)
class Contestant:
    """A server (a name in ``servers.SERVERS``), and how it runs in this row."""

    server: str
    tls: bool = False
    workers: int = 1

    @property
    def label(self) -> str:
        return self.server if self.workers == 1 else f"{self.server} x{self.workers}"

    @property
    def ours(self) -> bool:
        return self.server.startswith("holdfast")


@dataclass(frozen=True)
class Goal:
    """Ours divided by the contestant ``peer`` is to be at least ``factor``; at most, where less is better."""

    peer: str
    factor: float


@dataclass(frozen=True)
class Load:
    """Requests a second under a workload."""

    workload: Workload
    unit: str = "requests/s"
    less_is_better: bool = False


@dataclass(frozen=True)
class StartUp:
    """Milliseconds from starting the process to the first answer."""

    unit: str = "ms"
    less_is_better: bool = True


@dataclass(frozen=True)
class Idle:
    """Bytes of the server's memory that an idle connection holds, after one request on it."""

    connections: int = 4000
    unit: str = "bytes"
    less_is_better: bool = True


@dataclass(frozen=True)
class Row:
    """One line of the goals. The first contestant is ours; each of the others is what ours is divided by."""

    name: str
    title: str
    probe: Load | StartUp | Idle
    contestants: tuple[Contestant, ...]
    goals: tuple[Goal, ...] = ()
    limit: float | None = None  # ours is to be at most this, in the probe's unit

    def goal(self, label: str) -> Goal | None:
        """The goal against that contestant, if there is one."""
        return next((goal for goal in self.goals if goal.peer == label), None)


def _row(
    name: str,
    title: str,
    probe: Load | StartUp | Idle,
    ours: str,
    peers: dict[str, float | None],
    *,
    tls: bool = False,
    limit: float | None = None,
) -> Row:
    contestants = tuple(Contestant(server, tls) for server in (ours, *peers))
    goals = tuple(Goal(peer, factor) for peer, factor in peers.items() if factor)
    return Row(name, title, probe, contestants, goals, limit)


_W = workloads
ROWS = (
    _row(
        "bare", "native, short answer, bare request", Load(_W.BARE), "holdfast", {"go": 1.25, "nginx": None}
    ),
    _row(
        "headers",
        "native, ten headers; path and one header differ",
        Load(_W.HEADERS),
        "holdfast",
        {"go": 1.15, "nginx": None},
    ),
    _row("asgi", "ASGI, bare request", Load(_W.BARE), "holdfast-asgi", {"uvicorn": 1.6, "granian-asgi": 1.3}),
    _row(
        "asgi-headers",
        "ASGI, ten headers; path and one header differ",
        Load(_W.HEADERS),
        "holdfast-asgi",
        {"uvicorn": 1.6, "granian-asgi": 1.3},
    ),
    _row(
        "wsgi", "WSGI, bare request", Load(_W.BARE), "holdfast-wsgi", {"granian-wsgi": 1.0, "gunicorn": 6.0}
    ),
    _row(
        "wsgi-headers",
        "WSGI, ten headers; path and one header differ",
        Load(_W.HEADERS),
        "holdfast-wsgi",
        {"granian-wsgi": 1.0, "gunicorn": 6.0},
    ),
    _row("large", "native, answers of 1 MB", Load(_W.LARGE_ANSWER), "holdfast", {"go": 1.2, "nginx": None}),
    _row("upload", "native, uploads of 1 MB", Load(_W.UPLOAD), "holdfast", {"go": 0.8, "uvicorn": None}),
    _row("chunks", "native, 20 flushed chunks", Load(_W.CHUNKED), "holdfast", {"go": 3.0, "uvicorn": None}),
    _row(
        "fresh",
        "native, a new connection for each request",
        Load(_W.FRESH),
        "holdfast",
        {"go": 0.9, "uvicorn": None, "nginx": None},
    ),
    _row(
        "tls",
        "native, TLS 1.3, bare request",
        Load(_W.BARE),
        "holdfast",
        {"go": 1.2, "nginx": None},
        tls=True,
    ),
    Row(
        "workers",
        "native, half a millisecond of work, 2 workers against 1",
        Load(_W.WORK),
        (Contestant("holdfast", workers=2), Contestant("holdfast")),
        (Goal("holdfast", 1.8),),
    ),
    _row(
        "start",
        "ASGI, from start to first answer",
        StartUp(),
        "holdfast-asgi",
        {"uvicorn": 0.6, "granian-asgi": None},
    ),
    _row(
        "idle", "memory of an idle connection", Idle(), "holdfast", {"go": None, "uvicorn": None}, limit=5000
    ),
)
