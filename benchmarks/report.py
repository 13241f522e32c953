"""Results as people read them (the terminal, docs/design/numbers.md) and as programs do (JSON)."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.servers import versions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.measure import Options, Result
    from benchmarks.rows import Row

__all__ = ["as_json", "goal_text", "markdown", "record", "setting", "text"]


def text(result: Result) -> str:
    """One row for the terminal: a line for each contestant."""
    row = result.row
    lines = [f"{row.name}: {row.title}"]
    if result.figures:
        heads = [row.probe.unit, *([""] * 5), "ours/it", "", "goal"]
        if any(figure.sample for figure in result.figures.values()):
            heads[1:6], heads[7] = ["p50 us", "p99 us", "CPU us", "load us", "busy"], "by CPU"
        lines.append("  " + " " * 15 + "".join(f"{head:>11}" for head in heads))
    for contestant in row.contestants:
        label = contestant.label
        if label in result.figures:
            lines.append(f"  {label:<15}" + "".join(f"{cell:>11}" for cell in _cells(result, label)))
    lines += [f"  {label:<15} skipped: {reason}" for label, reason in result.skipped.items()]
    lines += [f"  {label:<15} FAILED: {reason}" for label, reason in result.failed.items()]
    return "\n".join(lines)


def _cells(result: Result, label: str) -> list[str]:
    figure = result.figures[label]
    cells = [f"{figure.value:,.0f}"]
    if sample := figure.sample:
        cells += [f"{sample.p50_us:,.0f}", f"{sample.p99_us:,.0f}", f"{sample.cpu_us:,.1f}"]
        cells += [f"{sample.load_us:,.1f}", f"{sample.busy:.2f}"]
    else:
        cells += [""] * 5
    if label == result.row.contestants[0].label:
        return [*cells, "", "", _limit_text(result)]
    return [
        *cells,
        _times(result.rate_ratio(label)),
        _times(result.cpu_ratio(label)),
        _verdict(result, label),
    ]


def _limit_text(result: Result) -> str:
    kept = result.within_limit()
    limit = f"<= {result.row.limit:,.0f}" if result.row.limit else ""
    return limit if kept is None else f"{limit} {_word(kept)}"


def _verdict(result: Result, label: str) -> str:
    met = result.met(label)
    return goal_text(result.row, label) if met is None else f"{goal_text(result.row, label)} {_word(met)}"


def goal_text(row: Row, label: str) -> str:
    """The goal against that contestant, as ``>= 1.25``."""
    goal = row.goal(label)
    if goal is None:
        return ""
    return f"{'<=' if row.probe.less_is_better else '>='} {goal.factor:g}"


def _word(met: bool) -> str:
    return "met" if met else "no"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def as_json(results: Iterable[Result], options: Options) -> dict[str, Any]:
    """Everything that was measured."""
    return {
        "date": _today(),
        "machine": _machine(),
        "versions": versions(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "rows": [_row_json(result) for result in results],
    }


def _row_json(result: Result) -> dict[str, Any]:
    figures = {}
    for label, figure in result.figures.items():
        figures[label] = {"value": figure.value, "ratio": result.ratio(label), "met": result.met(label)}
        if figure.sample:
            figures[label] |= vars(figure.sample)
    row = result.row
    return {
        "name": row.name,
        "title": row.title,
        "unit": row.probe.unit,
        "figures": figures,
        "skipped": result.skipped,
        "failed": result.failed,
    }


def markdown(results: Iterable[Result], options: Options) -> str:
    """The part of numbers.md between its marks."""
    lines = [
        f"{options.rounds} rounds of {options.seconds:g} s. {setting()}.",
        "",
        "| row | server | figure | p50 µs | p99 µs | CPU µs | ours ÷ it | by CPU | goal | met |",
        "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --- |",
    ]
    for result in results:
        lines += _markdown_row(result)
    return "\n".join(lines)


def _markdown_row(result: Result) -> Iterable[str]:
    row, title = result.row, result.row.title
    for contestant in row.contestants:
        label = contestant.label
        if label in result.figures:
            cells = _cells(result, label)
            value, p50, p99, cpu, _, _, ratio, by_cpu, _ = cells
            first = label == row.contestants[0].label
            met = result.within_limit() if first else result.met(label)
            goal = goal_text(row, label) if not first else f"<= {row.limit:,.0f}" if row.limit else ""
            if result.by_cpu(label) and by_cpu:
                by_cpu = f"**{by_cpu}**"
            elif ratio:
                ratio = f"**{ratio}**"
            verdict = "" if met is None else "yes" if met else "no"
            value = f"{value} {row.probe.unit}"
            yield "| " + " | ".join([title, label, value, p50, p99, cpu, ratio, by_cpu, goal, verdict]) + " |"
            title = ""
    for label, reason in {**result.skipped, **result.failed}.items():
        yield f"| {title} | {label} | not measured: {reason.replace('|', '/')} | | | | | | | |"
        title = ""


def record(path: Path, part: str, figures: str) -> None:
    """Put ``figures`` between the marks of that part of the page. Raises ``ValueError`` without the marks."""
    begin, end = f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->"
    before, found, rest = path.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{path} has no {begin.strip()} ... {end}")
    path.write_text(f"{before}{begin}{figures}\n{end}{after}")


def setting() -> str:
    """When, on what machine, and with which versions."""
    made = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"{_today()}; {_machine()}; {made}"


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _machine() -> str:
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} cores, {model}"
