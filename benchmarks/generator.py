"""The load generator, seen from Python: its figures, and wrk as a second opinion."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.processes import BUILD, Cores, Failed, Process, cpu_of
from benchmarks.servers import build_go, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.workloads import Workload

__all__ = ["Sample", "holding", "parse_report", "parse_wrk", "run_load", "run_wrk"]


@dataclass(frozen=True)
class Sample:
    """One server under one load, once."""

    per_second: float
    p50_us: float
    p95_us: float
    p99_us: float
    cpu_us: float  # of the server's processes, for one request
    load_us: float  # of the load generator, for one request
    busy: float  # share of one core that the server used; well below 1: it was not the bottleneck


def run_load(job: dict[str, Any], server_pid: int, cores: Cores) -> Sample:
    """Run the load generator's ``job``. Raises ``Failed`` when an answer is wrong, or does not come."""
    with _generator(job, cores) as process:
        before = cpu_of(server_pid)
        report = _say(process)
        return parse_report(report, cpu_of(server_pid) - before)


def parse_report(line: str, server_seconds: float) -> Sample:
    """A sample from the generator's line and the processor time the server used meanwhile."""
    report = json.loads(line)
    if not report["answered"]:
        raise Failed("no answer within the time")
    return Sample(
        per_second=report["answered"] / report["seconds"],
        p50_us=report["p50"],
        p95_us=report["p95"],
        p99_us=report["p99"],
        cpu_us=server_seconds * 1e6 / report["total"],
        load_us=report["processor"] / report["total"],
        busy=server_seconds / report["seconds"],
    )


@contextmanager
def holding(job: dict[str, Any], cores: Cores) -> Iterator[Iterator[int]]:
    """Open the connections that ``job["hold"]`` names: yields each level while its connections are open."""
    with _generator(job, cores) as process:
        yield (int(_say(process)) for _ in job["hold"])


@contextmanager
def _generator(job: dict[str, Any], cores: Cores) -> Iterator[Process]:
    command = ["env", "GOMAXPROCS=1", str(build_go("load"))]
    with Process(command, cores=cores, log=BUILD / "logs/load.log", talk=True) as process:
        to, _ = process.talk()
        to.write(json.dumps(job).encode() + b"\n")
        to.flush()
        _listen(process, want="ready")
        yield process


def _say(process: Process) -> str:
    """Tell the generator to go on, and return what it says then."""
    to, _ = process.talk()
    to.write(b"\n")
    to.flush()
    return _listen(process)


def _listen(process: Process, want: str = "") -> str:
    line = process.talk()[1].readline().decode().strip()
    if not line or (want and line != want):
        process.popen.wait(10)
        raise Failed(f"load generator: {process.said() or line or 'said nothing'}")
    return line


def run_wrk(workload: Workload, port: int, seconds: float, server_pid: int, cores: Cores) -> Sample:
    """The same requests through wrk, which checks no body. Raises ``Failed`` when it saw an error."""
    wrk = find_program("wrk")
    if wrk is None:
        raise Failed("no `wrk` on PATH")
    request = BUILD / "request.txt"
    request.write_text(workload.request(), newline="")
    taskset = ["taskset", "-c", ",".join(map(str, sorted(cores)))]
    options = ["-t", "1", "-c", str(workload.connections), "-d", f"{max(1, round(seconds))}s", "--latency"]
    script = ["-s", "benchmarks/load/request.lua", f"http://127.0.0.1:{port}/", "--", str(request)]
    before = cpu_of(server_pid)
    done = subprocess.run(
        [*taskset, wrk, *options, *script], capture_output=True, text=True, cwd=BUILD.parent.parent
    )
    return parse_wrk(done.stdout, cpu_of(server_pid) - before)


def parse_wrk(text: str, server_seconds: float) -> Sample:
    """A sample from what wrk prints with --latency. Raises ``Failed`` when it saw an error."""
    wrong = re.search(r"Non-2xx.*|Socket errors: (?!.*connect 0, read 0, write 0, timeout 0).*", text)
    total = re.search(r"(\d+) requests in ([\d.]+)(s|m)", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if wrong or not total or not rate:
        raise Failed(f"wrk: {wrong[0] if wrong else text.strip()[-200:]}")
    requests, seconds = int(total[1]), float(total[2]) * (60 if total[3] == "m" else 1)
    p50, p99 = (_wrk_time(text, share) for share in ("50%", "99%"))
    return Sample(
        float(rate[1]), p50, 0.0, p99, server_seconds * 1e6 / max(1, requests), 0.0, server_seconds / seconds
    )


def _wrk_time(text: str, share: str) -> float:
    found = re.search(rf"^\s+{share}\s+([\d.]+)(us|ms|s)$", text, re.MULTILINE)
    if not found:
        raise Failed(f"wrk printed no {share}")
    return float(found[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[found[2]]
