"""Five hundred clients that are slow on purpose: with their heads, with their bodies, with our answers.

The clocks are set to 5 s by flags.  Half of the slow bodies stop (the gap's clock cuts them), the other
half send a byte a second, which only a clock for the whole request cuts.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from faults.client import Connection, request
from faults.load import Load, percentile
from holdfast.net.tasks import spawn

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


async def _attack(stage: Stage, server: Server, name: str, attack: Callable[..., object]) -> None:
    before = peak = server.memory()
    buffer = 4096 if attack is _readers else None
    connections = [await Connection.open(server.port, receive_buffer=buffer) for _ in range(MANY)]
    began = time.monotonic()
    normal = Load(server.port)
    normals = spawn(normal.run(2, kept=False, pause=0.1))
    try:
        second = 0
        while time.monotonic() - began < LIMIT + 4 and any(each.over is None for each in connections):
            attack(connections, second)
            second += 1
            await asyncio.sleep(1)
            peak = max(peak, server.memory())
        # What the server has cut is noticed by a reader when it reads again.
        for each in connections:
            each.transport.resume_reading() if each.over is None else None
        await asyncio.sleep(1)
    finally:
        normal.stopping.set()
        await normals
        for each in connections:
            each.close()
    cut = [each.over_at - began for each in connections if each.over is not None]
    stage.check(f"{name}: not cut", MANY - len(cut), most=0)
    if attack is not _readers:
        stage.note(f"{name}: cut after s, median", percentile(cut, 0.5))
    stage.check(f"{name}: normal clients not answered", len(normal.lost), most=0)
    stage.check(f"{name}: normal clients answered", len(normal.seconds), least=20)
    stage.note(f"{name}: their p99 s", percentile(normal.seconds, 0.99))
    stage.note(f"{name}: MiB before", before)
    stage.check(f"{name}: MiB more at the peak", peak - before, most=MANY * MEMORY)


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
MEMORY = 0.25  # MiB a slow client may cost: the high-water marks of both directions, and what is behind them
