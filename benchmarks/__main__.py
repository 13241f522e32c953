"""``python -m benchmarks``: the rows; ``micro``: one function at a time; ``concurrency-models``: task
against pool.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import micro, models, plot, report
from benchmarks.measure import Options, Result, measure
from benchmarks.processes import ROOT, Failed
from benchmarks.rows import ROWS
from benchmarks.servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["main"]

NUMBERS = ROOT / "docs/design/numbers.md"
PLOT = ROOT / "docs/design/numbers.svg"


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 0 when every server that ran gave only right answers."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.what == "micro":
            return _table("micro", micro.table(progress), options.record)
        if options.what == "concurrency-models":
            outcomes = models.compare(progress, options.seconds or 10.0)
            models.PLOT.write_text(models.chart(outcomes))
            return _table("concurrency", models.table(outcomes), options.record)
        return _rows(options)
    except Failed as error:
        progress("")
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress("")
        print("interrupted", file=sys.stderr)
        return 130


def progress(line: str) -> None:
    """Show what is being done, on one line of a terminal; nothing where there is no terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def _rows(arguments: argparse.Namespace) -> int:
    options = Options(3, 0.6) if arguments.quick else Options()
    options = replace(options, peers=_choice(arguments.peers, SERVERS, "server"), wrk=arguments.wrk)
    if arguments.rounds:
        options = replace(options, rounds=arguments.rounds)
    if arguments.seconds:
        options = replace(options, seconds=arguments.seconds)
    chosen = _choice(arguments.rows, [row.name for row in ROWS], "row")
    results: list[Result] = []
    for row in ROWS:
        if chosen is None or row.name in chosen:
            results.append(measure(row, options, progress))
            progress("")
            print(report.text(results[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report.as_json(results, options), indent=1) + "\n")
    if arguments.record:
        report.record(NUMBERS, "http1-server", report.markdown(results, options))
    if arguments.plot:
        PLOT.write_text(plot.draw("HTTP/1.1, one core each, same run", plot.ratio_panels(results)))
    return 1 if any(result.failed for result in results) else 0


def _table(part: str, table: str, record: bool) -> int:
    progress("")
    print(table)
    if record:
        report.record(NUMBERS, part, f"{report.setting()}.\n\n{table}")
    return 0


def _choice(names: str | None, known: Iterable[str], what: str) -> frozenset[str] | None:
    if names is None:
        return None
    chosen = frozenset(names.split(","))
    if unknown := chosen - set(known):
        raise Failed(f"no {what} {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", default="rows", choices=["rows", "micro", "concurrency-models"])
    parser.add_argument(
        "--rows", metavar="A,B", help=f"only these rows: {', '.join(row.name for row in ROWS)}"
    )
    parser.add_argument("--peers", metavar="A,B", help=f"only these servers: {', '.join(SERVERS)}")
    parser.add_argument("--rounds", type=int, help="rounds of each row (5)")
    parser.add_argument("--seconds", type=float, help="length of a round (1.7)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.6 s")
    parser.add_argument(
        "--wrk", action="store_true", help="send the load with wrk: a second opinion, bodies unchecked"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--record", action="store_true", help="write the table into docs/design/numbers.md")
    parser.add_argument("--plot", action="store_true", help="draw docs/design/numbers.svg")
    return parser


if __name__ == "__main__":
    sys.exit(main())
