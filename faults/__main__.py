"""``python -m faults``: play the runs, say what each found; exit 0 when none has failed."""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import ROOT, Failed
from faults import plot, report
from faults.process import SERVERS
from faults.runs import RUNS
from faults.stage import Result, Skipped, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faults.stage import Run

__all__ = ["main", "play"]

PAGE = ROOT / "docs/design/faults.md"
PLOT = ROOT / "docs/design/soak.svg"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; 0 when no run has failed, 1 when one has, 2 for a mistake."""
    options = _parser().parse_args(arguments)
    if options.list:
        print("\n".join(f"{run.name:<12} {run.demand}" for run in RUNS))
        return 0
    if options.record and options.only:
        print("faults: --record writes the whole table: it does not go with --only", file=sys.stderr)
        return 2
    runs = _chosen(options.only)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _raise_descriptors()
    results: list[Result] = []
    try:
        for run in runs:
            for kind in ["holdfast", *([options.peer] if options.peer and run.peers else [])]:
                results.append(asyncio.run(play(run, kind, options.minutes)))
                progress("")
                print(report.text(results[-1]), flush=True)
    except KeyboardInterrupt:
        progress("")
        print("interrupted", file=sys.stderr)
        return 130
    if options.json:
        options.json.write_text(json.dumps(report.as_json(results), indent=1) + "\n")
    ours = [result for result in results if result.server == "holdfast"]
    if options.record:
        report.record(PAGE, ours)
        for result in ours:
            if result.series:
                PLOT.write_text(plot.draw(result.series))
    passed = sum(result.verdict is Verdict.PASS for result in ours)
    failed = [result.run.name for result in ours if result.verdict is Verdict.FAIL]
    skipped = len(ours) - passed - len(failed)
    names = f" ({', '.join(failed)})" if failed else ""
    print(f"{passed} passed, {len(failed)} failed{names}, {skipped} skipped")
    return 1 if failed else 0


async def play(run: Run, kind: str, minutes: float) -> Result:
    """Play one run to its end, or until its limit of seconds."""
    result = Result(run, kind)
    stage = Stage(result, progress, kind=kind, minutes=minutes)
    began = time.monotonic()
    limit = run.limit + (minutes * 60 if run.name == "soak" else 0)
    try:
        async with asyncio.timeout(limit):
            await run.play(stage)
    except Skipped as reason:
        result.skipped, result.reason = True, str(reason)
    except TimeoutError:
        result.reason = f"broken off after {limit:g} s"
    except (Failed, OSError, ExceptionGroup) as error:
        result.reason = f"{type(error).__name__}: {error}"
    result.seconds = time.monotonic() - began
    return result


def progress(line: str) -> None:
    """Show what is being done, on one line of a terminal; nothing where there is no terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def _chosen(names: str | None) -> Sequence[Run]:
    if names is None:
        return RUNS
    wanted = names.split(",")
    if unknown := set(wanted) - {run.name for run in RUNS}:
        print(f"faults: no such run: {', '.join(sorted(unknown))}; --list shows them", file=sys.stderr)
        sys.exit(2)
    return [run for run in RUNS if run.name in wanted]


def _raise_descriptors() -> None:
    """Allow ourselves as many descriptors as we may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m faults",
        description="The eight demands of operation, each shown by a run on loopback.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="A,B", help="only these runs")
    parser.add_argument("--list", action="store_true", help="name the runs, and end")
    parser.add_argument("--minutes", type=float, default=2.0, help="length of the soak (2)")
    parser.add_argument("--peer", choices=SERVERS[1:], help="the same runs for another server, beside ours")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--record", action="store_true", help="write docs/design/faults.md and soak.svg")
    return parser


EXAMPLES = """\
examples:
  python -m faults                                every run
  python -m faults --only sigterm,sighup          two of them
  python -m faults --only race --peer uvicorn     uvicorn beside us
  python -m faults --only soak --minutes 10       a longer soak
  make faults ARGS="--only slow"                  the same by way of make
"""

if __name__ == "__main__":
    sys.exit(main())
