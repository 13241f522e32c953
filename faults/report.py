"""Results as people read them (the terminal, docs/design/faults.md) and as programs do (JSON)."""

from __future__ import annotations

import datetime
import os
import platform
from typing import TYPE_CHECKING, Any

from benchmarks.report import record as write
from tools.blocks import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from faults.stage import Result

__all__ = ["as_json", "markdown", "record", "text"]


def text(result: Result) -> str:
    """One run for the terminal: the verdict, then a line for each figure."""
    who = "" if result.server == "holdfast" else f" [{result.server}]"
    lines = [f"{result.verdict} {result.run.name}{who}: {result.run.demand} ({result.seconds:.0f} s)"]
    if result.reason:
        lines.append(f"     {result.reason}")
    lines += [f"  {'  ' if check.ok else '! '} {check}" for check in result.checks]
    return "\n".join(lines)


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Everything that was measured."""
    return {
        "date": _today(),
        "machine": _machine(),
        "runs": [
            {
                "name": result.run.name,
                "server": result.server,
                "demand": result.run.demand,
                "verdict": result.verdict,
                "reason": result.reason,
                "seconds": round(result.seconds, 1),
                "series": result.series,
                "checks": [{**check._asdict(), "ok": check.ok} for check in result.checks],
            }
            for result in results
        ],
    }


def markdown(results: Sequence[Result]) -> str:
    """The table of docs/design/faults.md."""
    rows = []
    for result in results:
        figures = "; ".join([*([result.reason] if result.reason else []), *map(str, result.checks)])
        rows.append((f"`{result.run.name}`", str(result.verdict), figures))
    return f"{_today()}, {_machine()}.\n\n" + table(("run", "verdict", "what was counted"), rows)


def record(page: Path, results: Sequence[Result]) -> None:
    """Write the table into the page."""
    write(page, "faults", markdown(results))


def _today() -> str:
    return datetime.date.today().isoformat()


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"
