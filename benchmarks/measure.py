"""Run a row: its contestants side by side, in alternating rounds, and the median of each figure.

The server has one core and the load generator another. All contestants of a row are up at the same
time, idle but for the one whose turn it is; the rounds go A B C, A B C, so that a slow minute of
the machine hits all of them. Two workers get a third core where there is one; else the second
worker shares the generator's, which has little to do in that row.
"""

from __future__ import annotations

import os
import socket
import ssl
import statistics
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from benchmarks.apps import SHORT
from benchmarks.generator import Sample, holding, run_load, run_wrk
from benchmarks.processes import BUILD, Cores, Failed, Process, free_port, memory_of
from benchmarks.rows import Contestant, Idle, Load, Row
from benchmarks.servers import SERVERS, certificate
from benchmarks.workloads import IDLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Figure", "Options", "Result", "Running", "first_answer", "measure", "median", "place", "serving"]


@dataclass(frozen=True)
class Options:
    """How long, how often, and with what."""

    rounds: int = 5
    seconds: float = 1.7
    peers: frozenset[str] | None = None  # which contestants; None: all
    wrk: bool = False


@dataclass(frozen=True)
class Figure:
    """A contestant's medians: ``value`` in the unit of the row, and the rest where there was a load."""

    value: float
    sample: Sample | None = None


@dataclass
class Result:
    """A row's figures by contestant, and why some have none."""

    row: Row
    figures: dict[str, Figure] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def rate_ratio(self, label: str) -> float | None:
        """The value of ours divided by that contestant's, if both ran."""
        ours, peer = self._pair(label)
        return ours.value / peer.value if ours and peer and peer.value else None

    def cpu_ratio(self, label: str) -> float | None:
        """That contestant's processor time for a request divided by ours: above 1 we need less."""
        ours, peer = self._pair(label)
        if not (ours and ours.sample and ours.sample.cpu_us and peer and peer.sample):
            return None
        return peer.sample.cpu_us / ours.sample.cpu_us

    def by_cpu(self, label: str) -> bool:
        """Whether processor time must judge: one of the two did not fill its core, so its rate is moot."""
        ours, peer = self._pair(label)
        if not (ours and ours.sample and peer and peer.sample) or self._workers(label) != self._workers():
            return False
        return min(ours.sample.busy, peer.sample.busy) < _BUSY_ENOUGH

    def ratio(self, label: str) -> float | None:
        """The ratio that judges."""
        return self.cpu_ratio(label) if self.by_cpu(label) else self.rate_ratio(label)

    def met(self, label: str) -> bool | None:
        """Whether the goal against that contestant is met; None without a goal, or without figures."""
        goal, ratio = self.row.goal(label), self.ratio(label)
        if goal is None or ratio is None:
            return None
        return ratio <= goal.factor if self.row.probe.less_is_better else ratio >= goal.factor

    def within_limit(self) -> bool | None:
        """Whether ours keeps the row's limit; None without one, or without a figure."""
        ours, _ = self._pair("")
        return ours.value <= self.row.limit if ours and self.row.limit else None

    def _pair(self, label: str) -> tuple[Figure | None, Figure | None]:
        return self.figures.get(self.row.contestants[0].label), self.figures.get(label)

    def _workers(self, label: str | None = None) -> int:
        """Of that contestant, or of ours."""
        named = (c.workers for c in self.row.contestants if label in (None, c.label))
        return next(named, 1)


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    process: Process
    port: int
    start_seconds: float  # from the start of the process to its first answer


def measure(row: Row, options: Options, progress: Callable[[str], None]) -> Result:
    """Run one row. Who cannot run, or answers wrongly, is named in the result with the reason."""
    result = Result(row)
    able = []
    for contestant in row.contestants:
        reason = SERVERS[contestant.server].missing() or (options.wrk and _beyond_wrk(row, contestant))
        if options.peers is not None and contestant.server not in options.peers:
            continue
        if reason:
            result.skipped[contestant.label] = reason
        else:
            able.append(contestant)
    if isinstance(row.probe, Load):
        _measure_load(row.probe, able, options, result, progress)
    else:
        _measure_each(row.probe, able, options, result, progress)
    return result


def _beyond_wrk(row: Row, contestant: Contestant) -> str | None:
    if not isinstance(row.probe, Load):
        return "no load to send with wrk"
    return (
        "wrk sends plain requests on kept connections" if contestant.tls or row.probe.workload.fresh else None
    )


def place(workers: int = 1) -> tuple[Cores, Cores]:
    """The cores of the server and of the load generator."""
    cores = sorted(os.sched_getaffinity(0))
    load = cores[1] if len(cores) > 1 else cores[0]
    spare = [core for core in cores if core != load] or cores
    server = spare[:workers] if len(spare) >= workers else cores[:workers]
    return frozenset(server), frozenset([load])


