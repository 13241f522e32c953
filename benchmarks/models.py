"""The experiment behind ``Server(concurrency=...)``: one task per connection, or N workers for the
requests of all connections.

10,000 connections stay open. First they carry 500 requests a second, spread over all of them: what
an idle crowd costs in memory and what it does to the slowest answers. Then 64 of them ask as fast
as they are answered, the crowd still there: throughput.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.generator import Sample, holding, run_load
from benchmarks.measure import Running, place, serving
from benchmarks.plot import Bar, Panel, draw
from benchmarks.processes import ROOT, Failed, memory_of
from benchmarks.rows import Contestant
from benchmarks.servers import SERVERS
from benchmarks.workloads import HEADERS, IDLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PLOT", "Outcome", "chart", "compare", "table"]

PLOT = ROOT / "docs/design/concurrency.svg"
MODELS = ("holdfast-task", "holdfast-pool")
CONNECTIONS, RATE, ACTIVE, ROUNDS = 10_000, 500, 64, 3


@dataclass(frozen=True)
class Outcome:
    """What one model reached."""

    model: str
    idle_bytes: float  # memory of one idle connection
    p50_us: float  # at RATE requests/s
    p95_us: float
    p99_us: float
    cpu_us: float  # for one request at that rate
    per_second: float  # as fast as it goes


def compare(progress: Callable[[str], None], seconds: float) -> list[Outcome]:
    """Alternate the models, ``ROUNDS`` times, a fresh server each time. Raises ``Failed``."""
    for name in MODELS:
        if reason := SERVERS[name].missing():
            raise Failed(f"{name}: {reason}")
    taken: dict[str, list[Outcome]] = {name: [] for name in MODELS}
    for number in range(ROUNDS):
        for name in MODELS:
            progress(f"{name}: round {number + 1} of {ROUNDS}")
            with serving(Contestant(name)) as running:
                taken[name].append(_once(name, running, seconds))
    return [_median(name, outcomes) for name, outcomes in taken.items()]


def _once(name: str, running: Running, seconds: float) -> Outcome:
    idle = _idle_bytes(running)
    crowd: dict[str, Any] = {"connections": CONNECTIONS}
    steady = _load(running, seconds, rate=RATE, **crowd)
    fast = _load(running, seconds / 3, active=ACTIVE, **crowd)
    return Outcome(name, idle, steady.p50_us, steady.p95_us, steady.p99_us, steady.cpu_us, fast.per_second)


def _load(running: Running, seconds: float, **how: Any) -> Sample:
    return run_load(HEADERS.job(running.port, seconds, **how), running.process.pid, place()[1])


def _idle_bytes(running: Running) -> float:
    before = memory_of(running.process.pid)
    with holding(IDLE.job(running.port, 0, hold=[CONNECTIONS]), place()[1]) as reached:
        opened = next(reached)
        return (memory_of(running.process.pid) - before) / opened


def _median(name: str, outcomes: Sequence[Outcome]) -> Outcome:
    names = [field for field in Outcome.__dataclass_fields__ if field != "model"]
    return Outcome(name, **{field: statistics.median(getattr(o, field) for o in outcomes) for field in names})


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a Markdown table."""
    lines = [
        f"| {CONNECTIONS:,} connections | bytes each, idle | p50 µs | p95 µs | p99 µs | CPU µs |"
        f" requests/s, {ACTIVE} busy |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    for o in outcomes:
        figures = (o.idle_bytes, o.p50_us, o.p95_us, o.p99_us, o.cpu_us, o.per_second)
        lines.append(f"| {o.model} | " + " | ".join(f"{figure:,.0f}" for figure in figures) + " |")
    return "\n".join(lines)


def chart(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as an SVG document."""
    wanted = (
        (f"p95 at {RATE} requests/s, µs: less is better", "p95_us"),
        ("memory of an idle connection, bytes: less is better", "idle_bytes"),
        (f"requests/s with {ACTIVE} connections busy: more is better", "per_second"),
    )
    panels = [
        Panel(title, [Bar(o.model, getattr(o, name), f"{getattr(o, name):,.0f}") for o in outcomes])
        for title, name in wanted
    ]
    return draw(f"{CONNECTIONS:,} connections on one core", panels)
