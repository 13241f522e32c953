"""Five hundred clients that are slow on purpose: with their heads, with their bodies, with our answers.

The clocks are set to 5 s by flags.  Half of the slow bodies stop (the gap's clock cuts them), the other
half send a byte a second, which only a clock for the whole request cuts.
"""

from __future__ import annotations

import asyncio
import re
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

from faults.client import Connection, request
from faults.load import Load, percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from faults.process import Server
    from faults.stage import Stage

__all__ = ["slow"]


async def slow(stage: Stage) -> None:
    """Others are served meanwhile, the slow are cut by their clock, memory is bounded."""
    flags = (f"--{name}={LIMIT}" for name in ("read-header-timeout", "body-read-timeout", "read-timeout"))
    async with stage.serve(*flags, f"--write-stall-timeout={LIMIT}") as server:
        for name, attack in (("headers", _headers), ("bodies", _bodies), ("readers", _readers)):
            stage.say(f"{MANY} slow {name}")
            await _attack(stage, server, name, attack)
        stage.check("the server lives", server.alive, least=1)
        stage.check("tracebacks in the log", sum("Traceback" in line for line in server.lines()), most=0)


async def _attack(
    stage: Stage, server: Server, name: str, attack: Callable[[Sequence[Connection], int], None]
) -> None:
    before = peak = server.memory()
    descriptors = (await server.counters())["descriptors"]
    kernel = kernel_peak = kernel_memory()
    normal = Load(server.port)
    buffer = 4096 if attack is _readers else None
    async with normal.beside(normal.run(2, kept=False, pause=0.1)):
        connections = [await Connection.open(server.port, receive_buffer=buffer) for _ in range(MANY)]
        began = time.monotonic()
        for second in range(2 * LIMIT + 2):
            figures = f"{peak - before:.1f} MiB, {kernel_peak - kernel:.0f} MiB in the kernel"
            stage.say(f"{name}: {second} s, {figures}")
            attack(connections, second)
            await asyncio.sleep(1)
            peak, kernel_peak = max(peak, server.memory()), max(kernel_peak, kernel_memory())
        left = (await server.counters())["descriptors"] - descriptors
        kernel_left = kernel_memory() - kernel
    for each in connections:
        each.close()
    stage.check(f"{name}: not cut", max(0, left - 2), most=0)  # 2: the normal clients of this moment
    cut = [each.over_at - began for each in connections if each.over is not None]
    if cut:  # a reader that does not read does not notice
        stage.note(f"{name}: cut after s, median", percentile(cut, 0.5))
    stage.check(f"{name}: normal clients not answered", len(normal.lost), most=0)
    stage.check(f"{name}: normal clients answered", len(normal.seconds), least=20)
    stage.note(f"{name}: their p99 s", percentile(normal.seconds, 0.99))
    stage.check(f"{name}: MiB more at the peak", peak - before, most=MANY * MEMORY)
    stage.check(f"{name}: MiB more in the kernel at the peak", kernel_peak - kernel, most=2 * MANY * MEMORY)
    stage.check(f"{name}: MiB more in the kernel afterwards", kernel_left, most=MANY * MEMORY)


def kernel_memory() -> float:
    """MiB that the kernel holds for all TCP sockets of this machine, both ends of a loopback connection."""
    found = re.search(r"^TCP:.* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.MULTILINE)
    return int(found[1]) * resource.getpagesize() / (1 << 20) if found else 0.0


def _headers(connections: Sequence[Connection], second: int) -> None:
    for each in connections:
        each.send(b"x: y\r\n" if second else b"GET / HTTP/1.1\r\nHost: a\r\n")


def _bodies(connections: Sequence[Connection], second: int) -> None:
    for number, each in enumerate(connections):
        if second == 0:
            each.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx")
        elif number % 2:
            each.send(b"x")


def _readers(connections: Sequence[Connection], second: int) -> None:
    if second == 0:
        for each in connections:
            each.transport.pause_reading()
            each.send(request("/large"))


LIMIT = 5  # seconds
MANY = 500
MEMORY = 0.25  # MiB that a slow client may cost the server; the kernel's figure counts both ends