@contextmanager
def serving(contestant: Contestant) -> Iterator[Running]:
    """Start a contestant and wait for its first answer. Raises ``Failed``, with its last words."""
    tls = certificate() if contestant.tls else None
    port = free_port()
    command = SERVERS[contestant.server].command(port, tls, contestant.workers)
    log = BUILD / f"logs/{contestant.label.replace(' ', '-')}.log"
    with Process(command, cores=place(contestant.workers)[0], log=log) as process:
        first_answer(process, port, contestant.tls)
        yield Running(process, port, time.perf_counter() - process.started)


def first_answer(process: Process, port: int, tls: bool = False) -> None:
    """Ask again and again until the server answers. Raises ``Failed`` when it ends, or takes too long."""
    last = time.monotonic() + _START_SECONDS
    while time.monotonic() < last:
        try:
            if _ask(port, tls).endswith(SHORT):
                return
        except ConnectionError:
            if not process.alive:
                break
        time.sleep(0.001)
    raise Failed(f"did not start: {process.said() or 'no answer'}")


def _ask(port: int, tls: bool) -> bytes:
    with ExitStack() as stack:
        link = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=_START_SECONDS))
        if tls:
            context = ssl.create_default_context(cafile=str(certificate().cert))
            link = stack.enter_context(context.wrap_socket(link, server_hostname="127.0.0.1"))
        link.sendall(b"GET / HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n")
        data = b""
        while not data.endswith(SHORT) and (piece := link.recv(4096)):
            data += piece
        return data


def _measure_load(
    probe: Load, able: list[Contestant], options: Options, result: Result, progress: Callable[[str], None]
) -> None:
    samples: dict[str, list[Sample]] = {}
    with ExitStack() as stack:
        running = {}
        for contestant in able:
            with _blame(result, contestant):
                running[contestant] = stack.enter_context(serving(contestant))
        for number in range(options.rounds + 1):
            for contestant, server in running.items():
                if contestant.label in result.failed:
                    continue
                warming = number == 0
                progress(
                    f"{result.row.name}: {contestant.label}, {f'round {number}' if number else 'warming up'}"
                )
                with _blame(result, contestant):
                    sample = _load_once(
                        probe, contestant, server, options, _WARM_SECONDS if warming else None
                    )
                    if not warming:
                        samples.setdefault(contestant.label, []).append(sample)
    for label, taken in samples.items():
        if label not in result.failed:
            middle = median(taken)
            result.figures[label] = Figure(middle.per_second, middle)


def _load_once(
    probe: Load, contestant: Contestant, server: Running, options: Options, seconds: float | None
) -> Sample:
    _, cores = place(contestant.workers)
    length = seconds or options.seconds
    if options.wrk:
        return run_wrk(probe.workload, server.port, length, server.process.pid, cores)
    trust = {"authority": str(certificate().cert)} if contestant.tls else {}
    return run_load(probe.workload.job(server.port, length, **trust), server.process.pid, cores)


def median(samples: list[Sample]) -> Sample:
    """The median of each figure by itself."""
    middle = {
        f.name: statistics.median(getattr(sample, f.name) for sample in samples) for f in fields(Sample)
    }
    return replace(samples[0], **middle)


def _measure_each(
    probe: object, able: list[Contestant], options: Options, result: Result, progress: Callable[[str], None]
) -> None:
    """Probes that need a server of their own each time."""
    values: dict[str, list[float]] = {}
    rounds = 1 if isinstance(probe, Idle) else options.rounds
    for number in range(rounds):
        for contestant in able:
            progress(f"{result.row.name}: {contestant.label}, round {number + 1}")
            with _blame(result, contestant), serving(contestant) as server:
                value = server.start_seconds * 1e3
                if isinstance(probe, Idle):
                    value = _idle_bytes(probe, server)
                values.setdefault(contestant.label, []).append(value)
    for label, taken in values.items():
        result.figures[label] = Figure(statistics.median(taken))


def _idle_bytes(probe: Idle, server: Running) -> float:
    """What one more idle connection costs, after the first hundreds have filled the server's pools."""
    levels = [_FIRST_CONNECTIONS, _FIRST_CONNECTIONS + probe.connections]
    job = IDLE.job(server.port, 0, hold=levels)
    with holding(job, place()[1]) as reached:
        few, many = (memory_of(server.process.pid) for _ in reached)
    return (many - few) / probe.connections


@contextmanager
def _blame(result: Result, contestant: Contestant) -> Iterator[None]:
    try:
        yield
    except (Failed, OSError) as error:
        result.failed[contestant.label] = str(error)


_BUSY_ENOUGH = 0.9
_START_SECONDS = 15.0
_WARM_SECONDS = 0.4
_FIRST_CONNECTIONS = 500
